"""A session runs the tools its model calls: at once, each in time, and the model is asked to go on exactly once."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from trioaudio import (
    Agent,
    CallContext,
    CapabilityError,
    Fault,
    Limits,
    ResponseCreated,
    ResponseDone,
    Session,
    Timeouts,
    Tool,
    ToolCall,
    ToolCalled,
    ToolCancelled,
    ToolReturned,
    from_asyncio,
    tool,
)
from trioaudio.testing import Script, ToolResult, calls, cancel_sweep, open_call, run_virtual, say

virtual = pytest.mark.usefixtures("virtual_clock")


@tool
async def slowly(seconds: float) -> str:
    """Take some time."""
    await trio.sleep(seconds)
    return f"{seconds:g} s"


def fails(what: str) -> str:
    """Fail."""
    raise LookupError(what)


def double(number: int) -> dict[str, int]:
    """Twice as much."""
    return {"double": 2 * number}


async def results_of(script: Script, *tools: Any, seconds: float = 60.0, **options: Any) -> list[ToolResult]:
    """What a model is told that calls tools at once, and no more than that."""
    async with open_call(script, Agent(tools=tools), **options):
        await trio.sleep(seconds)
    return script.results


async def real(condition: Callable[[], object]) -> None:
    """Wait for what threads do."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - a thread tells nobody
            await trio.sleep(0.001)


# ---- what the model is told


@virtual
async def test_a_result_is_told_and_one_answer_is_asked_for() -> None:
    script = Script(calls(("double", {"number": 4})), say(1.0, "eight"))
    async with open_call(script, Agent(tools=[double])) as (caller, _):
        await caller.wait_hears("eight", 8_000)
    assert script.results == [ToolResult("call-1", '{"double": 8}')]
    assert script.requests == [None]


@virtual
async def test_a_text_is_told_as_it_is() -> None:
    assert await results_of(Script(calls(("slowly", {"seconds": 2}))), slowly) == [ToolResult("call-1", "2 s")]


@virtual
async def test_an_exception_becomes_an_error_the_model_sees_and_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        results = await results_of(Script(calls(("fails", {"what": "nobody of that name"}))), fails)
    assert results == [ToolResult("call-1", "fails failed: LookupError: nobody of that name", error=True)]
    (record,) = caplog.records
    assert (record.name, record.exc_info is not None) == ("trioaudio.session", True)


@virtual
async def test_wrong_arguments_are_an_error_the_model_sees_and_the_tool_is_not_called() -> None:
    (result,) = await results_of(Script(calls(("double", {"number": "many"}))), double)
    assert result == ToolResult("call-1", "double was not called: number is 'many'; expected: a whole number", error=True)


@virtual
async def test_a_tool_nobody_knows_is_an_error_that_lists_those_there_are() -> None:
    (result,) = await results_of(Script(calls("duble")), double, fails)
    assert result == ToolResult("call-1", "there is no tool 'duble'; did you mean 'double'? (there are double, fails)", error=True)


@virtual
async def test_a_tool_that_takes_too_long_is_given_up_and_the_model_is_told() -> None:
    script = Script(calls(("slowly", {"seconds": 1000})), say(1.0, "sorry"))
    async with open_call(script, Agent(tools=[slowly])) as (caller, _):
        await caller.wait_hears("sorry")
        assert trio.current_time() == pytest.approx(30, abs=0.1)
    (result,) = script.results
    assert result.error
    assert result.output.startswith("slowly took longer than 30 s")


@virtual
async def test_a_tool_may_have_a_deadline_of_its_own() -> None:
    hasty = tool(name="hasty", timeout=2)(slowly.fn)
    (result,) = await results_of(Script(calls(("hasty", {"seconds": 5}))), hasty, timeouts=Timeouts(tool=1))
    assert "longer than 2 s" in result.output


@virtual
async def test_a_result_that_is_no_json_is_an_error_the_model_sees() -> None:
    @tool
    def odd() -> object:
        return object()

    (result,) = await results_of(Script(calls("odd")), odd)
    assert result.error
    assert "a tool returned a object, which is no text and no JSON" in result.output


@virtual
async def test_a_def_that_returns_something_to_await_is_an_error() -> None:
    @tool
    def odd() -> object:
        return slowly.fn(1)

    (result,) = await results_of(Script(calls("odd")), odd)
    assert "make it an 'async def'" in result.output


@virtual
async def test_a_tool_with_a_schema_from_elsewhere_is_given_what_the_model_gave() -> None:
    made = Tool("fly", "Fly.", {"type": "object"}, lambda **where: where)
    assert await results_of(Script(calls(("fly", {"to": "Rome"}))), made) == [ToolResult("call-1", '{"to": "Rome"}')]


# ---- many at once


@virtual
async def test_tools_of_one_answer_run_at_once_and_get_one_reply() -> None:
    script = Script(calls(*(("slowly", {"seconds": n}) for n in (3, 1, 2))), say(1.0, "a"))
    async with open_call(script, Agent(tools=[slowly])) as (caller, _):
        await caller.wait_hears("a")
        assert trio.current_time() == pytest.approx(3, abs=0.1)
    assert [result.output for result in script.results] == ["1 s", "2 s", "3 s"]
    assert script.requests == [None]


@virtual
async def test_a_call_that_comes_twice_is_made_once() -> None:
    counted: list[int] = []

    @tool
    def count() -> int:
        counted.append(1)
        return len(counted)

    at_once, again = calls(("count", {}, "same"), ("count", {}, "same")), calls(("count", {}, "same"))
    results = await results_of(Script(at_once, again), count)
    assert results == [ToolResult("same", "1")]
    assert len(counted) == 1


@virtual
async def test_more_tools_than_may_run_at_once_are_refused_to_the_model() -> None:
    script = Script(calls(*[("slowly", {"seconds": 1})] * 5))
    results = await results_of(script, slowly, limits=Limits(tool_calls=3))
    assert [result.output for result in results if not result.error] == ["1 s"] * 3
    assert ["3 tools run already" in result.output for result in results if result.error] == [True, True]
    assert script.requests == [None]


@virtual
async def test_results_are_told_before_the_answer_is_asked_for() -> None:
    script = Script(calls(("slowly", {"seconds": 1}), ("double", {"number": 1})))
    await results_of(script, slowly, double)
    assert [told.verb for told in script.told if told.verb in ("tool_result", "respond")] == ["tool_result", "tool_result", "respond"]


@virtual
async def test_nothing_is_asked_for_before_the_answer_that_called_is_over() -> None:
    script = Script(pause=None)
    async with open_call(script, Agent(tools=[double])):
        script.emit(ResponseCreated("r"))
        script.emit(ToolCall("a", "double", '{"number": 1}', "r"))
        await trio.sleep(5)
        assert (len(script.results), script.requests) == (1, [])
        script.emit(ToolCall("b", "double", '{"number": 2}', "r"))
        script.emit(ResponseDone("r"))
        await trio.sleep(5)
    assert (len(script.results), script.requests) == (2, [None])


@virtual
async def test_an_answer_whose_end_is_never_told_is_over_when_the_next_begins() -> None:
    script = Script(pause=None)
    async with open_call(script, Agent(tools=[double])):
        script.emit(ResponseCreated("r"))
        script.emit(ToolCall("a", "double", '{"number": 1}', "r"))
        await trio.sleep(5)
        script.emit(ResponseCreated("s"))
        script.emit(ToolCall("b", "double", '{"number": 1}'))  # of the answer that is being made
        await trio.sleep(5)
        assert (len(script.results), script.requests) == (2, [None])
        script.emit(ResponseDone("s"))
        await trio.sleep(5)
    assert script.requests == [None, None]


@virtual
async def test_a_call_that_the_model_takes_back_is_cancelled_and_answered_by_nothing() -> None:
    script = Script(pause=None)
    async with open_call(script, Agent(tools=[slowly])) as (_, session):
        with session.subscribe(ToolReturned) as returned:
            script.emit(ResponseCreated("r"))
            script.emit(ToolCall("a", "slowly", '{"seconds": 30}', "r"))
            script.emit(ResponseDone("r"))
            await trio.sleep(1)
            script.emit(ToolCancelled("a"))
            back = await anext(aiter(returned))
        await trio.sleep(50)
    assert (back.call_id, back.failed, back.seconds) == ("a", True, pytest.approx(1, abs=0.01))
    assert (script.results, script.requests) == ([], [])


@virtual
async def test_of_two_calls_the_one_that_is_not_taken_back_is_answered() -> None:
    script = Script(pause=None)
    async with open_call(script, Agent(tools=[slowly])):
        script.emit(ResponseCreated("r"))
        for call_id, seconds in (("a", 30), ("b", 2)):
            script.emit(ToolCall(call_id, "slowly", f'{{"seconds": {seconds}}}', "r"))
        script.emit(ToolCancelled("nobody knows it"))
        script.emit(ToolCancelled("a"))
        script.emit(ResponseDone("r"))
        await trio.sleep(50)
    assert (script.results, script.requests) == ([ToolResult("b", "2 s")], [None])


@virtual
async def test_an_interrupted_answer_calls_all_the_same_and_gets_its_reply() -> None:
    script = Script(calls(("slowly", {"seconds": 5}), saying=say(10.0, "a")), say(1.0, "b"), say(1.0, "c"))
    async with open_call(script, Agent(tools=[slowly])) as (caller, _):
        await caller.wait_hears("a", 8_000)
        caller.speak(say(0.5, "but"))
        await caller.wait_hears("c")
    assert script.results == [ToolResult("call-1", "5 s")]
    assert script.requests == [None]


# ---- what a tool knows


@virtual
async def test_a_tool_is_given_its_call_and_what_it_depends_on() -> None:
    seen: list[CallContext] = []

    @tool
    async def who(context: CallContext, name: str) -> str:
        seen.append(context)
        await context.session.send_message(f"{name} is here")
        return "told"

    script = Script(calls(("who", {"name": "Bob"})))
    async with open_call(script, Agent(tools=[who])) as (_, session):
        await trio.sleep(1)
        (context,) = seen
        assert (context.session, context.channel, context.call, context.call_id) == (session, session.channel, None, "call-1")
    assert script.texts == ["Bob is here"]


@virtual
async def test_what_tools_do_can_be_watched() -> None:
    seen: list[object] = []

    def note(event: object) -> None:
        seen.append(event)

    script = Script(calls(("slowly", {"seconds": 2})))
    await results_of(script, slowly, on={ToolCall: note, ToolCalled: note, "tool.returned": note})
    call, called, returned = seen
    assert isinstance(call, ToolCall)
    assert called == ToolCalled("call-1", "slowly", {"seconds": 2.0})
    assert isinstance(returned, ToolReturned)
    assert (returned.output, returned.failed, returned.seconds) == ("2 s", False, pytest.approx(2))


@virtual
async def test_tools_for_a_model_that_calls_none_are_a_fault_and_the_session_goes_on() -> None:
    faults: list[Fault] = []
    script = Script(say(1.0, "a"), capabilities=frozenset({"text"}))
    async with open_call(script, Agent(tools=[double]), on={Fault: faults.append}) as (caller, _):
        await caller.wait_hears("a", 8_000)
    assert [type(fault.error) for fault in faults] == [CapabilityError]


# ---- threads and loops, on a real clock


async def test_a_def_runs_in_a_thread_and_blocks_nobody() -> None:
    threads: list[threading.Thread] = []
    proceed = threading.Event()

    @tool
    def block() -> str:
        threads.append(threading.current_thread())
        proceed.wait(10)
        return "done"

    script = Script(calls("block"))
    async with open_call(script, Agent(tools=[block])) as (_, session):
        await session.wait_event(ToolCalled)
        await real(lambda: threads)
        proceed.set()
        await session.wait_event(ToolReturned)
    assert threads[0] is not threading.main_thread()
    assert script.results == [ToolResult("call-1", "done")]


async def test_a_thread_that_does_not_end_holds_up_no_session() -> None:
    proceed, begun = threading.Event(), threading.Event()

    @tool
    def block() -> None:
        begun.set()
        proceed.wait(10)

    try:
        async with open_call(Script(calls("block")), Agent(tools=[block])):
            await real(begun.is_set)
    finally:
        proceed.set()


async def test_sessions_share_their_threads_and_wait_for_one() -> None:
    running, most = [], []
    door = threading.Barrier(2)

    @tool
    def block() -> None:
        running.append(1)
        most.append(len(running))
        door.wait(10)
        running.pop()

    script = Script(calls(*["block"] * 4))
    async with open_call(script, Agent(tools=[block]), limits=Limits(tool_threads=2)):
        await real(lambda: len(script.results) == 4)
    assert max(most) <= 2
    assert script.requests == [None]


async def test_an_asyncio_function_can_be_a_tool() -> None:
    async def look_up(key: str) -> str:
        """Find it."""
        return key * 2

    script = Script(calls(("look_up", {"key": "7"})))
    async with open_call(script, Agent(tools=[from_asyncio(look_up)])) as (_, session):
        await session.wait_event(ToolReturned)
    assert script.results == [ToolResult("call-1", "77")]


# ---- the end


@virtual
async def test_a_tool_that_runs_when_the_session_ends_is_cancelled() -> None:
    ended: list[str] = []

    @tool
    async def for_ever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cancelled")

    async with open_call(Script(calls("for_ever")), Agent(tools=[for_ever])) as (_, session):
        await session.wait_event(ToolCalled)
    assert ended == ["cancelled"]


@virtual
async def test_a_tool_may_end_the_session() -> None:
    @tool
    async def leave(context: CallContext) -> None:
        context.session.close()
        await trio.sleep(10)

    async with open_call(Script(calls("leave")), Agent(tools=[leave])) as (_, session):
        assert (await session.wait_closed()).kind == "closed"


def test_a_tool_can_be_cancelled_anywhere() -> None:
    async def a_call_of_tools() -> None:
        script = Script(calls(("slowly", {"seconds": 0.5}), ("double", {"number": 1})), say(0.1, "a"))
        async with open_call(script, Agent(tools=[slowly, double])) as (caller, _):
            await caller.wait_hears("a", 800)

    cancel_sweep(a_call_of_tools, limit=25)
    cancel_sweep(a_call_of_tools, limit=25, steps_of="everybody")


# ---- any order


@pytest.mark.parametrize("seed", range(25))
def test_in_any_order_of_results_timeouts_and_interruptions_each_answer_with_tools_gets_one_reply(seed: int) -> None:
    rng = random.Random(seed)
    answers: list[Any] = []
    with_tools = rng.randint(1, 5)
    for number in range(with_tools):
        called = [_any_call(rng) for _ in range(rng.randint(1, 4))]
        answers.append(calls(*called, saying=say(rng.uniform(0.1, 3), f"s{number}") if rng.random() < 0.5 else None))
    script = Script(greets=False, speed=rng.choice((1.0, 4.0)), delay=rng.choice((0.0, 0.3)), pause=None)
    told: list[Callable[[Session], object]] = [lambda session: session.interrupt(), lambda session: session.channel.interrupt()]

    async def a_call() -> None:
        async with open_call(script, Agent(tools=[slowly, fails]), timeouts=Timeouts(tool=3)) as (_, session):
            for answer in answers:
                script.answer(answer)
                await trio.sleep(rng.uniform(0, 2))
                if rng.random() < 0.5:
                    rng.choice(told)(session)
            await trio.sleep(60)

    run_virtual(a_call, seed=seed)
    made = {result.call_id for result in script.results}
    assert len(made) == len(script.results), "a call was told of twice"
    assert len(script.requests) == len(_answers_with_calls(script))


def _any_call(rng: random.Random) -> Any:
    return rng.choice([("slowly", {"seconds": rng.uniform(0, 6)}), ("fails", {"what": "x"}), "unknown", ("slowly", {"seconds": "z"})])


def _answers_with_calls(script: Script) -> set[str | None]:
    return {call.response_id for call in script.connection.called}
