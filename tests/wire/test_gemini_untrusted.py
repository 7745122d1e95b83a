"""Whatever comes over the wire is a message of the Gemini Live protocol or `RemoteProtocolError`, in bounded time and memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import gemini_says as says
from wire.gemini_says import ready

from trioaudio import Agent, ModelEvent, RemoteProtocolError
from trioaudio.audio import PCM16_16K, PCM16_24K
from trioaudio.wire.gemini import GeminiWire

KEYS = [
    "setupComplete", "serverContent", "toolCall", "toolCallCancellation", "goAway", "sessionResumptionUpdate", "voiceActivity",
    "usageMetadata", "somethingElse",
]  # fmt: skip
FIELDS = [
    *KEYS, "modelTurn", "parts", "inlineData", "mimeType", "data", "text", "thought", "interrupted", "generationComplete",
    "turnComplete", "turnCompleteReason", "inputTranscription", "outputTranscription", "finished", "functionCalls", "id", "name", "args",
    "ids", "timeLeft", "newHandle", "resumable", "sessionId", "voiceActivityType", "audioOffset", "promptTokenCount",
    "promptTokensDetails", "modality", "tokenCount",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**30, 10**60)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["AAAA", "AAA=", "audio/pcm", "audio/pcm;rate=24000", "audio/pcm;rate=9", "1.5s", "ACTIVITY_START", "\ud800"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4), max_leaves=10
)
likely = st.sampled_from(
    [
        json.loads(each)["serverContent"]
        for each in (says.audio(), says.GENERATED, says.TURN_COMPLETE, says.INTERRUPTED, says.heard("x"), says.spoken("y"))
    ]
)
messages = st.dictionaries(st.sampled_from(KEYS), values, max_size=3) | st.builds(lambda content: {"serverContent": content}, likely)


def received(wire: GeminiWire, data: str | bytes) -> list[ModelEvent] | None:
    try:
        return wire.receive_untrusted(data)
    except RemoteProtocolError:
        return None


@settings(max_examples=50)
@given(st.text() | st.binary())
def test_garbage_is_a_protocol_error(garbage: str | bytes) -> None:
    assert not received(ready(), garbage)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])  # it is not, on a machine with nothing else to do
@given(st.lists(messages, max_size=6), st.booleans())
def test_messages_of_any_shape_mean_something_or_break_the_protocol(strange: list[dict[str, Any]], is_ready: bool) -> None:
    wire = ready() if is_ready else GeminiWire("m")
    for message in strange:
        for event in received(wire, json.dumps(message)) or ():
            repr(event).encode()  # no half of a surrogate pair has got through
            if event.name == "tool.call":
                wire.tool_result("call_1", "x")
        wire.owed()
        if not wire.responding:
            wire.respond()


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 1_000_000,
        '{"serverContent":' * 200_000,
        '{"toolCall":{"functionCalls":[{"name":"f","args":' + '{"a":' * 100_000 + "}" * 100_000 + "}]}}",
        '{"usageMetadata":{"promptTokenCount":' + "9" * 3_000_000 + "}}",
        '{"usageMetadata":{"promptTokenCount":-1}}',
        '{"usageMetadata":{"promptTokenCount":1e999}}',
        '{"serverContent":{"turnComplete":NaN}}',
        '{"goAway":{}' + " " * (16 * 2**20) + "}",
        b"\xff\xfe{}",
        "null",
        "[]",
        '"setupComplete"',
        '{"serverContent":7}',
        '{"serverContent":[]}',
        '{"serverContent":{"modelTurn":"hi"}}',
        '{"serverContent":{"modelTurn":{"parts":{}}}}',
        '{"serverContent":{"modelTurn":{"parts":[7]}}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AAA"}}]}}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"A=AA"}}]}}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"\\ud800AAA"}}]}}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":7}}]}}}',
        '{"serverContent":{"inputTranscription":{"text":7}}}',
        '{"serverContent":{"outputTranscription":{"text":"' + "x" * 2_000_000 + '"}}}',
        '{"toolCall":{"functionCalls":[{"name":"f","args":"{}"}]}}',
        '{"toolCall":{"functionCalls":[{"name":"' + "x" * 600 + '"}]}}',
        '{"toolCallCancellation":{"ids":[7]}}',
        '{"setupComplete":{"sessionId":"' + "x" * 600 + '"}}',
        '{"goAway":{"timeLeft":9}}',
    ],
    ids=lambda hostile: repr(hostile[:60]),
)
def test_what_no_server_may_send_is_refused(hostile: str | bytes) -> None:
    wire = GeminiWire("m")
    wire.setup(Agent(), PCM16_16K, PCM16_24K)
    with pytest.raises(RemoteProtocolError):
        wire.receive_untrusted(hostile)


def test_a_server_that_goes_on_for_ever_fills_no_memory() -> None:
    wire = ready()

    def go_on(begin: int) -> None:
        for number in range(begin, begin + 500):
            wire.receive_untrusted(says.heard("x" * 10_000))
            wire.receive_untrusted(says.spoken("x" * 10_000))
            wire.receive_untrusted(says.tool_call((f"{number}-{'x' * 200}", "f", {"a": "x" * 100})))
            wire.receive_untrusted(says.spoken("x" * 10_000))
            wire.receive_untrusted(says.message(sessionResumptionUpdate={"newHandle": f"{number}" * 2_000, "resumable": True}))
            wire.receive_untrusted(says.INTERRUPTED)

    go_on(0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    go_on(500)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 400_000
