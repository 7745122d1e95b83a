"""Client and server talk to each other over a wire that takes time: what one says, the other understands, whatever crosses."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.openai_emulated import speech
from wire.openai_says import MANUAL

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    ItemCreated,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    OutputTranscriptDelta,
    RateLimitsUpdated,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    SessionCreated,
    SessionError,
    SessionUpdated,
    ToolCall,
    TurnDetection,
)
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.openai import OpenAIWire
from trioaudio.wire.openai_server import OpenAICall, OpenAIQuestion, OpenAIReply, OpenAIServer, OpenAIServerOptions

BETA = {"beta_names": True, "extras": True, "omit": frozenset({"conversation.item.done", "response.content_part.added"})}


def long_reply(question: OpenAIQuestion) -> OpenAIReply:
    return OpenAIReply("one two three four", Frame.silence(5 * question.format.rate, question.format))


class Pair:
    """A client and a server with ``delay`` seconds of wire between them, and a caller who hears what arrives, in real time."""

    def __init__(self, answer: Any = None, *, delay: float = 0.0, **server: Any) -> None:
        self.wire, self.server = OpenAIWire(), OpenAIServer(answer, OpenAIServerOptions(**server))
        self.events: list[ModelEvent] = []
        self.now, self.delay = 0.0, delay
        self.truncated: dict[str, int] = {}
        self._numbers = itertools.count()
        self._arrivals: list[tuple[float, int, Callable[[str], None], str]] = []
        self._playing: dict[str, list[tuple[float, int]]] = {}
        self._speaker_free = 0.0

    def open(self, format: AudioFormat = PCM16_24K, agent: Agent | None = None) -> Pair:
        self.server.open("gpt-realtime-2.1", "key")
        self.wait(2 * self.delay)
        self.send(self.wire.session_update(agent or Agent(), format, format))
        self.wait(3 * self.delay)
        assert self.wire.phase == "ready"
        self.format = format
        return self

    def send(self, messages: list[str]) -> None:
        for message in messages:
            heapq.heappush(self._arrivals, (self.now + self.delay, next(self._numbers), self._at_server, message))

    def speak(self, frame: Frame) -> None:
        """The caller speaks, in real time."""
        for piece in frame.split(frame.format.frame_samples):
            self.send([self.wire.append(piece)])
            self.wait(piece.duration)

    def wait(self, seconds: float = 0.0) -> None:
        until = self.now + seconds
        while True:
            self._leave_server()
            due = min(self._arrivals[0][0] if self._arrivals else until + 1, self.server.due)
            if due > until:
                break
            self.now = max(self.now, due)
            if self._arrivals and self._arrivals[0][0] <= self.now:
                _, _, arrive, message = heapq.heappop(self._arrivals)
                arrive(message)
            self.server.advance(self.now)
        self.now = until

    def heard(self, item_id: str) -> int:
        """Samples of an item that the caller has heard."""
        pieces = self._playing.get(item_id, [])
        return sum(max(0, min(length, int((self.now - begin) * self.format.rate))) for begin, length in pieces)

    def interrupt(self) -> None:
        """As a session does: the speaker falls silent, the model is told."""
        self.send(self.wire.cancel())
        for item_id in list(self._playing):
            heard = self.heard(item_id)
            messages = self.wire.truncate(item_id, heard)
            if messages:
                self.truncated[item_id] = heard * 1000 // self.format.rate
            self.send(messages)
        self._playing.clear()
        self._speaker_free = self.now

    def _leave_server(self) -> None:
        for message in self.server.take():
            heapq.heappush(self._arrivals, (self.now + self.delay, next(self._numbers), self._at_client, message))

    def _at_server(self, message: str) -> None:
        self.server.receive_untrusted(message, self.now)

    def _at_client(self, message: str) -> None:
        for event in self.wire.receive_untrusted(message):
            self.events.append(event)
            if isinstance(event, InputSpeechStarted):
                self.interrupt()
            if isinstance(event, AudioDelta):
                begin = max(self.now, self._speaker_free)
                self._speaker_free = begin + event.frame.duration
                self._playing.setdefault(event.item_id, []).append((begin, event.frame.num_samples))
        self.send(self.wire.owed())


def in_order(events: list[ModelEvent]) -> list[type[ModelEvent]]:
    return list(dict.fromkeys(type(event) for event in events))


TURN = [
    SessionCreated, SessionUpdated, InputSpeechStarted, InputSpeechStopped, InputCommitted, ItemCreated, InputTranscriptDelta,
    InputTranscript, ResponseCreated, OutputTranscriptDelta, AudioDelta, AudioDone, OutputTranscript, ResponseDone, RateLimitsUpdated,
]  # fmt: skip


@pytest.mark.parametrize("server", [{}, BETA], ids=["GA", "compatible"])
@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K, ALAW_8K], ids=str)
def test_a_turn_is_understood_from_the_first_word_to_the_last(format: AudioFormat, server: dict[str, Any]) -> None:
    pair = Pair(**server).open(format)
    pair.speak(speech(format))
    pair.wait(5.0)
    assert in_order(pair.events) == TURN
    assert pair.server.errors == []
    said = sum(event.frame.duration for event in pair.events if isinstance(event, AudioDelta))
    assert said == pytest.approx(2.2, abs=0.3)


def test_what_no_document_knows_is_skipped_and_counted() -> None:
    pair = Pair(**BETA).open()
    pair.send(pair.wire.respond())
    pair.wait(5.0)
    assert pair.wire.counts.unknown_events == 1


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("slips", [False, True], ids=["clean", "slips"])
def test_a_caller_who_interrupts_has_heard_what_the_server_is_told(delay: float, slips: bool) -> None:
    pair = Pair(long_reply, delay=delay, slips=slips).open()
    pair.send(pair.wire.respond())
    pair.wait(1.0 + 2 * delay)
    pair.speak(speech())
    pair.wait(10.0)
    assert [event for event in pair.events if isinstance(event, ItemTruncated)]
    assert {item: end for item, _, end in pair.server.conversation.truncations} == pair.truncated
    assert 500 < next(iter(pair.truncated.values())) < 3_000
    assert pair.server.errors == []


def test_an_answer_that_was_made_long_ago_is_truncated_where_it_was_heard() -> None:
    pair = Pair(long_reply, speed=1_000.0).open()
    pair.send(pair.wire.respond())
    pair.wait(1.0)
    assert any(isinstance(event, ResponseDone) for event in pair.events)
    pair.interrupt()
    pair.wait(1.0)
    assert pair.server.conversation.truncations == [("item_1", 0, 1_000)]
    assert pair.server.errors == []


def test_the_server_that_stops_by_itself_is_left_to_it() -> None:
    pair = Pair(long_reply, speed=1.0).open()
    pair.send(pair.wire.respond())
    pair.wait(1.0)
    pair.speak(speech().cut(0, 30_000))
    assert [event for event in pair.events if isinstance(event, ResponseInterrupted)]
    assert pair.server.errors == []


def test_a_manual_turn_is_answered() -> None:
    pair = Pair().open(agent=MANUAL)
    pair.speak(speech())
    pair.send(pair.wire.commit())
    pair.wait(5.0)
    assert in_order(pair.events)[2:6] == [InputCommitted, ItemCreated, InputTranscriptDelta, InputTranscript]
    assert any(isinstance(event, ResponseDone) for event in pair.events)
    assert pair.server.errors == []


def test_tools_are_called_and_their_results_answered() -> None:
    calls = (OpenAICall("look_up", '{"a":1}'), OpenAICall("look_up", "{}"))

    def answer(question: OpenAIQuestion) -> OpenAIReply:
        return OpenAIReply(f"It is {question.results}.") if question.results else OpenAIReply(calls=calls)

    pair = Pair(answer).open()
    pair.send(pair.wire.respond())
    pair.wait(1.0)
    made = [event for event in pair.events if isinstance(event, ToolCall)]
    assert [(call.tool, call.arguments) for call in made] == [("look_up", '{"a":1}'), ("look_up", "{}")]
    for call in made:
        pair.send(pair.wire.tool_result(call.call_id, "42"))
    pair.send(pair.wire.respond())
    pair.wait(5.0)
    assert [event.text for event in pair.events if isinstance(event, OutputTranscript)] == ["It is ('42', '42')."]
    assert pair.server.errors == []


@pytest.mark.parametrize("transcribed", ["before", "amid", "after"])
def test_the_callers_words_may_come_at_any_time(transcribed: str) -> None:
    pair = Pair(transcribed=transcribed).open()
    pair.speak(speech())
    pair.wait(5.0)
    assert sum(isinstance(event, InputTranscript) for event in pair.events) == 1


@pytest.mark.parametrize(("model", "key"), [("m", None), (None, "key")])
def test_a_refusal_is_understood(model: str | None, key: str | None) -> None:
    pair = Pair(keys=frozenset({"key"}))
    pair.server.open(model, key)
    pair.wait()
    assert pair.wire.phase == "refused"
    assert pair.wire.refusal is not None
    assert pair.wire.refusal.meaning == "fatal"


ACTIONS = st.sampled_from(["respond", "text", "cancel", "interrupt", "commit", "speak", "update"])
RACES = {"response_cancel_not_active", "conversation_already_has_active_response", "input_audio_buffer_commit_empty"}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(ACTIONS, st.floats(0, 1.5)), max_size=8),
    st.sampled_from([0.0, 0.04, 0.4]),
    st.sampled_from(["server", "semantic", "manual"]),
    st.booleans(),
)
def test_whatever_an_app_does_the_server_finds_no_fault_and_answers_everything(
    actions: list[tuple[str, float]], delay: float, turns: Any, interrupts: bool
) -> None:
    agent = Agent(turn_detection=TurnDetection(mode=turns, interrupt=interrupts))
    pair = Pair(long_reply, delay=delay).open(agent=agent)
    asked = 0
    for action, pause in actions:
        match action:
            case "respond" | "text":
                asked += 1
                pair.send(pair.wire.respond(str(asked)) if action == "respond" else pair.wire.send_text(str(asked)))
            case "cancel":
                pair.send(pair.wire.cancel())
            case "interrupt":
                pair.interrupt()
            case "commit":
                pair.send(pair.wire.commit())
            case "update":
                pair.send(pair.wire.session_update(agent, PCM16_24K, PCM16_24K))
            case "speak":
                pair.speak(speech().cut(12_000, 96_000))
        pair.wait(pause)
    pair.wait(200.0)
    assert set(pair.server.errors) <= RACES
    assert not [event for event in pair.events if isinstance(event, SessionError)]
    assert len(pair.server.errors) == pair.wire.counts.races
    assert not pair.wire.responding
    created = sum(isinstance(event, ResponseCreated) for event in pair.events)
    assert created == sum(isinstance(event, ResponseDone) for event in pair.events)
    assert created >= asked
    told = {item: end for item, _, end in pair.server.conversation.truncations}
    assert told == {item: end for item, end in pair.truncated.items() if item in told}
    assert told == pair.truncated
