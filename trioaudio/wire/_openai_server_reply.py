"""What an OpenAI Realtime server is asked, and what it replies: the part of it that a model would be."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..audio import PCM16_24K, AudioFormat, Converter, Frame


@dataclass(frozen=True, slots=True)
class OpenAIQuestion:
    """What a response answers: what was said since the last one, in sound, in words, and by tools; ``tools`` are their names."""

    instructions: str
    format: AudioFormat
    heard: Frame | None = None
    words: str | None = None
    results: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenAICall:
    """A tool that is called, with arguments as JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class OpenAIReply:
    """What a response says: ``text`` alone where text is asked for, else ``audio`` with ``text`` as its words; then its calls."""

    text: str = ""
    audio: Frame | None = None
    calls: tuple[OpenAICall, ...] = ()


OpenAIAnswer: TypeAlias = Callable[[OpenAIQuestion], OpenAIReply]
"""What stands for the model: a function that is asked and replies at once."""


def parrot(question: OpenAIQuestion) -> OpenAIReply:
    """Say again what was heard; where nothing was, what was written, in tones."""
    if question.heard is not None:
        return OpenAIReply(f"({question.heard.duration:.1f} s of what you said)", _converted(question.heard, question.format))
    words = question.words or " ".join(question.results) or "Hello."
    return OpenAIReply(words, tone(0.06 * len(words.split()) + 0.3, question.format))


def tone(seconds: float, format: AudioFormat, hertz: float = 440.0) -> Frame:
    """A tone of this length."""
    count = round(min(seconds, 60.0) * PCM16_24K.rate)
    samples = array("h", (round(6_000 * math.sin(2 * math.pi * hertz * each / PCM16_24K.rate)) for each in range(count)))
    return _converted(Frame(samples.tobytes(), PCM16_24K), format)


def _converted(frame: Frame, format: AudioFormat) -> Frame:
    if frame.format == format:
        return frame
    converter = Converter(frame.format, format)
    converted, rest = converter.convert(frame), converter.flush()
    return converted if rest is None else converted.joined(rest)
