"""Whatever a stranger sends, either side raises nothing but the protocol error, quickly, and remembers no more than it must."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import elevenlabs_says as says
from wire.elevenlabs_says import Talk

from trioaudio import ModelEvent, RemoteProtocolError
from trioaudio.wire.elevenlabs_server import ElevenLabsServer, ElevenLabsServerOptions

SAYS = [
    "conversation_initiation_metadata", "ping", "audio", "interruption", "user_transcript", "tentative_user_transcript", "agent_response",
    "agent_response_correction", "agent_response_complete", "agent_chat_response_part", "client_tool_call", "vad_score", "error",
    "guardrail_triggered", "mcp_tool_call", "something_else",
]  # fmt: skip
HEARS = [
    "conversation_initiation_client_data", "user_audio_chunk", "pong", "user_message", "user_activity", "contextual_update",
    "client_tool_result", "feedback",
]  # fmt: skip
PARTS = [
    "conversation_initiation_metadata_event", "ping_event", "audio_event", "interruption_event", "user_transcription_event",
    "tentative_user_transcription_event", "agent_response_event", "agent_response_correction_event", "text_response_part",
    "client_tool_call", "vad_score_event", "error_event", "conversation_config_override", "agent", "conversation", "prompt",
]  # fmt: skip
FIELDS = [
    "event_id", "audio_base_64", "agent_response", "corrected_agent_response", "user_transcript", "tool_name", "tool_call_id", "parameters",
    "vad_score", "code", "message", "error_type", "reason", "text", "type", "conversation_id", "user_input_audio_format",
    "agent_output_audio_format", "user_audio_chunk", "result", "is_error", "first_message", "client_events", "dynamic_variables", "score",
]  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-2, 9) | st.integers() | st.integers(10**30, 10**60) | st.floats() | st.text(max_size=20)
    | st.sampled_from(["AAAA", "AAA=", "tool", "delta", "stop", "start", "pcm_16000", "\ud800", "=" * 8, "like"])
)  # fmt: skip
fields = st.dictionaries(st.sampled_from(FIELDS), scalars | st.lists(scalars, max_size=3), max_size=5)
values = scalars | fields | st.dictionaries(st.sampled_from(PARTS), fields, max_size=2)


def messages(kinds: list[str]) -> st.SearchStrategy[dict[str, object]]:
    return st.builds(
        lambda kind, parts, rest: {**parts, **rest, "type": kind},
        st.sampled_from(kinds) | scalars,
        st.dictionaries(st.sampled_from(PARTS), values, max_size=3),
        fields,
    )


def received(talk: Talk, data: str | bytes) -> list[ModelEvent] | None:
    try:
        return talk.wire.receive_untrusted(data, talk.now)
    except RemoteProtocolError:
        return None


@settings(max_examples=25, deadline=None)
@given(st.text() | st.binary())
def test_garbage_means_nothing(garbage: str | bytes) -> None:
    assert not received(Talk(), garbage)


@settings(max_examples=60, deadline=None)
@given(st.lists(messages(SAYS), max_size=6))
def test_no_message_raises_anything_but_the_protocol_error(sequence: list[dict[str, object]]) -> None:
    talk = Talk()
    for message in sequence:
        received(talk, json.dumps(message))
        talk.wait(0.3)
    for text in (*talk.wire.owed(talk.now), *talk.wire.send_text("still there?", talk.now)):
        json.loads(text)


@settings(max_examples=40, deadline=None)
@given(st.lists(messages(HEARS), max_size=4), st.text() | st.binary())
def test_no_client_upsets_the_emulated_agent(sequence: list[dict[str, object]], garbage: str | bytes) -> None:
    for last in [*map(json.dumps, sequence), garbage]:
        agent = ElevenLabsServer(options=ElevenLabsServerOptions(first_message="", events=frozenset()))
        agent.open("agent")
        for message in [*map(json.dumps, sequence), last]:
            agent.receive_untrusted(message, 1.0)
        agent.advance(2.0)
        for text in agent.take():
            json.loads(text)


@pytest.mark.parametrize(
    "data", ["[" * 100_000, '{"type":' + "[" * 100_000, '{"type":"ping","ping_event":{"event_id":' + "9" * 5_000 + "}}"]
)
def test_deep_nesting_and_huge_numbers_are_a_protocol_error(data: str) -> None:
    assert received(Talk(), data) is None


def test_arguments_of_a_tool_that_cannot_be_written_down_are_a_protocol_error() -> None:
    deep = "[" * 900 + "]" * 900
    for parameters in (f'{{"x":{deep}}}', '{"x":1e999}'):
        call = f'{{"tool_name":"t","tool_call_id":"c","parameters":{parameters},"event_id":1}}'
        events = received(Talk(), f'{{"type":"client_tool_call","client_tool_call":{call}}}')
        assert events is None or json.loads(events[1].arguments)  # type: ignore[attr-defined]  # deep enough for some Pythons only


def test_a_long_conversation_is_not_remembered() -> None:
    talk = Talk()

    def exchange(number: int) -> None:
        talk.hear(says.ping(number), says.guess("Hello"), says.user_words("Hello?", number), says.tool_call(f"call_{number}"))
        talk.hear(says.words("Hello. " * 40, number), says.audio(number, 0.1), says.interruption(number))
        talk.wait(1.0)
        talk.owed()

    for number in range(100):
        exchange(number)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for number in range(100, 300):
        exchange(number)
    grown = sum(
        stat.size_diff for stat in tracemalloc.take_snapshot().compare_to(before, "filename") if "trioaudio" in stat.traceback[0].filename
    )
    tracemalloc.stop()
    assert grown < 20_000
