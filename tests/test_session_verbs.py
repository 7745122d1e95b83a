"""What an app may let a session do: speak first, say a text word for word, answer unasked, take a message; and who may cut it short."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trioaudio import (
    Agent,
    CapabilityError,
    Fault,
    OptionError,
    ResponseCreated,
    ResponseInterrupted,
    TurnInterrupted,
    open_channel,
    open_session,
)
from trioaudio.abc import Capability
from trioaudio.testing import Script, ScriptedFarEnd, cancel_sweep, open_call, say, stays_silent

pytestmark = pytest.mark.usefixtures("virtual_clock")


def without(*capabilities: Capability) -> frozenset[Capability]:
    return frozenset({"commit", "cancel", "truncate", "text", "say", "respond", "tools"}) - {*capabilities}


# ---- the greeting


async def test_a_greeting_is_said_first_word_for_word() -> None:
    script = Script(say(1.0, "hello"), greets=False)
    async with open_call(script, Agent(greeting="Hello {name}.", variables={"name": "Bob"})) as (caller, _):
        await caller.wait_hears("hello", 8_000)
    assert script.sayings == ["Hello Bob."]


async def test_a_model_that_cannot_say_a_text_is_asked_for_the_greeting() -> None:
    script = Script(say(1.0, "hello"), greets=False, capabilities=without("say"))
    async with open_call(script, Agent(greeting="Hello.")) as (caller, _):
        await caller.wait_hears("hello", 8_000)
    assert ["Hello." in str(request) for request in script.requests] == [True]


async def test_a_greeting_of_a_model_that_cannot_speak_unasked_is_a_fault_and_not_silence() -> None:
    faults: list[Fault] = []
    script = Script(say(1.0, "a"), greets=False, capabilities=without("say", "respond"))
    async with open_call(script, Agent(greeting="Hello."), on={Fault: faults.append}) as (caller, session):
        await session.send_message("Are you there?")
        await caller.wait_hears("a")
    assert [type(fault.error) for fault in faults] == [CapabilityError]
    assert "'script' cannot respond" in str(faults[0].error)


async def test_an_agent_without_a_greeting_waits() -> None:
    script = Script(say(1.0, "a"), greets=False)
    async with open_call(script):
        await trio.sleep(5)
    assert not script.sayings
    assert not script.requests


async def test_a_missing_variable_is_said_when_the_session_opens() -> None:
    with pytest.raises(OptionError, match="has the variable 'name'"):
        async with open_call(Script(), Agent(greeting="Hello {name}")):
            pass


async def test_the_model_and_the_app_see_the_agent_with_its_variables_put_in() -> None:
    script = Script()
    async with open_call(script, Agent("You are {name}.", variables={"name": "Eve"})) as (_, session):
        assert session.agent.instructions == "You are Eve."
    assert script.agent.instructions == "You are Eve."


def test_a_greeting_can_be_cancelled_anywhere() -> None:
    async def a_greeting() -> None:
        async with open_call(Script(say(0.5, "hello"), greets=False), Agent(greeting="Hello.")) as (caller, _):
            await caller.wait_hears("hello", 4_000)

    cancel_sweep(a_greeting, limit=30)


# ---- say, respond, send_message


async def test_what_is_said_reaches_the_caller() -> None:
    script = Script(say(1.0, "a"), greets=False)
    async with open_call(script) as (caller, session):
        await session.say("One moment.")
        await caller.wait_hears("a", 8_000)
    assert script.sayings == ["One moment."]


async def test_an_answer_can_be_asked_for() -> None:
    script = Script(say(1.0, "a"), say(1.0, "b"), greets=False)
    async with open_call(script) as (caller, session):
        await session.respond("Tell a joke.")
        await session.respond()
        await caller.wait_hears("b", 8_000)
    assert script.requests == ["Tell a joke.", None]


@pytest.mark.parametrize(
    ("capability", "ask"),
    [
        ("say", lambda session: session.say("Hello.")),
        ("respond", lambda session: session.respond()),
        ("text", lambda session: session.send_message("Hello.")),
    ],
)
async def test_what_a_model_cannot_do_is_refused_to_who_asked_by_name(capability: Capability, ask: Any) -> None:
    async with open_call(Script(capabilities=without(capability))) as (_, session):
        with pytest.raises(CapabilityError, match=f"cannot {capability}"):
            await ask(session)
        await session.wait_spoken()  # no answer is awaited that will never come


async def test_one_can_wait_until_all_has_been_said_and_heard() -> None:
    script = Script(say(1.0, "a"), say(2.0, "b"), greets=False, speed=2.0, delay=1.0)
    async with open_call(script) as (caller, session):
        await session.say("a")
        await session.respond()
        await session.wait_spoken()
        assert (caller.heard("a"), caller.heard("b")) == (8_000, 16_000)


# ---- what the caller cannot interrupt


async def test_what_is_said_can_be_interrupted_unless_told_otherwise() -> None:
    script = Script(say(3.0, "a"), greets=False)
    async with open_call(script) as (caller, session):
        await session.say("A long story.")
        await caller.wait_hears("a", 8_000)
        assert not session.protected
        caller.speak(say(0.5, "but"))
        await session.wait_event(TurnInterrupted)
    assert script.truncations == [("a", 8_000)]


async def test_what_must_be_heard_is_heard_whatever_the_caller_does() -> None:
    script = Script(say(3.0, "notice"), stays_silent(), greets=False)
    async with open_call(script) as (caller, session):
        await session.say("This call is recorded.", interruptible=False)
        await caller.wait_hears("notice", 8_000)
        assert session.protected
        caller.speak(say(0.5, "but"))
        caller.wish_interrupt()
        await caller.wait_hears("notice", 24_000)
        await trio.sleep(0.1)
        assert not session.protected
    assert not script.truncations
    assert caller.heard_indices("notice") == list(range(24_000))


async def test_the_app_may_still_interrupt_what_the_caller_may_not() -> None:
    script = Script(say(3.0, "notice"), greets=False)
    async with open_call(script) as (caller, session):
        await session.say("This call is recorded.", interruptible=False)
        await caller.wait_hears("notice", 8_000)
        assert session.interrupt()
        await trio.sleep(0.1)
        assert not session.protected


async def test_only_the_answer_that_was_asked_for_is_protected() -> None:
    script = Script(say(1.0, "notice"), greets=False, delay=0.5)
    async with open_call(script) as (caller, session):
        await session.say("This call is recorded.", interruptible=False)
        script.emit(ResponseCreated("of the model's own", requested=False))
        await trio.sleep(0.1)
        assert not session.protected
        await caller.wait_hears("notice")
        assert session.protected


async def test_a_protected_answer_that_a_provider_stops_is_heard_as_far_as_it_was_made() -> None:
    script = Script(say(2.0, "notice"), greets=False, speed=2.0)
    async with open_call(script) as (caller, session):
        await session.say("This call is recorded.", interruptible=False)
        await caller.wait_hears("notice", 4_000)
        made = session.channel.statistics().accepted_ms
        script.emit(ResponseInterrupted())
        await trio.sleep(3)
        assert caller.heard("notice") * 1000 / 8_000 >= made


async def test_a_model_that_interrupts_itself_long_after_it_has_finished_is_obeyed() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 8_000)
        script.emit(ResponseInterrupted())
        event = await session.wait_event(TurnInterrupted)
        assert caller.hears_nothing_after(event.decided_at)


async def test_the_call_and_what_the_app_depends_on_are_found_in_the_session() -> None:
    async with open_channel(ScriptedFarEnd().source) as channel, open_session(channel, Script(), call="call", dependencies=[1]) as session:
        assert (session.call, session.dependencies) == ("call", [1])
