"""A whole call as a test: a scripted caller interrupts a scripted model."""

# mypy: allow-untyped-defs

import trio

from trioaudio import TurnInterrupted
from trioaudio.testing import Script, say

clip = say(1.0, item="caller")


async def test_barge_in(call):
    async with call(model=Script(say(5.0, item="a"))) as (caller, session):
        await caller.wait_hears("a")
        await trio.sleep(1.2)
        caller.speak(clip)
        interrupted = await session.wait_event(TurnInterrupted)
        assert interrupted.receipt.heard == caller.heard("a")
