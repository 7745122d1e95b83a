"""Answers aside: made beside the conversation, heard by nobody, found by their tag, and no concern of the gate."""

from __future__ import annotations

from typing import Any

import pytest
from wire import openai_says as says
from wire.openai_says import kinds, ready, sent

from trioaudio import AsideDone, LocalProtocolError, ModelEvent, ResponseCreated, Usage
from trioaudio.wire.openai import AsideEnd, OpenAIWire


def asked(wire: OpenAIWire, instructions: str = "Sum it up.") -> tuple[str, dict[str, Any]]:
    key, messages = wire.aside(instructions)
    [create] = sent(messages)
    return key, create


def created(create: dict[str, Any] | None, response_id: str = "resp_a", **fields: Any) -> str:
    metadata = None if create is None else create["response"]["metadata"]
    return says.event("response.created", response={"id": response_id, "conversation_id": None, "metadata": metadata, **fields})


def delta(text: str, response_id: str = "resp_a") -> str:
    return says.event("response.output_text.delta", response_id=response_id, item_id="item_a", delta=text)


def heard(wire: OpenAIWire, *messages: str) -> list[ModelEvent]:
    return [event for message in messages for event in wire.receive_untrusted(message)]


def test_it_is_asked_for_in_text_outside_the_conversation() -> None:
    key, create = asked(ready())
    assert create["type"] == "response.create"
    assert create["event_id"] == key
    assert create["response"] == {
        "conversation": "none",
        "instructions": "Sum it up.",
        "tool_choice": "none",
        "output_modalities": ["text"],
        "metadata": {"trioaudio": key},
    }


def test_it_comes_whole_and_the_conversation_hears_nothing_of_it() -> None:
    wire = ready()
    key, create = asked(wire)
    done = says.response_done("resp_a", usage={"input_tokens": 7, "output_tokens": 3})
    assert heard(wire, created(create), delta("All "), delta("is well."), done) == [AsideDone(Usage(input_tokens=7, output_tokens=3))]
    assert wire.asides_ended == [AsideEnd(key, "All is well.")]


def test_it_may_be_made_beside_an_answer_and_touches_no_gate() -> None:
    wire = ready()
    [main] = sent(wire.respond("x"))
    key, create = asked(wire)
    events = heard(wire, created(create), says.response_created("resp_1", main), delta("yes"), says.response_done("resp_a"))
    assert events == [ResponseCreated("resp_1", requested=True), AsideDone()]
    assert wire.responding
    assert wire.asides_ended == [AsideEnd(key, "yes")]
    assert wire.receive_untrusted(says.audio()) != []


def test_words_that_come_only_at_the_end_are_taken_then() -> None:
    wire = ready()
    key, create = asked(wire)
    output = [{"id": "item_a", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "In the end."}]}]
    heard(wire, created(create), says.response_done("resp_a", output=output))
    assert wire.asides_ended == [AsideEnd(key, "In the end.")]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "failed", "status_details": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}}, "rate_limit_exceeded"),
        ({"status": "incomplete", "status_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": "cancelled", "status_details": None}, "cancelled"),
    ],
)
def test_one_that_fails_says_why(fields: dict[str, Any], code: str) -> None:
    wire = ready()
    _, create = asked(wire)
    assert heard(wire, created(create), says.event("response.done", response={"id": "resp_a", **fields})) == [AsideDone()]
    [end] = wire.asides_ended
    assert end.error is not None
    assert end.error.code == code


def test_one_that_is_refused_says_why_and_nobody_else_hears_of_it() -> None:
    wire = ready()
    key, _ = asked(wire)
    assert heard(wire, says.error("invalid_value", "no such thing", answers=key)) == []
    [end] = wire.asides_ended
    assert end.key == key
    assert end.error is not None


def test_one_that_nobody_waits_for_any_more_goes_nowhere() -> None:
    wire = ready()
    key, create = asked(wire)
    wire.forget_aside(key)
    assert heard(wire, created(create), delta("never"), says.response_done("resp_a")) == [AsideDone()]
    assert wire.asides_ended == []
    assert not wire.responding


def test_a_server_that_gives_no_tags_back_is_known_by_the_conversation_it_leaves_out() -> None:
    wire = ready()
    key, _ = asked(wire)
    heard(wire, created(None), delta("guessed"), says.response_done("resp_a"))
    assert wire.asides_ended == [AsideEnd(key, "guessed")]


def test_a_server_that_gives_tags_back_is_taken_at_its_word() -> None:
    wire = ready()
    _, first = asked(wire)
    heard(wire, created(first), says.response_done("resp_a"))
    asked(wire)
    assert heard(wire, created(None, "resp_of_vad")) == [ResponseCreated("resp_of_vad", requested=False)]


def test_so_many_may_be_waited_for_and_no_more() -> None:
    wire = ready()
    with pytest.raises(LocalProtocolError, match="wait for some"):
        for _ in range(100):
            wire.aside("x")
    assert kinds(wire.respond()) == ["response.create"]
