"""The emulated ElevenLabs agent: what it says and when, and whom it does not want to talk to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from wire.openai_emulated import speech

from trioaudio.audio import MULAW_8K, PCM16_16K, Converter, Frame
from trioaudio.wire.elevenlabs_server import (
    ElevenLabsAnswer,
    ElevenLabsCall,
    ElevenLabsQuestion,
    ElevenLabsReply,
    ElevenLabsServer,
    ElevenLabsServerOptions,
)


class Emulated:
    """An agent, read: what a client hands over, and what it says at once; ``wait`` lets time pass."""

    def __init__(self, answer: ElevenLabsAnswer | None = None, **options: Any) -> None:
        self.server = ElevenLabsServer(answer, ElevenLabsServerOptions(**options))
        self.now = 0.0

    def begin(self, **fields: Any) -> list[dict[str, Any]]:
        self.server.open("agent_1")
        return self.say("conversation_initiation_client_data", **fields)

    def say(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return self.hand(json.dumps({"type": kind, **fields}))

    def hand(self, data: str | bytes) -> list[dict[str, Any]]:
        self.server.receive_untrusted(data, self.now)
        return self.taken()

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        self.now += seconds
        self.server.advance(self.now)
        return self.taken()

    def speak(self, frame: Frame) -> list[dict[str, Any]]:
        """Let it hear a frame, as it sounds."""
        said: list[dict[str, Any]] = []
        for piece in frame.split(frame.format.frame_samples):
            said += [*self.wait(0.02), *self.hand(json.dumps({"user_audio_chunk": piece.base64}))]
        return said

    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.server.take()]


def kinds(messages: Iterable[dict[str, Any]], *, without: str = "ping") -> list[str]:
    """Types in order, repetitions left out."""
    found = [message["type"] for message in messages if message["type"] != without]
    return [kind for index, kind in enumerate(found) if found[index - 1 : index] != [kind]]


def heard_by_agent() -> Frame:
    """The caller, who speaks for 2 s, and the silence after it."""
    utterance = Converter(speech().format, PCM16_16K).convert(speech())
    return utterance.joined(Frame.silence(16_000, PCM16_16K))


def test_a_conversation_begins_with_the_formats_a_ping_and_the_first_message() -> None:
    agent = Emulated(input_format="ulaw_8000", first_message="Good morning.")
    said = agent.begin()
    assert kinds(said, without="") == ["conversation_initiation_metadata", "ping", "agent_response", "audio"]
    about = said[0]["conversation_initiation_metadata_event"]
    assert (about["user_input_audio_format"], about["agent_output_audio_format"]) == ("ulaw_8000", "pcm_16000")
    assert said[2]["agent_response_event"] == {"agent_response": "Good morning.", "event_id": 1}


def test_whoever_asks_for_nothing_begins_it_too() -> None:
    agent = Emulated()
    agent.server.open("agent_1")
    assert kinds(agent.say("user_activity"))[0] == "conversation_initiation_metadata"


def test_a_conversation_may_change_its_first_message_and_its_events() -> None:
    override = {"agent": {"first_message": "Hi.", "prompt": {"prompt": "Be kind."}}, "conversation": {"client_events": ["agent_response"]}}
    agent = Emulated(lambda question: ElevenLabsReply(question.prompt))
    said = agent.begin(conversation_config_override=override)
    assert kinds(said) == ["conversation_initiation_metadata", "agent_response"]
    agent.wait(3.0)
    assert agent.say("user_message", text="?")[0]["agent_response_event"]["agent_response"] == "Be kind."


def test_an_empty_first_message_waits_for_the_caller() -> None:
    assert kinds(Emulated().begin(conversation_config_override={"agent": {"first_message": ""}})) == ["conversation_initiation_metadata"]


def test_a_caller_is_written_down_and_answered_with_what_they_said() -> None:
    agent = Emulated(first_message="")
    agent.begin()
    said = agent.speak(heard_by_agent())
    assert kinds(said) == ["tentative_user_transcript", "user_transcript", "agent_response", "audio"]
    words = [message["agent_response_event"]["agent_response"] for message in said if message["type"] == "agent_response"]
    assert words == ["(2.2 s of what you said)"]


@pytest.mark.parametrize("numbers", ["turn", "piece"])
def test_a_caller_who_speaks_into_it_interrupts_it_and_it_knows_what_was_heard(numbers: str) -> None:
    agent = Emulated(first_message="", numbers=numbers, slips=True, speed=2.0)
    agent.begin()
    agent.server.say(ElevenLabsReply("one two three four five", Frame.silence(5 * 16_000, PCM16_16K)), 0.0)
    said = agent.speak(heard_by_agent().cut(0, 2 * 16_000))
    assert kinds(said)[:5] == ["agent_response", "audio", "interruption", "audio", "agent_response_correction"]
    at = [message["type"] for message in said].index("interruption")
    number, late = said[at]["interruption_event"]["event_id"], said[at + 1]["audio_event"]["event_id"]
    assert late - number == (numbers == "piece")
    heard = said[at + 2]["agent_response_correction_event"]["corrected_agent_response"]
    assert "one two three four five".startswith(heard.removesuffix("..."))


def test_what_was_sent_and_has_not_sounded_yet_is_interrupted_too() -> None:
    agent = Emulated(first_message="")
    agent.begin()
    agent.server.say(ElevenLabsReply("one", Frame.silence(5 * 16_000, PCM16_16K)), 0.0)
    agent.wait(4.0)
    assert kinds(agent.say("user_message", text="Stop."))[:2] == ["interruption", "agent_response_correction"]
    agent.wait(10.0)
    assert "interruption" not in kinds(agent.say("user_message", text="Thanks."))


def test_a_tool_is_called_and_its_result_answered_once_all_are_there() -> None:
    asked: list[ElevenLabsQuestion] = []

    def answer(question: ElevenLabsQuestion) -> ElevenLabsReply | None:
        asked.append(question)
        return None if question.results else ElevenLabsReply("", calls=(ElevenLabsCall("a", '{"x":1}'), ElevenLabsCall("b")))

    agent = Emulated(answer, first_message="")
    agent.begin()
    calls = [message["client_tool_call"] for message in agent.say("user_message", text="Please.") if "client_tool_call" in message]
    assert [(call["tool_name"], call["parameters"]) for call in calls] == [("a", {"x": 1}), ("b", {})]
    for call in calls:
        agent.say("client_tool_result", tool_call_id=call["tool_call_id"], result="done", is_error=False)
    assert [question.results for question in asked] == [(), ("done", "done")]
    assert list(agent.server.results.values()) == [("done", False), ("done", False)]
    agent.say("client_tool_result", tool_call_id="call_99", result="", is_error=False)
    assert agent.server.errors == ["unknown_tool_call"]


def test_it_pings_and_knows_which_pings_were_answered() -> None:
    agent = Emulated(first_message="", ping_every=2.0)
    agent.begin()
    assert [message["ping_event"]["event_id"] for message in agent.wait(4.0)] == [2, 3]
    for number in (1, 3, 9):
        agent.say("pong", event_id=number)
    assert (agent.server.unanswered_pings, agent.server.errors) == (1, ["unexpected_pong"])


def test_what_it_was_told_beside_the_conversation_is_part_of_the_next_question() -> None:
    agent = Emulated(lambda question: ElevenLabsReply("; ".join(question.context)), first_message="")
    agent.begin()
    assert agent.say("contextual_update", text="page 3") == []
    assert agent.say("user_message", text="?")[0]["agent_response_event"]["agent_response"] == "page 3"


def test_a_conversation_ends_after_its_longest_time() -> None:
    agent = Emulated(lasts=60.0)
    agent.begin()
    agent.wait(60.0)
    assert agent.server.closing == (1000, "The conversation has reached its maximum duration.")


@pytest.mark.parametrize(
    ("options", "agent_id", "authorised"),
    [({"agents": frozenset({"a"})}, "b", True), ({}, None, True), ({"keys": frozenset({"k"})}, "a", False)],
)
def test_whom_it_does_not_know_it_closes_the_door_to(options: dict[str, Any], agent_id: str | None, authorised: bool) -> None:
    server = ElevenLabsServer(options=ElevenLabsServerOptions(**options))
    server.open(agent_id, authorised=authorised)
    assert server.closing is not None
    assert server.closing.code == 3000


@pytest.mark.parametrize(
    ("options", "message", "kind"),
    [
        ({"overridable": False}, {"conversation_config_override": {"agent": {"first_message": "x"}}}, "override_error"),
        ({}, {"conversation_config_override": {"agent": {"tools": []}}}, "override_error"),
        ({}, {"conversation_config_override": {"asr": {"user_input_audio_format": "ulaw_8000"}}}, "override_error"),
        ({"variables": frozenset({"name"})}, {"dynamic_variables": {"nane": "Ada"}}, "missing_dynamic_variable"),
        ({}, {"dynamic_variables": []}, "value_error"),
    ],
)
def test_a_first_message_that_cannot_be_ends_the_conversation(options: dict[str, Any], message: dict[str, Any], kind: str) -> None:
    agent = Emulated(**options)
    [error] = agent.begin(**message)
    assert error["error_event"]["error_type"] == kind
    assert agent.server.closing is not None
    assert agent.server.closing.code == 1008


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("nonsense", "invalid_message"),
        (b'{"type":"user_activity"}', "invalid_message"),
        ("[]", "invalid_message"),
        ('{"type":"session.update"}', "invalid_message"),
        ('{"user_audio_chunk":"?"}', "value_error"),
        ('{"user_audio_chunk":7}', "value_error"),
        ('{"type":"pong"}', "missing_fields"),
        ('{"type":"client_tool_result","tool_call_id":"a","result":{},"is_error":false}', "value_error"),
        ('{"type":"contextual_update"}', "missing_fields"),
    ],
)
def test_what_no_client_may_say_ends_the_conversation(data: str | bytes, kind: str) -> None:
    agent = Emulated()
    agent.begin()
    said = agent.hand(data)
    assert said[-1]["error_event"]["error_type"] == kind
    assert agent.server.errors == [kind]
    assert agent.hand('{"type":"user_activity"}') == []


def test_it_hears_and_speaks_what_a_telephone_does() -> None:
    agent = Emulated(first_message="", input_format="ulaw_8000", output_format="ulaw_8000")
    agent.begin()
    heard = Converter(PCM16_16K, MULAW_8K).convert(heard_by_agent())
    pieces = [message["audio_event"]["audio_base_64"] for message in agent.speak(heard) if message["type"] == "audio"]
    spoken = sum(len(Frame.from_base64(piece, MULAW_8K)) for piece in pieces)
    assert spoken >= MULAW_8K.rate
