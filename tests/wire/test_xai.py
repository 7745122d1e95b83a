"""xAI's dialect of the OpenAI Realtime protocol: what is different, and that the rest is the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import openai_says as says

from trioaudio import (
    Agent,
    AudioDelta,
    FormatError,
    InputSpeechStarted,
    InputTranscript,
    InputTranscriptDelta,
    ModelEvent,
    OptionError,
    OutputTranscript,
    RemoteProtocolError,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionError,
    ToolCall,
    TurnDetection,
    Usage,
    tool,
)
from trioaudio.audio import PCM16_24K, AudioFormat, Frame
from trioaudio.wire.openai import SessionOptions
from trioaudio.wire.xai import FORMATS, XaiDialect, XaiWire

PCM = {"type": "audio/pcm", "rate": 24_000}


def conversation_created() -> str:
    return says.event("conversation.created", conversation={"id": "conv_1", "object": "realtime.conversation"})


def updated(**formats: Any) -> str:
    audio = {direction: {"format": format} for direction, format in formats.items()}
    return says.event("session.updated", session={"voice": "ara", "turn_detection": {"type": "server_vad"}, "audio": audio})


def configured(agent: Agent | None = None, wire: XaiWire | None = None, format: AudioFormat = PCM16_24K) -> dict[str, Any]:
    """What a session is asked for."""
    wire = wire or XaiWire()
    wire.receive_untrusted(conversation_created())
    [message] = says.sent(wire.session_update(agent or Agent(), format, format))
    assert message["type"] == "session.update"
    return dict(message["session"])


def ready(agent: Agent | None = None) -> XaiWire:
    wire = XaiWire()
    configured(agent, wire)
    wire.receive_untrusted(updated(input=PCM, output=PCM))
    assert wire.phase == "ready"
    return wire


def heard(wire: XaiWire, *messages: str) -> list[ModelEvent]:
    return [event for message in messages for event in wire.receive_untrusted(message)]


# ---- the session


@pytest.mark.parametrize("first", [says.session_created(), conversation_created()])
def test_the_session_exists_at_whichever_event_comes_first_and_once(first: str) -> None:
    wire = XaiWire()
    events = heard(wire, '{"type":"ping"}', first, says.session_created(), conversation_created())
    assert [type(event) for event in events] == [SessionCreated]
    assert wire.phase == "created"


def test_voice_and_turn_detection_stand_at_the_top_of_a_session() -> None:
    @tool
    def look_up(city: str) -> str:
        """Look it up."""
        return city

    agent = Agent("Be kind.", voice="eve", tools=[look_up], turn_detection=TurnDetection(silence_ms=400.0, threshold=0.05))
    options = SessionOptions(language="en", speed=1.2, prefix_ms=200, idle_timeout_ms=8_000)
    session = configured(agent, XaiWire(options, XaiDialect(reasoning="none", searches=("web_search",))))
    tools = session.pop("tools")
    assert [each.get("name", each["type"]) for each in tools] == ["look_up", "web_search"]
    assert session == {
        "instructions": "Be kind.",
        "voice": "eve",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.1,
            "silence_duration_ms": 400,
            "prefix_padding_ms": 200,
            "idle_timeout_ms": 8_000,
        },
        "audio": {
            "input": {"format": PCM, "transcription": {"model": "grok-transcribe", "language_hint": "en"}},
            "output": {"format": PCM, "speed": 1.2},
        },
        "reasoning": {"effort": "none"},
    }


def test_turns_by_hand_have_no_type_and_turns_by_sense_are_turns_by_silence() -> None:
    assert configured(Agent(turn_detection=TurnDetection(mode="manual")))["turn_detection"] == {"type": None}
    assert configured(Agent(turn_detection=TurnDetection(mode="semantic")))["turn_detection"] == {"type": "server_vad"}


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_every_format_is_asked_for_and_agreed_to(format: AudioFormat) -> None:
    wire = XaiWire()
    asked = configured(None, wire, format)["audio"]["input"]["format"]
    heard(wire, updated(input=asked, output={**asked, "rate": format.rate}))
    assert wire.phase == "ready"
    assert json.loads(wire.append(Frame.silence(160, format)))["type"] == "input_audio_buffer.append"


@pytest.mark.parametrize("got", [{"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 16_000}, {"type": 7}])
def test_formats_other_than_asked_for_break_the_connection(got: dict[str, object]) -> None:
    wire = XaiWire()
    configured(None, wire)
    with pytest.raises(RemoteProtocolError, match="asked for pcm16/24000 as output format"):
        heard(wire, updated(input=PCM, output=got))


def test_what_it_does_not_speak_is_refused() -> None:
    with pytest.raises(FormatError, match="do not speak pcm16/12000"):
        configured(format=AudioFormat("pcm16", 12_000))
    with pytest.raises(OptionError, match=r"speed=0\.3"):
        configured(Agent(provider_options={"speed": 0.3}))
    with pytest.raises(OptionError, match="bing"):
        XaiDialect(searches=("bing",))


# ---- the caller


def test_words_so_far_become_what_is_new_of_them() -> None:
    kind, wire = "conversation.item.input_audio_transcription", ready()
    so_far = [says.event(f"{kind}.updated", item_id="u_1", transcript=words) for words in ("Good", "Good day", "Good day", "Could they")]
    events = heard(
        wire,
        *so_far,
        says.event(f"{kind}.completed", item_id="u_1", transcript="Could they", status="in_progress"),
        says.event(f"{kind}.completed", item_id="u_1", transcript="Could they come?", status="completed"),
        says.event(f"{kind}.completed", item_id="u_1", transcript="Could they come?", status="completed"),
    )
    assert events == [InputTranscriptDelta("u_1", "Good"), InputTranscriptDelta("u_1", " day"), InputTranscript("u_1", "Could they come?")]


def test_speech_may_begin_at_nobody_knows_when() -> None:
    assert heard(ready(), says.event("input_audio_buffer.speech_started")) == [InputSpeechStarted(None, None)]


# ---- answers


def test_a_text_is_spoken_word_for_word_when_its_turn_comes() -> None:
    wire = ready()
    assert says.kinds(wire.respond()) == ["response.create"]
    assert wire.say("Exactly this.") == []
    heard(wire, says.response_created(), says.response_done())
    [said] = says.sent(wire.owed())
    assert said["type"] == "conversation.item.create"
    assert said["item"] == {"type": "force_message", "role": "assistant", "content": [{"type": "output_text", "text": "Exactly this."}]}
    assert heard(wire, says.response_created("resp_2")) == [ResponseCreated("resp_2", requested=True)]


def test_words_of_an_answer_that_never_come_whole_are_put_together() -> None:
    about = {"response_id": "resp_1", "item_id": "item_1"}
    events = heard(
        ready(),
        says.response_created(),
        *(says.event("response.output_audio_transcript.delta", **about, delta=delta) for delta in ("Hel", "lo.")),
        says.event("response.output_audio_transcript.done", **about),
    )
    assert events[-1] == OutputTranscript("item_1", "Hello.")


def test_an_answer_that_never_ends_ends_with_the_next_one() -> None:
    events = heard(ready(), says.response_created(), says.audio(), says.response_created("resp_2"))
    assert [event for event in events if not isinstance(event, AudioDelta)] == [
        ResponseCreated("resp_1", False),
        ResponseDone("resp_1", "incomplete"),
        ResponseCreated("resp_2", False),
    ]


def test_a_call_is_made_by_its_arguments_where_its_item_says_nothing() -> None:
    call = {"response_id": "resp_1", "item_id": "item_1", "call_id": "call_1", "name": "look_up", "arguments": '{"city":"Rome"}'}
    item = {"id": "item_1", "type": "function_call"}
    events = heard(
        ready(),
        says.response_created(),
        says.event("response.output_item.added", response_id="resp_1", item=item),
        says.event("response.function_call_arguments.done", **call),
        says.response_done(),
    )
    assert [event for event in events if isinstance(event, ToolCall)] == [ToolCall("call_1", "look_up", '{"city":"Rome"}', "resp_1")]


def test_what_an_answer_cost_may_stand_beside_it() -> None:
    message = json.loads(says.response_done())
    [done] = [
        event
        for event in heard(ready(), says.response_created(), json.dumps({**message, "usage": {"input_tokens": 7}}))
        if isinstance(event, ResponseDone)
    ]
    assert done.usage == Usage(input_tokens=7)


@pytest.mark.parametrize(
    ("words", "race"),
    [
        ("There is no active response to cancel", True),
        ("The conversation already has an active response", True),
        ("Cannot truncate: audio is shorter", True),
        ("Something else", False),
    ],
)
def test_errors_are_known_by_their_words(words: str, race: bool) -> None:
    wire = ready()
    events = heard(wire, says.error("E4711", words))
    assert (events == []) == race
    assert wire.counts.races == race
    if not race:
        assert events == [SessionError("E4711", words)]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([
        "conversation.created", "session.updated", "conversation.item.input_audio_transcription.updated",
        "conversation.item.input_audio_transcription.completed", "error", "response.done",
    ]),
    st.dictionaries(
        st.sampled_from(["conversation", "session", "item_id", "transcript", "status", "error", "response", "usage", "audio"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=1)
        | st.dictionaries(st.sampled_from(["id", "audio", "input", "message", "format"]), st.integers() | st.text(max_size=5), max_size=3),
        max_size=4,
    ),
)  # fmt: skip
def test_no_message_raises_anything_but_the_protocol_error(kind: str, fields: dict[str, object]) -> None:
    for wire in (XaiWire(), ready()):
        try:
            heard(wire, json.dumps({**fields, "type": kind}))
        except RemoteProtocolError:
            continue
