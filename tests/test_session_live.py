"""A session with a full-duplex model: fed for ever, heard at once, and told like any other."""

from __future__ import annotations

import pytest
import trio

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    InputTranscript,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    ToolReturned,
    TurnInterrupted,
    TurnPlayed,
    tool,
)
from trioaudio.abc import Buffering
from trioaudio.audio import PCM16_16K, Frame
from trioaudio.testing import Script, ScriptedFarEnd, calls, ends, open_call, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


def live(*answers, **options) -> Script:
    return Script(*answers, live=True, **options)


class TestTheModel:
    async def test_is_sent_silence_while_the_caller_sends_nothing(self):
        script = live(greets=False)
        async with open_call(script):
            await trio.sleep(10)
            sent = sum(frame.duration for frame in script.appended)
            assert 9.9 <= sent <= 10
            assert not any(frame.pcm.any() for frame in script.appended)

    async def test_is_sent_in_time_what_the_caller_says_with_gaps(self):
        script = live(greets=False)
        async with open_call(script) as (caller, _):
            for number in range(5):
                caller.speak(say(0.5, f"word {number}"))
                await trio.sleep(1.0)
            await trio.sleep(1.0)
            assert 5.8 <= sum(frame.duration for frame in script.appended) <= 6.1
            assert [script.heard(f"word {number}") for number in range(5)] == [4000] * 5

    async def test_is_not_sent_silence_that_is_over(self):
        """A far end that stalls and then sends all at once: what it was silent before is left out, what it said is not."""
        script = live(greets=False)
        async with open_call(script) as (caller, _):
            await trio.sleep(5)
            for number in range(3):
                caller.signal(Frame.silence(8000, script.formats[0]))
                for frame in say(0.2, f"word {number}"):
                    caller.signal(frame)
            await trio.sleep(0.01)
            assert sum(frame.duration for frame in script.appended) <= 6.7
            assert [script.heard(f"word {number}") for number in range(3)] == [1600] * 3


class TestWhatItSays:
    async def test_is_heard_at_once_and_whole(self):
        script = live(say(2.0, "a"))
        async with open_call(script) as (caller, session):
            begun: list[float] = []
            session.on(ResponseCreated, lambda _: begun.append(trio.current_time()))
            await trio.sleep(5.0)
            assert caller.heard("a") == 16_000
            assert caller.heard_indices("a") == list(range(16_000))
            assert begun[0] < 0.3

    async def test_is_not_heard_late_though_it_comes_all_at_once(self):
        script = live(greets=False)
        async with open_call(script, caller=ScriptedFarEnd(Buffering(lead=5.0, ear=True))) as (caller, _):
            for frame in say(2.0, "a"):
                script.emit(AudioDelta("", frame))
            await trio.sleep(3.0)
            assert caller.heard_indices("a")[-3200:] == list(range(12_800, 16_000))
            assert caller.heard("a") <= 3200 + 800

    async def test_is_told_as_answers_with_their_words(self):
        script = live(say(1.0, "a", transcript="Good morning."), say(1.0, "b", transcript="Goodbye."))
        events: list[ModelEvent] = []
        async with open_call(script) as (caller, session):
            for kind in (ResponseCreated, AudioDone, OutputTranscript, ResponseDone, TurnPlayed, InputTranscript):
                session.on(kind, events.append)
            await trio.sleep(3.0)
            caller.speak(say(0.5, "hello"))
            await trio.sleep(5.0)
            told = [event.name for event in events]
            answer = ["response.created", "audio.output.done", "transcript.output", "response.done"]
            assert [name for name in told if name != "turn_played"] == answer * 2
            assert told.count("turn_played") == 2
            assert [line.text for line in session.transcript] == ["Good morning.", "Goodbye."]
            assert all(event.receipt.lost == 0 for event in events if isinstance(event, TurnPlayed))

    async def test_goes_on_when_the_caller_speaks(self):
        script = live(say(4.0, "a"), greets=True)
        async with open_call(script) as (caller, _):
            await trio.sleep(1.0)
            caller.speak(say(1.0, "wait"))
            await trio.sleep(5.0)
            assert caller.heard("a") == 32_000
            assert (caller.ear.clears, script.cancels, script.truncations) == (0, [], [])

    async def test_falls_silent_when_the_app_interrupts_and_the_next_utterance_is_heard(self):
        script = live(say(4.0, "a"), say(1.0, "b"))
        async with open_call(script) as (caller, session):
            statuses: list[str] = []
            session.on(ResponseDone, lambda event: statuses.append(event.status))
            await trio.sleep(1.05)
            session.interrupt()
            heard = caller.heard("a")
            await trio.sleep(5.0)
            caller.speak(say(0.5, "hello"))
            await trio.sleep(4.0)
            assert caller.heard("a") == heard
            assert caller.heard("b") == 8000
            assert statuses == ["cancelled", "completed"]
            assert not script.cancels

    async def test_is_interrupted_once_however_often(self):
        async with open_call(live(say(4.0, "a"))) as (_, session):
            interrupted: list[TurnInterrupted] = []
            session.on(TurnInterrupted, interrupted.append)
            await trio.sleep(1.05)
            assert session.interrupt()
            assert not session.interrupt()
            await trio.sleep(6.0)
            assert len(interrupted) == 1


async def test_words_of_the_caller_belong_together_until_there_is_a_pause():
    script = live(greets=False, transcripts=["I would like", "a room"], pause=0.3)
    async with open_call(script) as (caller, session):
        caller.speak(say(0.5, "one"))
        await trio.sleep(0.9)
        caller.speak(say(0.5, "two"))
        await trio.sleep(3.0)
        assert [line.text for line in session.transcript] == ["I would likea room"]


async def test_an_utterance_that_the_end_cuts_short_is_told_of():
    script = live([say(1.0, "a", transcript="Good mor"), ends()])
    events: list[str] = []
    async with open_call(script) as (_, session):
        session.on(ResponseDone, lambda event: events.append(event.name))
        script.emit(ResponseCreated("unheard of"))
        await session.wait_closed()
        assert session.transcript == []


async def test_tools_are_called_and_their_results_told():
    @tool
    def look_up() -> str:
        """Look something up."""
        return "42"

    script = live(calls("look_up"))
    async with open_call(script, Agent(tools=[look_up])) as (_, session):
        await session.wait_event(ToolReturned)
        await trio.sleep(0.1)
        assert [result.output for result in script.results] == ["42"]


async def test_a_goodbye_is_heard_to_its_end():
    script = live(say(2.0, "bye"))
    async with open_call(script) as (caller, session):
        await trio.sleep(0.5)
        assert str((await session.hang_up()).kind) == "hung_up"
        assert caller.heard("bye") == 16_000


async def test_converts_on_both_ways():
    script = live(say(1.0, "a"), formats=[PCM16_16K])
    async with open_call(script) as (caller, _):
        caller.speak(say(1.0, "hello"))
        await trio.sleep(4.0)
        assert {frame.format for frame in script.appended} == {PCM16_16K}
        assert sum(frame.num_samples for frame in caller.ear.heard_frames()) >= 8000
