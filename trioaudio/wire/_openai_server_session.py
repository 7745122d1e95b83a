"""How an OpenAI Realtime server behaves, and its session object: what it is by default, and what an update makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat
from ._json import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIServerOptions:
    """How the server behaves.

    Args:
        keys: API keys it accepts; None accepts any.
        models: models it has; None has all.
        speed: how many times faster than it sounds an answer is sent; ``math.inf`` for at once.
        delta_ms: length of a piece of audio, in milliseconds.
        transcribed: when the caller's words are known: before, amid or after the answer.
        lasts: how long a session may last, in seconds.
        slips: a piece of audio that was under way still slips out after the caller has interrupted.
        omit: events it never sends, as compatible servers do.
        beta_names: it uses the names of the beta.
        extras: it sends fields and events that no document knows.
    """

    keys: frozenset[str] | None = None
    models: frozenset[str] | None = None
    speed: float = 10.0
    delta_ms: int = 100
    transcribed: Literal["before", "amid", "after"] = "before"
    lasts: float = 3_600.0
    slips: bool = False
    omit: frozenset[str] = field(default_factory=frozenset)
    beta_names: bool = False
    extras: bool = False


_FORMATS = {"audio/pcm": PCM16_24K, "audio/pcmu": MULAW_8K, "audio/pcma": ALAW_8K}
_PCM: Message = {"type": "audio/pcm", "rate": 24_000}
_SERVER_VAD: Message = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Message = {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True}
PATIENCE_MS = {"low": 1_000.0, "medium": 600.0, "auto": 600.0, "high": 300.0}
"""Silence that ends an utterance where the live service would weigh its sense, by eagerness."""


def default_session(session_id: str, model: str, expires_at: int) -> Message:
    """A session as it is created."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "include": None,
        "audio": {
            "input": {"format": dict(_PCM), "transcription": None, "noise_reduction": None, "turn_detection": dict(_SERVER_VAD)},
            "output": {"format": dict(_PCM), "voice": "alloy", "speed": 1.0},
        },
    }


def updated_session(session: Message, update: Message) -> Message:
    """The session after an update that has been checked: only what is present changes, and objects inside ``audio`` are filled up."""
    after = {**session, "audio": {direction: dict(fields) for direction, fields in session["audio"].items()}}
    for name, value in update.items():
        if name == "audio":
            for direction, fields in value.items():
                after["audio"][direction].update(_filled(fields))
        elif name != "model":  # it cannot be changed
            after[name] = value
    return after


def _filled(fields: Message) -> Message:
    detection = fields.get("turn_detection")
    if detection is None:
        return fields
    return {**fields, "turn_detection": {**(_SEMANTIC_VAD if detection["type"] == "semantic_vad" else _SERVER_VAD), **detection}}


def format_of(session: Message, direction: str) -> AudioFormat:
    """The audio format of a direction, ``"input"`` or ``"output"``."""
    return _FORMATS[session["audio"][direction]["format"]["type"]]


def turn_detection(session: Message) -> dict[str, Any] | None:
    """How turns are detected; None: by the client's commits."""
    detection: dict[str, Any] | None = session["audio"]["input"]["turn_detection"]
    return detection


def silence_ms(detection: Message) -> float:
    """Silence that ends an utterance."""
    if detection["type"] == "semantic_vad":
        return PATIENCE_MS[detection["eagerness"]]
    return max(20.0, float(detection["silence_duration_ms"]))
