"""What an OpenAI server says, message by message, as the published captures of the live service show it."""

from __future__ import annotations

import json
from typing import Any

from trioaudio import Agent, TurnDetection
from trioaudio.audio import PCM16_24K, AudioFormat, Frame
from trioaudio.wire.openai import OpenAIWire

WRITTEN: dict[str, dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "mulaw": {"type": "audio/pcmu"},
    "alaw": {"type": "audio/pcma"},
}

MANUAL = Agent(turn_detection=TurnDetection(mode="manual"))


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": "event_1", **fields})


def session(input: AudioFormat = PCM16_24K, output: AudioFormat = PCM16_24K, **fields: Any) -> dict[str, Any]:
    audio = {"input": {"format": WRITTEN[input.encoding]}, "output": {"format": WRITTEN[output.encoding], "voice": "marin"}}
    return {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime-2.1", "audio": audio, **fields}


def session_created(**fields: Any) -> str:
    return event("session.created", session=session(**fields))


def session_updated(input: AudioFormat = PCM16_24K, output: AudioFormat = PCM16_24K, **fields: Any) -> str:
    return event("session.updated", session=session(input, output, **fields))


def error(code: str | None = None, message: str = "no", *, answers: str | None = None, **fields: Any) -> str:
    about = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": answers, **fields}
    return event("error", error=about)


def response_created(response_id: str = "resp_1", answers: dict[str, Any] | None = None) -> str:
    """A response begins; ``answers`` is the request it answers, whose metadata the server then gives back."""
    metadata = None if answers is None else answers["response"]["metadata"]
    response = {"object": "realtime.response", "id": response_id, "status": "in_progress", "output": [], "metadata": metadata}
    return event("response.created", response=response)


def response_done(response_id: str = "resp_1", status: str = "completed", reason: str | None = None, **fields: Any) -> str:
    details = None if reason is None else {"type": status, "reason": reason}
    response = {"object": "realtime.response", "id": response_id, "status": status, "status_details": details, "output": []}
    return event("response.done", response={**response, **fields})


def audio(
    num_samples: int = 2_400, item_id: str = "item_1", response_id: str = "resp_1", part: int = 0, format: AudioFormat = PCM16_24K
) -> str:
    ids = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": part}
    return event("response.output_audio.delta", **ids, delta=Frame(format.silence(num_samples), format).base64)


def audio_done(item_id: str = "item_1", response_id: str = "resp_1", part: int = 0) -> str:
    return event("response.output_audio.done", response_id=response_id, item_id=item_id, output_index=0, content_index=part)


def speech_started(item_id: str = "user_1", ms: int = 320) -> str:
    return event("input_audio_buffer.speech_started", audio_start_ms=ms, item_id=item_id)


def speech_stopped(item_id: str = "user_1", ms: int = 1_320) -> str:
    return event("input_audio_buffer.speech_stopped", audio_end_ms=ms, item_id=item_id)


def committed(item_id: str = "user_1") -> str:
    return event("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)


def ready(
    wire: OpenAIWire | None = None, input: AudioFormat = PCM16_24K, output: AudioFormat = PCM16_24K, agent: Agent | None = None
) -> OpenAIWire:
    """A connection whose server has agreed to everything."""
    wire = wire or OpenAIWire()
    wire.receive_untrusted(session_created())
    wire.session_update(agent or Agent(), input, output)
    wire.receive_untrusted(session_updated(input, output))
    return wire


def sent(messages: list[str]) -> list[dict[str, Any]]:
    """Messages of ours, read."""
    return [json.loads(message) for message in messages]


def kinds(messages: list[str]) -> list[str]:
    return [message["type"] for message in sent(messages)]
