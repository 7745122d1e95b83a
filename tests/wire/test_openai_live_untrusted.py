"""Whatever a stranger sends as GPT-Live, or to the emulated one, nothing is raised but the protocol error, and little is remembered."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import Agent, ModelEvent, RemoteProtocolError
from trioaudio.audio import PCM16_24K
from trioaudio.wire.openai_live import OpenAILiveWire
from trioaudio.wire.openai_live_server import OpenAILiveServer, OpenAILiveServerOptions

KINDS = [
    *("session.started", "session.output_audio.delta", "session.input_transcript.delta", "session.output_transcript.delta", "error"),
    *("session.delegation.created", "session.usage.updated", "session.closed", "info", "session.start", "session.close"),
    *("session.input_audio.append", "session.commentary.append", "x.y.append", "append", ".append"),
]
FIELDS = [
    *("session", "audio", "format", "type", "rate", "delta", "delegation", "id", "target", "usage", "seconds", "context_window"),
    *("usage_ratio", "reason", "error", "code", "message", "expires_at", "content", "delegation_id", "model", "event_id", "output"),
]
scalars = st.none() | st.booleans() | st.integers(-(10**45), 10**45) | st.floats() | st.text(max_size=9)
scalars |= st.sampled_from(["AAAA", "AAA=", "audio/pcm", "client", "\ud800", 24000])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4), max_leaves=5
)
messages = st.dictionaries(st.sampled_from(FIELDS), values, max_size=5).flatmap(
    lambda message: st.sampled_from(KINDS).map(lambda kind: json.dumps({**message, "type": kind}))
)
anything = messages | st.text(max_size=40) | st.binary(max_size=40) | st.sampled_from(["[" * 100_000, '{"type":' + "9" * 5000 + "}"])


@settings(max_examples=15, deadline=None)
@given(st.lists(anything, max_size=5))
def test_raises_only_the_protocol_error(data: list[str | bytes]) -> None:
    wire = OpenAILiveWire("gpt-live-1")
    wire.start(Agent(), PCM16_24K)
    for each in data:
        with suppress(RemoteProtocolError):
            assert all(isinstance(event, ModelEvent) for event in wire.receive_untrusted(each))


@settings(max_examples=15, deadline=None)
@given(st.lists(anything, max_size=5))
def test_the_emulated_server_refuses_and_lives(data: list[str | bytes]) -> None:
    server = OpenAILiveServer(OpenAILiveServerOptions(), 0.0)
    server.receive_untrusted('{"type":"session.start","session":{"model":"gpt-live-1"}}', 0.0)
    for number, each in enumerate(data):
        server.receive_untrusted(each, number * 0.1)
        server.advance(number * 0.1)
        assert all(json.loads(message)["type"] for message in server.take())


def test_what_is_no_audio_and_what_is_unknown_is_counted() -> None:
    wire = OpenAILiveWire("gpt-live-1")
    wire.start(Agent(), PCM16_24K)
    wire.receive_untrusted('{"type":"session.started","session":{"id":"live_1"}}')
    assert not wire.receive_untrusted('{"type":"session.output_audio.delta","delta":"*"}')
    assert not wire.receive_untrusted('{"type":"session.of.tomorrow"}')
    assert (wire.counts.invalid_audio, wire.counts.unknown) == (1, 1)
    with pytest.raises(RemoteProtocolError):
        wire.receive_untrusted('{"type":"session.delegation.created"}')


def test_an_hour_of_deltas_is_not_remembered() -> None:
    wire = OpenAILiveWire("gpt-live-1")
    wire.start(Agent(), PCM16_24K)
    wire.receive_untrusted('{"type":"session.started","session":{"id":"live_1"}}')
    delta = json.dumps({"type": "session.output_audio.delta", "delta": "AAAA" * 1600})
    wire.receive_untrusted(delta)
    tracemalloc.start()
    for _ in range(500):
        wire.receive_untrusted(delta)
    remembered = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert remembered < 50_000
