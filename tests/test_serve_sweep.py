"""Cancelled at every checkpoint: a server leaves nothing behind, and accounts for every call that came in."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from trioaudio import Call, CallSummary, Rejection, Server, Timeouts, open_server
from trioaudio.testing import Script, ScriptedExchange, ScriptedFarEnd, cancel_sweep, say, stamp

QUICK = Timeouts(close=1.0, drain=1.0, answer=1.0)
SEEDS = (0, 1)


class Accounts:
    """Counts what came in and what was accounted for, over all runs of a sweep."""

    def __init__(self) -> None:
        self.server: Server | None = None
        self.summaries: list[CallSummary] = []

    def opened(self, server: Server) -> None:
        """A run begins."""
        self.check()
        self.server = server
        self.summaries.clear()

    def check(self) -> None:
        """Of the run before: one summary for each call, and none is left."""
        if self.server is not None:
            statistics = self.server.statistics()
            assert statistics.active == 0
            assert len(self.summaries) == len({summary.id for summary in self.summaries}) == statistics.total


async def _talk(call: Call) -> None:
    async with call.accept() as channel:
        await channel.send_audio(stamp("a", 0, 1_600))
        await channel.hang_up()


async def _transfer(call: Call) -> None:
    async with call.accept() as channel:
        await channel.transfer("+4930654321")


async def _choose(call: Call) -> Script | Rejection:
    await trio.sleep(0.1)
    return Rejection("busy") if call.called == "2" else Script(say(0.2, "a"))


def _transferable() -> ScriptedFarEnd:
    async def hand_over(target: str) -> None:
        await trio.sleep(0.1)

    far_end = ScriptedFarEnd()
    far_end.source.capabilities, far_end.source.transfer = frozenset({"transfer"}), hand_over  # type: ignore[method-assign]
    return far_end


@pytest.mark.parametrize("steps_of", ["body", "everybody"])
@pytest.mark.parametrize("what", ["accept", "choose", "transfer", "drain"])
def test_a_server_can_be_cancelled_anywhere(what: str, steps_of: str) -> None:
    accounts = Accounts()
    handle = {"accept": _talk, "transfer": _transfer}.get(what)
    options = {"choose": _choose} if what == "choose" else {"model": partial(_model)}

    async def scenario() -> None:
        exchange = ScriptedExchange()
        async with open_server(exchange, handle, timeouts=QUICK, on_summary=accounts.summaries.append, **options) as server:
            accounts.opened(server)
            calls = [exchange.dial(_transferable(), called=str(number)) for number in (1, 2)]
            if what == "drain":
                await calls[0].wait_decided()
                server.drain(clip=stamp("goodbye", 0, 1_600))
                exchange.dial()
            else:
                exchange.close()
                await calls[0].wait_decided()
                await trio.sleep(0.3)
                for call in calls:
                    call.hang_up()
            await server.wait_ended()

    cancel_sweep(scenario, seeds=SEEDS, limit=40 if steps_of == "everybody" else None, steps_of=steps_of, close_timeout=3 * QUICK.close)
    accounts.check()


def _model() -> object:
    return Script(say(0.2, "a"))()
