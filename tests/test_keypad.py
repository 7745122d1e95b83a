"""Keys that a caller presses reach the model: not at all, one by one, or in groups, each once; and logs show none of them."""

from __future__ import annotations

import logging

import pytest
import trio

from trioaudio import Agent, CapabilityError, Dtmf, Fault, TurnInterrupted, collect
from trioaudio.testing import Script, cancel_sweep, open_call, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


async def test_keys_are_the_apps_affair_unless_told_otherwise() -> None:
    pressed: list[str] = []
    script = Script(greets=False)
    async with open_call(script, on={Dtmf: lambda event: pressed.append(event.digit)}) as (caller, _):
        caller.press("12")
        await trio.sleep(10)
    assert (script.texts, pressed) == ([], ["1", "2"])


async def test_each_key_may_be_a_message() -> None:
    script = Script(say(0.5, "a"), greets=False)
    async with open_call(script, Agent(dtmf="text")) as (caller, _):
        caller.press("7#")
        await caller.wait_hears("a")
    assert script.texts == ["The caller pressed 7.", "The caller pressed #."]


async def test_a_group_is_complete_with_its_last_key() -> None:
    script = Script(greets=False)
    async with open_call(script, Agent(dtmf=collect(4))) as (caller, _):
        caller.press("123456")
        await trio.sleep(1)
        assert script.texts == ["The caller pressed 1234."]
        caller.press("78")
        await trio.sleep(1)
    assert script.texts == ["The caller pressed 1234.", "The caller pressed 5678."]


async def test_a_group_is_complete_with_the_end_key_which_is_told_too() -> None:
    script = Script(greets=False)
    async with open_call(script, Agent(dtmf=collect())) as (caller, _):
        caller.press("1234#")
        await trio.sleep(1)
    assert script.texts == ["The caller pressed 1234#."]


async def test_a_group_that_nobody_goes_on_with_is_complete_after_a_while() -> None:
    script = Script(greets=False)
    async with open_call(script, Agent(dtmf=collect(4, timeout=2))) as (caller, _):
        for key in "123":
            caller.press(key)
            await trio.sleep(1.9)
        assert script.texts == []
        await trio.sleep(0.2)
        assert script.texts == ["The caller pressed 123."]
        await trio.sleep(10)
        caller.press("4")
        await trio.sleep(3)
    assert script.texts == ["The caller pressed 123.", "The caller pressed 4."]


async def test_keys_interrupt_as_words_do() -> None:
    script = Script(say(5.0, "menu"), say(1.0, "sales"))
    async with open_call(script, Agent(dtmf="text")) as (caller, session):
        await caller.wait_hears("menu", 8_000)
        caller.press("1")
        await session.wait_event(TurnInterrupted)
        await caller.wait_hears("sales", 8_000)
    assert script.truncations == [("menu", 8_000)]


async def test_keys_interrupt_nothing_that_is_protected() -> None:
    script = Script(say(2.0, "notice"), say(1.0, "sales"), greets=False)
    async with open_call(script, Agent(dtmf="text")) as (caller, session):
        await session.say("This call is recorded.", interruptible=False)
        await caller.wait_hears("notice", 8_000)
        caller.press("1")
        await caller.wait_hears("sales", 8_000)
    assert caller.heard("notice") == 16_000


async def test_a_model_that_takes_no_text_is_a_fault() -> None:
    faults: list[Fault] = []
    script = Script(capabilities=frozenset({"commit"}))
    async with open_call(script, Agent(dtmf="text"), on={Fault: faults.append}) as (caller, _):
        caller.press("1")
        await trio.sleep(1)
    assert [type(fault.error) for fault in faults] == [CapabilityError]


async def test_no_log_shows_what_was_pressed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with open_call(Script(greets=False), Agent(dtmf=collect(4))) as (caller, _):
            caller.press("9876")
            await trio.sleep(1)
    assert "9876" not in caplog.text
    assert "(4)" in caplog.text


def test_collecting_can_be_cancelled_anywhere() -> None:
    async def keys() -> None:
        script = Script(say(0.1, "a"), greets=False)
        async with open_call(script, Agent(dtmf=collect(3, timeout=0.5))) as (caller, _):
            caller.press("12")
            await caller.wait_hears("a", 800)

    cancel_sweep(keys, limit=20)
    cancel_sweep(keys, limit=20, steps_of="everybody")
