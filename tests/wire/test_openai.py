"""The client's side of the OpenAI Realtime protocol: phases, verbs, events, races."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from wire import openai_says as says
from wire.openai_says import kinds, ready, sent

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    Called,
    FormatError,
    InputCleared,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    ItemCreated,
    ItemDeleted,
    ItemTruncated,
    LocalProtocolError,
    ModelEvent,
    OptionError,
    OutputTranscript,
    OutputTranscriptDelta,
    RateLimit,
    RateLimitsUpdated,
    RemoteProtocolError,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    Returned,
    Said,
    SessionCreated,
    SessionError,
    SessionUpdated,
    TextDelta,
    TextDone,
    ToolDelta,
    ToolStart,
    TurnDetection,
    Usage,
)
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire._openai.errors import MEANINGS
from trioaudio.wire.openai import OpenAIWire, SessionOptions

# ---- phases


def test_a_connection_exists_when_the_server_says_so() -> None:
    wire = OpenAIWire()
    assert wire.phase == "connecting"
    assert wire.receive_untrusted(says.session_created(expires_at=1_790_000_000)) == [SessionCreated("sess_1")]
    assert (wire.phase, wire.session_id, wire.expires_at) == ("created", "sess_1", 1_790_000_000)


def test_nothing_is_configured_before_the_session_exists() -> None:
    with pytest.raises(LocalProtocolError, match="connecting"):
        OpenAIWire().session_update(Agent(), PCM16_24K, PCM16_24K)


@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K, ALAW_8K])
def test_the_session_is_ready_when_the_server_has_echoed_the_formats(format: AudioFormat) -> None:
    wire = OpenAIWire()
    wire.receive_untrusted(says.session_created())
    [update] = sent(wire.session_update(Agent("Be kind."), format, PCM16_24K))
    assert wire.phase == "configuring"
    assert update["session"]["audio"]["input"]["format"] == says.WRITTEN[format.encoding]
    wire.receive_untrusted(says.session_updated(format, PCM16_24K))
    assert wire.phase == "ready"


@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_server_that_sets_another_format_is_left(direction: str) -> None:
    wire = OpenAIWire()
    wire.receive_untrusted(says.session_created())
    wire.session_update(Agent(), MULAW_8K, MULAW_8K)
    formats = {"input": MULAW_8K, "output": MULAW_8K} | {direction: PCM16_24K}
    with pytest.raises(RemoteProtocolError, match=f"asked for mulaw/8000 as {direction} format, the server set pcm16/24000"):
        wire.receive_untrusted(says.session_updated(**formats))


def test_a_format_that_nobody_knows_is_named() -> None:
    wire = OpenAIWire()
    wire.receive_untrusted(says.session_created())
    wire.session_update(Agent(), PCM16_24K, PCM16_24K)
    echoed = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}}
    with pytest.raises(RemoteProtocolError, match="audio/pcm at 16000 Hz"):
        wire.receive_untrusted(says.event("session.updated", session=echoed))


@pytest.mark.parametrize("echoed", [{}, {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw"}])
def test_servers_of_the_beta_and_silent_ones_are_understood(echoed: dict[str, object]) -> None:
    wire = OpenAIWire()
    wire.receive_untrusted(says.session_created())
    wire.session_update(Agent(), MULAW_8K, MULAW_8K)
    wire.receive_untrusted(says.event("session.updated", session=echoed))
    assert wire.phase == "ready"


def test_a_key_that_is_refused_is_known_before_the_connection_closes() -> None:
    wire = OpenAIWire()
    [event] = wire.receive_untrusted(says.error("invalid_api_key", "Incorrect API key provided"))
    assert event == SessionError("invalid_api_key", "Incorrect API key provided")
    assert wire.phase == "refused"
    assert wire.refusal is not None
    assert wire.refusal.meaning == "fatal"


def test_a_configuration_that_is_refused_ends_the_attempt() -> None:
    wire = OpenAIWire()
    wire.receive_untrusted(says.session_created())
    [update] = sent(wire.session_update(Agent(), PCM16_24K, PCM16_24K))
    wire.receive_untrusted(says.error("unknown_parameter", answers=update["event_id"]))
    assert wire.phase == "refused"


@pytest.mark.parametrize(
    ("code", "reason", "is_refused"),
    [
        (3000, "invalid_request_error.invalid_api_key", True),
        (4000, "invalid_request_error.invalid_intent", True),
        (4000, "insufficient_quota", True),
        (4000, "session_limit_reached", False),
        (1001, "Your session hit the maximum duration of 60 minutes.", False),
        (1006, "", False),
        (1011, "invalid_request_error.server_error", False),
    ],
)
def test_a_close_frame_tells_who_is_refused_for_good(code: int, reason: str, is_refused: bool) -> None:
    assert (ready().refused_by(code, reason) is not None) == is_refused


def test_a_fatal_error_dooms_the_connection_until_something_is_answered() -> None:
    wire = ready()
    wire.receive_untrusted(says.error(None, "You exceeded your quota.", type="insufficient_quota"))
    assert wire.phase == "ready"
    assert wire.refused_by(1000, "") == "You exceeded your quota. (insufficient_quota)"
    wire.receive_untrusted(says.response_created())
    assert wire.refused_by(1000, "") is None


def test_a_server_that_says_nothing_may_be_believed() -> None:
    wire = OpenAIWire()
    assert wire.assume() == []
    assert kinds(wire.session_update(Agent(), PCM16_24K, PCM16_24K)) == ["session.update"]
    assert wire.assume() == [SessionUpdated(acknowledged=False)]
    assert (wire.phase, wire.counts.assumed, wire.assume()) == ("ready", 2, [])
    assert wire.receive_untrusted(says.session_created()) == [SessionCreated("sess_1")]
    assert wire.phase == "ready"


def test_a_second_configuration_may_be_refused_and_the_first_goes_on() -> None:
    wire = ready()
    [update] = sent(wire.session_update(Agent("Now be brief."), PCM16_24K, PCM16_24K))
    assert wire.receive_untrusted(says.error("unknown_parameter", answers=update["event_id"])) == [SessionError("unknown_parameter", "no")]
    assert wire.phase == "ready"


# ---- what is asked for


def configured(options: SessionOptions | None = None, agent: Agent | None = None) -> dict[str, object]:
    wire = OpenAIWire(options)
    wire.receive_untrusted(says.session_created())
    [update] = sent(wire.session_update(agent or Agent("Be kind."), MULAW_8K, PCM16_24K))
    session: dict[str, object] = update["session"]
    return session


def test_the_usual_session_says_everything_that_matters() -> None:
    assert configured() == {
        "type": "realtime",
        "instructions": "Be kind.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
        },
        "tools": [],
    }


def test_manual_turns_are_spelled_null() -> None:
    assert configured(agent=says.MANUAL)["audio"]["input"]["turn_detection"] is None  # type: ignore[index]


def test_transcripts_are_asked_for_unless_the_agent_wants_none() -> None:
    assert configured(agent=Agent(transcribe=False))["audio"]["input"]["transcription"] is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SessionOptions(prefix_ms=200), '"prefix_padding_ms":200'),
        (SessionOptions(answers=False), '"create_response":false'),
        (SessionOptions(idle_timeout_ms=6_000), '"idle_timeout_ms":6000'),
        (SessionOptions(speed=1.1), '"speed":1.1'),
        (SessionOptions(language="de"), '"language":"de"'),
        (SessionOptions(transcriber="whisper-1"), '"transcription":{"model":"whisper-1"}'),
        (SessionOptions(noise="far_field"), '"noise_reduction":{"type":"far_field"}'),
        (SessionOptions(output="text"), '"output_modalities":["text"]'),
        (SessionOptions(max_output_tokens=99), '"max_output_tokens":99'),
        (SessionOptions(reasoning="low"), '"reasoning":{"effort":"low"}'),
    ],
)
def test_each_option_reaches_the_server(options: SessionOptions, said: str) -> None:
    assert said in json.dumps(configured(options), separators=(",", ":"))


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (Agent(voice="cedar"), '"voice":"cedar"'),
        (Agent(voice="voice_123"), '"voice":{"id":"voice_123"}'),
        (Agent(turn_detection=TurnDetection(mode="semantic", eagerness="low")), '"type":"semantic_vad","eagerness":"low"'),
        (Agent(turn_detection=TurnDetection(threshold=0.4, silence_ms=700.4)), '"threshold":0.4,"silence_duration_ms":700'),
        (Agent(turn_detection=TurnDetection(interrupt=False)), '"interrupt_response":false'),
        (Agent(provider_options={"speed": 1.5, "output": "text"}), '"speed":1.5'),
    ],
)
def test_what_an_agent_says_reaches_the_server(agent: Agent, said: str) -> None:
    assert said in json.dumps(configured(agent=agent), separators=(",", ":"))


def look_up(city: str) -> str:
    """Look up the weather.

    Args:
        city: where.
    """
    return city


def test_tools_are_described() -> None:
    [tool] = configured(agent=Agent(tools=[look_up]))["tools"]  # type: ignore[misc]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "look_up", "Look up the weather.")
    assert tool["parameters"]["properties"]["city"]["type"] == "string"


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": 2.0},
        {"prefix_ms": -1},
        {"idle_timeout_ms": 4_999},
        {"max_output_tokens": 5_000},
        {"noise": "loud"},
        {"speed": "fast"},
        {"answers": "no"},
    ],
)
def test_an_option_that_cannot_be_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        SessionOptions(**wrong)
    with pytest.raises(OptionError, match=next(iter(wrong))):
        configured(agent=Agent(provider_options=wrong))


def test_an_option_that_nobody_knows_is_refused_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean 'speed'"):
        configured(agent=Agent(provider_options={"sped": 1.0}))


def reconfigured(wire: OpenAIWire, agent: Agent) -> dict[str, Any]:
    [update] = sent(wire.session_update(agent, PCM16_24K, PCM16_24K))
    output: dict[str, Any] = update["session"]["audio"]["output"]
    return output


def test_a_voice_that_has_been_heard_stays_and_is_not_spoken_of_again() -> None:
    wire = ready(agent=Agent(voice="cedar"))
    assert reconfigured(wire, Agent(voice="marin"))["voice"] == "marin"
    wire.receive_untrusted(says.audio())
    assert "voice" not in reconfigured(wire, Agent("Be brief.", voice="marin"))
    with pytest.raises(OptionError, match="voice cannot change"):
        reconfigured(wire, Agent(voice="cedar"))


def test_the_speed_changes_between_answers() -> None:
    wire = ready()
    slow = Agent(provider_options={"speed": 0.8})
    wire.receive_untrusted(says.response_created())
    assert "speed" not in reconfigured(wire, Agent("Be brief."))
    with pytest.raises(OptionError, match="between answers"):
        reconfigured(wire, slow)
    wire.receive_untrusted(says.response_done())
    assert reconfigured(wire, slow)["speed"] == 0.8


# ---- the caller is heard


def test_base64_passes_through_as_it_is() -> None:
    text = base64.b64encode(bytes(range(160))).decode()
    message = json.loads(ready(input=MULAW_8K).append(Frame.from_base64(text, MULAW_8K)))
    assert (message["type"], message["audio"]) == ("input_audio_buffer.append", text)


def test_a_frame_in_another_format_is_refused() -> None:
    with pytest.raises(FormatError, match="pcm16/24000, the frame is pcm16/8000"):
        ready().append(Frame.silence(160, PCM16_8K))


def test_every_message_has_an_id_of_its_own() -> None:
    wire = ready()
    messages = [wire.append(Frame.silence(2_400, PCM16_24K)), *wire.commit(), *wire.clear(), *wire.respond(), *wire.send_text("Hi")]
    ids = [message["event_id"] for message in sent(messages)]
    assert len(set(ids)) == len(ids)


def test_a_manual_turn_is_committed_and_then_answered() -> None:
    wire = ready(agent=says.MANUAL)
    wire.append(Frame.silence(2_400, PCM16_24K))
    assert kinds(wire.commit()) == ["input_audio_buffer.commit", "response.create"]


def test_a_frame_that_was_not_sent_after_all_is_not_committed() -> None:
    wire, frame = ready(agent=says.MANUAL), Frame.silence(2_400, PCM16_24K)
    wire.append(frame)
    wire.not_appended(frame)
    assert wire.commit() == []


def test_what_is_too_short_for_the_server_is_not_committed() -> None:
    wire = ready(agent=says.MANUAL)
    wire.append(Frame.silence(2_399, PCM16_24K))
    assert wire.commit() == []
    assert wire.counts.needless == 1


def test_a_commit_beside_turn_detection_is_answered_once_the_server_has_taken_it() -> None:
    wire = ready()
    wire.append(Frame.silence(4_800, PCM16_24K))
    assert kinds(wire.commit()) == ["input_audio_buffer.commit"]
    assert wire.receive_untrusted(says.committed("user_7")) == [InputCommitted("user_7")]
    assert kinds(wire.owed()) == ["response.create"]


def test_a_commit_that_found_nothing_is_not_answered() -> None:
    wire = ready()
    wire.append(Frame.silence(4_800, PCM16_24K))
    wire.commit()
    assert wire.receive_untrusted(says.error("input_audio_buffer_commit_empty")) == []
    wire.receive_untrusted(says.committed("user_8"))
    assert wire.owed() == []


def test_an_utterance_that_the_server_took_itself_is_answered_by_the_server() -> None:
    wire = ready()
    wire.append(Frame.silence(4_800, PCM16_24K))
    wire.receive_untrusted(says.speech_started())
    wire.receive_untrusted(says.speech_stopped())
    wire.commit()
    wire.receive_untrusted(says.committed())
    assert wire.owed() == []


def test_text_becomes_an_item_and_is_answered() -> None:
    item, create = sent(ready().send_text("Hello"))
    assert item["item"] == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    assert create["type"] == "response.create"


PNG = b"\x89PNG\r\n\x1a\n" + bytes(9)


def test_an_image_is_shown_with_words() -> None:
    wire = ready()
    [item] = sent(wire.send_image(PNG, "image/png", "What is this?"))
    words, image = item["item"]["content"]
    assert words == {"type": "input_text", "text": "What is this?"}
    assert image == {"type": "input_image", "image_url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}
    assert wire.owed() == []


@pytest.mark.parametrize(
    ("data", "media_type", "why"),
    [
        (PNG, "image/gif", "not 'image/gif'"),
        (b"GIF89a", "image/png", "begins with 47 49 46"),
        (b"", "image/jpeg", "begins with nothing"),
        (PNG + bytes(11 * 2**20), "image/png", "at most"),
    ],
)
def test_what_is_no_image_is_not_sent(data: bytes, media_type: str, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        ready().send_image(data, media_type)


def test_a_conversation_that_went_before_is_told_in_text_and_not_answered() -> None:
    wire = ready()
    history = [Said("caller", "Where is it?"), Said("agent", "Let me"), Called("c1", "look_up", '{"k":7}'), Returned("c1", "in Berlin")]
    items = [message["item"] for message in sent(wire.seed(history))]
    assert items == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me"}]},
        {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"k":7}'},
        {"type": "function_call_output", "call_id": "c1", "output": "in Berlin"},
    ]
    assert wire.owed() == []


def test_an_item_is_announced_once_under_whichever_name() -> None:
    wire = ready()
    assert len(wire.receive_untrusted(says.event("conversation.item.created", item={"id": "item_1"}))) == 1
    assert wire.receive_untrusted(says.event("conversation.item.added", item={"id": "item_1"})) == []


def test_instructions_for_one_answer_go_beside_those_of_the_agent() -> None:
    [create] = sent(ready(agent=Agent("Be kind.")).respond("Say hello."))
    assert create["response"] == {"instructions": "Be kind.\n\nSay hello.", "metadata": {"trioaudio": create["event_id"]}}


# ---- what is received

READ: list[tuple[str, list[ModelEvent]]] = [
    (says.speech_started(ms=320), [InputSpeechStarted(320, "user_1")]),
    (says.event("input_audio_buffer.speech_started"), [InputSpeechStarted(None, None)]),
    (says.speech_stopped(ms=900), [InputSpeechStopped(900, "user_1")]),
    (says.committed(), [InputCommitted("user_1")]),
    (says.event("conversation.item.input_audio_transcription.delta", item_id="user_1", delta="He"), [InputTranscriptDelta("user_1", "He")]),
    (
        says.event("conversation.item.input_audio_transcription.completed", item_id="user_1", transcript="Hello"),
        [InputTranscript("user_1", "Hello")],
    ),
    (says.response_created(), [ResponseCreated("resp_1", requested=False)]),
    (says.audio(240), [AudioDelta("item_1", Frame.silence(240, PCM16_24K), "resp_1")]),
    (says.audio(0), []),
    (says.audio_done(), [AudioDone("item_1")]),
    (says.event("response.output_audio_transcript.delta", item_id="item_1", delta="Hi"), [OutputTranscriptDelta("item_1", "Hi")]),
    (says.event("response.output_audio_transcript.done", item_id="item_1", transcript="Hi!"), [OutputTranscript("item_1", "Hi!")]),
    (says.event("response.output_text.delta", item_id="item_1", delta="Hi"), [TextDelta("item_1", "Hi")]),
    (says.event("response.output_text.done", item_id="item_1", text="Hi!"), [TextDone("item_1", "Hi!")]),
    (says.event("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=120), [ItemTruncated("item_1", 120)]),
    (says.response_done(), [ResponseDone("resp_1")]),
    (
        says.response_done(usage={"input_tokens": 7, "output_tokens": 5, "input_token_details": {"cached_tokens": 2}}),
        [ResponseDone("resp_1", usage=Usage(input_tokens=7, output_tokens=5, cached_tokens=2))],
    ),
    (
        says.response_done(
            usage={
                "input_tokens": 9,
                "input_token_details": {
                    "audio_tokens": 4,
                    "image_tokens": 3,
                    "cached_tokens": 2,
                    "cached_tokens_details": {"audio_tokens": 1},
                },
                "output_token_details": {"audio_tokens": 6},
            }
        ),
        [ResponseDone("resp_1", usage=Usage(9, 0, 2, 4, 6, 3, 1))],
    ),
    (
        says.event("rate_limits.updated", rate_limits=[{"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 0.5}]),
        [RateLimitsUpdated((RateLimit("tokens", 9, 8, 0.5),))],
    ),
    (says.response_done("resp_1", "cancelled", "client_cancelled"), [ResponseDone("resp_1", "cancelled")]),
    (
        says.response_done("resp_1", "cancelled", "turn_detected"),
        [ResponseInterrupted("resp_1"), ResponseDone("resp_1", "interrupted")],
    ),
    (says.response_done("resp_1", "incomplete", "max_output_tokens"), [ResponseDone("resp_1", "incomplete")]),
    (
        says.response_done("resp_1", "failed", status_details={"type": "failed", "error": {"code": "server_error", "message": "oh"}}),
        [SessionError("server_error", "oh"), ResponseDone("resp_1", "failed")],
    ),
    (
        says.response_done("resp_1", "cancelled", status_details="turn_detected"),
        [ResponseInterrupted("resp_1"), ResponseDone("resp_1", "interrupted")],
    ),
    (says.event("conversation.item.added", item={"id": "item_1", "type": "mcp_call"}), [ItemCreated("item_1", "mcp_call")]),
    (says.event("conversation.item.created", item={"id": "item_1", "role": "user"}), [ItemCreated("item_1", speaker="caller")]),
    (says.event("conversation.item.added", item={"id": "i", "type": "message", "role": "assistant"}), [ItemCreated("i", speaker="agent")]),
    (says.event("conversation.item.deleted", item_id="item_1"), [ItemDeleted("item_1")]),
    (says.event("conversation.item.deleted", item_id=""), []),
    (says.event("input_audio_buffer.cleared"), [InputCleared()]),
    (says.session_updated(), [SessionUpdated()]),
    (
        says.event("response.output_item.added", response_id="resp_1", item={"type": "function_call", "call_id": "c", "name": "look_up"}),
        [ToolStart("c", "look_up", "resp_1")],
    ),
    (says.event("response.function_call_arguments.delta", call_id="c", delta='{"a"'), [ToolDelta("c", '{"a"')]),
]


@pytest.mark.parametrize(("message", "events"), READ, ids=[json.loads(message)["type"] for message, _ in READ])
def test_each_event_of_the_server_means_what_the_vocabulary_says(message: str, events: list[ModelEvent]) -> None:
    assert ready().receive_untrusted(message) == events
    assert ready().receive_untrusted(message.encode()) == events


@pytest.mark.parametrize(
    ("beta", "event"),
    [
        ("response.audio.done", AudioDone("item_1")),
        ("response.audio_transcript.delta", OutputTranscriptDelta("item_1", "Hi")),
        ("response.text.delta", TextDelta("item_1", "Hi")),
    ],
)
def test_names_of_the_beta_are_understood(beta: str, event: ModelEvent) -> None:
    assert ready().receive_untrusted(says.event(beta, item_id="item_1", delta="Hi")) == [event]


def test_audio_knows_where_in_its_item_it_lies() -> None:
    wire = ready()
    deltas = [wire.receive_untrusted(says.audio(240))[0] for _ in range(3)]
    assert [delta.frame.media_time for delta in deltas if isinstance(delta, AudioDelta)] == [0, 240, 480]


def test_audio_that_is_cut_in_the_middle_of_a_sample_is_put_together() -> None:
    wire, pcm = ready(), bytes(range(10))
    pieces = [base64.b64encode(pcm[start:stop]).decode() for start, stop in ((0, 3), (3, 4), (4, 9), (9, 10))]
    deltas = [
        event for piece in pieces for event in wire.receive_untrusted(says.event("response.output_audio.delta", item_id="a", delta=piece))
    ]
    assert b"".join(delta.frame.data for delta in deltas if isinstance(delta, AudioDelta)) == pcm
    assert [delta.frame.media_time for delta in deltas if isinstance(delta, AudioDelta)] == [0, 1, 2, 4]


def test_audio_without_ids_belongs_to_what_was_added_last() -> None:
    wire = ready()
    wire.receive_untrusted(says.event("response.created", response={"id": "resp_9"}))
    wire.receive_untrusted(says.event("response.output_item.added", item={"id": "item_9"}))
    [delta] = wire.receive_untrusted(says.event("response.output_audio.delta", delta="AAAAAAAA"))
    assert isinstance(delta, AudioDelta)
    assert (delta.item_id, delta.response_id) == ("item_9", "resp_9")


def test_words_that_never_come_whole_are_put_together() -> None:
    wire = ready()
    for delta in ("Hel", "lo"):
        wire.receive_untrusted(says.event("response.output_audio_transcript.delta", item_id="item_1", delta=delta))
    done = says.event("response.output_audio_transcript.done", item_id="item_1")
    assert wire.receive_untrusted(done) == [OutputTranscript("item_1", "Hello")]


def test_a_response_that_never_ended_ends_when_the_next_begins() -> None:
    wire = ready()
    wire.receive_untrusted(says.response_created("resp_1"))
    assert wire.receive_untrusted(says.response_created("resp_2")) == [
        ResponseDone("resp_1", "incomplete"),
        ResponseCreated("resp_2", requested=False),
    ]


def test_a_response_that_is_announced_twice_begins_once() -> None:
    wire = ready()
    wire.receive_untrusted(says.response_created())
    assert wire.receive_untrusted(says.response_created()) == []


def test_what_is_unknown_is_counted_and_skipped() -> None:
    wire = ready()
    assert wire.receive_untrusted(says.event("response.telepathy.delta", delta=[1, {}])) == []
    assert wire.counts.unknown_events == 1


def test_what_is_known_and_of_no_use_is_not_called_unknown() -> None:
    wire = ready()
    wire.receive_untrusted(says.event("response.content_part.added", part={"type": "audio"}))
    assert wire.counts.unknown_events == 0


# ---- errors

RACES = [code for code, meaning in MEANINGS.items() if meaning == "race"]


@pytest.mark.parametrize("code", RACES)
def test_messages_that_crossed_are_nobodys_fault(code: str) -> None:
    wire = ready()
    assert wire.receive_untrusted(says.error(code)) == []
    assert wire.counts.races == 1


@pytest.mark.parametrize("words", ["Cancellation failed: no active response found", "Conversation already has an active response: resp_1"])
def test_a_race_is_known_by_its_words_too(words: str) -> None:
    assert ready().receive_untrusted(says.error("bad_request", words)) == []


def test_a_truncation_that_came_too_late_is_a_race() -> None:
    late = says.error("invalid_value", "Audio content of 6350ms is already shorter than 8160ms", param="audio_end_ms")
    assert ready().receive_untrusted(late) == []


@pytest.mark.parametrize("code", [code for code in MEANINGS if code not in RACES])
def test_every_other_error_is_reported_and_the_session_goes_on(code: str) -> None:
    wire = ready()
    assert wire.receive_untrusted(says.error(code, "because")) == [SessionError(code, "because")]
    assert wire.phase == "ready"


def test_an_error_without_a_code_goes_by_its_type() -> None:
    assert ready().receive_untrusted(says.error(None, "broke", type="insufficient_quota")) == [SessionError("insufficient_quota", "broke")]


def test_words_that_could_not_be_written_down_are_an_error_of_their_own() -> None:
    failed = says.event(
        "conversation.item.input_audio_transcription.failed", item_id="user_1", error={"code": "audio_unintelligible", "message": "what?"}
    )
    [event] = ready().receive_untrusted(failed)
    assert isinstance(event, SessionError)
    assert event.code == "audio_unintelligible"


# ---- barge-in


def speaking(agent: Agent | None = None) -> OpenAIWire:
    """A server in the midst of an answer, 100 ms of which were received."""
    wire = ready(agent=agent)
    wire.receive_untrusted(says.response_created())
    wire.receive_untrusted(says.audio(2_400))
    return wire


def test_cancelling_names_the_response_and_happens_once() -> None:
    wire = speaking()
    [cancel] = sent(wire.cancel())
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "resp_1")
    assert wire.cancel() == []


def test_nothing_is_cancelled_where_nothing_is_made() -> None:
    assert ready().cancel() == []


def test_a_response_that_has_only_been_asked_for_is_cancelled_too_and_never_heard() -> None:
    wire = ready()
    wire.respond()
    [cancel] = sent(wire.cancel())
    assert "response_id" not in cancel
    assert wire.cancel() == []
    wire.receive_untrusted(says.response_created())
    assert wire.receive_untrusted(says.audio()) == []


def test_a_server_that_stops_by_itself_is_not_told_to() -> None:
    wire = speaking()
    wire.receive_untrusted(says.speech_started())
    assert wire.cancel() == []


def test_a_server_that_does_not_is() -> None:
    wire = speaking(Agent(turn_detection=TurnDetection(interrupt=False)))
    wire.receive_untrusted(says.speech_started())
    assert kinds(wire.cancel()) == ["response.cancel"]


def test_audio_of_a_cancelled_answer_goes_nowhere_and_is_counted() -> None:
    wire = speaking()
    wire.cancel()
    assert wire.receive_untrusted(says.audio()) == []
    assert wire.counts.late_audio == 1


def test_the_next_answer_is_heard_again() -> None:
    wire = speaking()
    wire.cancel()
    wire.receive_untrusted(says.response_done("resp_1", "cancelled", "client_cancelled"))
    wire.receive_untrusted(says.response_created("resp_2"))
    assert wire.receive_untrusted(says.audio(item_id="item_2", response_id="resp_2"))
