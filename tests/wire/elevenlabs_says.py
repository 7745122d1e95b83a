"""What an agent of ElevenLabs says, message by message, as the vendor's AsyncAPI file has it."""

from __future__ import annotations

import json
from typing import Any

from trioaudio import Agent, ModelEvent
from trioaudio.audio import PCM16_16K, AudioFormat, Frame
from trioaudio.wire.elevenlabs import ConversationOptions, ElevenLabsWire


def metadata(hears: str = "pcm_16000", speaks: str = "pcm_16000") -> str:
    about = {"conversation_id": "conv_1", "agent_output_audio_format": speaks, "user_input_audio_format": hears}
    return json.dumps({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": about})


def audio(event_id: int = 1, seconds: float = 0.25, format: AudioFormat = PCM16_16K) -> str:
    frame = Frame.silence(round(seconds * format.rate), format)
    return json.dumps({"type": "audio", "audio_event": {"audio_base_64": frame.base64, "event_id": event_id}})


def words(text: str, event_id: int = 1) -> str:
    return json.dumps({"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}})


def correction(text: str, event_id: int = 1) -> str:
    about = {"original_agent_response": "what it was", "corrected_agent_response": text, "event_id": event_id}
    return json.dumps({"type": "agent_response_correction", "agent_response_correction_event": about})


def interruption(event_id: int = 1) -> str:
    return json.dumps({"type": "interruption", "interruption_event": {"event_id": event_id}})


def complete(event_id: int = 1) -> str:
    return json.dumps({"type": "agent_response_complete", "agent_response_complete_event": {"event_id": event_id}})


def user_words(text: str, event_id: int = 1) -> str:
    return json.dumps({"type": "user_transcript", "user_transcription_event": {"user_transcript": text, "event_id": event_id}})


def guess(text: str, event_id: int = 1) -> str:
    return json.dumps(
        {"type": "tentative_user_transcript", "tentative_user_transcription_event": {"user_transcript": text, "event_id": event_id}}
    )


def vad_score(score: float) -> str:
    return json.dumps({"type": "vad_score", "vad_score_event": {"vad_score": score}})


def tool_call(call_id: str = "call_1", tool: str = "look_up", event_id: int = 1, **parameters: Any) -> str:
    about = {"tool_name": tool, "tool_call_id": call_id, "parameters": parameters, "event_id": event_id}
    return json.dumps({"type": "client_tool_call", "client_tool_call": about})


def ping(event_id: int = 1) -> str:
    return json.dumps({"type": "ping", "ping_event": {"event_id": event_id, "ping_ms": 20}})


def error(kind: str, message: str, code: int = 1008) -> str:
    return json.dumps({"type": "error", "error_event": {"code": code, "message": message, "error_type": kind, "reason": None}})


class Talk:
    """A conversation that has begun; ``hear`` hands over what the agent says at a time, and returns what that means."""

    def __init__(self, agent: Agent | None = None, **options: Any) -> None:
        self.wire = ElevenLabsWire(ConversationOptions(**options))
        self.now = 0.0
        self._sent: list[str] = []
        self.first = sent(self.wire.initiate(agent or Agent(), self.wire.input_format, self.wire.output_format))
        self.hear(metadata(self.wire.options.input_format, self.wire.options.output_format))

    def hear(self, *messages: str, after: float = 0.0) -> list[ModelEvent]:
        self.now += after
        return [event for message in messages for event in self.wire.receive_untrusted(message, self.now)]

    def wait(self, seconds: float) -> list[ModelEvent]:
        """Let the time pass, as whoever runs it does."""
        end, events = self.now + seconds, []
        while self.wire.due <= end:
            self.now = max(self.now, self.wire.due)
            events += self.wire.advance(self.now)
            self._sent += self.wire.owed(self.now)
        self.now = end
        return events

    def owed(self) -> list[dict[str, Any]]:
        """What was sent since it was last asked for."""
        owed, self._sent = [*self._sent, *self.wire.owed(self.now)], []
        return sent(owed)


def sent(messages: list[str]) -> list[dict[str, Any]]:
    """Messages of ours, read."""
    return [json.loads(message) for message in messages]


def kinds(events: list[ModelEvent]) -> list[str]:
    return [event.name for event in events]
