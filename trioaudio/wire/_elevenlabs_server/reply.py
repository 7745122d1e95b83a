"""What an emulated agent is asked, and what it replies: the part of it that a model would be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ...audio import AudioFormat, Converter, Frame
from .._openai_server.reply import tone


@dataclass(frozen=True, slots=True)
class ElevenLabsQuestion:
    """What a turn of the agent answers: what was said since the last one, in sound, in words, and by tools.

    ``prompt`` is the one that overrides the agent's own; ``context`` is what it was told beside the conversation, in order.
    """

    prompt: str
    format: AudioFormat
    heard: Frame | None = None
    words: str | None = None
    results: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ElevenLabsCall:
    """A client tool that is called, with arguments as JSON text of an object."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ElevenLabsReply:
    """What the agent says, ``audio`` with ``text`` as its words; then the tools it calls."""

    text: str = ""
    audio: Frame | None = None
    calls: tuple[ElevenLabsCall, ...] = ()


ElevenLabsAnswer: TypeAlias = Callable[[ElevenLabsQuestion], ElevenLabsReply | None]
"""What stands for the agent: a function that is asked and replies at once; None: it says nothing."""


_CALL = re.compile(r"/call\s+(?P<name>\S+)(\s+(?P<arguments>\{.*\}))?\s*", re.DOTALL)


def parrot(question: ElevenLabsQuestion) -> ElevenLabsReply:
    """Say again what was heard; where nothing was, what was written, in tones. What is written as ``/call NAME {...}`` calls that tool."""
    if question.heard is not None:
        return ElevenLabsReply(f"({question.heard.duration:.1f} s of what you said)", converted(question.heard, question.format))
    if (order := _CALL.fullmatch(question.words or "")) is not None:
        return ElevenLabsReply(calls=(ElevenLabsCall(order["name"], _object(order["arguments"] or "{}")),))
    return ElevenLabsReply(question.words or " ".join(question.results) or "Hello.")


def _object(arguments: str) -> str:
    """Arguments as they are called with; what is no JSON is handed over as a text."""
    try:
        return json.dumps(json.loads(arguments))
    except (ValueError, RecursionError):
        return json.dumps({"text": arguments})


def sound_of(reply: ElevenLabsReply, format: AudioFormat) -> Frame | None:
    """What is heard of a reply: its audio, or tones as long as its words are; nothing of one that only calls."""
    if reply.audio is not None:
        return converted(reply.audio, format)
    return tone(0.06 * len(reply.text.split()) + 0.3, format) if reply.text else None


def converted(frame: Frame, format: AudioFormat) -> Frame:
    """The whole of a frame in another format."""
    if frame.format == format:
        return frame
    converter = Converter(frame.format, format)
    first, rest = converter.convert(frame), converter.flush()
    return first if rest is None else first.joined(rest)
