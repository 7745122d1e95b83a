"""The official SDK agrees: every message of ours, and of the emulated server, passes its typed models with nothing left over.

Needs the dependency group ``sdk`` (``nox -s sdk``). The models have holes, so what they let pass is checked by hand.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import gemini_says as says
from wire.gemini_says import ready, receive
from wire.openai_emulated import speech

from trioaudio import Agent, Called, HistoryItem, Returned, Said, TurnDetection
from trioaudio.audio import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.gemini import GeminiOptions, GeminiWire
from trioaudio.wire.gemini_server import GeminiCall, GeminiQuestion, GeminiReply, GeminiServer, GeminiServerOptions

types = pytest.importorskip("google.genai.types", reason="the dependency group sdk is not installed")

options = st.builds(
    GeminiOptions,
    content=st.sampled_from(["auto", "turns", "realtime"]),
    language=st.none() | st.just("de-DE"),
    temperature=st.none() | st.floats(0, 2),
    max_output_tokens=st.none() | st.integers(1, 4_096),
    prefix_ms=st.none() | st.integers(0, 1_000),
    resumption=st.booleans(),
    history=st.booleans(),
    compress=st.booleans(),
    voice_activity=st.booleans(),
    search=st.booleans(),
)
turns = st.builds(
    TurnDetection,
    mode=st.sampled_from(["server", "semantic", "manual"]),
    silence_ms=st.none() | st.floats(1, 5_000),
    threshold=st.none() | st.floats(0, 1),
    eagerness=st.none() | st.sampled_from(["low", "medium", "high", "auto"]),
    interrupt=st.booleans(),
)


def book(day: str, people: int | None = None, notes: list[str] | None = None, prices: dict[str, float] | None = None) -> str:
    """Book a table.

    Args:
        day: when.
    """
    return f"{day} {people} {notes} {prices}"


def wait() -> str:
    """Wait."""
    return ""


agents = st.builds(
    Agent,
    st.text(max_size=50),
    transcribe=st.booleans(),
    voice=st.none() | st.sampled_from(["Kore", "Puck"]),
    turn_detection=turns,
    tools=st.sampled_from([(), (book,), (book, wait)]),
)


def valid(*messages: str) -> list[dict[str, Any]]:
    """The messages, read, each of which is what the SDK would have sent; it has no model for one part of a setup that it sends itself."""
    read = [json.loads(message) for message in messages]
    for message in read:
        known = json.loads(json.dumps(message))
        types.RealtimeInputConfig.model_validate(known.get("setup", {}).pop("realtimeInputConfig", {}))
        types.LiveClientMessage.model_validate(known)
        assert len(message) == 1
        assert len(message.get("realtimeInput", {"x": 1})) == 1
    return read


@settings(max_examples=60)
@given(options, agents, st.none() | st.just("handle"))
def test_every_setup_is_valid_and_the_emulated_server_takes_it(options: GeminiOptions, agent: Agent, token: str | None) -> None:
    [message] = GeminiWire("gemini-3.8-live", options).setup(agent, PCM16_16K, PCM16_24K, token)
    valid(message)
    if token is None and not options.voice_activity:  # which is Vertex AI's
        server = GeminiServer()
        server.receive_untrusted(message, 0.0)
        assert server.closing is None
        assert server.take()


@settings(max_examples=30)
@given(st.binary(max_size=400), st.sampled_from([PCM16_8K, PCM16_16K]), st.text(min_size=1, max_size=20), st.booleans())
def test_everything_that_is_said_in_a_call_is_valid(audio: bytes, format: AudioFormat, words: str, is_old: bool) -> None:
    wire = ready(says.MANUAL, format, "gemini-2.5" if is_old else "gemini-3.8-live")
    history: list[HistoryItem] = [Said("caller", words), Said("agent", words), Called("c", "f", '{"a":1}'), Returned("c", words)]
    valid(*wire.seed(history))
    [_, appended] = valid(*wire.append(Frame(audio[: len(audio) // 2 * 2], format)))
    base64.b64decode(appended["realtimeInput"]["audio"]["data"], validate=True)
    assert len(valid(*wire.commit())) == 1
    assert len(valid(*wire.send_text(words))) == 1
    receive(wire, says.tool_call(("c1", "one", {}), (None, "two", {})))
    wire.tool_result("c1", words)
    wire.tool_result("call_1", words, error=True)
    [told] = valid(*wire.respond())
    assert len(told["toolResponse"]["functionResponses"]) == 2
    valid(*ready().commit(), *ready().respond("Be brief."))


def test_the_sdk_would_notice() -> None:
    with pytest.raises(ValueError, match="extra"):
        valid('{"realtimeInput": {"sound": "AAAA"}}')


def understood(messages: list[bytes]) -> list[dict[str, Any]]:
    """Messages of the emulated server, each of which the SDK knows to the last field."""
    read = [json.loads(message) for message in messages]
    for message in read:
        types.LiveServerMessage.model_validate(message)
    return read


def answer(question: GeminiQuestion) -> GeminiReply:
    if question.tools and question.words and not question.results:
        return GeminiReply("One moment.", calls=(GeminiCall("book", '{"day":"today"}'), GeminiCall("wait")))
    return GeminiReply("one two three", Frame.silence(3 * question.format.rate, question.format))


@pytest.mark.parametrize("blocks", [True, False])
def test_every_message_of_the_emulated_server_is_understood(blocks: bool) -> None:
    server = GeminiServer(answer, GeminiServerOptions(lasts=100, warns=10, blocks=blocks, tells_of_speech=True))
    wire = GeminiWire("gemini-3.8-live")
    server.receive_untrusted(wire.setup(Agent(tools=[book, wait]), PCM16_16K, PCM16_24K)[0], 0.0)
    said = understood(server.take())
    for message in (*wire.append(speech(PCM16_16K)), *wire.append(speech(PCM16_16K))):  # the second interrupts what answers the first
        server.receive_untrusted(message, 1.0)
    server.advance(10.0)
    server.receive_untrusted(*wire.send_text("Book, please."), 10.0)
    server.advance(20.0)
    said += understood(server.take())
    [calls] = [message["toolCall"]["functionCalls"] for message in said if "toolCall" in message]
    responses = [{"id": call["id"], "name": call["name"], "response": {"output": "done"}} for call in calls]
    server.receive_untrusted(json.dumps({"toolResponse": {"functionResponses": responses}}), 20.0)
    server.advance(100.0)
    said += understood(server.take())
    kinds = {key for message in said for key in message} | {key for message in said for key in message.get("serverContent", {})}
    assert kinds == {
        "setupComplete", "sessionResumptionUpdate", "voiceActivity", "serverContent", "inputTranscription", "modelTurn",
        "outputTranscription", "interrupted", "generationComplete", "turnComplete", "usageMetadata", "toolCall", "goAway",
    }  # fmt: skip
    assert server.closing
