"""What an emulated Gemini is asked, and what it replies: the part of it that a model would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ...audio import PCM16_24K, AudioFormat, Frame
from .._openai_server.reply import converted, tone

GO_ON = "."
"""What is written to a model that is just to speak: a question must have a text."""


@dataclass(frozen=True, slots=True)
class GeminiQuestion:
    """What an answer answers: what was said since the last one, in sound, in words, and by tools; ``tools`` are their names."""

    instructions: str
    heard: Frame | None = None
    words: str | None = None
    results: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    format: AudioFormat = PCM16_24K


@dataclass(frozen=True, slots=True)
class GeminiCall:
    """A tool that is called, with arguments as JSON text of an object."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class GeminiReply:
    """What is said, ``audio`` with ``text`` as its words, or tones as long as they are; then the tools that are called."""

    text: str = ""
    audio: Frame | None = None
    calls: tuple[GeminiCall, ...] = ()


GeminiAnswer: TypeAlias = Callable[[GeminiQuestion], GeminiReply]
"""What stands for the model: a function that is asked and replies at once."""


def parrot(question: GeminiQuestion) -> GeminiReply:
    """Say again what was heard; where nothing was, what was written or found, in tones, or just what it was told to say exactly."""
    if question.heard is not None:
        return GeminiReply(f"({question.heard.duration:.1f} s of what you said)", converted(question.heard, question.format))
    words = "" if question.words in (None, GO_ON) else str(question.words)
    exactly = words.partition("exactly this")[2].partition(": ")[2]
    return GeminiReply(exactly or words or " ".join(question.results) or "Hello.")


def sound_of(reply: GeminiReply) -> Frame | None:
    """What is heard of a reply; nothing of one that only calls."""
    if reply.audio is not None:
        return converted(reply.audio, PCM16_24K)
    return tone(0.06 * len(reply.text.split()) + 0.3, PCM16_24K) if reply.text else None
