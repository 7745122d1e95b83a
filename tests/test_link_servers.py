"""A provider's server breaks at every message of a whole call, as the plugin meets it: the call goes on, and nobody is told lies."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from wire.openai_emulated import speech

from trioaudio import Agent, Called, HistoryItem, Reconnect, Returned, Said, SessionEnd, open_channel, open_session, tool
from trioaudio.abc import Model, WebSocket
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.lowlevel import ticker_statistics
from trioaudio.models.gemini import open_gemini_over
from trioaudio.models.openai import open_openai_over
from trioaudio.testing import (
    GeminiCall,
    GeminiEmulator,
    GeminiQuestion,
    GeminiReply,
    MemoryWebSocket,
    OpenAICall,
    OpenAIEmulator,
    OpenAIQuestion,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    memory_websockets,
    run_virtual,
    scheduled_by,
)
from trioaudio.wire.openai_server import tone

RULES = Reconnect(delay=0.05, longest_delay=0.2, attempts=40, hold_after=0.1)
AWAY = 0.12
FOUND = "in Berlin, as look-up {} said"
BEGUN = 4
"""The first message after those without which a call does not begin."""
KNOWN, BACK = "in Berlin", "come back"
ANSWER = "I have found out where it is, and there is more to say of it than you may like."
SPEECH = speech()
QUESTION = Frame(SPEECH.data[2 * 24_000 * 7 // 10 : 2 * 24_000 * 15 // 10] + bytes(2 * 24_000 * 7 // 10), PCM16_24K)
"""Somebody speaks for 0.8 s, and is silent for 0.7 s."""
LAG = 0.04
"""Seconds that a message is under way."""


class Line:
    """Joins clients to a server that can break: at this message of all that pass, whoever sends it; it is back a moment later."""

    def __init__(self, kill: int) -> None:
        self.kill, self.passed, self.armed, self.connections = kill, 0, True, 0
        self._down_until = -math.inf

    @asynccontextmanager
    async def connected(self, serve: Callable[[WebSocket], Awaitable[None]]) -> AsyncGenerator[tuple[WebSocket, list[dict[str, Any]]]]:
        """A client's end, and all that it has said to the server, but audio."""
        await trio.sleep(0.01)
        if trio.current_time() < self._down_until:
            raise trio.BrokenResourceError("nobody there")
        (ours, near), (far, theirs) = memory_websockets(), memory_websockets()
        self.connections += 1
        said: list[dict[str, Any]] = []

        async def carry(source: MemoryWebSocket, target: MemoryWebSocket, heard: Callable[[str | bytes], object]) -> None:
            """Carry what comes, late; when one side breaks, so does the other, once all has come that was under way."""
            put, take = trio.open_memory_channel[tuple[float, str | bytes]](math.inf)

            async def deliver() -> None:
                async for due, data in take:
                    await trio.sleep_until(due)
                    heard(data)
                    self._count(theirs)
                    with suppress(trio.BrokenResourceError):
                        target.send_nowait(data)
                target.abort()

            async with trio.open_nursery() as nursery, put:
                nursery.start_soon(deliver)
                with suppress(trio.BrokenResourceError):
                    async for data in source:
                        put.send_nowait((trio.current_time() + LAG, data))

        def hear(data: str | bytes) -> None:
            message = json.loads(data)
            if "audio" not in message and "audio" not in message.get("realtimeInput", ()):
                said.append(message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, theirs)  # noqa: ASYNC113 - it may be late
            nursery.start_soon(carry, near, far, hear)
            nursery.start_soon(carry, far, near, bool)
            yield ours, said
            nursery.cancel_scope.cancel()

    def _count(self, socket: MemoryWebSocket) -> None:
        self.passed += self.armed
        if self.passed == self.kill and self.armed and trio.current_time() >= self._down_until:
            self._down_until = trio.current_time() + AWAY
            socket.fail()


class Provider(ABC):
    """A provider's emulated server, and what it was told in each connection."""

    def __init__(self, kill: int = 0) -> None:
        self.line, self.told, self.ran = Line(kill), list[list[dict[str, Any]]](), list[str]()

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Model]:
        """A connection with its model."""

    @abstractmethod
    def judge(self) -> None:
        """It was used as it is to be."""

    async def look_up(self) -> str:
        """Look."""
        self.ran.append(FOUND.format(len(self.ran) + 1))
        found = self.ran[-1]
        await trio.sleep(0.2)
        return found


class OpenAI(Provider):
    def __init__(self, kill: int = 0) -> None:
        super().__init__(kill)
        self.emulator = OpenAIEmulator(self.answer, OpenAIServerOptions(delta_ms=200))

    def answer(self, question: OpenAIQuestion) -> OpenAIReply:
        """What the model says: it looks something up before it answers the caller, once in a conversation."""
        sound = partial(tone, format=question.format)
        if question.results or BACK in (question.words or question.instructions):
            return OpenAIReply(ANSWER, sound(3.0))
        if question.heard is not None and KNOWN not in str(self.told[-1]):
            return OpenAIReply("One moment.", sound(0.3), calls=(OpenAICall("look_up"),))
        return OpenAIReply("It is where it was." if question.heard else "Welcome.", sound(0.8))

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Model, None]:
        async with self.line.connected(partial(self.emulator.serve, model="emulated", key="emulated")) as (socket, told):
            self.told.append(told)
            async with open_openai_over(socket) as model:
                yield model

    def judge(self) -> None:
        for told, session in zip(self.told, self.emulator.sessions, strict=True):
            assert session.errors == []
            assert all(frame.duration > 0.75 for frame in session.heard), "half an utterance was heard again"
            assert all(str(told).count(found) <= 1 for found in self.ran)
            items = [each["item"] for each in told if each["type"] == "conversation.item.create"]
            parts = {(item["role"], part["type"]) for item in items if item["type"] == "message" for part in item["content"]}
            assert parts <= {("user", "input_text"), ("assistant", "output_text")}
        assert KNOWN in str(self.told[-1])


class Gemini(Provider):
    """``afresh``: a handle of a connection that has broken is refused."""

    def __init__(self, kill: int = 0, *, afresh: bool = False) -> None:
        super().__init__(kill)
        self.afresh, self.emulators = afresh, [GeminiEmulator(self.answer)]

    def answer(self, question: GeminiQuestion) -> GeminiReply:
        sound = partial(tone, format=question.format)
        if question.results or BACK in (question.words or ""):
            return GeminiReply(ANSWER, sound(3.0))
        if question.heard is not None and KNOWN not in str(self.told):
            return GeminiReply("One moment.", sound(0.3), calls=(GeminiCall("look_up"),))
        return GeminiReply("It is where it was." if question.heard else "Welcome.", sound(0.8))

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Model, None]:
        if self.afresh and len(self.told) == 1:
            self.emulators.append(GeminiEmulator(self.answer))
        async with self.line.connected(partial(self.emulators[-1].serve, key="emulated")) as (socket, told):
            self.told.append(told)
            async with open_gemini_over(socket, "gemini-3.8-live") as model:
                yield model

    def judge(self) -> None:
        sessions = [session for emulator in self.emulators for session in emulator.sessions]
        refused = [session for session in sessions if session.closing is not None]
        assert len(refused) == (self.afresh and self.line.connections > 1), [session.closing for session in refused]
        heard = {float(words[1:4]) for session in sessions for who, words in session.conversation if who == "user" and words[:1] == "("}
        assert min(heard) > 0.75, f"half an utterance was heard again: {heard}"
        whole = str(self.told[self._last_beginning() :])
        assert all(whole.count(found) <= 1 for found in self.ran)
        assert KNOWN in whole

    def _last_beginning(self) -> int:
        """The connection with which the conversation that counts began: those that go on with it have a handle."""
        return max(number for number, (first, *_) in enumerate(self.told) if "handle" not in first["setup"]["sessionResumption"])


async def call(provider: Provider) -> SessionEnd:
    """A greeting, a question that needs a tool, an interruption, and a last question."""
    caller = ScriptedFarEnd(format=PCM16_24K)
    agent = Agent("Be kind.", greeting="Welcome.", tools=[tool(provider.look_up)], reconnect=RULES)
    async with open_channel(caller.source) as channel, open_session(channel, provider.open, agent) as session:
        await trio.sleep(0.7)
        caller.speak(QUESTION)
        await trio.sleep(2.6)
        caller.speak(QUESTION)  # while the agent speaks
        await trio.sleep(3.0)
        provider.line.armed = False
        await session.wait_spoken()
        turns = channel.statistics().turns
        caller.speak(QUESTION)
        await trio.sleep(3.0)
        await session.wait_spoken()
        assert channel.statistics().turns > turns, "the last question was not answered"
        assert channel.statistics().inbound_dropped_ms == 0
        session.close()
        return await session.wait_closed()


def run(provider: Provider) -> int:
    """One call; how many messages passed while the connection could break."""

    async def main() -> None:
        with trio.fail_after(60):
            assert await call(provider) == SessionEnd("closed")
        assert ticker_statistics().parked == 0

    with scheduled_by(0):
        run_virtual(main)
    provider.judge()
    return provider.line.passed


def test_in_a_call_that_nothing_happens_to_each_thing_happens_once() -> None:
    run(provider := OpenAI())
    assert provider.line.connections == len(provider.ran) == len(provider.emulator.last.conversation.truncations) == 1


@pytest.mark.parametrize(("make", "every"), [(OpenAI, 17), (Gemini, 41), (partial(Gemini, afresh=True), 41)])
def test_whichever_message_the_connection_breaks_at_the_call_goes_on(make: Callable[[int], Provider], every: int) -> None:
    """The new one is told what was heard, once; the caller is answered; nobody is told what there cannot be."""
    for message in range(BEGUN, run(make(0)), every):
        try:
            run(make(message))
        except BaseException as exc:
            exc.add_note(f"it broke at message {message}")
            raise


async def test_what_the_app_wrote_and_put_into_the_conversation_is_told_again_and_what_it_deleted_is_not(autojump_clock: MockClock) -> None:
    server = OpenAI()
    caller = ScriptedFarEnd(format=PCM16_24K)
    async with open_channel(caller.source) as channel, open_session(channel, server.open, Agent(dtmf="text", reconnect=RULES)) as session:
        await session.send_message("What is it about?")
        await session.wait_spoken()
        await session.delete_item(next(item["id"] for item in server.emulator.last.conversation.items if item["role"] == "assistant"))
        put: list[HistoryItem] = [
            Said("caller", "I am Ada."),
            Said("agent", "Noted."),
            Called("c1", "look_up", "{}"),
            Returned("c1", "in Berlin"),
        ]
        for item in put:
            await session.create_item(item)
        caller.press("5")
        await trio.sleep(1.0)
        server.emulator.fail()
        await trio.sleep(1.0)
    told = str([message["item"] for message in server.told[-1] if message["type"] == "conversation.item.create"])
    assert [told.count(words) for words in ("What is it about?", "Welcome.", "I am Ada.", "Noted.", "look_up", "in Berlin", "pressed")] == [
        1,
        0,
    ] + 5 * [1]
