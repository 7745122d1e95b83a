"""The end of a call that an agent decides: a goodbye is heard whole before the line is cut, and a transfer is announced."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import trio

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    BargeIn,
    Closed,
    Fault,
    ResponseCreated,
    ResponseDone,
    Timeouts,
    ToolCall,
    ToolCalled,
    ToolReturned,
    TurnPaused,
    open_channel,
    open_session,
    tool,
)
from trioaudio.sources.memory import memory_pair
from trioaudio.testing import STAMPED, Script, ScriptedFarEnd, calls, cancel_sweep, open_call, run_virtual, say
from trioaudio.tools import hang_up, send_digits, transfer

virtual = pytest.mark.usefixtures("virtual_clock")
POLITE = Agent(tools=[hang_up])


@tool
async def note(seconds: float) -> str:
    """Write something down."""
    await trio.sleep(seconds)
    return "noted"


# ---- the goodbye


@virtual
async def test_a_goodbye_before_the_call_of_hang_up_is_heard_whole() -> None:
    script = Script(calls("hang_up", saying=say(3.0, "bye")))
    async with open_call(script, POLITE) as (caller, session):
        assert (await session.wait_closed()).kind == "hung_up"
        assert (await session.channel.wait_closed()).kind == "closed"
    assert caller.heard("bye") == 24_000
    assert caller.goodbyes == 1
    assert script.requests == []  # it has said goodbye: nobody asks for another


@virtual
async def test_a_goodbye_after_the_result_of_hang_up_is_heard_whole() -> None:
    script = Script(calls("hang_up"), say(3.0, "bye"), delay=1.0)
    async with open_call(script, POLITE) as (caller, session):
        assert (await session.wait_closed()).kind == "hung_up"
    assert caller.heard("bye") == 24_000
    assert script.requests == [None]


@virtual
async def test_a_goodbye_after_the_call_and_in_the_same_answer_is_heard_whole() -> None:
    script = Script(pause=None)
    async with open_call(script, POLITE) as (caller, session):
        script.emit(ResponseCreated("r"))
        script.emit(ToolCall("c", "hang_up", "{}", "r"))
        await trio.sleep(1)
        for frame in say(3.0, "bye"):
            script.emit(AudioDelta("bye", frame, "r"))
        for event in (AudioDone("bye"), ResponseDone("r")):
            script.emit(event)
        await session.wait_closed()
    assert caller.heard("bye") == 24_000
    assert script.requests == []


@virtual
async def test_other_tools_of_the_answer_are_waited_for() -> None:
    script = Script(calls("hang_up", ("note", {"seconds": 5}), saying=say(1.0, "bye")))
    async with open_call(script, Agent(tools=[hang_up, note])) as (caller, session):
        await session.wait_closed()
        assert trio.current_time() == pytest.approx(5, abs=0.1)
    assert [result.output for result in script.results][1:] == ["noted"]
    assert caller.heard("bye") == 8_000


@virtual
async def test_nobody_interrupts_a_goodbye_and_the_model_hears_no_more() -> None:
    script = Script(calls("hang_up", saying=say(3.0, "bye")), say(5.0, "sorry?"))
    async with open_call(script, POLITE) as (caller, session):
        await caller.wait_hears("bye", 8_000)
        assert session.protected
        caller.speak(say(2.0, "wait"))
        caller.wish_interrupt()
        await session.wait_closed()
    assert caller.heard_indices("bye") == list(range(24_000))
    assert caller.heard("sorry?") == 0
    assert script.heard("wait") == 0


@virtual
async def test_a_caller_who_interrupts_a_goodbye_before_the_call_of_hang_up_is_listened_to() -> None:
    script = Script(pause=None)
    async with open_call(script, POLITE) as (caller, session):
        script.emit(ResponseCreated("r"))
        for frame in say(3.0, "bye"):
            script.emit(AudioDelta("bye", frame, "r"))
        await caller.wait_hears("bye", 8_000)
        caller.wish_interrupt()
        await trio.sleep(0.01)
        script.emit(ToolCall("c", "hang_up", "{}", "r"))
        script.emit(ResponseDone("r", "cancelled"))
        await trio.sleep(60)
        assert not session.protected
    assert script.results[0].error
    assert "listen, and hang up later" in script.results[0].output
    assert script.requests == [None]


@virtual
async def test_a_goodbye_that_was_paused_goes_on() -> None:
    script = Script(say(3.0, "bye"))
    agent = POLITE.replace(barge_in=BargeIn(mode="pause", resume_after_ms=5_000))
    async with open_call(script, agent) as (caller, session):
        await caller.wait_hears("bye", 8_000)
        caller.speak(say(1.0, "wait"))
        await session.wait_event(TurnPaused)
        session.leave()
        await session.wait_closed()
    assert caller.heard("bye") >= 23_920  # all but a fade of 10 ms, whose samples cannot be recognised


@virtual
async def test_an_app_may_hang_up_itself() -> None:
    script = Script(say(3.0, "bye"), greets=False)
    async with open_call(script) as (caller, session):
        await session.say("Goodbye.")
        assert (await session.hang_up()).kind == "hung_up"
        assert caller.heard("bye") == 24_000


@virtual
async def test_with_nothing_to_be_said_the_line_is_cut_at_once() -> None:
    async with open_call(Script()) as (_, session):
        await session.hang_up()
        assert trio.current_time() < 0.5


@virtual
async def test_hanging_up_costs_at_most_its_deadline_when_the_model_says_no_more() -> None:
    script = Script(calls("hang_up"))
    async with open_call(script, POLITE, timeouts=Timeouts(hang_up=7)) as (_, session):
        await session.wait_closed()
        assert trio.current_time() == pytest.approx(7, abs=0.3)


@virtual
async def test_a_caller_who_hangs_up_first_ends_it_too() -> None:
    async with open_call(Script(calls("hang_up", saying=say(5.0, "bye"))), POLITE) as (caller, session):
        await caller.wait_hears("bye", 8_000)
        caller.hang_up()
        assert (await session.wait_closed()).kind == "channel"


@pytest.mark.parametrize("seed", range(20))
def test_a_goodbye_followed_by_hang_up_is_always_heard_whole_by_a_far_end_that_buffers_5_s(seed: int) -> None:
    rng = random.Random(seed)
    every, delay = rng.choice((0.02, 0.5, 3.0, 7.0)), rng.choice((0.0, 0.3))
    caller = ScriptedFarEnd(latency=5.0, report_every=every, report_delay=delay, line_open=True)
    goodbye = say(rng.uniform(0.1, 4), "bye")
    called: list[Any] = ["hang_up", *([("note", {"seconds": rng.uniform(0, 3)})] if rng.random() < 0.5 else [])]
    answers = [calls(*called, saying=goodbye)] if rng.random() < 0.5 else [calls(*called), goodbye]
    script = Script(say(1.0, "hello"), *answers, speed=rng.choice((1.0, 3.0, math.inf)), delay=rng.choice((0.0, 0.5)))

    def talk_over_it(_: object) -> None:
        caller.speak(say(2.0, "wait"))
        caller.wish_interrupt()

    async def a_call() -> None:
        async with open_call(script, Agent(tools=[hang_up, note]), caller=caller, on={ToolCalled: talk_over_it}) as (_, session):
            await trio.sleep(rng.uniform(0, 8))
            caller.speak(say(0.5, "that is all"))
            with trio.fail_after(60):
                assert (await session.wait_closed()).kind == "hung_up"
                assert (await session.channel.wait_closed()).kind == "closed"
            assert caller.heard_indices("bye") == list(range(sum(frame.num_samples for frame in goodbye)))

    run_virtual(a_call, seed=seed)


@virtual
async def test_a_far_end_that_never_acknowledges_costs_at_most_the_deadline() -> None:
    caller = ScriptedFarEnd(report_every=0.1)
    caller.acknowledge_late(math.inf)
    script = Script(calls("hang_up", saying=say(3.0, "bye")))
    async with open_call(script, POLITE, caller=caller, timeouts=Timeouts(hang_up=10)) as (_, session):
        await session.channel.wait_closed()
        assert trio.current_time() == pytest.approx(10, abs=2.1)
    assert caller.heard("bye") == 24_000


@virtual
async def test_the_orderly_end_of_a_channel_waits_for_the_far_ends_word_too() -> None:
    caller = ScriptedFarEnd(latency=5.0, report_every=1.0)
    async with open_channel(caller.source) as channel:
        with channel.turn("bye") as turn:
            for frame in say(0.5, "bye"):
                await turn.send(frame)
        await trio.sleep(3)  # it is reckoned to have been heard
        await channel.hang_up()
        assert caller.heard("bye") == 4_000


def test_a_goodbye_can_be_cancelled_anywhere() -> None:
    async def a_goodbye() -> None:
        script = Script(calls("hang_up"), say(0.3, "bye"))
        async with open_call(script, POLITE) as (_, session):
            await session.wait_closed()

    cancel_sweep(a_goodbye, limit=20)
    cancel_sweep(a_goodbye, limit=30, steps_of="everybody")


# ---- handing over


SALES = Agent(tools=[transfer(sales="+49301234", support="sip:support@acme.example")])


@virtual
async def test_a_caller_is_handed_over_once_they_have_heard_that_they_will_be() -> None:
    heard: list[int] = []
    script = Script(calls(("transfer", {"target": "sales"}), saying=say(2.0, "one moment")))
    async with open_call(script, SALES) as (caller, session):
        session.channel.on(Closed, lambda _: heard.append(caller.heard("one moment")))
        assert (await session.wait_closed()).kind == "transferred"
    assert caller.transfers == ["+49301234"]
    assert heard == [16_000]


def test_a_model_knows_names_and_no_numbers() -> None:
    (made,) = SALES.tools
    assert "+49" not in str(made.parameters)
    assert "'sales', 'support'" in str(made.parameters)
    with pytest.raises(ValueError, match="needs those to whom"):
        transfer()


@virtual
async def test_a_target_that_is_not_on_the_list_is_refused_to_the_model() -> None:
    script = Script(calls(("transfer", {"target": "+1900666"})))
    async with open_call(script, SALES) as (caller, session):
        await session.wait_event(ToolReturned)
        await trio.sleep(1)
    assert script.results[0].error
    assert "one of 'sales', 'support'" in script.results[0].output
    assert caller.transfers == []


@virtual
async def test_a_source_that_cannot_transfer_is_an_error_the_model_sees_and_the_call_goes_on() -> None:
    script = Script(calls(("transfer", {"target": "sales"})), say(1.0, "sorry"))
    async with open_call(script, SALES, caller=ScriptedFarEnd(capabilities=frozenset())) as (caller, _):
        await caller.wait_hears("sorry", 8_000)
    assert "CapabilityError: the source _ScriptedSource cannot transfer" in script.results[0].output


def test_a_transfer_can_be_cancelled_anywhere() -> None:
    async def a_transfer() -> None:
        async with open_call(Script(calls(("transfer", {"target": "sales"}), saying=say(0.2, "a"))), SALES) as (_, session):
            await session.wait_closed()

    cancel_sweep(a_transfer, limit=20)
    cancel_sweep(a_transfer, limit=30, steps_of="everybody")


# ---- keys for the far end


@virtual
async def test_an_agent_presses_keys_for_the_far_end() -> None:
    script = Script(calls(("send_digits", {"digits": "12#"})))
    async with open_call(script, Agent(tools=[send_digits])) as (caller, session):
        await session.wait_event(ToolReturned)
    assert caller.digits == "12#"


@pytest.mark.parametrize(
    ("digits", "caller", "complaint"),
    [
        ("1x2", ScriptedFarEnd, "a telephone has no key 'x'"),
        ("1", lambda: ScriptedFarEnd(capabilities=frozenset()), "cannot digits"),
    ],
)
@virtual
async def test_keys_that_cannot_be_pressed_are_an_error_the_model_sees(digits: str, caller: Any, complaint: str) -> None:
    script = Script(calls(("send_digits", {"digits": digits})))
    async with open_call(script, Agent(tools=[send_digits]), caller=caller()) as (_, session):
        await session.wait_event(ToolReturned)
    assert script.results[0].error
    assert complaint in script.results[0].output


@virtual
async def test_tools_are_named_in_a_file_by_their_names(tmp_path: Any) -> None:
    (tmp_path / "agent.toml").write_text('tools = ["hang_up", "send_digits", { use = "transfer", "the sales team" = "+49301234" }]')
    agent = Agent.from_file(tmp_path / "agent.toml")
    assert [each.name for each in agent.tools] == ["hang_up", "send_digits", "transfer"]
    faults: list[Fault] = []
    async with open_call(Script(calls(("transfer", {"target": "the sales team"}))), agent, on={Fault: faults.append}) as (caller, session):
        await session.wait_closed()
    assert caller.transfers == ["+49301234"]
    assert not faults


@virtual
async def test_a_far_end_in_memory_hears_keys_and_can_be_handed_over() -> None:
    source, far = memory_pair(STAMPED)
    script = Script([calls(("send_digits", {"digits": "4#"}))], [calls(("transfer", {"target": "sales"}), saying=say(0.5, "one moment"))])
    agent = SALES.replace(tools=[send_digits, *SALES.tools])
    async with open_channel(source) as channel, open_session(channel, script, agent) as session:
        assert (await session.wait_closed()).kind == "transferred"
    assert (far.digits, far.transferred_to) == ("4#", "+49301234")
