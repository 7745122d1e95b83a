"""The client's side of the ElevenLabs agents protocol: what is sent, and what is made of what is received."""

from __future__ import annotations

import json

import pytest
from wire import elevenlabs_says as says
from wire.elevenlabs_says import Talk, kinds, sent

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    FormatError,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    ItemTruncated,
    LocalProtocolError,
    OptionError,
    OutputTranscript,
    RemoteProtocolError,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    SessionCreated,
    SessionError,
    TextDelta,
    TextDone,
    ToolCall,
)
from trioaudio.audio import MULAW_8K, PCM16_16K, PCM16_24K, Frame
from trioaudio.wire.elevenlabs import ConversationOptions, ElevenLabsWire

SPOKEN = ["response.created", "transcript.output", "audio.output.delta"]
OVER = ["audio.output.done", "response.done"]


# ---- the first message


def test_an_agent_that_asks_for_nothing_changes_nothing() -> None:
    assert Talk().first == [{"type": "conversation_initiation_client_data"}]


def test_what_our_agent_says_of_itself_overrides_the_agents_settings() -> None:
    agent = Agent("Be kind.", voice="v_1", greeting="Good morning.", variables={"name": "Ada", "since": 1815, "born": ("12", "10")})
    talk = Talk(agent, language="en", user_id="u_1", speed=1.1)
    assert talk.first == [
        {
            "type": "conversation_initiation_client_data",
            "conversation_config_override": {
                "agent": {"prompt": {"prompt": "Be kind."}, "first_message": "Good morning.", "language": "en"},
                "tts": {"voice_id": "v_1", "speed": 1.1},
            },
            "dynamic_variables": {"name": "Ada", "since": 1815, "born": "('12', '10')"},
            "user_id": "u_1",
        }
    ]


def test_an_empty_greeting_lets_the_agent_wait_for_the_caller() -> None:
    assert Talk(Agent(greeting="")).first[0]["conversation_config_override"] == {"agent": {"first_message": ""}}


def test_an_agents_own_options_count_for_its_conversation() -> None:
    talk = Talk(Agent(provider_options={"stability": 0.4, "all_events": True}))
    override = talk.first[0]["conversation_config_override"]
    assert override["tts"] == {"stability": 0.4}
    assert {"client_tool_call", "agent_response_correction", "vad_score"} <= set(override["conversation"]["client_events"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"speed": 9}, "speed=9"),
        ({"stability": True}, "stability=True"),
        ({"language": ""}, "language=''"),
        ({"langauge": "en"}, "did you mean 'language'|language"),
        ({"input_format": "ulaw_8000"}, r"elevenlabs:AGENT_ID\?input_format"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        Talk(Agent(provider_options=options))


def test_a_format_that_no_agent_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match=r"input_format='mulaw'.*ulaw_8000"):
        ConversationOptions(input_format="mulaw")


# ---- the agent's word on its formats


def test_the_conversation_exists_when_the_agent_has_said_what_it_hears_and_speaks() -> None:
    wire = ElevenLabsWire(ConversationOptions(input_format="ulaw_8000"))
    wire.initiate(Agent(), MULAW_8K, PCM16_16K)
    assert wire.phase == "initiating"
    assert wire.receive_untrusted(says.metadata("ulaw_8000"), 0.0) == [SessionCreated("conv_1")]
    assert (wire.phase, wire.conversation_id) == ("ready", "conv_1")


@pytest.mark.parametrize(("hears", "speaks"), [("ulaw_8000", "pcm_16000"), ("pcm_16000", "pcm_44100"), ("opus_48000", "opus_48000")])
def test_formats_other_than_declared_are_refused_with_both_and_the_remedy(hears: str, speaks: str) -> None:
    wire = ElevenLabsWire()
    wire.initiate(Agent(), PCM16_16K, PCM16_16K)
    assert wire.receive_untrusted(says.metadata(hears, speaks), 0.0) == []
    assert wire.phase == "refused"
    assert f"hears {hears} and speaks {speaks}" in str(wire.refusal)
    assert f"input_format={hears} and output_format={speaks}" in str(wire.refusal)
    assert "pcm_16000" in str(wire.refusal)


def test_a_conversation_begins_once_and_in_the_declared_formats() -> None:
    wire = ElevenLabsWire()
    with pytest.raises(FormatError, match="declared to hear pcm16/16000, not pcm16/24000"):
        wire.initiate(Agent(), PCM16_24K, PCM16_16K)
    wire.initiate(Agent(), PCM16_16K, PCM16_16K)
    with pytest.raises(LocalProtocolError, match="once"):
        wire.initiate(Agent(), PCM16_16K, PCM16_16K)


# ---- audio to the agent


def test_audio_has_no_type_and_is_not_decoded_on_its_way() -> None:
    frame = Frame.from_base64(Frame.silence(320, PCM16_16K).base64, PCM16_16K)
    assert Talk().wire.append(frame) == [f'{{"user_audio_chunk":"{frame.base64}"}}']


def test_audio_goes_in_pieces_of_20_to_100_ms() -> None:
    wire = Talk(input_format="ulaw_8000").wire
    sizes = [320, 79, 81, 160, 2_000]
    pieces = [piece for size in sizes for piece in wire.append(Frame.silence(size, MULAW_8K))]
    lengths = [len(Frame.from_base64(json.loads(piece)["user_audio_chunk"], MULAW_8K)) for piece in pieces]
    assert lengths == [320, 160, 160, 800, 800, 400]
    assert sum(lengths) == sum(sizes)


def test_audio_in_another_format_is_refused() -> None:
    with pytest.raises(FormatError, match=r"hears pcm16/16000.*convert"):
        Talk().wire.append(Frame.silence(160, MULAW_8K))


# ---- answers, which the protocol does not have


def test_an_answer_ends_half_a_second_after_it_must_have_been_heard() -> None:
    talk = Talk()
    assert kinds(talk.hear(says.words("Hello."), says.audio(seconds=2.0))) == SPOKEN
    assert talk.wait(2.4) == []
    assert talk.wait(0.2) == [AudioDone("reply-1"), ResponseDone("response-1")]


def test_audio_that_is_sent_slowly_is_one_answer_all_the_same() -> None:
    talk = Talk()
    events = [event for _ in range(10) for event in (*talk.hear(says.audio(seconds=0.1)), *talk.wait(0.5))]
    assert kinds(events) == ["response.created", *["audio.output.delta"] * 10]


def test_an_agent_that_says_when_it_is_complete_is_believed() -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(seconds=2.0))
    assert kinds(talk.hear(says.complete())) == OVER
    assert talk.wait(60.0) == []


def test_words_without_audio_are_an_answer_that_ends() -> None:
    talk = Talk()
    assert talk.hear(says.words("Hello.")) == [ResponseCreated("response-1"), OutputTranscript("reply-1", "Hello.")]
    assert talk.wait(5.0) == [ResponseDone("response-1")]


@pytest.mark.parametrize("ids", [(1, 1, 1), (1, 2, 3)], ids=["one number for a turn", "one for each piece"])
def test_a_turn_is_one_answer_however_its_pieces_are_numbered(ids: tuple[int, int, int]) -> None:
    talk = Talk()
    events = talk.hear(says.words("Hello."), *(says.audio(number) for number in ids))
    assert kinds(events) == [*SPOKEN, "audio.output.delta", "audio.output.delta"]
    assert {event.item_id for event in events if isinstance(event, AudioDelta)} == {"reply-1"}
    assert [event.frame.media_time for event in events if isinstance(event, AudioDelta)] == [0, 4_000, 8_000]


@pytest.mark.parametrize("sign", [says.user_words("And?"), says.words("More.", 2)])
def test_when_the_turn_has_passed_on_a_new_number_is_a_new_answer(sign: str) -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(1, seconds=2.0))
    events = talk.hear(sign, says.audio(2))
    assert [event for event in events if isinstance(event, ResponseDone | ResponseCreated)] == [
        ResponseDone("response-1"),
        ResponseCreated("response-2"),
    ]
    assert isinstance(events[-1], AudioDelta)
    assert events[-1].item_id == "reply-2"


def test_half_a_sample_waits_for_the_other_half() -> None:
    talk = Talk()
    pieces = [json.dumps({"type": "audio", "audio_event": {"audio_base_64": text, "event_id": 1}}) for text in ("AAEC", "AwQF")]
    frames = [event.frame.data for event in talk.hear(*pieces) if isinstance(event, AudioDelta)]
    assert frames == [b"\0\1", b"\2\3\4\5"]


def test_an_answer_in_text_is_put_together() -> None:
    parts = [("start", ""), ("delta", "Hel"), ("delta", "lo."), ("stop", "")]
    messages = [
        json.dumps({"type": "agent_chat_response_part", "text_response_part": {"type": kind, "text": text}}) for kind, text in parts
    ]
    item = "text-of-response-1"
    assert Talk().hear(*messages) == [
        ResponseCreated("response-1"),
        TextDelta(item, "Hel"),
        TextDelta(item, "lo."),
        TextDone(item, "Hello."),
    ]


# ---- interruptions


def test_after_an_interruption_what_still_comes_up_to_its_number_goes_nowhere_and_is_counted() -> None:
    talk = Talk()
    talk.hear(says.words("Hello there.", 7), says.audio(7, seconds=2.0))
    assert talk.hear(says.interruption(7), after=1.0) == [
        InputSpeechStarted(item_id="user-1"),
        ResponseInterrupted("response-1"),
        AudioDone("reply-1"),
        ResponseDone("response-1", "interrupted"),
    ]
    assert talk.hear(says.audio(7), says.audio(6), says.words("late", 7)) == []
    assert talk.wire.counts.late_audio == 2
    assert kinds(talk.hear(says.audio(8))) == ["speech.stopped", "response.created", "audio.output.delta"]


def test_an_answer_that_is_complete_is_interrupted_while_it_is_still_heard() -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(seconds=2.0), says.complete())
    assert talk.hear(says.interruption(), after=1.0) == [InputSpeechStarted(item_id="user-1"), ResponseInterrupted(None)]


def test_an_interruption_of_what_was_heard_long_ago_is_none() -> None:
    talk = Talk()
    talk.hear(says.audio(seconds=0.5), says.complete())
    assert talk.hear(says.interruption(), after=1.0) == []


def test_a_correction_says_what_was_heard_in_words_and_in_time() -> None:
    talk = Talk()
    talk.hear(says.words("one two three"), says.audio(seconds=3.0))
    talk.hear(says.interruption(), after=1.5)
    assert talk.hear(says.correction("one...")) == [
        OutputTranscript("reply-1", "one...", corrected=True),
        ItemTruncated("reply-1", 1_500.0),
    ]
    assert Talk().hear(says.correction("of nothing")) == []


def test_what_nobody_wants_to_hear_goes_nowhere_until_the_turn_has_passed_on() -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(1))
    assert talk.wire.cancel(talk.now) == [AudioDone("reply-1"), ResponseDone("response-1", "cancelled")]
    assert talk.hear(says.audio(1), says.audio(2), says.words("Hello again.", 2)) == []
    assert talk.wire.cancel(talk.now) == []
    assert kinds(talk.hear(says.user_words("Yes?"), says.audio(3)))[-2:] == ["response.created", "audio.output.delta"]
    assert (talk.wire.counts.late_audio, talk.wire.counts.needless) == (2, 1)


# ---- the caller


def test_guesses_are_told_as_far_as_they_add_something() -> None:
    talk = Talk()
    events = talk.hear(says.guess("Good"), says.guess("Good day"), says.guess("Could they"), says.user_words("Could they come?"))
    assert events == [
        InputSpeechStarted(item_id="user-1"),
        InputTranscriptDelta("user-1", "Good"),
        InputTranscriptDelta("user-1", " day"),
        InputSpeechStopped(item_id="user-1"),
        InputCommitted("user-1"),
        InputTranscript("user-1", "Could they come?"),
    ]
    assert talk.hear(says.user_words("And when?"))[-1] == InputTranscript("user-2", "And when?")


def test_words_are_told_only_to_those_who_want_them() -> None:
    assert kinds(Talk(Agent(transcribe=False)).hear(says.guess("Good"), says.user_words("Good day."))) == [
        "speech.started",
        "speech.stopped",
        "audio.input.committed",
    ]


def test_scores_of_speech_make_its_beginning_and_end() -> None:
    talk = Talk()
    scores = (0.1, 0.5, 0.9, 0.5, 0.9, 0.3, 0.5)
    assert kinds(talk.hear(*map(says.vad_score, scores))) == ["speech.started", "speech.stopped"]


def test_while_the_agent_speaks_it_decides_itself_whether_it_is_interrupted() -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(seconds=2.0))
    assert kinds(talk.hear(says.vad_score(0.9), says.guess("mhm"))) == ["transcript.input.delta"]
    assert kinds(talk.hear(says.vad_score(0.9), after=2.6)) == []
    talk.wait(0.0)
    assert kinds(talk.hear(says.vad_score(0.9))) == ["speech.started"]


# ---- tools


def test_a_call_is_an_answer_of_its_own_and_is_made_once() -> None:
    talk = Talk()
    assert talk.hear(says.tool_call(city="Rome"), says.tool_call(city="Rome")) == [
        ResponseCreated("response-1"),
        ToolCall("call_1", "look_up", '{"city": "Rome"}', "response-1"),
        ResponseDone("response-1"),
    ]


def test_a_call_ends_the_answer_that_announced_it() -> None:
    talk = Talk()
    talk.hear(says.words("Let me see."), says.audio())
    assert kinds(talk.hear(says.tool_call())) == ["tool.call", *OVER]
    assert kinds(talk.hear(says.audio(1))) == ["response.created", "audio.output.delta"]


def test_a_result_is_kept_until_it_may_be_answered_and_sent_once_with_whether_it_is_an_error() -> None:
    talk = Talk()
    talk.hear(says.tool_call())
    assert talk.wire.tool_result("call_1", "no such city", error=True) == []
    assert talk.wire.tool_result("call_1", "again") == talk.wire.tool_result("call_9", "of nothing") == []
    assert sent(talk.wire.respond(None, talk.now)) == [
        {"type": "client_tool_result", "tool_call_id": "call_1", "result": "no such city", "is_error": True}
    ]
    assert talk.wire.counts.needless == 2


def test_an_instruction_for_the_answer_to_results_goes_beside_the_conversation() -> None:
    talk = Talk()
    talk.hear(says.tool_call())
    talk.wire.tool_result("call_1", "warm")
    assert [message["type"] for message in sent(talk.wire.respond("Be brief.", talk.now))] == ["contextual_update", "client_tool_result"]
    assert talk.wire.respond(None, talk.now) == []
    talk.hear(says.words("It is warm."))
    talk.wait(6.0)
    assert [message["type"] for message in talk.owed()] == ["user_message"]


def test_results_that_are_never_answered_are_known_not_to_be() -> None:
    talk = Talk()
    talk.hear(says.tool_call())
    talk.wire.tool_result("call_1", "warm")
    talk.wire.respond(None, talk.now)
    assert kinds(talk.wait(22.0))[-2:] == ["response.created", "response.done"]


# ---- what is asked for in text


def test_a_message_waits_until_the_agent_has_finished_which_it_would_interrupt() -> None:
    talk = Talk()
    talk.hear(says.words("Hello."), says.audio(seconds=2.0), says.complete())
    assert talk.wire.send_text("And now?", talk.now) == []
    talk.wait(1.9)
    assert talk.owed() == []
    talk.wait(0.2)
    assert talk.owed() == [{"type": "user_message", "text": "And now?"}]


def test_messages_are_answered_one_after_the_other() -> None:
    talk = Talk()
    assert len(talk.wire.send_text("one", talk.now)) == 1
    assert talk.wire.respond("two", talk.now) == []
    talk.hear(says.audio(1, seconds=0.1))
    talk.wait(0.7)
    assert "two" in talk.owed()[0]["text"]


def test_what_is_cancelled_here_holds_no_message_up() -> None:
    talk = Talk()
    talk.hear(says.audio(seconds=20.0))
    talk.wire.cancel(talk.now)
    assert len(talk.wire.send_text("Stop.", talk.now)) == 1


def test_a_message_that_is_never_answered_fails_and_the_next_one_goes() -> None:
    talk = Talk()
    talk.wire.send_text("one", talk.now)
    talk.wire.send_text("two", talk.now)
    events = talk.wait(22.0)
    assert [type(event) for event in events] == [SessionError, ResponseCreated, ResponseDone]
    assert isinstance(events[-1], ResponseDone)
    assert events[-1].status == "failed"
    assert talk.owed() == [{"type": "user_message", "text": "two"}]


def test_there_is_an_end_to_what_may_be_asked_for() -> None:
    talk = Talk()
    with pytest.raises(LocalProtocolError, match="asked for already"):
        for _ in range(100):
            talk.wire.send_text("again", talk.now)


def test_what_the_agent_should_know_is_said_at_once() -> None:
    talk = Talk()
    talk.hear(says.audio(seconds=20.0))
    assert sent(talk.wire.update_context("The caller looks at page 3.")) == [
        {"type": "contextual_update", "text": "The caller looks at page 3."}
    ]
    assert sent(talk.wire.user_activity()) == [{"type": "user_activity"}]


# ---- pings, errors, ends


def test_a_ping_is_answered_at_once_with_its_number() -> None:
    talk = Talk()
    assert talk.hear(says.ping(7)) == []
    assert talk.owed() == [{"type": "pong", "event_id": 7}]
    assert talk.wire.counts.pings == 1


def test_errors_are_told_in_the_agents_words() -> None:
    assert Talk().hear(says.error("llm_timeout", "The model took too long.", 1002)) == [
        SessionError("llm_timeout", "The model took too long.")
    ]
    assert Talk().hear('{"type":"error","message":"flat","code":1011}') == [SessionError("1011", "flat")]


@pytest.mark.parametrize(
    ("error", "code", "reason", "refused"),
    [
        (None, 1000, "", False),
        (None, 1002, "No user input for 60 seconds", False),
        (None, 1002, "This request exceeds your quota limit", True),
        (None, 1008, "Override for field 'voice_id' is not allowed by config.", True),
        (None, 1011, "", False),
        (None, 1006, "", False),
        (None, 3000, "The AI agent you are trying to reach does not exist.", True),
        (says.error("missing_dynamic_variable", "name"), 1011, "", True),
        (says.error("llm_timeout", "slow", 1002), 1002, "", False),
    ],
)
def test_a_close_frame_says_whether_connecting_again_can_help(error: str | None, code: int, reason: str, refused: bool) -> None:
    talk = Talk()
    talk.hear(*[error] if error else [])
    why = talk.wire.refused(code, reason)
    assert (why is not None) == refused
    assert str(code) in talk.wire.broken(code, reason)
    if error:
        assert json.loads(error)["error_event"]["error_type"] in talk.wire.broken(code, reason)


def test_what_is_unknown_is_skipped_and_counted_and_what_is_known_and_useless_only_skipped() -> None:
    talk = Talk()
    assert talk.hear('{"type":"agent_mood"}', "{}", '{"type":"context_usage"}', '{"type":"mcp_tool_call","mcp_tool_call":7}') == []
    assert talk.wire.counts.unknown_events == 2


@pytest.mark.parametrize("audio", ["not base64!", "AAA", "====", 7, None, ["AAAA"]])
def test_audio_that_is_none_breaks_the_protocol(audio: object) -> None:
    message = json.dumps({"type": "audio", "audio_event": {"audio_base_64": audio, "event_id": 1}})
    if audio is None:
        assert kinds(Talk().hear(message)) == ["response.created"]
    else:
        with pytest.raises(RemoteProtocolError):
            Talk().hear(message)
