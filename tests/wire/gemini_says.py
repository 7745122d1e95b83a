"""What a Gemini Live server says, message by message, as its reference and published reports show it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from trioaudio import Agent, ModelEvent, TurnDetection
from trioaudio.audio import PCM16_16K, PCM16_24K, AudioFormat
from trioaudio.wire.gemini import GeminiOptions, GeminiWire

MANUAL = Agent(turn_detection=TurnDetection(mode="manual"))


def message(**keys: Any) -> bytes:
    """As the live service sends it: JSON in a binary message."""
    return json.dumps(keys).encode()


def setup_complete() -> bytes:
    return message(setupComplete={"sessionId": "s1"})


def content(**marks: Any) -> bytes:
    return message(serverContent=marks)


def audio(num_samples: int = 240, mime_type: str = "audio/pcm;rate=24000") -> bytes:
    data = base64.b64encode(bytes(2 * num_samples)).decode()
    return content(modelTurn={"role": "model", "parts": [{"inlineData": {"mimeType": mime_type, "data": data}}]})


def heard(text: str, **fields: Any) -> bytes:
    return content(inputTranscription={"text": text, **fields})


def spoken(text: str) -> bytes:
    return content(outputTranscription={"text": text})


GENERATED = content(generationComplete=True)
TURN_COMPLETE = content(turnComplete=True)
INTERRUPTED = content(interrupted=True)


def tool_call(*calls: tuple[str | None, str, dict[str, Any]]) -> bytes:
    named = [{"name": name, "args": args, **({} if call_id is None else {"id": call_id})} for call_id, name, args in calls]
    return message(toolCall={"functionCalls": named})


def ready(
    agent: Agent | None = None, input: AudioFormat = PCM16_16K, model: str = "gemini-3.8-live", options: GeminiOptions | None = None
) -> GeminiWire:
    wire = GeminiWire(model, options)
    wire.setup(agent or Agent(), input, PCM16_24K)
    wire.receive_untrusted(setup_complete())
    return wire


def receive(wire: GeminiWire, *messages: str | bytes) -> list[ModelEvent]:
    return [event for each in messages for event in wire.receive_untrusted(each)]


def names(events: Iterable[ModelEvent]) -> list[str]:
    return [event.name for event in events]


def read(messages: Iterable[str]) -> list[dict[str, Any]]:
    return [json.loads(each) for each in messages]
