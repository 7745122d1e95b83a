"""One response at a time: whatever is asked for and however messages cross, the server answers each request exactly once."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import openai_says as says
from wire.openai_says import kinds, ready, sent

from trioaudio import LocalProtocolError, ResponseCreated, ResponseDone, SessionError
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.wire.openai import OpenAIWire, SessionOptions


def test_a_second_request_waits_for_the_end_of_the_first_answer() -> None:
    wire = ready()
    assert kinds(wire.respond("one")) == ["response.create"]
    assert wire.respond("two") == []
    wire.receive_untrusted(says.response_created())
    assert wire.owed() == []
    wire.receive_untrusted(says.response_done())
    [second] = sent(wire.owed())
    assert second["response"]["instructions"] == "two"


def test_each_request_is_made_once_however_alike_they_are() -> None:
    wire, made = ready(), 0
    for _ in range(3):
        made += len(wire.respond())
    for response in ("resp_1", "resp_2", "resp_3", "resp_4"):
        wire.receive_untrusted(says.response_created(response))
        wire.receive_untrusted(says.response_done(response))
        made += len(wire.owed())
    assert made == 3


def test_a_refused_request_opens_the_gate() -> None:
    wire = ready()
    [create] = sent(wire.respond("x"))
    wire.respond("y")
    wire.receive_untrusted(says.error("invalid_value", answers=create["event_id"]))
    assert len(wire.owed()) == 1


@pytest.mark.parametrize("code", ["invalid_value", None])
def test_a_server_that_does_not_say_what_it_refuses_opens_the_gate(code: str | None) -> None:
    wire = ready()
    wire.respond("x")
    wire.receive_untrusted(says.error(code))
    assert kinds(wire.respond("y")) == ["response.create"]


def test_an_error_about_something_else_leaves_the_gate_shut() -> None:
    wire = ready()
    wire.respond("x")
    wire.receive_untrusted(says.error("invalid_value", answers="another"))
    wire.receive_untrusted(says.error("input_audio_buffer_commit_empty"))
    assert wire.respond("y") == []


def test_a_request_that_met_the_servers_own_response_is_made_again_after_it() -> None:
    wire = ready()
    [create] = sent(wire.respond("x"))
    wire.receive_untrusted(says.response_created("resp_of_vad"))
    assert wire.receive_untrusted(says.error("conversation_already_has_active_response", answers=create["event_id"])) == []
    assert wire.owed() == []
    wire.receive_untrusted(says.response_done("resp_of_vad"))
    [again] = sent(wire.owed())
    assert again["response"]["instructions"] == create["response"]["instructions"]
    assert again["event_id"] != create["event_id"]


def test_nothing_is_asked_for_while_the_caller_speaks_or_is_about_to_be_answered() -> None:
    wire = ready()
    wire.receive_untrusted(says.speech_started())
    assert wire.respond("x") == []
    wire.receive_untrusted(says.speech_stopped())
    assert wire.owed() == []
    wire.receive_untrusted(says.response_created())
    wire.receive_untrusted(says.response_done())
    assert kinds(wire.owed()) == ["response.create"]


def test_a_server_that_speaks_up_after_a_long_silence_is_about_to_answer_it() -> None:
    wire = ready()
    wire.receive_untrusted(says.event("input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=6_000, item_id="user_1"))
    assert wire.receive_untrusted(says.committed()) != []
    assert wire.respond("x") == []
    wire.receive_untrusted(says.response_created())
    wire.receive_untrusted(says.response_done())
    assert kinds(wire.owed()) == ["response.create"]


def test_where_the_server_does_not_answer_by_itself_silence_is_enough() -> None:
    wire = ready(OpenAIWire(SessionOptions(answers=False)))
    wire.receive_untrusted(says.speech_started())
    wire.respond("x")
    wire.receive_untrusted(says.speech_stopped())
    assert kinds(wire.owed()) == ["response.create"]


def test_a_caller_whose_words_are_known_and_who_is_not_answered_holds_nobody_up() -> None:
    wire = ready()
    wire.receive_untrusted(says.speech_started())
    wire.receive_untrusted(says.speech_stopped())
    wire.respond("x")
    wire.receive_untrusted(says.event("conversation.item.input_audio_transcription.completed", item_id="user_1", transcript=""))
    assert kinds(wire.owed()) == ["response.create"]


def test_a_response_nobody_is_waiting_for_ends_without_a_trace() -> None:
    wire = ready()
    wire.receive_untrusted(says.response_created("resp_1"))
    wire.receive_untrusted(says.response_done("resp_0"))
    assert wire.responding
    wire.receive_untrusted(says.response_done("resp_1"))
    assert not wire.responding


def test_an_app_that_asks_without_listening_is_told() -> None:
    wire = ready()
    with pytest.raises(LocalProtocolError, match="wait their turn"):
        for number in range(1_000):
            wire.respond(str(number))


class Server:
    """Answers one at a time, refuses a second, and begins responses of its own; what it says takes a while to arrive."""

    def __init__(self, *, echoes: bool) -> None:
        self.echoes = echoes
        self.active: str | None = None
        self.answered: list[str] = []
        self.refused = 0
        self.arriving: deque[str] = deque()
        self._responses = 0

    def take(self, message: str) -> None:
        create = json.loads(message)
        if self.active is not None:
            self.refused += 1
            self.arriving.append(says.error("conversation_already_has_active_response", answers=create["event_id"]))
        else:
            self.answered.append(create["response"]["instructions"])
            self.begin(create if self.echoes else None)

    def begin(self, create: dict[str, Any] | None = None) -> None:
        if self.active is None:
            self._responses += 1
            self.active = f"resp_{self._responses}"
            self.arriving.append(says.response_created(self.active, create))

    def end(self) -> None:
        if self.active is not None:
            self.arriving.append(says.response_done(self.active))
            self.active = None


@given(st.lists(st.sampled_from(["ask", "send", "receive", "begin", "end"]), max_size=60), st.booleans())
def test_however_messages_cross_every_request_is_answered_once(steps: list[str], echoes: bool) -> None:
    wire, server, asked = ready(), Server(echoes=echoes), 0
    leaving: deque[str] = deque()

    def send() -> None:
        if leaving:
            server.take(leaving.popleft())

    def receive() -> None:
        if server.arriving:
            wire.receive_untrusted(server.arriving.popleft())
            leaving.extend(wire.owed())

    for step in steps:
        match step:
            case "ask":
                asked += 1
                leaving.extend(wire.respond(str(asked)))
            case "send":
                send()
            case "receive":
                receive()
            case "begin":
                server.begin()
            case "end":
                server.end()
    for _ in range(4 * asked + len(server.arriving) + 4):
        send()
        server.end()
        while server.arriving:
            receive()
    assert sorted(server.answered, key=int) == [str(number) for number in range(1, asked + 1)]
    assert wire.counts.races == server.refused
    assert not wire.responding


def test_it_is_known_whether_an_answer_was_asked_for() -> None:
    wire = ready()
    wire.respond()
    assert wire.receive_untrusted(says.response_created("resp_1")) == [ResponseCreated("resp_1", requested=True)]
    wire.receive_untrusted(says.response_done("resp_1"))
    assert wire.receive_untrusted(says.response_created("resp_2")) == [ResponseCreated("resp_2", requested=False)]


def test_a_server_that_says_whose_response_it_is_is_believed() -> None:
    wire = ready()
    [first] = sent(wire.respond())
    wire.receive_untrusted(says.response_created("resp_1", first))
    wire.receive_untrusted(says.response_done("resp_1"))
    [second] = sent(wire.respond())
    assert wire.receive_untrusted(says.response_created("resp_of_vad")) == [ResponseCreated("resp_of_vad", requested=False)]
    wire.receive_untrusted(says.error("conversation_already_has_active_response", answers=second["event_id"]))
    wire.receive_untrusted(says.response_done("resp_of_vad"))
    [again] = sent(wire.owed())
    assert wire.receive_untrusted(says.response_created("resp_2", again)) == [ResponseCreated("resp_2", requested=True)]


def test_an_answer_to_a_commit_was_not_asked_for_in_so_many_words() -> None:
    wire = ready(agent=says.MANUAL)
    wire.append(Frame.silence(4_800, PCM16_24K))
    wire.commit()
    assert wire.receive_untrusted(says.response_created("resp_1")) == [ResponseCreated("resp_1", requested=False)]


def test_whoever_waits_for_an_answer_that_was_refused_learns_that_it_will_not_come() -> None:
    wire = ready()
    [create] = sent(wire.respond("x"))
    error, created, done = wire.receive_untrusted(says.error("invalid_value", answers=create["event_id"]))
    assert error == SessionError("invalid_value", "no")
    assert isinstance(created, ResponseCreated)
    assert created.requested
    assert done == ResponseDone(created.response_id, "failed")
