"""The official SDK agrees: every message of ours, and of the emulated server, passes its typed models, strictly and with nothing left over.

Needs the dependency group ``sdk`` (``nox -s sdk``). The models have holes, so what they let pass is checked by hand.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import openai_says as says
from wire.openai_emulated import Emulated, speech
from wire.openai_says import ready

from trioaudio import Agent, Called, Returned, Said, TurnDetection
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.openai import OpenAIWire, SessionOptions
from trioaudio.wire.openai_server import OpenAICall, OpenAIQuestion, OpenAIReply, parrot

pydantic = pytest.importorskip("pydantic", minversion="2.12", reason="the dependency group sdk is not installed")
realtime = pytest.importorskip("openai.types.realtime", reason="the dependency group sdk is not installed")

FORMATS = [PCM16_24K, MULAW_8K, ALAW_8K]
SERVER = pydantic.TypeAdapter(Annotated[realtime.RealtimeServerEvent, pydantic.Field(discriminator="type")])
CLIENT = pydantic.TypeAdapter(Annotated[realtime.RealtimeClientEvent, pydantic.Field(discriminator="type")])

options = st.builds(
    SessionOptions,
    answers=st.booleans(),
    prefix_ms=st.none() | st.integers(0, 1_000),
    idle_timeout_ms=st.none() | st.integers(5_000, 30_000),
    language=st.none() | st.just("de"),
    noise=st.none() | st.sampled_from(["near_field", "far_field"]),
    output=st.sampled_from(["audio", "text"]),
    speed=st.none() | st.floats(0.25, 1.5),
    max_output_tokens=st.none() | st.integers(1, 4_096),
    reasoning=st.none() | st.sampled_from(["minimal", "low", "medium", "high"]),
)
turns = st.builds(
    TurnDetection,
    mode=st.sampled_from(["server", "semantic", "manual"]),
    silence_ms=st.none() | st.floats(1, 5_000),
    threshold=st.none() | st.floats(0, 1),
    eagerness=st.none() | st.sampled_from(["low", "medium", "high", "auto"]),
    interrupt=st.booleans(),
)


def book(day: Literal["today", "tomorrow"], people: int = 2, notes: list[str] | None = None) -> str:
    """Book a table.

    Args:
        day: when.
    """
    return f"{day} {people} {notes}"


agents = st.builds(
    Agent,
    st.text(max_size=50),
    transcribe=st.booleans(),
    voice=st.none() | st.sampled_from(["marin", "cedar", "voice_1"]),
    turn_detection=turns,
    tools=st.sampled_from([(), (book,)]),
)


def valid(*messages: str) -> list[dict[str, Any]]:
    """The messages, read, each of which is what the SDK would have sent; what its models do not look at is looked at here."""
    read = [json.loads(message) for message in messages]
    for message in read:
        CLIENT.validate_python(message, strict=True, extra="forbid")
        assert message["event_id"]
        if "audio" in message:
            base64.b64decode(message["audio"], validate=True)
        assert message.get("audio_end_ms", 0) >= 0
        assert message.get("response") != {}
    return read


@given(options, agents, st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_every_configuration_is_valid_and_the_emulated_server_takes_it(
    options: SessionOptions, agent: Agent, input: AudioFormat, output: AudioFormat
) -> None:
    wire = OpenAIWire(options)
    wire.receive_untrusted(says.session_created())
    [update] = valid(*wire.session_update(agent, input, output))
    for direction in ("input", "output"):
        format = update["session"]["audio"][direction]["format"]
        assert ("rate" in format) == (format["type"] == "audio/pcm")
    assert len(update["session"]["output_modalities"]) == 1
    [updated] = Emulated().open().hand(json.dumps(update))
    wire.receive_untrusted(json.dumps(updated))
    assert wire.phase == "ready"


@given(st.binary(max_size=400), st.sampled_from(FORMATS), st.text(min_size=1, max_size=20))
def test_everything_that_is_said_in_a_call_is_valid(audio: bytes, format: AudioFormat, words: str) -> None:
    wire = ready(input=format, agent=says.MANUAL)
    whole = audio[: len(audio) - len(audio) % format.sample_bytes]
    valid(wire.append(Frame(whole, format)), wire.append(Frame.silence(format.rate, format)))
    valid(*wire.commit(), *wire.clear())
    wire.receive_untrusted(says.response_created())
    wire.receive_untrusted(says.audio(2_400))
    assert len(valid(*wire.truncate("item_1", 1_000))) == 1
    wire.receive_untrusted(says.response_done())
    call = {"id": "f", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "look_up", "arguments": "{}"}
    wire.receive_untrusted(says.event("response.output_item.done", item=call))
    assert len(valid(*wire.tool_result("call_1", words))) == 1
    valid(*wire.send_text(words), *wire.send_image(b"\x89PNG\r\n\x1a\n", "image/png", words))
    history = [Said("caller", words), Said("agent", words), Called("call_0", "look_up", "{}"), Returned("call_0", words)]
    valid(*wire.seed(history), *wire.delete_item("item_1"), *wire.aside(words)[1])
    wire.receive_untrusted(says.response_created("resp_2"))
    assert len(valid(*wire.cancel())) == 1
    wire.receive_untrusted(says.response_done("resp_2"))
    valid(*wire.respond(words))


def test_the_sdk_would_notice() -> None:
    with pytest.raises(pydantic.ValidationError):
        valid(json.dumps({"type": "response.cancel", "event_id": "1", "reason": "none"}))


def understood(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of the emulated server, each of which the SDK knows to the last field."""
    for event in events:
        has_session = "session" in event  # whose type in the SDK is that of the request, which lacks what only the server knows
        SERVER.validate_python(event, strict=True, **({} if has_session else {"extra": "forbid"}))
        if has_session:
            realtime.RealtimeSessionCreateResponse.model_validate(event["session"], strict=True, extra="forbid")
        if event["type"] == "response.output_audio.delta":
            base64.b64decode(event["delta"], validate=True)
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)
    return events


def answer(question: OpenAIQuestion) -> OpenAIReply:
    if question.tools and not question.results:
        return OpenAIReply(
            "One moment.", Frame.silence(question.format.rate, question.format), (OpenAICall("look_up", '{"a":1}'), OpenAICall("look_up"))
        )
    return OpenAIReply("one two three", Frame.silence(3 * question.format.rate, question.format))


@pytest.mark.parametrize("format", FORMATS, ids=str)
@pytest.mark.parametrize("turns", ["server_vad", "semantic_vad"])
def test_every_event_of_turns_and_interruptions_is_understood(format: AudioFormat, turns: str) -> None:
    emulated = Emulated(answer)
    emulated.server.open("gpt-realtime-2.1", "key", epoch=1_790_000_000.5)
    written = says.WRITTEN[format.encoding]
    input = {"format": written, "turn_detection": {"type": turns}, "transcription": {"model": "whisper-1"}}
    events = [
        *emulated.taken(),
        *emulated.say("session.update", session={"type": "realtime", "audio": {"input": input, "output": {"format": written}}}),
    ]
    events += [*emulated.hear(speech(format)), *emulated.wait(0.1), *emulated.hear(speech(format)), *emulated.wait()]
    events += [*emulated.say("response.create"), *emulated.wait(0.1), *emulated.say("response.cancel")]
    item_id = next(event["item"]["id"] for event in reversed(events) if event["type"] == "response.output_item.done")
    events += emulated.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10)
    statuses = [event["response"]["status"] for event in understood(events) if event["type"] == "response.done"]
    assert statuses == ["cancelled", "completed", "cancelled"]


CONTENT = [
    {"type": "input_text", "text": "x"},
    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    {"type": "input_audio", "audio": "AAAA"},
]


def test_every_event_of_tools_text_and_items_is_understood() -> None:
    emulated = Emulated(answer).open(tools=[{"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}])
    events = [*emulated.say("response.create"), *emulated.wait()]
    calls = [event["call_id"] for event in events if event["type"] == "response.function_call_arguments.done"]
    for call_id in calls:
        events += emulated.say("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "1"})
    for part in CONTENT:
        item = {"id": part["type"], "type": "message", "role": "user", "content": [part]}
        events += emulated.say("conversation.item.create", item=item)
    events += emulated.say("conversation.item.retrieve", item_id="input_audio")
    events += emulated.say("conversation.item.delete", item_id="input_audio")
    for response in ({"output_modalities": ["text"], "metadata": {"a": "b"}}, {"conversation": "none"}):
        events += [*emulated.say("response.create", response=response), *emulated.wait()]
    events += emulated.say("input_audio_buffer.clear")
    assert len(calls) == 2
    understood(events)


def test_every_event_of_silence_failures_and_memory_is_understood() -> None:
    replies = iter([OpenAIReply("Hm.", fails="rate_limit_exceeded"), OpenAIReply("Hm.", incomplete="max_output_tokens")])
    emulated = Emulated(lambda question: next(replies, None) or parrot(question), transcribed="fails", lasts=100.0)
    input = {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000}, "transcription": {"model": "whisper-1"}}
    events = emulated.open(audio={"input": input}).hear(speech())
    events += emulated.wait(8.0)
    events += [*emulated.hear(speech()), *emulated.wait(5.0)]
    for item in emulated.server.conversation.items:
        events += emulated.say("conversation.item.retrieve", item_id=item["id"])
    seen = {event["type"] for event in understood(events)}
    assert "input_audio_buffer.timeout_triggered" in seen
    assert "conversation.item.input_audio_transcription.failed" in seen
    assert {event["response"]["status"] for event in events if event["type"] == "response.done"} == {"failed", "incomplete", "completed"}


def test_every_error_is_understood() -> None:
    emulated = Emulated(answer).open()
    events = [*emulated.hand("{"), *emulated.hand(b""), *emulated.say("nonsense", event_id="x"), *emulated.say("response.cancel")]
    events += emulated.say("session.update", session={"type": "realtime", "oops": 1})
    assert len(understood(events)) == 5
    refused = Emulated(answer, keys=frozenset({"key"}))
    refused.server.open("m", None)
    understood(refused.taken())
