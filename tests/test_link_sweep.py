"""The model's server is killed at every moment of a call: before it starts, in an answer, in a tool, while it is had back."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from trioaudio import Agent, Reconnect, Returned, SessionEnd, SessionExpiring, open_channel, open_session, tool
from trioaudio.abc import Model
from trioaudio.testing import Script, ScriptedFarEnd, Told, calls, run_virtual, say, scheduled_by

RULES = Reconnect(delay=0.05, longest_delay=0.2, attempts=40, hold_after=0.1)
FOUND = "in Berlin"


class Server(trio.abc.Instrument):
    """A scripted server; killed after the steps of these numbers, whoever makes them, and back a moment later."""

    def __init__(self, *kills: int) -> None:
        self.script = Script(
            say(0.4, "welcome", transcript="Welcome."),
            calls("look_up", saying=say(0.2, "moment")),
            *(say(0.3, f"answer {number}") for number in range(20)),
            transcripts=["Where is it?"] * 20,
            speed=4.0,
        )
        self.kills, self.steps, self.armed, self.down_until = kills, 0, False, -math.inf

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Model, None]:
        """Let a connection be made, which takes a moment."""
        await trio.sleep(0.01)
        self._let_in()
        async with self.script() as model:
            await trio.sleep(0.01)
            self._let_in()
            yield model

    def _let_in(self) -> None:
        if trio.current_time() < self.down_until:
            raise trio.BrokenResourceError("nobody there")

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        self.steps += self.armed
        if self.armed and self.steps in self.kills:
            self.down_until = trio.current_time() + 0.12
            for connection in self.script.connections:
                if connection.closed_at is None:
                    connection.finish(trio.BrokenResourceError("the server was killed"))


async def call(server: Server, ran: list[str]) -> SessionEnd:
    """A greeting, a question that needs a tool, an interruption, a change of connections, and a last question, which is answered."""

    async def look_up() -> str:
        """Look."""
        ran.append("look_up")
        await trio.sleep(0.2)
        return FOUND

    caller = ScriptedFarEnd()
    async with (
        open_channel(caller.source) as channel,
        open_session(channel, server.open, Agent(tools=[tool(look_up)], reconnect=RULES)) as session,
    ):
        server.armed = True
        await trio.sleep(0.5)
        caller.speak(say(0.2, "question"))
        await trio.sleep(1.2)
        session.interrupt()
        caller.speak(say(0.2, "more"))
        await trio.sleep(0.6)
        server.script.emit(SessionExpiring(RULES.rollover + 0.1))
        await trio.sleep(1.5)
        turns = channel.statistics().turns
        caller.speak(say(0.2, "last"))
        await trio.sleep(3.0)
        server.armed = False
        assert channel.statistics().turns > turns
        await session.wait_spoken()
        assert channel.statistics().inbound_dropped_ms == 0
        session.close()
        return await session.wait_closed()


def results_told(told: list[Told]) -> int:
    """How often a connection was told of what was found, in whatever way."""
    seeded = [item for each in told if isinstance(each.value, list) for item in each.value]
    return sum(isinstance(item, Returned) for item in seeded) + sum(
        each.verb == "tool_result" or (each.verb == "text" and FOUND in str(each.value)) for each in told
    )


def run(*kills: int) -> int:
    """One call, whose server is killed after these steps; how many there were."""
    server, ran = Server(*kills), list[str]()

    async def main() -> None:
        trio.lowlevel.add_instrument(server)
        with trio.fail_after(60):
            assert await call(server, ran) == SessionEnd("closed")

    with scheduled_by(0):
        run_virtual(main)
    for number, connection in enumerate(server.script.connections, 1):
        assert results_told([told for told in server.script.told if told.connection == number]) <= len(ran)
        assert connection.closed_at is not None
    return server.steps


def test_whenever_the_server_is_killed_the_call_goes_on_and_no_result_is_told_twice() -> None:
    for step in range(1, run() + 1, 3):
        try:
            run(step)
        except BaseException as exc:
            exc.add_note(f"killed after step {step}: run({step})")
            raise


@pytest.mark.parametrize("later", [4, 9, 16, 30])
def test_it_may_be_killed_again_while_it_is_had_back(later: int) -> None:
    for step in range(1, run() + 1, 9):
        try:
            run(step, step + later, step + 2 * later)
        except BaseException as exc:
            exc.add_note(f"run({step}, {step + later}, {step + 2 * later})")
            raise
