"""A caller speaks while the agent does: what a session makes of it, as its agent's `BargeIn` says, measured at the caller's ear."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trio

from trioaudio import (
    Agent,
    AudioDelta,
    BargeIn,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    Limits,
    ResponseCreated,
    ResponseDone,
    Session,
    TurnDetection,
    TurnInterrupted,
    TurnPaused,
    TurnPlayed,
    TurnResumed,
)
from trioaudio._audiofiles import read_audio
from trioaudio.audio import PCM16_8K, Frame
from trioaudio.clips import clip_path
from trioaudio.testing import Script, ScriptedFarEnd, open_call, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")

EXACT = Limits(fade=0)
SPEECH = read_audio(clip_path("caller"), PCM16_8K).cut(round(0.7 * 8000), round(2.5 * 8000))


def guarded(**rules: object) -> Agent:
    return Agent(barge_in=BargeIn(**rules))


def deaf(*answers: object, **options: object) -> Script:
    """A model that hears nothing by itself, so that a test can say what it hears, and when."""
    return Script(*answers, pause=None, **options)


async def speak(script: Script, seconds: float, words: str = "") -> None:
    """The model hears the caller for so long; what it makes of it are these words."""
    script.emit(InputSpeechStarted())
    await trio.sleep(seconds)
    script.emit(InputSpeechStopped())
    if words:
        script.emit(InputTranscript("caller-1", words))
    await trio.sleep(0.001)


def notes(session: Session) -> list[tuple[str, int]]:
    told: list[tuple[str, int]] = []
    for kind in (TurnPaused, TurnResumed, TurnInterrupted, TurnPlayed):
        session.on(kind, lambda event: told.append((event.name, event.receipt.heard)))
    return told


class TestTheModel:
    @pytest.mark.parametrize(
        ("agent", "interrupts"), [(Agent(), True), (guarded(min_speech_ms=300), False), (guarded(mode="pause"), False)]
    )
    async def test_interrupts_by_itself_only_where_the_session_does_not_decide(self, agent: Agent, interrupts: bool):
        script = deaf()
        async with open_call(script, agent):
            assert script.agent.turn_detection == TurnDetection(interrupt=interrupts)

    async def test_that_is_still_making_an_answer_of_which_nothing_was_heard_is_told_to_stop(self):
        """Nothing is unheard yet, but in a moment the agent would talk over the caller."""
        script = deaf()
        async with open_call(script) as (caller, _):
            script.emit(ResponseCreated("response-1"))
            await speak(script, 0.5)
            script.emit(AudioDelta("a", stamp("a", 0, 8000), "response-1"))
            await trio.sleep(2.0)
            assert (len(script.cancels), caller.heard("a")) == (1, 0)

    async def test_that_was_stopped_with_what_it_said_is_told_so_once(self):
        script = deaf(say(3.0, "a"), speed=0.5)
        async with open_call(script) as (_, _session):
            await trio.sleep(1.0)
            await speak(script, 0.5)
            await trio.sleep(1.0)
            assert (len(script.cancels), len(script.truncations)) == (1, 1)

    async def test_that_stops_its_answer_by_itself_silences_nothing_where_the_session_decides(self):
        script = deaf(say(3.0, "a"), speed=2.0)
        async with open_call(script, guarded(min_speech_ms=500)) as (caller, _):
            await trio.sleep(1.0)
            script.emit(ResponseDone("response-1", "cancelled"))
            await trio.sleep(4.0)
            assert caller.heard("a") == 24_000


class TestStop:
    async def test_at_once_unless_told_otherwise(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.1)
            await trio.sleep(1.0)
            assert (caller.heard("a"), script.truncations) == (8000, [("a", 8000)])

    async def test_not_for_a_short_sound(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(min_speech_ms=300)) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.2)
            await trio.sleep(3.0)
            assert (caller.heard("a"), script.truncations, script.cancels) == (24_000, [], [])

    async def test_as_soon_as_it_is_long_enough(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(min_speech_ms=300)) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.9)
            await trio.sleep(1.0)
            assert script.truncations == [("a", caller.heard("a"))]
            assert caller.heard("a") == pytest.approx(1.3 * 8000, abs=2)

    async def test_not_in_the_first_seconds(self):
        script = deaf(say(4.0, "a"))
        async with open_call(script, guarded(protect_first_ms=2000)) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.5)
            await trio.sleep(0.2)
            await speak(script, 1.5)
            await trio.sleep(1.0)
            assert caller.heard("a") == pytest.approx(16_000, abs=2)
            assert script.truncations == [("a", caller.heard("a"))]

    async def test_never_if_nobody_counts(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(trigger="off")) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.9)
            await trio.sleep(2.0)
            assert (caller.heard("a"), script.cancels) == (24_000, [])

    async def test_the_stop_button_works_all_the_same(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(trigger="off")) as (caller, _session):
            await trio.sleep(1.0)
            caller.wish_interrupt()
            await trio.sleep(2.0)
            assert (caller.heard("a"), script.truncations) == (8000, [("a", 8000)])

    async def test_not_what_must_be_heard(self):
        script = deaf(say(3.0, "a"), greets=False)
        async with open_call(script, guarded(min_speech_ms=100)) as (caller, session):
            await session.say("This call is recorded.", interruptible=False)
            await trio.sleep(1.0)
            await speak(script, 0.9)
            await trio.sleep(2.0)
            assert caller.heard("a") == 24_000


class TestPause:
    async def test_a_cough_costs_nothing(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(mode="pause", min_speech_ms=300), limits=EXACT) as (caller, session):
            told = notes(session)
            await trio.sleep(1.0)
            await speak(script, 0.2)
            assert caller.heard("a") == pytest.approx(8000, abs=10)
            await trio.sleep(3.0)
            assert caller.heard_indices("a") == list(range(24_000))
            assert told == [("turn_paused", 8000), ("turn_resumed", 8000), ("turn_played", 24_000)]
            assert (script.truncations, script.cancels) == ([], [])

    async def test_speech_is_an_interruption_of_which_the_model_is_told_once(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(mode="pause", min_speech_ms=300)) as (caller, session):
            told = notes(session)
            await trio.sleep(1.0)
            await speak(script, 0.9)
            await trio.sleep(1.0)
            assert told == [("turn_paused", 8000), ("turn_interrupted", 8000)]
            assert (caller.heard("a"), script.truncations) == (8000, [("a", 8000)])

    @pytest.mark.parametrize(("words", "heard"), [("Stop.", 8000), ("...", 24_000), ("", 24_000)])
    async def test_words_decide_where_no_length_does(self, words: str, heard: int):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(mode="pause", resume_after_ms=500), limits=EXACT) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.2, words)
            await trio.sleep(3.0)
            assert caller.heard("a") == heard

    async def test_an_utterance_that_the_model_takes_as_complete_decides_too(self):
        script = Script(say(3.0, "a"), say(1.0, "b"))
        async with open_call(script, guarded(mode="pause")) as (caller, _session):
            await trio.sleep(1.0)
            caller.speak(say(0.5, "question"))
            await trio.sleep(3.0)
            assert caller.heard("a") == pytest.approx(8000, abs=10)
            assert caller.heard("b") == 8000
            assert script.truncations == [("a", caller.heard("a"))]

    async def test_the_answer_to_what_was_said_is_not_stopped_when_the_far_end_answers_late(self):
        """It has begun by the time at which it is known what was heard of the one before."""
        script = deaf(say(3.0, "a"), speed=1.0)
        caller = ScriptedFarEnd(report_every=0.5, report_delay=0.2)
        async with open_call(script, guarded(mode="pause"), caller=caller) as (caller, _):
            await trio.sleep(1.0)
            await speak(script, 0.05, "Yes?")
            script.answer(say(1.0, "b"))
            await trio.sleep(3.0)
            assert (caller.heard("b"), len(script.cancels), [item for item, _ in script.truncations]) == (8000, 1, ["a"])

    async def test_while_somebody_speaks_it_lasts(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(mode="pause", resume_after_ms=200), limits=EXACT) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 5.0)
            assert caller.heard("a") == pytest.approx(8000, abs=10)
            await trio.sleep(3.0)
            assert caller.heard("a") == 24_000

    async def test_a_session_that_ends_meanwhile_lets_it_go_on(self):
        script = deaf(say(3.0, "a"))
        async with open_call(script, guarded(mode="pause"), limits=EXACT) as (caller, session):
            await trio.sleep(1.0)
            script.emit(InputSpeechStarted())
            await trio.sleep(0.5)
            session.close()
            await session.wait_closed()
            await trio.sleep(3.0)
            assert caller.heard("a") == 24_000

    async def test_audio_that_comes_meanwhile_is_heard_after_it(self):
        script = deaf(say(3.0, "a"), speed=1.0)
        async with open_call(script, guarded(mode="pause", min_speech_ms=300), limits=EXACT) as (caller, _session):
            await trio.sleep(1.0)
            await speak(script, 0.2)
            await trio.sleep(4.0)
            assert caller.heard_indices("a") == list(range(24_000))


class TestTheLocalEar:
    """Both ends speak 8 kHz; the caller's words are the shipped clip, cut to length."""

    async def heard(self, speech: Frame | None, **rules: object) -> tuple[int, Script]:
        """Samples that the caller heard of 3 s, when he speaks after 1 s."""
        tone = (8000 * np.sin(np.arange(24_000) * 0.3)).astype(np.int16)
        script = deaf(lambda model: None, formats=(PCM16_8K,))
        caller = ScriptedFarEnd(format=PCM16_8K, line_open=True)
        async with open_call(script, guarded(**rules), caller=caller, limits=EXACT) as (caller, session):
            turn = session.channel.turn("a")
            turn.send_nowait(Frame.from_samples(tone, PCM16_8K))
            turn.end()
            await trio.sleep(1.0)
            if speech is not None:
                caller.speak(speech)
            await trio.sleep(8.0)
            return caller.ear.heard_samples(), script

    async def test_stops_the_agent_when_somebody_speaks(self):
        heard, _ = await self.heard(SPEECH, trigger="local")
        assert 8000 < heard < 12_000

    async def test_hears_no_speech_in_silence(self):
        assert (await self.heard(None, trigger="local"))[0] == 24_000

    async def test_does_not_count_what_the_model_hears(self):
        heard, _ = await self.heard(SPEECH, trigger="model")
        assert heard == 24_000

    async def test_counts_speech_and_not_the_silence_after_it(self):
        cough = SPEECH.cut(0, round(0.25 * 8000))
        assert (await self.heard(cough, trigger="local"))[0] < 24_000
        assert (await self.heard(cough, trigger="local", min_speech_ms=450))[0] == 24_000
        assert (await self.heard(SPEECH, trigger="local", min_speech_ms=450))[0] < 16_000

    async def test_pauses_for_a_cough(self):
        cough = SPEECH.cut(0, round(0.25 * 8000))
        assert (await self.heard(cough, trigger="local", mode="pause", min_speech_ms=450))[0] == 24_000
        assert (await self.heard(SPEECH, trigger="local", mode="pause", min_speech_ms=450))[0] < 12_000


async def test_in_a_call_on_which_nobody_speaks_there_is_nothing_to_decide():
    async with open_call(deaf(say(1.0, "a")), guarded(mode="pause", min_speech_ms=300)) as (_caller, session):
        told = notes(session)
        await trio.sleep(math.ceil(1.5))
        assert told == [("turn_played", 8000)]
