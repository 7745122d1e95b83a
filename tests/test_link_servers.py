"""A provider's server breaks at every message of a whole call, as the plugin meets it: the call goes on, and nobody is told lies."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio
from wire.openai_emulated import speech

from trioaudio import Agent, Reconnect, SessionEnd, open_channel, open_session, tool
from trioaudio.abc import Model
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.lowlevel import ticker_statistics
from trioaudio.models.openai import open_openai_over
from trioaudio.testing import (
    MemoryWebSocket,
    OpenAICall,
    OpenAIEmulator,
    OpenAIMessage,
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
EVERY = 13
FOUND = "in Berlin, as look-up {} said"
SPEECH = speech()
QUESTION = Frame(SPEECH.data[2 * 24_000 * 7 // 10 : 2 * 24_000 * 15 // 10] + bytes(2 * 24_000 * 7 // 10), PCM16_24K)
"""Somebody speaks for 0.8 s, and is silent for 0.7 s."""
LAG = 0.04
"""Seconds that a message is under way."""


async def carry(source: MemoryWebSocket, target: MemoryWebSocket) -> None:
    """Carry what comes, late; when one side breaks, so does the other, once all has come that was under way."""
    put, take = trio.open_memory_channel[tuple[float, str | bytes]](math.inf)

    async def deliver() -> None:
        async for due, data in take:
            await trio.sleep_until(due)
            with suppress(trio.BrokenResourceError):
                target.send_nowait(data)
        target.abort()

    async with trio.open_nursery() as nursery, put:
        nursery.start_soon(deliver)
        with suppress(trio.BrokenResourceError):
            async for data in source:
                put.send_nowait((trio.current_time() + LAG, data))


class Server:
    """An emulated OpenAI; its connection breaks at this message of all connections', whoever sends it, and it is back a moment later."""

    def __init__(self, kill: int = 0) -> None:
        self.emulator = OpenAIEmulator(self.answer, OpenAIServerOptions(delta_ms=200), witness=self.see)
        self.kill, self.down_until = kill, -math.inf
        self.seen: list[OpenAIMessage] = []
        self.ran: list[str] = []
        self.armed = True
        self.armed_until = 0

    def answer(self, question: OpenAIQuestion) -> OpenAIReply:
        """What the model says: it looks something up before it answers the caller, once in a conversation."""
        sound = partial(tone, format=question.format)
        if question.results or "come back" in (question.words or question.instructions):
            return OpenAIReply("I have found out where it is, and there is more to say of it than you may like.", sound(3.0))
        if question.heard is not None and FOUND[:9] not in str(self.told(len(self.emulator.sessions))):
            return OpenAIReply("One moment.", sound(0.3), calls=(OpenAICall("look_up"),))
        return OpenAIReply("It is where it was." if question.heard else "Welcome.", sound(0.8))

    def see(self, message: OpenAIMessage) -> None:
        self.seen.append(message)
        self.armed_until += self.armed
        if len(self.seen) == self.kill and self.armed:
            self.down_until = trio.current_time() + AWAY
            self.socket.fail()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Model, None]:
        await trio.sleep(0.01)
        if trio.current_time() < self.down_until:
            raise trio.BrokenResourceError("nobody there")
        ours, near = memory_websockets()
        far, self.socket = memory_websockets()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.emulator.serve, self.socket, model="emulated", key="emulated"))  # noqa: ASYNC113 - it may be late
            nursery.start_soon(carry, near, far)
            nursery.start_soon(carry, far, near)
            async with open_openai_over(ours) as model:
                yield model
            nursery.cancel_scope.cancel()

    async def look_up(self) -> str:
        """Look."""
        self.ran.append(FOUND.format(len(self.ran) + 1))
        found = self.ran[-1]
        await trio.sleep(0.2)
        return found

    def told(self, connection: int) -> list[dict[str, Any]]:
        """What a connection was told, but audio."""
        told = [json.loads(each.data) for each in self.seen if each.session == connection and each.received]
        return [each for each in told if each["type"] != "input_audio_buffer.append"]


async def call(server: Server) -> SessionEnd:
    """A greeting, a question that needs a tool, an interruption, and a last question."""
    caller = ScriptedFarEnd(format=PCM16_24K)
    agent = Agent("Be kind.", greeting="Welcome.", tools=[tool(server.look_up)], reconnect=RULES)
    async with open_channel(caller.source) as channel, open_session(channel, server.open, agent) as session:
        await trio.sleep(0.7)
        caller.speak(QUESTION)
        await trio.sleep(2.6)
        caller.speak(QUESTION)  # while the agent speaks
        await trio.sleep(3.0)
        server.armed = False
        await session.wait_spoken()
        turns = channel.statistics().turns
        caller.speak(QUESTION)
        await trio.sleep(3.0)
        await session.wait_spoken()
        assert channel.statistics().turns > turns, "the last question was not answered"
        assert channel.statistics().inbound_dropped_ms == 0
        session.close()
        return await session.wait_closed()


def run(kill: int = 0) -> Server:
    """One call, whose connection breaks at this message."""
    server = Server(kill)

    async def main() -> None:
        with trio.fail_after(60):
            assert await call(server) == SessionEnd("closed")
        assert ticker_statistics().parked == 0

    with scheduled_by(0):
        run_virtual(main)
    return server


def judge(server: Server, connections: int) -> None:
    """What has to be true of a call, whenever its connection broke."""
    assert [session.errors for session in server.emulator.sessions] == [[]] * connections
    for number in range(1, connections + 1):
        told = server.told(number)
        assert all(str(told).count(found) <= 1 for found in server.ran)
        items = [each["item"] for each in told if each["type"] == "conversation.item.create"]
        parts = {(item["role"], part["type"]) for item in items if item["type"] == "message" for part in item["content"]}
        assert all(frame.duration > 0.75 for frame in server.emulator.sessions[number - 1].heard), "half an utterance was heard again"
        assert parts <= {("user", "input_text"), ("assistant", "output_text")}
    assert FOUND[:9] in str(server.told(connections))


def test_a_call_that_nothing_happens_to() -> None:
    server = run()
    judge(server, connections=1)
    assert len(server.ran) == len(server.emulator.last.conversation.truncations) == 1


def test_whichever_message_the_connection_breaks_at_the_call_goes_on_and_the_new_one_is_told_what_was_heard_once() -> None:
    for message in range(4, run().armed_until, EVERY):
        try:
            judge(run(message), connections=2)
        except BaseException as exc:
            exc.add_note(f"it broke at message {message}: judge(run({message}), 2)")
            raise
