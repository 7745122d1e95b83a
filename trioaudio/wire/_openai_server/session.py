"""The session object of an OpenAI Realtime server: what it is by default, and what an update makes of it."""

from __future__ import annotations

from typing import Any

from ...audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat
from .._json import Message
from .checks import MisuseError

_FORMATS = {"audio/pcmu": MULAW_8K, "audio/pcma": ALAW_8K}
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


class ServerSession:
    """A session as it is now, and what follows from it."""

    def __init__(self, fields: Message) -> None:
        self.fields: Message = fields
        self.voice_is_fixed: bool = False
        """It has spoken: its voice stays."""

    def update(self, update: Message) -> bool:
        """Change what is present; whether what is heard is to be understood in another way from now on.

        Raises:
            MisuseError: it cannot be changed any more.
        """
        before, after = self.fields, updated_session(self.fields, update)
        if self.voice_is_fixed and before["audio"]["output"]["voice"] != after["audio"]["output"]["voice"]:
            words = "Cannot update a conversation's voice if assistant audio is present."
            raise MisuseError("cannot_update_voice", words, "session.audio.output.voice")
        self.fields = after
        return any(before["audio"]["input"][name] != after["audio"]["input"][name] for name in ("format", "turn_detection"))

    @property
    def input_format(self) -> AudioFormat:
        """What the caller's audio is in."""
        return format_of(self.fields, "input")

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        """How turns are detected; None: by the client's commits."""
        detection: dict[str, Any] | None = self.fields["audio"]["input"]["turn_detection"]
        return detection

    @property
    def transcribes(self) -> bool:
        """Whether the caller's words are to be written down."""
        return self.fields["audio"]["input"]["transcription"] is not None


def format_of(session: Message, direction: str) -> AudioFormat:
    """The audio format of a direction, ``"input"`` or ``"output"``."""
    format = session["audio"][direction]["format"]
    if format["type"] == "audio/pcm":  # some dialects have other rates
        return AudioFormat("pcm16", format.get("rate", PCM16_24K.rate))
    return _FORMATS[format["type"]]


def silence_ms(detection: Message) -> float:
    """Silence that ends an utterance."""
    if detection["type"] == "semantic_vad":
        return PATIENCE_MS[detection["eagerness"]]
    return max(20.0, float(detection["silence_duration_ms"]))
