"""The parrot waits until the caller has finished, says it all again, and stops when it is told to."""

from __future__ import annotations

import wave
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache

import numpy as np
import pytest
import trio
from trio.testing import MockClock, assert_checkpoints

from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    FormatError,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ItemTruncated,
    ModelEvent,
    OptionError,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    SessionCreated,
    SessionError,
    TextDone,
    TurnDetection,
)
from trioaudio.abc import Model
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K, AudioFormat, Converter, Frame
from trioaudio.clips import clip_path
from trioaudio.models.parrot import open_parrot
from trioaudio.testing import ScriptedFarEnd, open_call


@cache
def caller(format: AudioFormat = PCM16_16K) -> Frame:
    """The shipped clip (somebody speaks from 0.7 to 2.5 s and from 4.2 to 7.7 s), and a second of silence."""
    with wave.open(str(clip_path("caller"))) as file:
        clip = Frame(file.readframes(file.getnframes()) + bytes(32_000), PCM16_16K)
    return Converter(PCM16_16K, format).convert(clip)


def between(start: float, stop: float, format: AudioFormat = PCM16_16K) -> Frame:
    return caller(format).cut(round(start * format.rate), round(stop * format.rate))


FIRST, REST = between(0.0, 4.0), between(4.0, 9.0)


@asynccontextmanager
async def started(
    input_format: AudioFormat = PCM16_16K, output_format: AudioFormat | None = None, agent: Agent | None = None, **options: object
) -> AsyncGenerator[Model, None]:
    """A parrot that is listening; its first event has been taken."""
    async with open_parrot(**options) as parrot:  # type: ignore[arg-type]  # the tests know its options
        await parrot.start(agent or Agent(), input_format, output_format or input_format)
        assert await parrot.receive() == SessionCreated("parrot")
        yield parrot


def hears(parrot: Model, sound: Frame) -> None:
    """Let it hear something in frames of 20 ms, all at once."""
    for frame in sound.split(sound.format.frame_samples):
        parrot.append_nowait(frame)


async def says(parrot: Model, within: float = 60.0) -> list[ModelEvent]:
    """All it has to say until it is quiet for good, or until the time is over."""
    events: list[ModelEvent] = []
    with trio.move_on_after(within):
        while True:
            events.append(await parrot.receive())
    return events


def spoken(events: list[ModelEvent]) -> bytes:
    """The sound of an answer."""
    return b"".join(event.frame.data for event in events if isinstance(event, AudioDelta))


def others(events: list[ModelEvent]) -> list[ModelEvent]:
    """All but the sound."""
    return [event for event in events if not isinstance(event, AudioDelta)]


class TestAnswering:
    """An utterance is followed by the same utterance."""

    async def test_the_events_come_in_the_order_of_a_real_provider(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, FIRST)
            events = await says(parrot)
        deltas = sum(isinstance(event, AudioDelta) for event in events)
        assert [type(event) for event in events] == [
            InputSpeechStarted, InputSpeechStopped, InputCommitted, InputTranscript, ResponseCreated, *[AudioDelta] * deltas,
            AudioDone, OutputTranscript, ResponseDone,
        ]  # fmt: skip
        assert deltas > 20

    async def test_all_events_of_an_utterance_and_of_an_answer_belong_together(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, FIRST)
            events = await says(parrot)
        caller_said = [e for e in events if isinstance(e, InputSpeechStarted | InputSpeechStopped | InputCommitted | InputTranscript)]
        assert {event.item_id for event in caller_said} == {"user-1"}
        assert {event.item_id for event in events if isinstance(event, AudioDelta | AudioDone | OutputTranscript)} == {"reply-1"}
        assert {event.response_id for event in events if isinstance(event, AudioDelta | ResponseCreated | ResponseDone)} == {"response-1"}

    async def test_it_dates_the_speech_it_heard(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, caller())
            events = await says(parrot)
        dates = [event.audio_ms for event in events if isinstance(event, InputSpeechStarted | InputSpeechStopped)]
        assert dates == pytest.approx([680, 2_480, 4_240, 7_700], abs=100)

    @pytest.mark.parametrize("format", [PCM16_8K, PCM16_24K, PCM16_48K, MULAW_8K, ALAW_8K, AudioFormat("pcm16", 24_000, 2)], ids=str)
    async def test_what_it_says_is_what_it_heard_to_the_byte_with_a_little_before_and_after(
        self, autojump_clock: MockClock, format: AudioFormat
    ) -> None:
        async with started(format) as parrot:
            hears(parrot, between(0.0, 4.0, format))
            events = await says(parrot)
        [start] = [event.audio_ms for event in events if isinstance(event, InputSpeechStarted)]
        [stop] = [event.audio_ms for event in events if isinstance(event, InputSpeechStopped)]
        assert start is not None
        assert stop is not None
        assert spoken(events) == between((start - 300) / 1000, (stop + 200) / 1000, format).data

    async def test_the_answer_comes_in_pieces_of_100_ms_with_a_media_time_of_its_own(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, caller())
            events = await says(parrot)
        for item_id in ("reply-1", "reply-2"):
            frames = [event.frame for event in events if isinstance(event, AudioDelta) and event.item_id == item_id]
            assert [frame.media_time for frame in frames] == [count * 1_600 for count in range(len(frames))]
            assert {frame.num_samples for frame in frames[:-1]} == {1_600}

    @pytest.mark.parametrize(("source", "target"), [(MULAW_8K, PCM16_24K), (PCM16_48K, PCM16_16K), (PCM16_8K, MULAW_8K)])
    async def test_it_answers_in_the_format_it_was_asked_for(
        self, autojump_clock: MockClock, source: AudioFormat, target: AudioFormat
    ) -> None:
        async with started(source, target) as parrot:
            hears(parrot, between(0.0, 4.0, source))
            events = await says(parrot)
        async with started(source) as same:
            hears(same, between(0.0, 4.0, source))
            said = Frame(spoken(await says(same)), source)
        answer = Frame(spoken(events), target)
        assert {event.frame.format for event in events if isinstance(event, AudioDelta)} == {target}
        assert answer.duration == pytest.approx(said.duration + Converter(source, target).delay)
        voices = [Converter(frame.format, PCM16_8K).convert(frame).pcm for frame in (answer, said)]
        assert np.std(voices[0]) == pytest.approx(np.std(voices[1]), rel=0.02)

    async def test_the_same_sound_gets_the_same_answer_however_it_is_cut(self, autojump_clock: MockClock) -> None:
        answers = []
        for size in (320, 1_000, 64_000):
            async with started() as parrot:
                for frame in caller().split(size):
                    await parrot.append(frame)
                answers.append(await says(parrot))
        assert [others(answer) for answer in answers] == [others(answers[0])] * 3
        assert [spoken(answer) for answer in answers] == [spoken(answers[0])] * 3

    async def test_transcripts_tell_how_long_it_was(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, FIRST)
            events = await says(parrot)
        assert InputTranscript("user-1", "(2.3 s of speech)") in events
        assert OutputTranscript("reply-1", "(2.3 s of what you said)") in events

    async def test_what_was_said_is_not_transcribed_unless_asked_for(self, autojump_clock: MockClock) -> None:
        async with started(agent=Agent(transcribe=False)) as parrot:
            hears(parrot, FIRST)
            assert not any(isinstance(event, InputTranscript) for event in await says(parrot))

    async def test_of_a_long_utterance_the_end_is_said_again(self, autojump_clock: MockClock) -> None:
        async with started(max_utterance=1.0) as parrot:
            hears(parrot, FIRST)
            events = await says(parrot)
        [stop] = [event.audio_ms for event in events if isinstance(event, InputSpeechStopped)]
        assert stop is not None
        assert spoken(events) == between((stop - 800) / 1000, (stop + 200) / 1000).data

    async def test_a_longer_hangover_bridges_the_pause(self, autojump_clock: MockClock) -> None:
        async with started(hangover_ms=2_500) as parrot:
            hears(parrot, Frame(caller().data + bytes(64_000), PCM16_16K))
            events = await says(parrot)
        assert sum(isinstance(event, ResponseDone) for event in events) == 1
        assert len(spoken(events)) / 32_000 == pytest.approx(7.5, abs=0.2)

    async def test_an_answer_takes_as_long_as_its_speed_says(self, autojump_clock: MockClock) -> None:
        async with started(speed=4.0) as parrot:
            hears(parrot, FIRST)
            began = trio.current_time()
            while not isinstance(event := await parrot.receive(), AudioDone):
                if isinstance(event, AudioDelta):
                    made = event.frame.media_time + event.frame.num_samples
                    assert trio.current_time() - began == pytest.approx(made / 16_000 / 4.0, abs=1e-5)
            assert trio.current_time() - began == pytest.approx(2.3 / 4, abs=0.02)


class TestCommitting:
    """A commit ends the utterance at once."""

    async def test_what_was_said_so_far_is_answered_once(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, between(0.0, 2.0))
            await parrot.commit()
            hears(parrot, Frame.silence(32_000, PCM16_16K))
            events = await says(parrot)
        assert [type(event) for event in others(events)][:3] == [InputSpeechStarted, InputSpeechStopped, InputCommitted]
        assert sum(isinstance(event, ResponseCreated) for event in events) == 1
        assert between(0.0, 2.0).data.endswith(spoken(events))

    async def test_what_is_said_after_it_is_an_utterance_of_its_own(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, between(0.0, 1.5))
            await parrot.commit()
            hears(parrot, between(1.5, 4.0))
            events = await says(parrot)
        assert [event.item_id for event in events if isinstance(event, InputCommitted)] == ["user-1", "user-2"]

    async def test_speech_after_it_is_still_dated_from_the_beginning(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, between(0.0, 3.0))
            await parrot.commit()
            hears(parrot, between(3.0, 9.0))
            events = await says(parrot)
        dates = [event.audio_ms for event in events if isinstance(event, InputSpeechStarted | InputSpeechStopped)]
        assert dates[2:] == pytest.approx([4_240, 7_700], abs=100)

    async def test_with_detection_off_only_a_commit_is_answered_with_all_that_was_heard(self, autojump_clock: MockClock) -> None:
        async with started(engine="off") as parrot:
            hears(parrot, caller())
            assert await says(parrot) == []
            await parrot.commit()
            events = await says(parrot)
        assert spoken(events) == caller().data
        assert not any(isinstance(event, InputSpeechStarted | InputSpeechStopped) for event in events)

    async def test_with_detection_off_no_more_is_remembered_than_the_longest_utterance(self, autojump_clock: MockClock) -> None:
        async with started(engine="off", max_utterance=2.0) as parrot:
            hears(parrot, caller())
            await parrot.commit()
            assert spoken(await says(parrot)) == caller().data[-64_000:]

    async def test_where_no_speech_was_recognised_the_last_moments_are_answered(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, Frame.silence(160_000, PCM16_16K))
            await parrot.commit()
            assert len(spoken(await says(parrot))) == pytest.approx(1.5 * 32_000, abs=640)

    async def test_an_empty_commit_is_an_error_of_the_session_and_no_more(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            await parrot.commit()
            [error] = await says(parrot)
            assert isinstance(error, SessionError)
            assert error.code == "commit_empty"
            hears(parrot, FIRST)
            assert spoken(await says(parrot))


class TestStopping:
    """An answer that is still being made stops when the caller speaks or the app says so; one that is made does not."""

    async def test_speech_interrupts_the_answer_that_is_being_made(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0) as parrot:
            hears(parrot, FIRST)
            before = await says(parrot, within=1.05)
            hears(parrot, between(4.0, 5.0))
            after = await says(parrot)
        assert len(spoken(before)) == 32_000
        assert [type(event) for event in after] == [InputSpeechStarted, ResponseInterrupted, ResponseDone]
        assert after[-1] == ResponseDone("response-1", "interrupted")

    async def test_speech_does_not_touch_it_where_the_session_decides(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0, agent=Agent(turn_detection=TurnDetection(interrupt=False))) as parrot:
            hears(parrot, FIRST)
            await says(parrot, within=1.05)
            hears(parrot, between(4.0, 5.0))
            after = await says(parrot)
        assert InputSpeechStarted in map(type, after)
        assert after[-1] == ResponseDone("response-1", "completed")

    async def test_speech_does_not_touch_an_answer_that_is_made(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            hears(parrot, FIRST)
            await says(parrot)
            hears(parrot, between(4.0, 5.0))
            assert [type(event) for event in await says(parrot)] == [InputSpeechStarted]

    async def test_cancelling_stops_the_answer(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0) as parrot:
            hears(parrot, FIRST)
            await says(parrot, within=1.05)
            await parrot.cancel()
            assert await says(parrot) == [ResponseDone("response-1", "cancelled")]

    async def test_cancelling_between_answers_does_nothing(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            await parrot.cancel()
            hears(parrot, FIRST)
            await says(parrot)
            await parrot.cancel()
            assert await says(parrot) == []

    async def test_a_new_answer_takes_the_place_of_one_that_is_being_made(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0) as parrot:
            hears(parrot, FIRST)
            await says(parrot, within=1.05)
            await parrot.send_text("Stop.")
            events = await says(parrot)
        assert events[0] == ResponseInterrupted("response-1")
        assert events[1] == ResponseDone("response-1", "interrupted")
        assert events[-1] == ResponseDone("response-2", "completed")


class TestTruncating:
    """The parrot takes note of what was heard, and never of more than it said."""

    @pytest.mark.parametrize(("heard", "noted_ms"), [(8_000, 500.0), (0, 0.0), (-5, 0.0), (10**9, 1_000.0)])
    async def test_the_heard_part_is_clamped_to_what_was_said(self, autojump_clock: MockClock, heard: int, noted_ms: float) -> None:
        async with started(speed=1.0) as parrot:
            hears(parrot, FIRST)
            await says(parrot, within=1.05)
            await parrot.cancel()
            await says(parrot, within=0.01)
            await parrot.truncate("reply-1", heard)
            assert await says(parrot) == [ItemTruncated("reply-1", noted_ms)]

    async def test_samples_are_those_of_the_output_format(self, autojump_clock: MockClock) -> None:
        async with started(PCM16_16K, PCM16_8K) as parrot:
            hears(parrot, FIRST)
            await says(parrot)
            await parrot.truncate("reply-1", 4_000)
            assert await says(parrot) == [ItemTruncated("reply-1", 500.0)]

    async def test_an_unknown_item_is_an_error_of_the_session(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            await parrot.truncate("reply-9", 100)
            [error] = await says(parrot)
        assert isinstance(error, SessionError)
        assert (error.code, "reply-9" in error.message) == ("item_not_found", True)


async def test_text_is_answered_with_the_same_text(autojump_clock: MockClock) -> None:
    async with started() as parrot:
        await parrot.send_text("Polly wants a cracker.")
        events = await says(parrot)
    assert events == [ResponseCreated("response-1"), TextDone("reply-1", "Polly wants a cracker."), ResponseDone("response-1")]


async def test_cancelling_the_wait_for_an_event_loses_none(autojump_clock: MockClock) -> None:
    async with started() as parrot, started(speed=10.0) as paced:
        hears(parrot, caller())
        hears(paced, between(0.0, 4.0))
        whole = await says(parrot)
        events: list[ModelEvent] = []
        while not any(isinstance(event, ResponseDone) for event in events):
            with trio.move_on_after(0.003):
                events.append(await paced.receive())
    assert others(events) == others(whole)[: len(others(events))]
    assert spoken(whole).startswith(spoken(events))


class TestManners:
    """A parrot behaves as a model should, before, during and after."""

    async def test_all_it_can_be_asked_for_is_a_checkpoint(self, autojump_clock: MockClock) -> None:
        acts: list[Callable[[Model], Awaitable[object]]] = [
            lambda parrot: parrot.append(Frame.silence(320, PCM16_16K)),
            lambda parrot: parrot.commit(),
            lambda parrot: parrot.receive(),
            lambda parrot: parrot.cancel(),
            lambda parrot: parrot.truncate("reply-1", 0),
            lambda parrot: parrot.send_text("Hello."),
        ]
        async with started() as parrot:
            for act in acts:
                with assert_checkpoints():
                    await act(parrot)

    async def test_it_hears_nothing_before_it_has_been_started(self, autojump_clock: MockClock) -> None:
        async with open_parrot() as parrot:
            with pytest.raises(trio.ClosedResourceError, match="has not been started"):
                parrot.append_nowait(Frame.silence(320, PCM16_16K))

    async def test_it_hears_nothing_when_its_block_has_ended(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            pass
        with pytest.raises(trio.ClosedResourceError):
            parrot.append_nowait(Frame.silence(320, PCM16_16K))
        with pytest.raises(trio.ClosedResourceError):
            await parrot.receive()

    async def test_who_waits_for_it_is_woken_when_its_block_ends(self, autojump_clock: MockClock) -> None:
        parrots, over = list[Model](), trio.Event()

        async def live() -> None:
            async with started() as parrot:
                parrots.append(parrot)
                await over.wait()

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await parrots[0].receive()

        async with trio.open_nursery() as nursery:
            for task in (live, wait):
                nursery.start_soon(task)
                await trio.testing.wait_all_tasks_blocked()
            over.set()

    async def test_a_frame_of_another_format_is_refused_naming_both(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            with pytest.raises(FormatError, match="hears pcm16/16000, the frame is mulaw/8000"):
                parrot.append_nowait(Frame.silence(160, MULAW_8K))

    @pytest.mark.parametrize("option", ["hangover_ms", "max_utterance", "speed"])
    async def test_options_must_be_more_than_nothing(self, option: str) -> None:
        with pytest.raises(OptionError, match=f"parrot: {option}=0 must be more than 0"):
            async with open_parrot(**{option: 0}):  # type: ignore[arg-type]  # that is what is tested
                pass

    async def test_it_declares_what_it_can_do(self) -> None:
        async with open_parrot() as parrot:
            assert parrot.capabilities == {"commit", "cancel", "truncate", "text", "say"}
            assert {PCM16_8K, PCM16_24K, PCM16_48K, MULAW_8K, ALAW_8K} <= set(parrot.input_formats) & set(parrot.output_formats)


class TestSaying:
    """It has no words of its own, so it whistles what it is told to say."""

    async def test_there_is_a_note_for_each_word_and_the_words_are_the_transcript(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            await parrot.say("Good morning, how are you?")
            events = await says(parrot)
        sound = Frame(spoken(events), PCM16_16K)
        loud = sound.pcm.reshape(5, -1)  # five words, five notes of one length
        assert all(abs(note).max() > 2_000 for note in loud)
        assert all(abs(note[-600:]).max() == 0 for note in loud)
        assert others(events)[-2] == OutputTranscript("reply-1", "Good morning, how are you?")
        assert isinstance(events[0], ResponseCreated)
        assert isinstance(events[-1], ResponseDone)

    async def test_nothing_but_silence_is_said_of_no_words(self, autojump_clock: MockClock) -> None:
        async with started() as parrot:
            await parrot.say(" ")
            events = await says(parrot)
        assert isinstance(events[-1], ResponseDone)
        assert not any(spoken(events))

    async def test_it_whistles_after_what_it_is_saying(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0, engine="off") as parrot:
            hears(parrot, between(0.7, 1.7))
            await parrot.commit()
            await parrot.say("and this")
            await parrot.say("and that")
            events = await says(parrot)
        marks = [event for event in events if isinstance(event, ResponseCreated | ResponseDone)]
        assert [mark.response_id for mark in marks] == ["response-1"] * 2 + ["response-2"] * 2 + ["response-3"] * 2
        assert {mark.status for mark in marks if isinstance(mark, ResponseDone)} == {"completed"}

    async def test_what_it_was_told_to_say_is_said_although_its_answer_was_cancelled(self, autojump_clock: MockClock) -> None:
        async with started(speed=1.0, engine="off") as parrot:
            hears(parrot, between(0.7, 2.7))
            await parrot.commit()
            await parrot.say("and this")
            await says(parrot, within=0.5)
            await parrot.cancel()
            began = trio.current_time()
            events = await says(parrot)
        done = [event for event in events if isinstance(event, ResponseDone)]
        assert [(event.response_id, event.status) for event in done] == [("response-1", "cancelled"), ("response-2", "completed")]
        assert len(spoken(events)) == pytest.approx(0.32 * 32_000, abs=2)
        assert began < 1

    async def test_a_greeting_is_whistled_in_a_call(self, autojump_clock: MockClock) -> None:
        async with open_call("parrot", Agent(greeting="Welcome to the parrot."), caller=ScriptedFarEnd(format=PCM16_16K)) as (
            caller,
            session,
        ):
            await session.wait_spoken()
            assert caller.ear.heard_samples() == round(4 * 0.16 * 16_000)
        assert [line.text for line in session.transcript] == ["Welcome to the parrot."]
