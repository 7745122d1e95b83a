"""Checks of what a model is asked for and asks for: answers unasked by the caller, and tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import trio

from ... import AudioDelta, AudioDone, ResponseCreated, ResponseDone, SessionError, ToolCall
from ...abc import Capability
from .._kit import Kit, NotChecked, require, until
from .._noise import frames_of
from .bench import HISTORY, PATIENCE, ModelBench
from .talk import NAMED, STARTED

ASKING: Kit[ModelBench] = Kit()

WHOLE_ANSWERS = (*STARTED, "answer is whole and in order", "answer is announced and ended")

ARGUMENTS = {"text": 'a "quoted" word', "number": 7}
"""What a tool is called with: it needs care on its way."""


@ASKING.check(after=NAMED)
async def who_calls_tools_can_respond(bench: ModelBench) -> None:  # noqa: ASYNC124 - awaited like every check
    """It declares ``respond`` if it declares ``tools``: a session asks for an answer when all results are there."""
    require(not _lacks(bench, "respond") or _lacks(bench, "tools"), "it declares 'tools' and not 'respond'")


@ASKING.check(needs=("answers",), after=WHOLE_ANSWERS)
async def say_makes_an_answer(bench: ModelBench) -> None:
    """`say` makes one whole answer."""
    _require_capability(bench, "say")
    await _require_one_answer(bench, "say('Hello')", lambda: bench.model.say("Hello"))


@ASKING.check(needs=("answers",), after=WHOLE_ANSWERS)
async def respond_makes_an_answer(bench: ModelBench) -> None:
    """`respond` makes one whole answer."""
    _require_capability(bench, "respond")
    await _require_one_answer(bench, "respond()", bench.model.respond)


async def _require_one_answer(bench: ModelBench, what: str, ask: Callable[[], Awaitable[None]]) -> None:
    async with bench.receiving():
        await bench.do("answers", frames_of(bench.answer(0.3), 0.1))
        await ask()
        await until(lambda: _count(bench, ResponseDone) > 0, PATIENCE)
        await trio.sleep(0.2)
    kinds = [type(event) for event in bench.received if isinstance(event, ResponseCreated | AudioDelta | AudioDone | ResponseDone)]
    whole = [kind for i, kind in enumerate(kinds) if not (kind is AudioDelta and kinds[i - 1 : i] == [AudioDelta])]
    found = ", ".join(kind.__name__ for kind in whole) or "nothing"
    require(whole == [ResponseCreated, AudioDelta, AudioDone, ResponseDone], f"after {what} came {found}; it should be one whole answer")


@ASKING.check(needs=("answers",), after=(*WHOLE_ANSWERS, "respond makes an answer"))
async def answers_come_one_after_the_other(bench: ModelBench) -> None:
    """Answers that are asked for while one is being made follow it, each of them whole."""
    _require_capability(bench, "respond")
    audio = bench.answer(0.3)
    async with bench.receiving():
        await bench.do("answers", frames_of(audio, 0.1))
        for _ in range(3):
            await bench.model.respond()
        await until(lambda: _count(bench, ResponseDone) >= 3, PATIENCE)
    marks = [event for event in bench.received if isinstance(event, ResponseCreated | ResponseDone)]
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    apart = all(isinstance(second, ResponseDone) and first.response_id == second.response_id for first, second in pairs)
    require(len(marks) == 6 and apart, f"of three answers came {', '.join(type(mark).__name__ for mark in marks)}; one after the other")
    expected = audio.data * 3
    require(bench.spoken == expected, f"three answers were {len(bench.spoken)} bytes instead of {len(expected)}: one was cut short")


@ASKING.check(needs=("call",), after=STARTED)
async def tool_call_is_whole(bench: ModelBench) -> None:
    """A tool call arrives once, whole, and before its answer is over."""
    _require_capability(bench, "tools")
    async with bench.receiving():
        await bench.do("call", "look_up", json.dumps(ARGUMENTS))
        await until(lambda: _count(bench, ResponseDone) > 0, PATIENCE)
    found = [event for event in bench.received if isinstance(event, ToolCall)]
    require(len(found) == 1, f"one call of a tool arrived {len(found)} times before its answer was over")
    require(found[0].tool == "look_up", f"the tool is {found[0].tool!r}, the server called 'look_up'")
    require(_parsed(found[0].arguments) == ARGUMENTS, f"the arguments are {found[0].arguments!r}, the server sent {json.dumps(ARGUMENTS)}")
    require(found[0].call_id, "the call has no call_id")


@ASKING.check(needs=("call", "results"), after=(*STARTED, "tool call is whole"))
async def tool_result_arrives(bench: ModelBench) -> None:
    """`send_tool_result` reaches the server, at the latest with the `respond` after it, and makes no answer before that."""
    _require_capability(bench, "tools")
    async with bench.receiving():
        await bench.do("call", "look_up", json.dumps(ARGUMENTS))
        await until(lambda: _count(bench, ResponseDone) > 0, PATIENCE)
        call_id = next(event.call_id for event in bench.received if isinstance(event, ToolCall))
        await bench.model.send_tool_result(call_id, "seven")
        await trio.sleep(0.5)
        by_itself = _count(bench, ResponseCreated) - 1

        async def arrived() -> bool:
            return (call_id, "seven") in await bench.results()

        if not await arrived() and not _lacks(bench, "respond"):
            await bench.model.respond()
        there = await until(arrived, PATIENCE)
    require(there, f"the server has {await bench.results()} of the result ({call_id!r}, 'seven')")
    require(not by_itself, "an answer began by itself after the result; respond() asks for it")


@ASKING.check(after=STARTED)
async def history_makes_no_answer(bench: ModelBench) -> None:
    """`seed` tells of a conversation that went before: the model takes it, and does not answer."""
    _require_capability(bench, "history")
    async with bench.receiving():
        await bench.model.seed(HISTORY)
        await trio.sleep(0.5)
    begun = [type(event).__name__ for event in bench.received if isinstance(event, ResponseCreated | AudioDelta)]
    require(not begun, f"after seed() came {', '.join(begun)}; respond() asks for an answer")
    refused = [event for event in bench.received if isinstance(event, SessionError)]
    require(not refused, f"the server refused some of the history: {refused[:1]}")
    require(bench.ended_by is None, f"after seed() receive() raised {bench.ended_by!r}")


def _require_capability(bench: ModelBench, capability: Capability) -> None:
    if _lacks(bench, capability):
        raise NotChecked(f"it does not declare {capability!r}")


def _lacks(bench: ModelBench, capability: Capability) -> bool:
    return capability not in bench.model.capabilities


def _count(bench: ModelBench, kind: type) -> int:
    return sum(isinstance(event, kind) for event in bench.received)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
