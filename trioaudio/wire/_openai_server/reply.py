"""What an OpenAI Realtime server is asked, and what it replies: the part of it that a model would be."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import pi, sin
from typing import Literal, TypeAlias

from ...audio import AudioFormat, Converter, Frame


@dataclass(frozen=True, slots=True)
class OpenAIQuestion:
    """What a response answers: all that was said since the last one.

    Args:
        instructions: those of the session, or of this response.
        format: what the answer is to sound in.
        heard: what the caller said, if it was sound.
        words: what was written to it.
        results: what tools found.
        tools: names of the tools it has.
        images: pictures that were shown, as data URLs.
        tool_choice: whether it must call a tool, and which: ``"auto"``, ``"none"``, ``"required"``, or a name.
    """

    instructions: str
    format: AudioFormat
    heard: Frame | None = None
    words: str | None = None
    results: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    tool_choice: str = "auto"


@dataclass(frozen=True, slots=True)
class OpenAICall:
    """A tool that is called, with arguments as JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class OpenAIReply:
    """What a response says: ``text`` alone where text is asked for, else ``audio`` with ``text`` as its words; then its calls.

    Args:
        text: the words.
        audio: how they sound. Without it a server that has a voice speaks them, and one that has none stays silent.
        calls: tools that it calls.
        fails: the code of an error it fails with after all that, such as ``server_error`` or ``rate_limit_exceeded``.
        incomplete: why it ends too early.
    """

    text: str = ""
    audio: Frame | None = None
    calls: tuple[OpenAICall, ...] = ()
    fails: str | None = None
    incomplete: Literal["max_output_tokens", "content_filter"] | None = None


OpenAIAnswer: TypeAlias = Callable[[OpenAIQuestion], OpenAIReply]
"""What stands for the model: a function that is asked and replies at once."""

_ORDER = re.compile(r"/call\s+(?P<name>\S+)\s*(?P<arguments>.*)", re.DOTALL)


def ordered_call(question: OpenAIQuestion) -> OpenAICall | None:
    """The tool that has to be called: the one that was written, ``/call NAME {"an": "argument"}``, or the one that must be."""
    order = _ORDER.fullmatch((question.words or "").strip())
    if order and order["name"] in question.tools:
        return OpenAICall(order["name"], order["arguments"].strip() or "{}")
    if question.results or question.tool_choice in ("auto", "none"):
        return None
    wanted = question.tools[:1] if question.tool_choice == "required" else (question.tool_choice,)
    return next((OpenAICall(name) for name in wanted if name in question.tools), None)


def parrot(question: OpenAIQuestion) -> OpenAIReply:
    """Say again what was heard; where nothing was, what was written, in tones. A tool is called when that is ordered."""
    if (call := ordered_call(question)) is not None:
        return OpenAIReply(calls=(call,))
    if question.heard is not None and not question.results:
        return OpenAIReply(f"({question.heard.duration:.1f} s of what you said)", converted(question.heard, question.format))
    return in_tones(question)


def in_tones(question: OpenAIQuestion) -> OpenAIReply:
    """Answer in tones, as long as the words would take."""
    if (call := ordered_call(question)) is not None:
        return OpenAIReply(calls=(call,))
    words = worded(question)
    return OpenAIReply(words, tone(0.06 * len(words.split()) + 0.3, question.format))


def worded(question: OpenAIQuestion) -> str:
    """What there is to say to a question, in words."""
    if question.results:
        return " ".join(question.results)
    if question.words or question.images:
        return question.words or f"({len(question.images)} pictures)"
    return f"You spoke for {question.heard.duration:.1f} seconds." if question.heard else "Hello."


def in_words(question: OpenAIQuestion) -> OpenAIReply:
    """Answer in words, for a voice to speak."""
    call = ordered_call(question)
    return OpenAIReply(worded(question)) if call is None else OpenAIReply(calls=(call,))


def tone(seconds: float, format: AudioFormat, hertz: float = 440.0) -> Frame:
    """A tone of this length, of at most a minute."""
    second = _second(format, round(hertz))
    count = round(min(seconds, 60.0) * format.rate)
    data = second.data * (count // second.num_samples + 1)
    return Frame(data[: count * format.sample_bytes], format)


@lru_cache(maxsize=16)
def _second(format: AudioFormat, hertz: int) -> Frame:
    """A second of a tone, which is a whole number of its periods."""
    samples = array("h", (round(6_000 * sin(2 * pi * hertz * each / format.rate)) for each in range(format.rate)))
    return converted(Frame(samples.tobytes(), AudioFormat("pcm16", format.rate)), format)


def converted(frame: Frame, format: AudioFormat) -> Frame:
    """A whole frame in another format."""
    if frame.format == format:
        return frame
    converter = Converter(frame.format, format)
    first, rest = converter.convert(frame), converter.flush()
    return first if rest is None else first.joined(rest)
