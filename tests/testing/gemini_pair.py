"""A Gemini model with its emulated server, as its author would hand the two to the conformance kit."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio
import trio.testing
from testing.model_pairs import Tapped, joined

from trioaudio.abc import Model
from trioaudio.audio import Frame
from trioaudio.models.gemini import open_gemini_over
from trioaudio.testing import GeminiCall, GeminiEmulator, GeminiReply, MemoryWebSocket, memory_websockets


class EmulatedGemini:
    """What the kit asks of an emulated Gemini."""

    def __init__(self, emulator: GeminiEmulator, socket: Tapped) -> None:
        self._emulator, self._socket = emulator, socket
        self.fail, self.end = emulator.fail, emulator.close
        self.reply = GeminiReply("Hello.")

    def heard(self) -> bytes:
        told = [message["realtimeInput"] for message in self._socket.sent if "realtimeInput" in message]
        return b"".join(b64decode(each["audio"]["data"]) for each in told if "audio" in each)

    def results(self) -> list[tuple[str, str]]:
        told = [message["toolResponse"]["functionResponses"] for message in self._socket.sent if "toolResponse" in message]
        return [(each["id"], each["response"]["output"]) for responses in told for each in responses]

    def say(self, frames: list[Frame]) -> None:
        self._emulator.say(GeminiReply("answer", joined(frames)))

    def answers(self, frames: list[Frame]) -> None:
        self.reply = GeminiReply("answer", joined(frames))

    def call(self, name: str, arguments: str) -> None:
        self._emulator.say(GeminiReply(calls=(GeminiCall(name, arguments),)))

    def stall(self) -> None:
        self._socket.stalls = True


@asynccontextmanager
async def gemini() -> AsyncGenerator[tuple[Model, object], None]:
    ours, theirs = memory_websockets(Tapped, MemoryWebSocket)
    assert isinstance(ours, Tapped)
    emulator = GeminiEmulator(lambda question: server.reply)
    server = EmulatedGemini(emulator, ours)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(emulator.serve, theirs, key=None))  # noqa: ASYNC113 - it may be late
        async with open_gemini_over(ours, "gemini-3.8-live") as model:
            await trio.testing.wait_all_tasks_blocked()
            yield model, server
        nursery.cancel_scope.cancel()
