"""The emulated Gemini: the order of what it says, when it says it, and with which close frame it ends what it does not take."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.openai_emulated import speech

from trioaudio.audio import PCM16_16K, PCM16_24K, Frame
from trioaudio.wire.gemini_server import GeminiAnswer, GeminiCall, GeminiQuestion, GeminiReply, GeminiServer, GeminiServerOptions


class Client:
    """Talks to a server; ``said`` is what it has heard, oldest first, with the time."""

    def __init__(self, answer: GeminiAnswer | None = None, handles: dict[str, GeminiServer] | None = None, **options: Any) -> None:
        self.server = GeminiServer(answer, GeminiServerOptions(**options), 0.0, handles)
        self.said: list[tuple[float, dict[str, Any]]] = []
        self.now = 0.0

    def open(self, **setup: Any) -> Client:
        self.server.open("key")
        self.tell(setup={"model": "models/gemini-3.8-live", "outputAudioTranscription": {}, "inputAudioTranscription": {}, **setup})
        return self

    def tell(self, **message: Any) -> None:
        self.hand(json.dumps(message))

    def hand(self, data: str | bytes) -> None:
        self.server.receive_untrusted(data, self.now)
        self._take()

    def hear(self, frame: Frame) -> None:
        """Let it hear a stretch of audio, as it passes."""
        for piece in frame.split(frame.format.rate // 50):
            self.wait(piece.duration)
            audio = {"data": base64.b64encode(piece.data).decode(), "mimeType": f"audio/pcm;rate={frame.format.rate}"}
            self.tell(realtimeInput={"audio": audio})

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.server.due <= end and self.server.closing is None:
            self.now = max(self.now, self.server.due)
            self.server.advance(self.now)
            self._take()
        self.now = end
        self.server.advance(end)

    def _take(self) -> None:
        self.said += [(self.now, json.loads(message)) for message in self.server.take()]

    @property
    def kinds(self) -> list[str]:
        """What it said, by its keys, repeated ones once."""
        kinds = [key for _, message in self.said for key in message.get("serverContent", message) if key != "usageMetadata"]
        return [kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind]

    def when(self, kind: str) -> float:
        return next(at for at, message in self.said if kind in message.get("serverContent", message))

    @property
    def close(self) -> tuple[int, str] | None:
        return self.server.closing


def seconds_of(number: float) -> GeminiAnswer:
    return lambda question: GeminiReply("one two", Frame.silence(round(number * PCM16_24K.rate), PCM16_24K))


def calling(question: GeminiQuestion) -> GeminiReply:
    return GeminiReply("found") if question.results else GeminiReply(calls=(GeminiCall("one", '{"a":1}'), GeminiCall("two")))


class TestTurns:
    def test_a_turn_in_its_order(self) -> None:
        client = Client(lambda question: GeminiReply("Hello.")).open()
        client.hear(speech(PCM16_16K))
        client.wait(10)
        assert client.kinds == [
            "setupComplete", "inputTranscription", "modelTurn", "outputTranscription", "generationComplete", "turnComplete",
        ]  # fmt: skip

    def test_it_is_sent_faster_than_it_sounds_and_complete_when_it_would_have_been_heard(self) -> None:
        client = Client(seconds_of(5.0), speed=10).open()
        client.tell(realtimeInput={"text": "Hello"})
        client.wait(10)
        assert (client.when("generationComplete"), client.when("turnComplete")) == (pytest.approx(0.5), pytest.approx(5.0))

    def test_unless_it_does_not_wait(self) -> None:
        client = Client(seconds_of(5.0), waits=False, speed=math.inf).open()
        client.tell(realtimeInput={"text": "Hello"})
        client.wait(0.1)
        assert client.kinds[-2:] == ["generationComplete", "turnComplete"]

    def test_the_caller_interrupts_while_it_would_be_heard(self) -> None:
        client = Client(seconds_of(10.0), speed=100).open()
        client.tell(realtimeInput={"text": "Hello"})
        client.hear(speech(PCM16_16K))
        assert "interrupted turnComplete inputTranscription modelTurn" in " ".join(client.kinds)
        assert client.when("interrupted") < 2.5

    def test_unless_that_was_not_wanted(self) -> None:
        client = Client(seconds_of(6.0), speed=100).open(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
        client.tell(realtimeInput={"text": "Hello"})
        client.hear(speech(PCM16_16K))
        client.wait(20)
        assert "interrupted" not in client.kinds
        assert client.kinds.count("turnComplete") == 2

    def test_manual_turns_are_as_long_as_the_client_says(self) -> None:
        heard: list[float] = []

        def answer(question: GeminiQuestion) -> GeminiReply:
            heard.append(question.heard.duration if question.heard else 0.0)
            return GeminiReply()

        client = Client(answer).open(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
        client.hear(Frame.silence(8_000, PCM16_16K))
        client.tell(realtimeInput={"activityStart": {}})
        client.hear(Frame.silence(16_000, PCM16_16K))
        client.tell(realtimeInput={"activityEnd": {}})
        assert heard == [1.0]

    def test_a_client_that_stops_sending_says_so_and_is_answered(self) -> None:
        client = Client().open()
        client.hear(speech(PCM16_16K).cut(0, 2 * 16_000))
        assert "modelTurn" not in client.kinds
        client.tell(realtimeInput={"audioStreamEnd": True})
        assert "modelTurn" in client.kinds

    def test_text_cuts_short_what_is_said(self) -> None:
        client = Client(seconds_of(5.0)).open(model="models/gemini-2.5")
        for _ in range(2):
            client.tell(clientContent={"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True})
        assert client.kinds.count("interrupted") == 1

    def test_the_spelling_with_underscores_is_understood_too(self) -> None:
        client = Client(seconds_of(1.0)).open(input_audio_transcription={})
        client.tell(realtime_input={"text": "Hello"})
        assert client.close is None
        assert "modelTurn" in client.kinds


class TestTools:
    def test_a_turn_that_calls_goes_on_when_it_has_all_results(self) -> None:
        client = Client(calling).open()
        client.tell(realtimeInput={"text": "Go"})
        [calls] = [message["toolCall"]["functionCalls"] for _, message in client.said if "toolCall" in message]
        assert [(call["name"], call["args"]) for call in calls] == [("one", {"a": 1}), ("two", {})]
        for call in calls:
            client.wait(5)
            assert client.kinds == ["setupComplete", "toolCall"]
            client.tell(toolResponse={"functionResponses": [{"id": call["id"], "name": call["name"], "response": {"output": "x"}}]})
        client.wait(5)
        assert client.kinds[-2:] == ["generationComplete", "turnComplete"]

    def test_where_tools_do_not_block_the_turn_ends_with_its_calls(self) -> None:
        client = Client(calling, blocks=False).open()
        client.tell(realtimeInput={"text": "Go"})
        assert client.kinds == ["setupComplete", "toolCall", "turnComplete"]

    def test_a_caller_who_speaks_takes_the_calls_back(self) -> None:
        client = Client(calling).open()
        client.tell(realtimeInput={"text": "Go"})
        client.hear(speech(PCM16_16K).cut(0, 2 * 16_000))
        [ids] = [message["toolCallCancellation"]["ids"] for _, message in client.said if "toolCallCancellation" in message]
        assert len(ids) == 2


class TestConnections:
    def test_it_warns_before_it_goes(self) -> None:
        client = Client(lasts=100, warns=60).open()
        client.wait(200)
        assert [(at, message["goAway"]) for at, message in client.said if "goAway" in message] == [(40.0, {"timeLeft": "60s"})]
        assert client.close == (1011, "Deadline expired before operation could complete.")

    def test_a_session_goes_on_where_another_was_once_that_is_closed(self) -> None:
        handles: dict[str, GeminiServer] = {}
        first = Client(handles=handles).open(sessionResumption={})
        first.tell(realtimeInput={"text": "I am Ada."})
        first.wait(5)
        handle = [message["sessionResumptionUpdate"]["newHandle"] for _, message in first.said if "sessionResumptionUpdate" in message][-1]
        early = Client(handles=handles).open(sessionResumption={"handle": handle})
        assert early.close == (1011, "Internal error occurred.")
        first.server.connected = False
        second = Client(handles=handles).open(sessionResumption={"handle": handle})
        assert second.close is None
        assert ("user", "I am Ada.") in second.server.conversation

    def test_nothing_can_be_resumed_in_the_middle_of_an_answer(self) -> None:
        client = Client(seconds_of(5.0)).open(sessionResumption={})
        client.tell(realtimeInput={"text": "Hello"})
        assert [message["sessionResumptionUpdate"] for _, message in client.said if "sessionResumptionUpdate" in message][-1] == {
            "newHandle": "", "resumable": False,
        }  # fmt: skip

    def test_an_announced_history_is_known_and_not_answered(self) -> None:
        client = Client().open(historyConfig={"initialHistoryInClientContent": True})
        client.tell(clientContent={"turns": [{"role": "model", "parts": [{"text": "Hello, Ada."}]}], "turnComplete": True})
        assert client.close is None
        assert (client.kinds, list(client.server.conversation)) == (["setupComplete"], [("model", "Hello, Ada.")])


INVALID = (1007, "Request contains an invalid argument.")


class TestMisuse:
    def test_a_key_that_is_wrong(self) -> None:
        client = Client(keys=frozenset({"right"})).open()
        assert client.close == (1007, "API key not valid. Please pass a valid API key.")

    @pytest.mark.parametrize(
        ("setup", "code", "reason"),
        [
            ({"model": "models/nonsense"}, 1008, "models/nonsense is not found for API version v1beta"),
            ({"model": 7}, *INVALID),
            ({"oops": 1}, 1007, 'Unknown name "oops"'),
            ({"generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}, *INVALID),
            ({"explicitVadSignal": True}, 1007, "not supported"),
            ({"sessionResumption": {"handle": "unknown"}}, *INVALID),
            ({"tools": [{"functionDeclarations": [{"name": "no name!"}]}]}, *INVALID),
            ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}]}]}, 1007, "non-empty"),
            ({"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": "x"}}}, *INVALID),
        ],
        ids=str,
    )
    def test_a_setup_that_it_does_not_take(self, setup: dict[str, Any], code: int, reason: str) -> None:
        client = Client(models=frozenset({"gemini-3.8-live"})).open(**setup)
        assert client.close is not None
        assert client.close[0] == code
        assert reason in client.close[1]

    @pytest.mark.parametrize(
        "message",
        [
            {"setup": {"model": "models/gemini-3.8-live"}},
            {"realtimeInput": {"text": "a", "activityEnd": {}}},
            {"realtimeInput": {"mediaChunks": []}},
            {"realtimeInput": {"activityStart": {}}},
            {"realtimeInput": {"text": 7}},
            {"realtimeInput": {"audio": {"data": "A", "mimeType": "audio/pcm"}}},
            {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/opus"}}},
            {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=99999"}}},
            {"clientContent": {"turns": [], "turnComplete": True}},
            {"toolResponse": {"functionResponses": []}},
            {"toolResponse": {"functionResponses": [{"id": "unknown", "response": {}}]}},
            {"input_audio_buffer.append": {}},
            {"a": 1, "b": 2},
        ],
        ids=str,
    )
    def test_a_message_that_it_does_not_take(self, message: dict[str, Any]) -> None:
        client = Client().open()
        client.tell(**message)
        assert client.close is not None
        assert client.close[0] == 1007

    def test_a_result_that_is_no_object(self) -> None:
        client = Client(calling).open()
        client.tell(realtimeInput={"text": "Go"})
        client.tell(toolResponse={"functionResponses": [{"id": "call_1_1", "response": "seven"}]})
        assert client.close == INVALID

    def test_a_first_message_that_is_no_setup(self) -> None:
        client = Client()
        client.tell(realtimeInput={"text": "Hello"})
        assert client.close is not None
        assert client.close[0] == 1007

    @settings(max_examples=60)
    @given(
        st.lists(
            st.text(max_size=10)
            | st.binary(max_size=10)
            | st.dictionaries(
                st.sampled_from(["setup", "realtimeInput", "clientContent", "toolResponse", "contextUpdate"]),
                st.dictionaries(
                    st.sampled_from(
                        ["model", "audio", "text", "turns", "functionResponses", "tools", "activityStart", "sessionResumption"]
                    ),
                    st.recursive(
                        st.none() | st.integers() | st.text(max_size=3),
                        lambda inner: st.lists(inner) | st.dictionaries(st.just("parts"), inner),
                    ),
                    max_size=2,
                ),
                max_size=2,
            ).map(json.dumps),
            max_size=4,
        )
    )
    def test_whatever_a_client_sends_nothing_raises(self, messages: list[str | bytes]) -> None:
        client = Client().open()
        for message in messages:
            client.hand(message)
            client.wait(1)

    def test_deep_nesting_is_refused(self) -> None:
        client = Client().open()
        client.hand('{"realtimeInput":' * 900 + "{}" + "}" * 900)
        assert client.close is not None
