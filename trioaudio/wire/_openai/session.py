"""The session object of the OpenAI Realtime protocol: what we ask for, and whether we got it.

Every update says everything that we care about, the formats above all: a partial one that a server fills up with its defaults
is a known cause of noise on phone calls.

Source: OpenAI API reference, ``session.update`` of the Realtime API, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import NoneType
from typing import Any, Literal, TypeAlias, cast, get_args

from ..._agent import Agent, TurnDetection
from ..._errors import OptionError, RemoteProtocolError
from ..._spelling import suggest
from ...audio import AudioFormat
from .._json import Message
from .formats import format_untrusted, written_format
from .tools import written_tools

Noise: TypeAlias = Literal["near_field", "far_field"]
Effort: TypeAlias = Literal["minimal", "low", "medium", "high"]
Output: TypeAlias = Literal["audio", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session is to be, beyond what any agent says; what is None is left to the server.

    Args:
        answers: the server answers each utterance by itself.
        prefix_ms: what from before the start of speech belongs to it, in milliseconds (turn detection ``server``).
        idle_timeout_ms: after so many milliseconds without a word of the caller's the server speaks again, 5000 to 30000, counted from the
            end of its last answer as heard (turn detection ``server``).
        transcriber: the model that writes down what the caller says, where the agent wants it.
        language: the caller's language for that, as ISO 639-1.
        noise: noise reduction for a microphone near or far.
        output: the model answers in speech (with its words) or in text alone.
        speed: how fast it speaks, 0.25 to 1.5.
        max_output_tokens: the longest answer, 1 to 4096 tokens.
        reasoning: effort of models that reason.

    Raises:
        OptionError: a value is out of its range.
    """

    answers: bool = True
    prefix_ms: int | None = None
    idle_timeout_ms: int | None = None
    transcriber: str = "gpt-4o-mini-transcribe"
    language: str | None = None
    noise: Noise | None = None
    output: Output = "audio"
    speed: float | None = None
    max_output_tokens: int | None = None
    reasoning: Effort | None = None

    def __post_init__(self) -> None:
        _require_kind("answers", self.answers, bool)
        _require_range("prefix_ms", self.prefix_ms, 0, 10_000, whole=True)
        _require_range("idle_timeout_ms", self.idle_timeout_ms, 5_000, 30_000, whole=True)
        _require_kind("transcriber", self.transcriber, str)
        _require_kind("language", self.language, (str, NoneType))
        _require_choice("noise", self.noise, (None, *get_args(Noise)))
        _require_choice("output", self.output, get_args(Output))
        _require_range("speed", self.speed, 0.25, 1.5)
        _require_range("max_output_tokens", self.max_output_tokens, 1, 4_096, whole=True)
        _require_choice("reasoning", self.reasoning, (None, *get_args(Effort)))

    def overridden(self, options: Mapping[str, object]) -> SessionOptions:
        """The same with some values changed, as `Agent.provider_options` has them.

        Raises:
            OptionError: a name is unknown, or a value out of its range.
        """
        known = [each.name for each in fields(self)]
        for name in options:
            if name not in known:
                raise OptionError(f"openai has no option {name!r}{suggest(name, known)} (there are {', '.join(known)})")
        return replace(self, **options)  # type: ignore[arg-type]  # checked by `__post_init__`


def _require_kind(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    if not isinstance(value, kind):
        raise OptionError(f"openai: {name}={value!r} is of type {type(value).__name__}, which cannot be")


def _require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise OptionError(f"openai: {name}={value!r} is none of {', '.join(map(str, choices))}")


def _require_range(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or not whole)
    if value is not None and not (is_number and least <= cast(float, value) <= most):
        raise OptionError(f"openai: {name}={value!r} is not {'a whole number' if whole else 'a number'} from {least} to {most}")


def session_object(agent: Agent, input_format: AudioFormat, output_format: AudioFormat, options: SessionOptions) -> Message:
    """The ``session`` of a ``session.update``.

    Raises:
        FormatError: the protocol does not know a format.
    """
    return {
        "type": "realtime",
        "instructions": agent.instructions,
        "output_modalities": [options.output],
        "tools": written_tools(agent.tools),
        "audio": {
            "input": {
                "format": written_format(input_format),
                "transcription": _transcription(options) if agent.transcribe else None,
                "turn_detection": _turn_detection(agent.turn_detection, options),
                **_given(noise_reduction=options.noise and {"type": options.noise}),
            },
            "output": {"format": written_format(output_format), **_given(voice=written_voice(agent.voice), speed=options.speed)},
        },
        **_given(
            max_output_tokens=options.max_output_tokens,
            reasoning=options.reasoning and {"effort": options.reasoning},
        ),
    }


def written_voice(voice: str | None) -> str | Message | None:
    """A voice by its name; one of the customer's own goes by its id."""
    return {"id": voice} if voice is not None and voice.startswith("voice_") else voice


def _transcription(options: SessionOptions) -> Message:
    return {"model": options.transcriber, **_given(language=options.language)}


def _turn_detection(turns: TurnDetection, options: SessionOptions) -> Message | None:
    """Null is the only spelling of manual turns that servers accept."""
    acts = {"create_response": options.answers, "interrupt_response": turns.interrupt}
    match turns.mode:
        case "server":
            silence = None if turns.silence_ms is None else round(turns.silence_ms)
            tuned = _given(threshold=turns.threshold, prefix_padding_ms=options.prefix_ms, silence_duration_ms=silence)
            return {"type": "server_vad", **tuned, **_given(idle_timeout_ms=options.idle_timeout_ms), **acts}
        case "semantic":
            return {"type": "semantic_vad", **_given(eagerness=turns.eagerness), **acts}
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
