"""Tools: a call that is announced many times is made once, and only if it was meant; its result is told once."""

from __future__ import annotations

from typing import Any

import pytest
from wire import openai_says as says
from wire.openai_says import ready, sent

from trioaudio import ModelEvent, ResponseDone, ToolCall, ToolCancelled, ToolStart
from trioaudio.wire.openai import OpenAIWire

CALL = ToolCall("call_1", "look_up", '{"a":1}', "resp_1")


WHAT = {"call_id": "call_1", "name": "look_up", "arguments": '{"a":1}'}


def item(status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"id": "item_f", "type": "function_call", "status": status, **WHAT, **fields}


def arguments_done() -> str:
    return says.event("response.function_call_arguments.done", response_id="resp_1", item_id="item_f", output_index=0, **WHAT)


def item_done(status: str = "completed", **fields: Any) -> str:
    return says.event("response.output_item.done", response_id="resp_1", output_index=0, item=item(status, **fields))


def heard(wire: OpenAIWire, *messages: str) -> list[ModelEvent]:
    return [event for message in (says.response_created(), *messages) for event in wire.receive_untrusted(message)][1:]


def test_a_call_that_is_announced_three_times_is_made_once_before_its_answer_is_over() -> None:
    events = heard(ready(), arguments_done(), item_done(), item_done(), says.response_done(output=[item()]))
    assert events == [CALL, ResponseDone("resp_1")]


@pytest.mark.parametrize("messages", [[arguments_done(), item_done("incomplete")], [item_done("incomplete")], [arguments_done()]])
def test_a_call_of_an_answer_that_was_cut_short_is_not_made(messages: list[str]) -> None:
    events = heard(ready(), *messages, says.response_done("resp_1", "cancelled", "client_cancelled", output=[item("incomplete")]))
    assert not [event for event in events if isinstance(event, ToolCall)]


LESS = {
    "item alone": [item_done()],
    "response alone": [says.response_done(output=[item()])],
    "arguments and response": [arguments_done(), says.response_done()],
    "arguments apart": [arguments_done(), item_done(arguments="")],
}


@pytest.mark.parametrize("messages", LESS.values(), ids=LESS)
def test_servers_that_announce_less_have_their_calls_made_too(messages: list[str]) -> None:
    assert CALL in heard(ready(), *messages)


def test_a_result_is_told_once_and_answers_nothing() -> None:
    wire = ready()
    heard(wire, item_done(), says.response_done())
    [result] = sent(wire.tool_result("call_1", "42"))
    assert result["item"] == {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    assert wire.tool_result("call_1", "43") == []
    assert wire.owed() == []


def test_nothing_is_told_of_a_call_that_was_not_made() -> None:
    assert ready().tool_result("call_9", "42") == []


def test_a_result_that_comes_after_the_answer_was_interrupted_is_told() -> None:
    wire = ready()
    heard(wire, item_done(), says.speech_started(), says.response_done("resp_1", "cancelled", "turn_detected"))
    assert len(wire.tool_result("call_1", "42")) == 1


def added() -> str:
    return says.event("response.output_item.added", response_id="resp_1", output_index=0, item=item("in_progress", arguments=""))


@pytest.mark.parametrize("ends", [[item_done("incomplete")], []], ids=["item incomplete", "response over"])
def test_a_call_that_was_begun_and_never_finished_is_cancelled_once(ends: list[str]) -> None:
    cancelled = says.response_done("resp_1", "cancelled", "client_cancelled", output=[item("incomplete")] if ends else [])
    events = heard(ready(), added(), added(), *ends, cancelled)
    assert [event for event in events if not isinstance(event, ResponseDone)] == [
        ToolStart("call_1", "look_up", "resp_1"),
        ToolCancelled("call_1"),
    ]


def test_a_call_that_was_finished_is_not_cancelled() -> None:
    events = heard(ready(), added(), item_done(), says.response_done("resp_1", "cancelled", "turn_detected", output=[item()]))
    assert [type(event).__name__ for event in events] == ["ToolStart", "ToolCall", "ResponseInterrupted", "ResponseDone"]
