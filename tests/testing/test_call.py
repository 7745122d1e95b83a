"""A tester's program: a whole call, deterministic, without a network."""

from __future__ import annotations

import trio

from trioaudio import TurnInterrupted
from trioaudio.abc import Paced
from trioaudio.testing import Script, ScriptedFarEnd, say
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


async def test_the_same_call_gives_the_same_figures_every_time(call: OpenCall) -> None:
    heard = []
    for _ in range(3):
        async with call(Script(say(5.0, item="a"))) as (caller, session):
            await caller.wait_hears("a", 4321)
            session.interrupt()
            heard.append((await session.wait_event(TurnInterrupted)).heard)
    assert heard == [4321, 4321, 4321]


async def test_a_caller_of_ones_own_may_be_given(call: OpenCall) -> None:
    phone = ScriptedFarEnd(Paced(), line_open=True)
    async with call(Script(say(0.5, item="a")), caller=phone) as (caller, _):
        assert caller is phone
        await caller.wait_hears("a", 4000)


async def test_without_a_model_the_agent_is_silent(call: OpenCall) -> None:
    async with call() as (caller, _):
        caller.speak(say(1.0, "caller"))
        await trio.sleep(10)
        assert caller.ear.handed == []


async def test_a_caller_who_hangs_up_ends_the_call(call: OpenCall) -> None:
    async with call(Script(say(5.0, item="a"))) as (caller, session):
        await caller.wait_hears("a")
        caller.hang_up()
        assert (await session.wait_closed()).kind == "channel"
