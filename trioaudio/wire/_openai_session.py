"""The session object of the OpenAI Realtime protocol: what we ask for, and whether we got it.

Every update says everything that we care about, the formats above all: a partial one that a server fills up with its defaults
is a known cause of noise on phone calls.

Source: OpenAI API reference, ``session.update`` of the Realtime API, read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .._agent import Agent
from .._errors import OptionError, RemoteProtocolError
from ..audio import AudioFormat
from ._json import Message
from ._openai_formats import format_untrusted, written_format

Turns: TypeAlias = Literal["server_vad", "semantic_vad", "manual"]
"""Who decides when the caller is done: the server by level, the server by meaning, or the app, which commits."""
Eagerness: TypeAlias = Literal["low", "medium", "high", "auto"]
Noise: TypeAlias = Literal["near_field", "far_field"]

SPEED = (0.25, 1.5)
THRESHOLD = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session is to be, beyond what its agent says; what is None is left to the server.

    Args:
        voice: its name; it cannot be changed once the model has spoken.
        turns: who decides when the caller is done.
        threshold: how loud speech is, 0 to 1 (``server_vad``).
        prefix_ms: what from before the start of speech belongs to it, in milliseconds (``server_vad``).
        silence_ms: silence that ends an utterance, in milliseconds (``server_vad``).
        eagerness: how soon a pause is an end (``semantic_vad``).
        answers: the server answers each utterance by itself.
        interrupts: the server stops an answer when the caller begins to speak.
        transcriber: the model that writes down what the caller says, where the agent wants it.
        language: the caller's language for that, as ISO 639-1.
        noise: noise reduction for a microphone near or far.
        output: the model answers in speech (with its words) or in text alone.
        speed: how fast it speaks, 0.25 to 1.5.
        max_output_tokens: the longest answer, in tokens.
        reasoning: effort of models that reason.

    Raises:
        OptionError: a value is out of its range.
    """

    voice: str | None = None
    turns: Turns = "server_vad"
    threshold: float | None = None
    prefix_ms: int | None = None
    silence_ms: int | None = None
    eagerness: Eagerness | None = None
    answers: bool = True
    interrupts: bool = True
    transcriber: str = "gpt-4o-mini-transcribe"
    language: str | None = None
    noise: Noise | None = None
    output: Literal["audio", "text"] = "audio"
    speed: float | None = None
    max_output_tokens: int | None = None
    reasoning: Literal["minimal", "low", "medium", "high"] | None = None

    def __post_init__(self) -> None:
        _within("speed", self.speed, *SPEED)
        _within("threshold", self.threshold, *THRESHOLD)
        _within("prefix_ms", self.prefix_ms, 0, 10_000)
        _within("silence_ms", self.silence_ms, 0, 10_000)
        _within("max_output_tokens", self.max_output_tokens, 1, 4096)


def _within(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise OptionError(f"openai: {name}={value} is out of its range, {least} to {most}")


def session_object(agent: Agent, input_format: AudioFormat, output_format: AudioFormat, options: SessionOptions) -> Message:
    """The ``session`` of a ``session.update``.

    Raises:
        FormatError: the protocol does not know a format.
    """
    return {
        "type": "realtime",
        "instructions": agent.instructions,
        "output_modalities": [options.output],
        "audio": {
            "input": {
                "format": written_format(input_format),
                "transcription": _transcription(options) if agent.transcribe else None,
                "turn_detection": _turn_detection(options),
                **_given(noise_reduction=options.noise and {"type": options.noise}),
            },
            "output": {"format": written_format(output_format), **_given(voice=options.voice, speed=options.speed)},
        },
        **_given(
            max_output_tokens=options.max_output_tokens,
            reasoning=options.reasoning and {"effort": options.reasoning},
        ),
    }


def _transcription(options: SessionOptions) -> Message:
    return {"model": options.transcriber, **_given(language=options.language)}


def _turn_detection(options: SessionOptions) -> Message | None:
    """Null is the only spelling of manual turns that servers accept."""
    acts = {"create_response": options.answers, "interrupt_response": options.interrupts}
    match options.turns:
        case "server_vad":
            tuned = _given(threshold=options.threshold, prefix_padding_ms=options.prefix_ms, silence_duration_ms=options.silence_ms)
            return {"type": "server_vad", **tuned, **acts}
        case "semantic_vad":
            return {"type": "semantic_vad", **_given(eagerness=options.eagerness), **acts}
        case "manual":
            return None


def _given(**fields: Any) -> Message:
    return {name: value for name, value in fields.items() if value is not None}


def expect_formats(session: Message, input_format: AudioFormat, output_format: AudioFormat) -> None:
    """Compare the formats of a ``session.updated`` with what was asked for; a server that does not say is believed.

    Raises:
        RemoteProtocolError: they differ: all that followed would be noise.
    """
    for direction, asked in (("input", input_format), ("output", output_format)):
        got = format_untrusted(session, direction)
        if got not in (None, asked):
            raise RemoteProtocolError(f"asked for {asked} as {direction} format, the server set {got}: both sides would hear noise")
