"""The Gemini Live machine: what it sends for what is wanted, and what it makes of what is received."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from wire import gemini_says as says
from wire.gemini_says import GENERATED, INTERRUPTED, TURN_COMPLETE, names, read, ready, receive

from trioaudio import (
    Agent,
    AudioDelta,
    Called,
    FormatError,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    LocalProtocolError,
    OptionError,
    OutputTranscript,
    OutputTranscriptDelta,
    RemoteProtocolError,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    Returned,
    Said,
    SessionCreated,
    SessionError,
    SessionExpiring,
    TextDone,
    ToolCall,
    ToolCancelled,
    TurnDetection,
    Usage,
)
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Frame
from trioaudio.wire.gemini import GeminiOptions, GeminiWire

WHOLE_ANSWER = ["response.created", "audio.output.delta", "audio.output.done", "response.done"]


def setup(agent: Agent | None = None, *, model: str = "gemini-3.8-live", token: str | None = None, **options: Any) -> dict[str, Any]:
    [message] = read(GeminiWire(model, GeminiOptions(**options)).setup(agent or Agent(), PCM16_16K, PCM16_24K, token))
    [(key, value)] = message.items()
    assert key == "setup"
    return dict(value)


class TestSetup:
    def test_it_says_no_more_than_it_must(self) -> None:
        assert setup(Agent(transcribe=False), resumption=False, history=False) == {
            "model": "models/gemini-3.8-live",
            "generationConfig": {"responseModalities": ["AUDIO"]},
        }

    def test_it_says_who_the_agent_is(self) -> None:
        said = setup(Agent("Be kind.", voice="Kore"), language="en-US", temperature=0.5, max_output_tokens=100)
        assert said["systemInstruction"] == {"parts": [{"text": "Be kind."}]}
        assert said["generationConfig"] == {
            "responseModalities": ["AUDIO"],
            "temperature": 0.5,
            "maxOutputTokens": 100,
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "en-US"},
        }
        assert said["inputAudioTranscription"] == said["outputAudioTranscription"] == {}

    def test_a_path_is_a_name_already(self) -> None:
        path = "projects/p/locations/l/publishers/google/models/gemini-3.8-live"
        assert setup(model=path)["model"] == path

    @pytest.mark.parametrize(
        ("turns", "said"),
        [
            (TurnDetection(), None),
            (TurnDetection(interrupt=False), {"activityHandling": "NO_INTERRUPTION"}),
            (TurnDetection(mode="manual"), {"automaticActivityDetection": {"disabled": True}, "activityHandling": "NO_INTERRUPTION"}),
            (
                TurnDetection(silence_ms=700.4, threshold=0.8),
                {"automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_LOW", "silenceDurationMs": 700}},
            ),
            (
                TurnDetection(mode="semantic", eagerness="low"),
                {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_LOW"}},
            ),
        ],
    )
    def test_turns_are_detected_as_the_agent_wants_it(self, turns: TurnDetection, said: dict[str, Any] | None) -> None:
        assert setup(Agent(turn_detection=turns)).get("realtimeInputConfig") == said

    def test_a_handle_makes_it_go_on_where_another_was(self) -> None:
        assert setup()["sessionResumption"] == {}
        assert setup(token="h1", resumption=False)["sessionResumption"] == {"handle": "h1"}

    def test_extras_are_asked_for(self) -> None:
        said = setup(compress=True, voice_activity=True, search=True, prefix_ms=40)
        assert said["contextWindowCompression"] == {"slidingWindow": {}}
        assert said["explicitVadSignal"] is True
        assert said["tools"] == [{"googleSearch": {}}]
        assert said["realtimeInputConfig"] == {"automaticActivityDetection": {"prefixPaddingMs": 40}}

    def test_only_models_that_need_it_are_told_that_a_history_may_come(self) -> None:
        assert setup()["historyConfig"] == {"initialHistoryInClientContent": True}
        assert "historyConfig" not in setup(model="gemini-2.5-flash-native-audio")

    def test_an_agents_own_options_count(self) -> None:
        assert setup(Agent(provider_options={"temperature": 1.0}), temperature=0.1)["generationConfig"]["temperature"] == 1.0

    def test_an_option_that_there_is_not_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(OptionError, match="temperature"):
            setup(Agent(provider_options={"temprature": 1.0}))

    @pytest.mark.parametrize(
        "options",
        [{"temperature": 3}, {"temperature": True}, {"max_output_tokens": 0}, {"content": "x"}, {"language": 7}, {"compress": 1}],
        ids=str,
    )
    def test_a_value_out_of_its_range_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(OptionError, match=next(iter(options))):
            GeminiOptions(**options)

    def test_it_is_done_once(self) -> None:
        with pytest.raises(LocalProtocolError):
            ready().setup(Agent(), PCM16_16K, PCM16_24K)

    @pytest.mark.parametrize(("input", "output"), [(MULAW_8K, PCM16_24K), (PCM16_16K, PCM16_16K)])
    def test_formats_that_the_protocol_does_not_know_are_refused(self, input: Any, output: Any) -> None:
        with pytest.raises(FormatError):
            GeminiWire("m").setup(Agent(), input, output)

    def test_the_session_exists_when_the_server_says_so(self) -> None:
        wire = GeminiWire("m")
        wire.setup(Agent(), PCM16_16K, PCM16_24K)
        assert wire.phase == "configuring"
        assert receive(wire, says.setup_complete(), says.setup_complete()) == [SessionCreated("s1")]
        assert wire.phase == "ready"


class TestTools:
    def test_they_are_declared_in_the_words_of_the_api(self) -> None:
        def book(day: str, people: int = 2, wishes: list[str] | None = None) -> str:
            """Book a table.

            Args:
                day: when.
            """
            return f"{day} {people} {wishes}"

        def wait() -> str:
            """Wait."""
            return ""

        [tools] = setup(Agent(tools=[book, wait]))["tools"]
        assert tools["functionDeclarations"] == [
            {
                "name": "book",
                "description": "Book a table.",
                "parameters": {
                    "type": "OBJECT",
                    "required": ["day"],
                    "properties": {
                        "day": {"type": "STRING", "description": "when."},
                        "people": {"type": "INTEGER"},
                        "wishes": {"type": "ARRAY", "items": {"type": "STRING"}, "nullable": True},
                    },
                },
            },
            {"name": "wait", "description": "Wait."},
        ]

    def test_a_call_is_the_end_of_an_answer_for_the_turn_goes_on_when_it_has_its_result(self) -> None:
        wire = ready()
        events = receive(wire, says.audio(), says.tool_call(("c1", "look_up", {"a": 1})))
        assert names(events) == [*WHOLE_ANSWER[:3], "tool.call", "response.done"]
        assert events[3] == ToolCall("c1", "look_up", '{"a": 1}', "resp_1")
        assert receive(wire, TURN_COMPLETE) == []

    def test_results_are_told_together_once_the_model_is_to_go_on(self) -> None:
        wire = ready()
        receive(wire, says.tool_call(("c1", "one", {}), ("c2", "two", {})))
        assert wire.tool_result("c1", "1") == wire.tool_result("c2", "no such table", error=True) == []
        assert read(wire.respond()) == [
            {
                "toolResponse": {
                    "functionResponses": [
                        {"id": "c1", "name": "one", "response": {"output": "1"}},
                        {"id": "c2", "name": "two", "response": {"error": "no such table"}},
                    ]
                }
            }
        ]
        created, *_ = receive(wire, says.audio())
        assert created == ResponseCreated("resp_2", requested=True)

    def test_a_call_without_an_id_is_answered_by_its_name(self) -> None:
        wire = ready()
        [_, call, _] = receive(wire, says.tool_call((None, "one", {})))
        assert isinstance(call, ToolCall)
        wire.tool_result(call.call_id, "1")
        assert read(wire.respond())[0]["toolResponse"]["functionResponses"] == [{"name": "one", "response": {"output": "1"}}]

    def test_a_call_is_made_once_and_has_one_result(self) -> None:
        wire = ready()
        receive(wire, says.tool_call(("c1", "one", {})))
        assert names(receive(wire, says.tool_call(("c1", "one", {})))) == ["response.created", "response.done"]
        wire.tool_result("c1", "1")
        wire.tool_result("c1", "1")
        wire.tool_result("unknown", "1")
        assert len(read(wire.respond())[0]["toolResponse"]["functionResponses"]) == 1
        assert wire.counts.needless == 2

    def test_a_call_that_is_taken_back_has_no_result(self) -> None:
        wire = ready()
        receive(wire, says.tool_call(("c1", "one", {}), ("c2", "two", {})))
        wire.tool_result("c2", "2")
        assert receive(wire, says.message(toolCallCancellation={"ids": ["c1", "c2", "c3"]})) == [ToolCancelled("c1")]
        wire.tool_result("c1", "1")
        [told] = read(wire.respond())[0]["toolResponse"]["functionResponses"]
        assert told["id"] == "c2"

    def test_the_end_of_the_turn_that_called_is_not_the_answer_to_the_result(self) -> None:
        wire = ready()
        receive(wire, says.tool_call(("c1", "one", {})))
        wire.tool_result("c1", "1")
        wire.respond()
        assert receive(wire, TURN_COMPLETE) == []
        assert names(receive(wire, says.audio(), GENERATED, TURN_COMPLETE)) == WHOLE_ANSWER


class TestAudioIn:
    def test_a_frame_is_sent_undecoded_with_its_rate(self) -> None:
        wire = ready(input=PCM16_8K)
        [message] = read(wire.append(Frame(b"\1\0\2\0", PCM16_8K)))
        assert message == {"realtimeInput": {"audio": {"data": base64.b64encode(b"\1\0\2\0").decode(), "mimeType": "audio/pcm;rate=8000"}}}

    def test_a_frame_in_another_format_is_refused(self) -> None:
        with pytest.raises(FormatError, match="convert"):
            ready().append(Frame.silence(10, PCM16_8K))

    def test_where_turns_are_manual_an_utterance_begins_with_its_first_frame_and_ends_with_a_commit(self) -> None:
        wire, frame = ready(says.MANUAL), Frame.silence(320, PCM16_16K)
        sent = read([*wire.append(frame), *wire.append(frame), *wire.commit(), *wire.append(frame)])
        assert [next(iter(each["realtimeInput"])) for each in sent] == [
            "activityStart", "audio", "audio", "activityEnd", "activityStart", "audio",
        ]  # fmt: skip

    def test_a_commit_of_nothing_is_not_sent(self) -> None:
        wire = ready(says.MANUAL)
        assert wire.commit() == []
        assert wire.counts.needless == 1

    def test_where_the_server_finds_turns_a_commit_says_that_the_audio_ends(self) -> None:
        assert read(ready().commit()) == [{"realtimeInput": {"audioStreamEnd": True}}]


class TestAsking:
    def test_text_is_a_turn_of_the_conversation_for_gemini_2(self) -> None:
        assert read(ready(model="gemini-2.5-flash-live").send_text("Hello")) == [
            {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True}}
        ]

    def test_text_is_realtime_input_for_gemini_3(self) -> None:
        assert read(ready().send_text("Hello")) == [{"realtimeInput": {"text": "Hello"}}]

    def test_who_knows_better_says_how_text_is_sent(self) -> None:
        wire = ready(Agent(provider_options={"content": "turns"}))
        assert "clientContent" in read(wire.send_text("Hello"))[0]

    def test_asking_cuts_no_answer_short(self) -> None:
        wire = ready()
        receive(wire, says.audio())
        assert wire.send_text("Hello") == wire.respond("Be brief.") == []
        receive(wire, GENERATED)
        assert wire.owed() == []
        receive(wire, TURN_COMPLETE)
        assert read(wire.owed()) == [{"realtimeInput": {"text": "Hello"}}]
        assert wire.owed() == []
        receive(wire, says.audio(), GENERATED, TURN_COMPLETE)
        assert read(wire.owed()) == [{"realtimeInput": {"text": "Be brief."}}]

    def test_it_knows_which_answers_were_asked_for(self) -> None:
        wire = ready()
        wire.respond()
        created = [event for event in receive(wire, *[says.audio(), TURN_COMPLETE] * 2) if isinstance(event, ResponseCreated)]
        assert [each.requested for each in created] == [True, False]

    def test_a_question_that_is_answered_with_nothing_is_answered(self) -> None:
        wire = ready()
        wire.respond()
        assert receive(wire, TURN_COMPLETE) == [ResponseCreated("resp_1", requested=True), ResponseDone("resp_1", "completed")]
        assert not wire.responding

    def test_who_asks_without_end_is_stopped(self) -> None:
        wire = ready()
        with pytest.raises(LocalProtocolError, match="wait"):
            for _ in range(100):
                wire.respond()

    def test_a_history_is_told_in_turns_and_answered_by_nothing(self) -> None:
        history = [
            Said("caller", "Hi"),
            Said("agent", "Hello."),
            Called("c", "look_up", '{"a":1}'),
            Returned("c", "7"),
            Said("caller", "And?"),
        ]
        turns = [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello."}, {"functionCall": {"id": "c", "name": "look_up", "args": {"a": 1}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "c", "name": "look_up", "response": {"output": "7"}}}, {"text": "And?"}],
            },
        ]
        assert read(ready().seed(history)) == [{"clientContent": {"turns": turns, "turnComplete": True}}]  # which the setup announced
        assert read(ready(model="gemini-2.5").seed(history)) == [{"clientContent": {"turns": turns, "turnComplete": False}}]
        assert ready().seed([]) == []


class TestAnswers:
    def test_an_answer_begins_with_its_first_sound_and_its_audio_is_done_when_it_is_generated(self) -> None:
        wire = ready()
        assert names(receive(wire, says.audio(), says.audio())) == ["response.created", "audio.output.delta", "audio.output.delta"]
        assert names(receive(wire, GENERATED)) == ["audio.output.done"]
        assert wire.responding
        assert receive(wire, TURN_COMPLETE) == [ResponseDone("resp_1", "completed")]
        assert not wire.responding

    def test_each_answer_has_an_id_and_an_item_of_its_own_and_its_audio_a_position(self) -> None:
        events = receive(ready(), says.audio(100), says.audio(50), TURN_COMPLETE, says.audio(50))
        deltas = [event for event in events if isinstance(event, AudioDelta)]
        assert [(each.response_id, each.item_id, each.frame.media_time, each.frame.num_samples) for each in deltas] == [
            ("resp_1", "item_1", 0, 100), ("resp_1", "item_1", 100, 50), ("resp_2", "item_2", 0, 50),
        ]  # fmt: skip

    def test_audio_after_all_audio_is_another_item_of_the_same_answer(self) -> None:
        events = receive(ready(), says.audio(), GENERATED, says.audio(), GENERATED, TURN_COMPLETE)
        assert names(events) == ["response.created", *WHOLE_ANSWER[1:3] * 2, "response.done"]
        assert [event.item_id for event in events if isinstance(event, AudioDelta)] == ["item_1", "item_2"]

    def test_one_message_may_say_it_all(self) -> None:
        whole = json.loads(says.audio())
        whole["serverContent"] |= {"outputTranscription": {"text": "Hi"}, "generationComplete": True, "turnComplete": True}
        whole["usageMetadata"] = {
            "promptTokenCount": 5,
            "responseTokenCount": 7,
            "cachedContentTokenCount": 2,
            "totalTokenCount": 12,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}, {"modality": "TEXT", "tokenCount": 2}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
        }
        events = receive(ready(), json.dumps(whole))
        assert names(events) == [*WHOLE_ANSWER[:2], "transcript.output.delta", "audio.output.done", "transcript.output", "response.done"]
        assert events[-1] == ResponseDone("resp_1", "completed", Usage(5, 7, 2, 3, 7))

    def test_text_and_binary_messages_are_the_same(self) -> None:
        assert receive(ready(), says.audio().decode()) == receive(ready(), says.audio())

    def test_thoughts_are_not_said(self) -> None:
        parts = [{"text": "I think", "thought": True}, {"executableCode": {}}, {"text": "Yes."}]
        wire = ready()
        events = receive(wire, says.content(modelTurn={"parts": parts}), TURN_COMPLETE)
        assert names(events) == ["response.created", "text.output.delta", "text.output", "response.done"]
        assert TextDone("item_1", "Yes.") in events
        assert wire.counts.unknown == 2

    def test_another_rate_than_was_agreed_is_noise(self) -> None:
        with pytest.raises(RemoteProtocolError, match="24000"):
            receive(ready(), says.audio(mime_type="audio/pcm;rate=16000"))

    def test_a_rate_that_is_not_said_is_the_usual_one(self) -> None:
        assert names(receive(ready(), says.audio(mime_type="audio/pcm"))) == WHOLE_ANSWER[:2]

    def test_what_nobody_knows_is_counted(self) -> None:
        wire = ready()
        assert receive(wire, says.message(telepathy={}, setupComplete=None)) == []
        assert wire.counts.unknown == 1

    def test_an_answer_that_was_stopped_for_a_reason_failed(self) -> None:
        events = receive(ready(), says.audio(), says.content(turnComplete=True, turnCompleteReason="GENERATED_AUDIO_SAFETY"))
        assert isinstance(events[-2], SessionError)
        assert events[-2].code == "GENERATED_AUDIO_SAFETY"
        assert events[-1] == ResponseDone("resp_1", "failed")


class TestInterruptions:
    def test_an_interrupted_answer_is_over_when_its_turn_is(self) -> None:
        wire = ready()
        receive(wire, says.audio())
        events = receive(wire, INTERRUPTED)
        assert names(events) == ["speech.started", "response.interrupted", "audio.output.done"]
        assert events[1] == ResponseInterrupted("resp_1")
        assert receive(wire, TURN_COMPLETE) == [ResponseDone("resp_1", "interrupted")]

    def test_what_still_comes_of_it_goes_nowhere(self) -> None:
        wire = ready()
        receive(wire, says.audio(), INTERRUPTED)
        assert receive(wire, says.audio(), INTERRUPTED) == []
        assert wire.counts.late_audio == 1

    def test_it_may_be_generated_already(self) -> None:
        wire = ready()
        receive(wire, says.audio(), GENERATED)
        assert names(receive(wire, INTERRUPTED, TURN_COMPLETE)) == ["speech.started", "response.interrupted", "response.done"]

    def test_the_tail_of_an_answer_that_is_over_can_be_interrupted(self) -> None:
        wire = ready()
        receive(wire, says.audio(), TURN_COMPLETE)
        assert receive(wire, INTERRUPTED) == [InputSpeechStarted(), ResponseInterrupted(None)]

    def test_the_caller_has_stopped_when_the_next_answer_begins(self) -> None:
        wire = ready()
        receive(wire, says.audio(), INTERRUPTED, TURN_COMPLETE)
        assert names(receive(wire, says.audio())) == ["speech.stopped", "response.created", "audio.output.delta"]

    def test_a_server_that_tells_of_speech_is_believed_instead(self) -> None:
        wire = ready()
        start = says.message(voiceActivity={"voiceActivityType": "ACTIVITY_START", "audioOffset": "1.25s"})
        stop = says.message(voiceActivity={"voiceActivityType": "ACTIVITY_END", "audioOffset": "2s"})
        receive(wire, says.audio())
        assert receive(wire, start, stop) == [InputSpeechStarted(1250.0), InputSpeechStopped(2000.0)]
        assert names(receive(wire, INTERRUPTED)) == ["response.interrupted", "audio.output.done"]


class TestWords:
    def test_what_the_caller_said_comes_in_pieces_and_is_whole_when_it_is_answered(self) -> None:
        wire = ready()
        assert receive(wire, says.heard(" What")) == [InputTranscriptDelta("heard_1", " What")]
        events = receive(wire, says.audio(), says.heard(" now?"), GENERATED)
        assert InputTranscript("heard_1", "What now?") in events
        assert receive(wire, says.heard("Wait")) == [InputTranscriptDelta("heard_2", "Wait")]

    def test_or_when_the_server_says_that_it_is(self) -> None:
        assert receive(ready(), says.heard("Hi", finished=True))[-1] == InputTranscript("heard_1", "Hi")

    def test_what_interrupts_an_answer_is_not_what_it_answers(self) -> None:
        wire = ready()
        events = receive(wire, says.heard("One."), says.audio(), says.heard("Stop"), INTERRUPTED, says.heard("!"), TURN_COMPLETE)
        events += receive(wire, says.audio(), GENERATED)
        assert [event.text for event in events if isinstance(event, InputTranscript)] == ["One.", "Stop!"]

    def test_what_the_model_says_comes_in_pieces_and_is_whole_when_it_is_generated(self) -> None:
        events = receive(ready(), says.audio(), says.spoken("Good "), says.spoken("morning."), GENERATED)
        assert [event.text for event in events if isinstance(event, OutputTranscriptDelta)] == ["Good ", "morning."]
        assert OutputTranscript("item_1", "Good morning.") in events

    def test_words_that_come_late_are_not_lost(self) -> None:
        events = receive(ready(), says.audio(), says.spoken("Good "), GENERATED, says.spoken("morning."), TURN_COMPLETE)
        assert [event.text for event in events if isinstance(event, OutputTranscript)] == ["Good", "morning."]

    def test_words_before_any_sound_belong_to_the_answer_that_follows(self) -> None:
        events = receive(ready(), says.spoken("Good "), says.audio(), says.spoken("morning."), TURN_COMPLETE)
        assert OutputTranscript("item_1", "Good morning.") in events

    def test_words_after_a_call_belong_to_the_answer_that_called(self) -> None:
        wire = ready()
        events = receive(wire, says.audio(), says.spoken("One "), says.tool_call(("c", "f", {})), says.spoken("moment."))
        events += receive(wire, says.audio(), says.spoken("Seven."), TURN_COMPLETE)
        assert [event for event in events if isinstance(event, OutputTranscript)] == [
            OutputTranscript("item_1", "One"), OutputTranscript("item_1", "moment."), OutputTranscript("item_2", "Seven."),
        ]  # fmt: skip


class TestTheEnd:
    @pytest.mark.parametrize(("left", "seconds"), [("9.5s", 9.5), ("50s", 50.0), ("soon", 0.0), ("", 0.0)])
    def test_the_server_says_when_it_will_end_the_connection(self, left: str, seconds: float) -> None:
        assert receive(ready(), says.message(goAway={"timeLeft": left})) == [SessionExpiring(seconds)]

    def test_the_last_handle_that_can_be_used_is_kept(self) -> None:
        wire = ready()
        for handle, resumable in (("h1", True), ("", False), ("h2", True), ("h3", False)):
            receive(wire, says.message(sessionResumptionUpdate={"newHandle": handle, "resumable": resumable}))
        assert wire.resume_token == "h2"

    @pytest.mark.parametrize(
        ("code", "reason", "is_ready", "is_final"),
        [
            (1007, "API key not valid. Please pass a valid API key.", False, True),
            (1007, "API key expired. Please renew the API key.", True, True),
            (1008, "models/nonsense is not found for API version v1beta, or is not supported for bidiGenerateContent.", False, True),
            (1008, "Operation is not implemented, or supported, or enabled.", False, True),
            (1011, "You exceeded your current quota, please check your plan and billing details.", True, True),
            (1007, "Request contains an invalid argument.", False, True),
            (1007, "Request contains an invalid argument.", True, False),
            (1011, "Internal error occurred.", True, False),
            (1011, "Deadline expired before operation could complete.", True, False),
            (1001, "", True, False),
            (None, "", True, False),
        ],
    )
    def test_a_close_frame_says_whether_trying_again_can_help(self, code: int, reason: str, is_ready: bool, is_final: bool) -> None:
        wire = ready() if is_ready else GeminiWire("m")
        assert wire.is_final(code, reason) is is_final

    def test_a_handle_that_is_refused_is_no_reason_not_to_start_anew(self) -> None:
        wire = GeminiWire("m")
        wire.setup(Agent(), PCM16_16K, PCM16_24K, "old handle")
        assert not wire.is_final(1007, "Request contains an invalid argument.")
