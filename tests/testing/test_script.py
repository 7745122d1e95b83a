"""A scripted model answers as its script says, at exact times, and writes down what it was told."""

from __future__ import annotations

import math

import pytest
import trio

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    CapabilityError,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionError,
)
from trioaudio.abc import Model
from trioaudio.audio import PCM16_8K, PTIME, Frame
from trioaudio.testing import STAMPED, Script, breaks, complains, ends, say, stays_silent

pytestmark = pytest.mark.usefixtures("virtual_clock")
SILENCE = Frame.silence(STAMPED.frame_samples, STAMPED)


async def started(model: Model, agent: Agent | None = None) -> Model:
    await model.start(agent or Agent(), STAMPED, STAMPED)
    assert isinstance(await model.receive(), SessionCreated)
    return model


async def heard_to_speak(model: Model, seconds: float = 0.1, item: str = "caller") -> None:
    """Let it hear somebody speak, in frames of 20 ms on time."""
    for frame in say(seconds, item, chunk=PTIME):
        await model.append(frame)
        await trio.sleep(PTIME)


async def says(model: Model, within: float = 10.0) -> list[tuple[float, ModelEvent]]:
    """All that it says for a while, and when, to the hundredth of a second."""
    events: list[tuple[float, ModelEvent]] = []
    with trio.move_on_after(within):
        while True:
            event = await model.receive()
            events.append((round(trio.current_time(), 2), event))
    return events


def kinds(events: list[tuple[float, ModelEvent]]) -> list[type[ModelEvent]]:
    return [type(event) for _, event in events]


def items(events: list[tuple[float, ModelEvent]]) -> list[str]:
    return list(dict.fromkeys(event.item_id for _, event in events if isinstance(event, AudioDelta)))


async def test_the_first_answer_is_a_greeting() -> None:
    async with Script(say(0.2, "a", transcript="Hello"))() as model:
        events = await says(await started(model))
    assert kinds(events) == [ResponseCreated, AudioDelta, AudioDelta, AudioDone, OutputTranscript, ResponseDone]
    assert {time for time, _ in events} == {0.0}


async def test_a_script_that_does_not_greet_waits_for_the_caller() -> None:
    async with Script(say(0.2, "a"), greets=False)() as model:
        assert await says(await started(model)) == []


async def test_speech_is_noticed_at_once_and_silence_after_300_ms() -> None:
    async with Script(say(0.1, "a"), greets=False, transcripts=["Hi"])() as model:
        await started(model)
        await model.append(SILENCE)
        await heard_to_speak(model)
        events = await says(model)
    assert events[0] == (0.1, InputSpeechStarted(20.0))
    assert [event for event in events if event[0] > 0.1][:3] == [
        (0.38, InputSpeechStopped(120.0)),
        (0.38, InputCommitted("caller-1")),
        (0.38, InputTranscript("caller-1", "Hi")),
    ]
    assert items(events) == ["a"]


async def test_a_short_pause_does_not_end_an_utterance() -> None:
    async with Script(greets=False)() as model:
        await started(model)
        await heard_to_speak(model)
        await trio.sleep(0.2)
        await heard_to_speak(model)
        assert kinds(await says(model)).count(InputCommitted) == 1


async def test_each_utterance_gets_the_next_answer_until_there_is_none() -> None:
    async with Script(say(0.1, "a"), say(0.1, "b"), greets=False)() as model:
        await started(model)
        answers = []
        for _ in range(3):
            await heard_to_speak(model)
            answers.append(items(await says(model, 1.0)))
    assert answers == [["a"], ["b"], []]


async def test_a_commit_is_answered_without_waiting_for_silence() -> None:
    async with Script(say(0.1, "a"), greets=False)() as model:
        await started(model)
        await heard_to_speak(model)
        await model.commit()
        events = await says(model)
    assert kinds(events)[:4] == [InputSpeechStarted, InputSpeechStopped, InputCommitted, ResponseCreated]
    assert kinds(events).count(InputCommitted) == 1


async def test_a_script_that_hears_no_speech_answers_commits_only() -> None:
    script = Script(say(0.1, "a"), greets=False, pause=None)
    async with script() as model:
        await started(model)
        await heard_to_speak(model)
        assert await says(model) == []
        await model.commit()
        assert items(await says(model)) == ["a"]
    assert script.heard("caller") == 800


async def test_a_text_is_answered() -> None:
    script = Script(say(0.1, "a"), greets=False)
    async with script() as model:
        await started(model)
        await model.send_text("Hello?")
        assert items(await says(model)) == ["a"]
    assert script.texts == ["Hello?"]


async def test_speed_and_delay_give_the_audio_its_times() -> None:
    async with Script(say(0.4, "a"), speed=2.0, delay=1.0)() as model:
        events = await says(await started(model))
    assert [time for time, event in events if isinstance(event, AudioDelta)] == [1.0, 1.05, 1.1, 1.15]
    assert events[-1] == (1.2, ResponseDone("response-1"))


async def test_answers_in_a_list_come_one_after_the_other() -> None:
    async with Script([say(0.2, "a"), complains("busy"), say(0.1, "b"), ends()], speed=1.0)() as model:
        await started(model)
        events = []
        with pytest.raises(trio.EndOfChannel):
            while True:
                events.append((round(trio.current_time(), 2), await model.receive()))
    assert items(events) == ["a", "b"]
    assert SessionError in kinds(events)
    assert trio.current_time() == pytest.approx(0.3, abs=0.001)


async def test_it_can_break_and_stay_silent() -> None:
    async with Script(stays_silent(), breaks(ValueError("the cable")))() as model:
        await started(model)
        assert await says(model, 1.0) == []
        await heard_to_speak(model)
        with pytest.raises(ValueError, match="the cable"):
            while True:
                await model.receive()


async def test_a_cancel_stops_the_answer_but_for_late_deltas() -> None:
    script = Script(say(1.0, "a"), speed=1.0, late_deltas=2)
    async with script() as model:
        await started(model)
        before = await says(model, 0.25)
        await model.cancel()
        after = await says(model)
    assert kinds(before) == [ResponseCreated, AudioDelta, AudioDelta, AudioDelta]
    assert kinds(after) == [AudioDelta, AudioDelta, ResponseDone]
    assert after[-1] == (0.25, ResponseDone("response-1", "cancelled"))
    assert script.cancels == [pytest.approx(0.25)]


async def test_a_cancel_with_nothing_to_stop_says_nothing() -> None:
    async with Script(say(0.1, "a"))() as model:
        await says(await started(model))
        await model.cancel()
        assert await says(model) == []


async def test_speaking_again_interrupts_the_answer_that_is_being_made() -> None:
    async with Script(say(5.0, "a"), say(0.1, "b"), speed=1.0)() as model:
        await started(model)
        await says(model, 1.0)
        await heard_to_speak(model)
        events = await says(model)
    assert ResponseDone("response-1", "interrupted") in [event for _, event in events]
    assert items(events)[-1] == "b"


async def test_a_truncation_is_taken_once_and_not_beyond_what_was_sent() -> None:
    script = Script(say(0.2, "a"), say(0.2, "b"))
    async with script() as model:
        await says(await started(model))
        for item, heard in (("a", 800), ("a", 800), ("x", 1)):
            await model.truncate(item, heard)
        await model.commit()
        await says(model, 0.1)
        await model.truncate("b", 1601)
        events = [event for _, event in await says(model)]
    assert events == [
        SessionError("invalid_truncation", "the item 'b' has 1600 samples, not 1601"),
    ]
    assert script.truncations == [("a", 800), ("a", 800), ("x", 1), ("b", 1601)]


async def test_a_truncation_is_confirmed_in_milliseconds() -> None:
    async with Script(say(0.2, "a"))() as model:
        await says(await started(model))
        await model.truncate("a", 800)
        assert [event for _, event in await says(model)] == [ItemTruncated("a", 100.0)]


async def test_it_can_do_only_what_it_was_given() -> None:
    async with Script(capabilities=frozenset({"commit"}))() as model:
        await started(model)
        await model.commit()
        with pytest.raises(CapabilityError, match="cannot cancel"):
            await model.cancel()


async def test_it_speaks_the_format_it_was_started_with() -> None:
    async with Script(say(0.2, "a"), formats=[PCM16_8K])() as model:
        await model.start(Agent(), PCM16_8K, PCM16_8K)
        deltas = [event.frame for _, event in await says(model) if isinstance(event, AudioDelta)]
    assert {frame.format for frame in deltas} == {PCM16_8K}
    assert sum(frame.num_samples for frame in deltas) == 1600


async def test_it_goes_on_where_it_was_when_it_is_opened_again() -> None:
    script = Script(say(0.1, "a"), say(0.1, "b"))
    async with script() as model:
        assert items(await says(await started(model, Agent("first")))) == ["a"]
    async with script() as model:
        await started(model, Agent("second"))
        await model.commit()
        assert items(await says(model)) == ["b"]
    assert len(script.connections) == 2
    assert script.agent == Agent("second")


async def test_it_may_never_start() -> None:
    async with Script(starts_after=math.inf)() as model:
        with trio.move_on_after(100) as waiting:
            await model.start(Agent(), STAMPED, STAMPED)
    assert waiting.cancelled_caught


async def test_a_stalled_model_takes_nothing() -> None:
    script = Script()
    async with script() as model:
        await started(model)
        script.stall(2.0)
        with pytest.raises(trio.WouldBlock):
            model.append_nowait(SILENCE)
        await model.append(SILENCE)
        assert trio.current_time() == 2.0


async def test_what_a_test_lets_it_say_comes_beside_the_script() -> None:
    script = Script()
    async with script() as model:
        await started(model)
        script.emit(SessionError("odd", ""), after=1.0)
        script.answer(say(0.1, "a"))
        events = await says(model)
    assert events[-1] == (1.0, SessionError("odd", ""))
    assert items(events) == ["a"]


async def test_its_end_and_its_failure_come_again_and_again() -> None:
    script = Script(say(10.0, "a"), speed=1.0)
    async with script() as model:
        await started(model)
        script.end()
        for _ in range(2):
            with pytest.raises(trio.EndOfChannel):
                await model.receive()
        with pytest.raises(trio.BrokenResourceError):
            model.append_nowait(SILENCE)


def test_a_script_that_was_not_opened_says_so() -> None:
    with pytest.raises(RuntimeError, match="has not been opened yet"):
        Script().end()
