"""Whatever a stranger sends, the decoder raises nothing but the protocol error, quickly, and remembers no more than it must."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import openai_says as says
from wire.openai_says import ready

from trioaudio import ModelEvent, RemoteProtocolError
from trioaudio.wire.openai import OpenAIWire

KINDS = [
    "session.created",
    "session.updated",
    "error",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.truncated",
    "conversation.item.added",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.created",
    "conversation.item.deleted",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "response.audio.delta",
    "rate_limits.updated",
    "something.else",
]
FIELDS = [
    "session", "error", "response", "item", "item_id", "response_id", "delta", "transcript", "text", "content_index", "audio_start_ms",
    "audio_end_ms", "id", "status", "status_details", "reason", "output", "audio", "format", "input", "type", "rate", "code", "message",
    "event_id", "param", "input_audio_format", "expires_at", "rate_limits", "usage", "name", "call_id", "arguments", "metadata",
    "trioaudio", "conversation_id", "content", "role", "cached_tokens_details",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**30, 10**60)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "AAAA",
            "AAA=",
            "resp_1",
            "item_1",
            "cancelled",
            "failed",
            "turn_detected",
            "audio/pcm",
            "\ud800",
            "=" * 8,
            "trioaudio_3",
            "function_call",
        ]
    )
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4), max_leaves=8
)
messages = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(KINDS) | scalars,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)


def received(wire: OpenAIWire, data: str | bytes) -> list[ModelEvent] | None:
    try:
        return wire.receive_untrusted(data)
    except RemoteProtocolError:
        return None


@given(st.text() | st.binary())
def test_garbage_is_a_protocol_error(garbage: str | bytes) -> None:
    assert received(ready(), garbage) is None


@settings(suppress_health_check=[HealthCheck.too_slow])  # it is not, on a machine with nothing else to do
@given(st.lists(messages, max_size=6), st.booleans())
def test_messages_of_any_shape_mean_something_or_break_the_protocol(strange: list[dict[str, Any]], is_ready: bool) -> None:
    wire = ready() if is_ready else OpenAIWire()
    key, _ = wire.aside("x")
    for message in strange:
        for event in received(wire, json.dumps(message)) or ():
            repr(event).encode()  # no half of a surrogate pair has got through
        wire.owed()
        wire.cancel()
        wire.truncate("item_1", 100)
    wire.refused_by(4000, json.dumps(strange))
    wire.forget_aside(key)


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 1_000_000,
        '{"type":' * 200_000,
        '{"type":"error","error":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"type":"response.done","response":{"usage":{"total_tokens":' + "9" * 3_000_000 + "}}}",
        '{"type":"session.updated","session":{"expires_at":1e999}}',
        '{"type":"session.created","session":{"expires_at":NaN}}',
        '{"type":"session.created","session":{"expires_at":Infinity}}',
        '{"type":"error"' + " " * (16 * 2**20) + "}",
        b"\xff\xfe{}",
        b'{"type":"error\xc3"}',
        "null",
        "[]",
        '"error"',
        "{}",
        '{"type":7}',
        '{"type":"' + "x" * 2_000_000 + '"}',
        '{"type":"response.created","response":{"id":"' + "x" * 600 + '"}}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"AAA"}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"AA A"}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"A=AA"}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"\\ud800AAA"}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":7}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"AAAA","content_index":-1}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"AAAA","content_index":9999999}',
        '{"type":"response.output_audio.delta","item_id":"a","delta":"AAAA","content_index":true}',
        '{"type":"response.done","response":{"output":[7]}}',
        '{"type":"response.created","response":{"id":"r","metadata":' + "[" * 100_000 + "]" * 100_000 + "}}",
        '{"type":"response.created","response":{"id":"r","metadata":7}}',
        '{"type":"response.created","response":{"id":"r","metadata":{"trioaudio":7}}}',
        '{"type":"conversation.item.added","item":{"id":"i","type":7}}',
        '{"type":"conversation.item.deleted","item_id":7}',
        '{"type":"response.output_item.added","item":{"type":"function_call","call_id":"c","name":7}}',
        '{"type":"response.function_call_arguments.delta","call_id":"c","delta":7}',
        '{"type":"response.done","response":{"usage":{"input_token_details":{"cached_tokens_details":{"audio_tokens":-1}}}}}',
        '{"type":"response.done","response":[]}',
        '{"type":"conversation.item.truncated","item_id":"a","audio_end_ms":"12"}',
    ],
    ids=lambda hostile: repr(hostile[:60]),
)
def test_what_no_server_may_send_is_refused(hostile: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ready().receive_untrusted(hostile)


def test_an_error_shows_no_more_of_a_message_than_it_must() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        ready().receive_untrusted('{"type":"error","error":"' + "secret" * 1_000)
    assert len(str(caught.value)) < 300


def test_a_server_that_invents_names_for_ever_fills_no_memory() -> None:
    wire = ready()

    def invent(begin: int) -> None:
        for number in range(begin, begin + 1_000):
            name = f"{number}-{'x' * 200}"
            wire.receive_untrusted(says.response_created(name))
            wire.receive_untrusted(says.event("response.output_item.added", response_id=name, item={"id": name}))
            wire.receive_untrusted(says.audio(240, name, name))
            wire.receive_untrusted(says.event("response.output_audio_transcript.delta", item_id=name, delta="x" * 100))
            wire.receive_untrusted(says.speech_stopped(name))
            call = {"id": name, "type": "function_call", "call_id": name, "name": "x" * 200}
            wire.receive_untrusted(says.event("response.output_item.added", response_id=name, item=call))
            wire.receive_untrusted(says.event("conversation.item.added", item={"id": f"i{name}", "type": "x" * 1_000}))
            key, _ = wire.aside("x")
            aside = {"id": f"a{name}", "metadata": {"trioaudio": key}}
            wire.receive_untrusted(says.event("response.created", response=aside))
            wire.receive_untrusted(says.event("response.output_text.delta", response_id=f"a{name}", delta="x" * 1_000))
            wire.forget_aside(key)
            wire.cancel()

    invent(0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    invent(1_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 400_000
