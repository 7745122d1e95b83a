"""An emulated OpenAI server at the end of a wire without delay, and what a client says to it."""

from __future__ import annotations

import json
import wave
from functools import cache
from typing import Any

from trioaudio.audio import PCM16_16K, PCM16_24K, AudioFormat, Converter, Frame
from trioaudio.clips import clip_path
from trioaudio.wire.openai_server import OpenAIAnswer, OpenAIServer, OpenAIServerOptions


class Emulated:
    """A server, read: ``say`` is what a client sends, and returns what the server answers at once; ``wait`` lets time pass."""

    def __init__(self, answer: OpenAIAnswer | None = None, **options: Any) -> None:
        self.server = OpenAIServer(answer, OpenAIServerOptions(**options))
        self.now = 0.0

    def open(self, **session: Any) -> Emulated:
        """The same, with a session, configured unless nothing is said of it."""
        self.server.open("gpt-realtime-2.1", "key")
        self.server.take()
        if session:
            assert [event["type"] for event in self.say("session.update", session={"type": "realtime", **session})] == ["session.updated"]
        return self

    def say(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return self.hand(json.dumps({"type": kind, **fields}))

    def hand(self, data: str | bytes) -> list[dict[str, Any]]:
        self.server.receive_untrusted(data, self.now)
        return self.taken()

    def hear(self, frame: Frame) -> list[dict[str, Any]]:
        """Append a frame, 20 ms at a time."""
        pieces = frame.split(frame.format.frame_samples)
        return [event for piece in pieces for event in self.say("input_audio_buffer.append", audio=piece.base64)]

    def wait(self, seconds: float = 100.0) -> list[dict[str, Any]]:
        self.now += seconds
        self.server.advance(self.now)
        return self.taken()

    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.server.take()]


@cache
def speech(format: AudioFormat = PCM16_24K) -> Frame:
    """Somebody speaks from 0.7 to 2.5 s, and is silent until 4 s."""
    with wave.open(str(clip_path("caller"))) as file:
        clip = Frame(file.readframes(4 * file.getframerate()), PCM16_16K)
    return Converter(PCM16_16K, format).convert(clip)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types of events, with repeated ones once."""
    types = [event["type"] for event in events]
    return [kind for index, kind in enumerate(types) if index == 0 or types[index - 1] != kind]


def code(events: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Code and parameter of the one error among events."""
    [error] = [event["error"] for event in events if event["type"] == "error"]
    return error["code"], error["param"]
