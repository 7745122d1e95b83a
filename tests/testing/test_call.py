"""A tester's program: a whole call, deterministic, without a network."""

from __future__ import annotations

import trio

from trioaudio import TurnInterrupted
from trioaudio.testing import Script, say
from trioaudio.testing.fixtures import OpenCall

clip = say(1.0, item="caller")


async def test_barge_in(call: OpenCall) -> None:
    async with call(model=Script(say(5.0, item="a"))) as (caller, session):
        await caller.wait_hears("a")
        await trio.sleep(1.2)
        caller.speak(clip)
        receipt = await session.wait_event(TurnInterrupted)
        assert receipt.heard == caller.heard("a")
        assert caller.hears_nothing_after(receipt.decided_at)
