"""Tests of an app that lets a caller talk with a model until a key is pressed."""

# mypy: allow-untyped-defs

import trio

from trioaudio import Agent, Channel, Dtmf, SessionEnd, Timeouts, TurnInterrupted, open_channel, open_session
from trioaudio.testing import Script, ScriptedFarEnd, breaks, cancel_sweep, say


async def reception(channel: Channel, model: str | Script) -> SessionEnd:
    """The app: the model talks until it ends, the caller hangs up or presses 0."""
    async with open_session(channel, model, Agent("You are the receptionist.")) as session:
        session.on(Dtmf, lambda event: session.close() if event.digit == "0" else None)
        return await session.wait_closed()


async def test_zero_ends_the_talk(virtual_clock):
    caller, model = ScriptedFarEnd(), Script(say(5.0, item="welcome"))

    async def listen_and_press() -> None:
        await caller.wait_hears("welcome", samples=8_000)  # one second
        caller.press("0")

    async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(listen_and_press)
        end = await reception(channel, model)
    assert end.kind == "closed"
    assert model.agent.instructions == "You are the receptionist."


async def test_the_model_is_told_what_was_heard(call):
    script = Script(say(5.0, item="welcome"), say(1.0, item="sorry"), late_deltas=3)
    async with call(model=script) as (caller, session):
        await caller.wait_hears("welcome", samples=4_000)
        caller.speak(say(0.5, item="but"))
        interrupted = await session.wait_event(TurnInterrupted)
        await caller.wait_hears("sorry", samples=8_000)
    assert script.truncations == [("welcome", interrupted.heard)]
    assert caller.hears_nothing_after(interrupted.decided_at, item="welcome"), "not even what the model sent too late"


async def test_a_model_that_breaks_costs_no_call(virtual_clock):
    caller, model = ScriptedFarEnd(), Script([say(1.0, item="welcome"), breaks()], say(1.0, item="again"))

    async def talk_on() -> None:
        await caller.wait_hears("welcome", samples=8_000)
        caller.speak(say(0.5, item="hello?"))
        await caller.wait_hears("again", samples=8_000)
        caller.press("0")

    async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(talk_on)
        end = await reception(channel, model)
    assert end.kind == "closed"
    assert len(model.connections) == 2


async def test_a_far_end_that_takes_nothing_ends_the_call(late_clock):
    caller = ScriptedFarEnd()
    async with open_channel(caller.source, timeouts=Timeouts(write=1.0)) as channel:
        caller.stall()
        end = await reception(channel, Script(say(5.0, item="welcome")))
        assert end.kind == "channel"


def test_it_can_be_cancelled_anywhere():
    async def scenario() -> None:
        caller = ScriptedFarEnd()
        async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:
            nursery.start_soon(reception, channel, Script(say(0.2, item="welcome")))
            await caller.wait_hears("welcome")
            caller.press("0")

    cancel_sweep(scenario)
