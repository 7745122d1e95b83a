"""A recording holds what was heard, sample for sample, and nothing else; and whatever becomes of it, the call goes on."""

from __future__ import annotations

import os
import stat
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import AudioFileError, FormatError, open_channel
from trioaudio._recording import Recording
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Frame
from trioaudio.testing import ScriptedFarEnd, run_virtual

Mono: TypeAlias = npt.NDArray[np.int16]

BEGAN = 123_456.789
"""When the calls here begin: a number whose sums with frame lengths are never exact."""
RATE = 8_000
SECOND = 8_000


def noise(samples: int, seed: int = 1) -> Mono:
    """Samples of which no two stretches are alike, and none is silent."""
    values = np.random.default_rng(seed).integers(1, 12_000, samples)
    return (values * np.where(values % 2, 1, -1)).astype(np.int16)


def pcm(samples: Mono, media_time: int = 0, format: AudioFormat = PCM16_8K) -> Frame:
    return Frame.from_samples(samples, format, media_time)


def record(path: Path, format: AudioFormat = PCM16_8K, *, agent: AudioFormat | None = None, **options: object) -> Recording:
    """A recording of a call that began at `BEGAN`, written in this thread."""
    whole: dict[str, object] = {"inline": True, **options}
    return Recording(path, input_format=format, output_format=agent or format, started_at=BEGAN, **whole)  # type: ignore[arg-type]


def sides(path: Path) -> tuple[Mono, Mono]:
    """Left and right of a recording, as the standard library reads it."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.wav"


class TestTheCaller:
    """Anchored where the first frame arrived, then led by the media time."""

    def test_is_kept_bit_for_bit_where_it_arrived(self, path: Path) -> None:
        recording, said = record(path), noise(480)
        for start in range(0, 480, 160):
            recording.caller_heard(pcm(said[start : start + 160], start), BEGAN + 1 + start / RATE)
        recording.finish_now(BEGAN + 2)
        left, right = sides(path)
        assert len(left) == 2 * SECOND
        assert np.array_equal(left[SECOND : SECOND + 480], said)
        assert not left[:SECOND].any()
        assert not left[SECOND + 480 :].any()
        assert not right.any()

    @given(jitter=st.lists(st.floats(-0.045, 0.045), min_size=10, max_size=40), first_media=st.integers(0, 2**40))
    @settings(max_examples=30, deadline=None)
    def test_is_not_moved_by_arrival_jitter(self, tmp_path_factory: pytest.TempPathFactory, jitter: list[float], first_media: int) -> None:
        path = tmp_path_factory.mktemp("jitter") / "call.wav"
        recording, said = record(path), noise(160 * len(jitter))
        arrivals = np.maximum.accumulate([BEGAN + 1 + number * 0.02 + late for number, late in enumerate(jitter)])
        for number, now in enumerate(arrivals):
            recording.caller_heard(pcm(said[number * 160 :][:160], first_media + number * 160), float(now))
        recording.finish_now(BEGAN + 10)
        first = round((arrivals[0] - BEGAN) * RATE)
        assert np.array_equal(sides(path)[0][first : first + len(said)], said)

    def test_has_a_gap_where_the_media_time_has_one(self, path: Path) -> None:
        recording, said = record(path), noise(320)
        recording.caller_heard(pcm(said[:160], 7_000), BEGAN + 1)
        recording.caller_heard(pcm(said[160:], 7_160 + 800), BEGAN + 1.15)  # 0.1 s is missing, and it came 30 ms late
        recording.finish_now(BEGAN + 2)
        left, _ = sides(path)
        assert np.array_equal(left[SECOND : SECOND + 160], said[:160])
        assert not left[SECOND + 160 : SECOND + 960].any()
        assert np.array_equal(left[SECOND + 960 : SECOND + 1120], said[160:])

    def test_has_a_gap_where_time_passed_that_the_media_time_does_not_know(self, path: Path) -> None:
        recording, said = record(path), noise(320)
        recording.caller_heard(pcm(said[:160], 0), BEGAN + 1)
        recording.caller_heard(pcm(said[160:], 160), BEGAN + 3)
        recording.finish_now(BEGAN + 4)
        assert np.array_equal(sides(path)[0][3 * SECOND : 3 * SECOND + 160], said[160:])

    @pytest.mark.parametrize("media_time", [0, 10**9], ids=["back", "far ahead"])
    def test_is_anchored_anew_when_the_media_time_jumps(self, path: Path, media_time: int) -> None:
        recording, said = record(path), noise(480)
        recording.caller_heard(pcm(said[:160], 5_000), BEGAN + 1)
        recording.caller_heard(pcm(said[160:320], media_time), BEGAN + 1.5)
        recording.caller_heard(pcm(said[320:], media_time + 160), BEGAN + 1.52)
        recording.finish_now(BEGAN + 2)
        start = 3 * SECOND // 2
        assert np.array_equal(sides(path)[0][start : start + 320], said[160:])

    def test_never_stands_on_itself_however_its_frames_are_stamped(self, path: Path) -> None:
        recording, said = record(path), noise(480)
        for number, media_time in enumerate((5_000, 90_000, 70)):  # all at once, and none continues another
            recording.caller_heard(pcm(said[number * 160 :][:160], media_time), BEGAN + 1)
        recording.finish_now(BEGAN + 2)
        assert np.array_equal(sides(path)[0][SECOND : SECOND + 480], said)

    def test_has_no_hole_where_the_line_stalled_and_caught_up(self, path: Path) -> None:
        recording, said = record(path), noise(160 * 100)
        for number in range(100):
            now = BEGAN + 1 + (number * 0.02 if not 20 <= number < 70 else 1.4)  # one second of audio comes at once
            recording.caller_heard(pcm(said[number * 160 :][:160], number * 160), now)
            recording.write_settled(now)
        recording.finish_now(BEGAN + 4)
        assert np.array_equal(sides(path)[0][SECOND : 3 * SECOND], said)

    def test_stays_in_one_piece_when_the_source_does_not_stamp_it(self, path: Path) -> None:
        recording, said = record(path), noise(160 * 10)
        for number in range(10):
            recording.caller_heard(pcm(said[number * 160 :][:160]), BEGAN + 1 + number * 0.02 + 0.007 * (number % 2))
        recording.finish_now(BEGAN + 2)
        assert np.array_equal(sides(path)[0][SECOND : SECOND + 1600], said)

    def test_is_whole_even_if_its_last_frame_ends_after_the_call(self, path: Path) -> None:
        recording, said = record(path), noise(160)
        recording.caller_heard(pcm(said), BEGAN + 1)
        recording.finish_now(BEGAN + 1.001)
        assert np.array_equal(sides(path)[0][SECOND:], said)


class TestTheAgent:
    """As heard: where it was announced, and no further than it was heard."""

    def test_is_kept_bit_for_bit_where_it_was_announced(self, path: Path) -> None:
        recording, said = record(path), noise(1_600)
        start = BEGAN + 1.234
        for first in range(0, 1_600, 160):
            recording.agent_sent(pcm(said[first : first + 160]), start, 0)
            start += 0.02
        recording.finish_now(BEGAN + 3)
        _, right = sides(path)
        assert np.array_equal(np.flatnonzero(right), np.arange(9_872, 9_872 + 1_600))
        assert np.array_equal(right[9_872 : 9_872 + 1_600], said)

    def test_follows_without_hole_or_overlap_whatever_floats_do(self, path: Path) -> None:
        recording, said = record(path), noise(37 * 997)
        for number in range(997):
            start = BEGAN + 0.5 + number * 37 / RATE + (4e-5 if number % 3 else -4e-5)
            recording.agent_sent(pcm(said[number * 37 :][:37]), start, 0)
        recording.finish_now(BEGAN + 6)
        right = sides(path)[1]
        first = int(np.flatnonzero(right)[0])
        assert abs(first - RATE // 2) <= 1
        assert np.array_equal(right[first : first + len(said)], said)

    def test_has_a_gap_where_it_starved(self, path: Path) -> None:
        recording, said = record(path), noise(320)
        recording.agent_sent(pcm(said[:160]), BEGAN + 1, 0)
        recording.agent_sent(pcm(said[160:]), BEGAN + 1.025, 0)
        recording.finish_now(BEGAN + 2)
        right = sides(path)[1]
        assert not right[SECOND + 160 : SECOND + 200].any()
        assert np.array_equal(right[SECOND + 200 : SECOND + 360], said[160:])

    def test_loses_nothing_when_the_far_end_turns_out_to_be_faster(self, path: Path) -> None:
        recording, said = record(path), noise(320)
        recording.agent_sent(pcm(said[:160]), BEGAN + 1, 0)
        recording.agent_sent(pcm(said[160:]), BEGAN + 1.005, 0)
        recording.finish_now(BEGAN + 2)
        assert np.array_equal(sides(path)[1][SECOND : SECOND + 320], said)

    def test_is_cut_to_the_sample_where_it_was_interrupted(self, path: Path) -> None:
        recording, said = record(path), noise(5 * SECOND)
        for first in range(0, 5 * SECOND, 1_000):
            recording.agent_sent(pcm(said[first : first + 1_000]), BEGAN + 1 + first / RATE, 0)
        recording.agent_cut(BEGAN + 2 + 123 / RATE, 0)
        recording.finish_now(BEGAN + 10)
        right = sides(path)[1]
        assert np.array_equal(right[SECOND : 2 * SECOND + 123], said[: SECOND + 123])
        assert not right[2 * SECOND + 123 :].any()

    def test_of_the_next_epoch_is_untouched_by_a_late_cut(self, path: Path) -> None:
        recording, old, new = record(path), noise(5 * SECOND, 1), noise(2 * SECOND, 2)
        recording.agent_sent(pcm(old), BEGAN + 1, 0)
        recording.write_settled(BEGAN + 2)
        recording.agent_sent(pcm(new), BEGAN + 2.1, 1)  # interrupted at 2.0; the far end's word comes only at 4.3
        recording.write_settled(BEGAN + 4.25)
        recording.agent_cut(BEGAN + 1.9, 0)
        recording.finish_now(BEGAN + 10)
        right = sides(path)[1]
        assert np.array_equal(right[SECOND : SECOND * 19 // 10], old[: SECOND * 9 // 10])
        assert not right[SECOND * 19 // 10 : SECOND * 21 // 10].any()
        assert np.array_equal(right[SECOND * 21 // 10 : SECOND * 41 // 10], new)
        assert not right[SECOND * 41 // 10 :].any()

    def test_of_two_epochs_at_once_is_clipped_where_both_are_loud(self, path: Path) -> None:
        recording = record(path)
        for epoch in range(2):  # the far end cannot clear: nothing is ever cut
            recording.agent_sent(pcm(np.array([30_000, -30_000, 1_000], np.int16)), BEGAN + 1, epoch)
        recording.finish_now(BEGAN + 2)
        assert sides(path)[1][SECOND : SECOND + 3].tolist() == [32_767, -32_768, 2_000]

    def test_ends_where_the_call_ends(self, path: Path) -> None:
        recording, said = record(path), noise(5 * SECOND)
        recording.agent_sent(pcm(said), BEGAN + 1, 0)
        recording.finish_now(BEGAN + 2.5)
        assert np.array_equal(sides(path)[1][SECOND:], said[: SECOND * 3 // 2])

    def test_ends_where_the_call_ends_even_if_the_caller_is_heard_for_longer(self, path: Path) -> None:
        recording = record(path)
        recording.agent_sent(pcm(noise(2 * SECOND)), BEGAN, 0)
        recording.caller_heard(pcm(noise(SECOND)), BEGAN + 0.5)
        recording.finish_now(BEGAN + 1)
        left, right = sides(path)
        assert (np.flatnonzero(left)[-1], np.flatnonzero(right)[-1]) == (SECOND * 3 // 2 - 1, SECOND - 1)


@dataclass
class Scenario:
    """What happens in a call, at which times, and the two sides that a true recording of it has."""

    seconds: int
    acts: list[tuple[float, Callable[[Recording], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left, self.right = np.zeros(self.seconds * SECOND, np.int16), np.zeros(self.seconds * SECOND, np.int32)

    def at(self, time: float, act: Callable[[Recording], None]) -> None:
        self.acts.append((time, act))

    def play(self, recording: Recording) -> None:
        for _, act in sorted(self.acts, key=lambda timed: timed[0]):
            act(recording)
        recording.finish_now(BEGAN + self.seconds)


@st.composite
def calls(draw: st.DrawFn) -> Scenario:
    """A caller with gaps and jitter, and an agent who is fed ahead, interrupted, and cut late."""
    call = Scenario(seconds=draw(st.integers(6, 14)))
    caller_speaks(draw, call)
    agent_speaks(draw, call)
    for time in draw(st.lists(st.floats(0, call.seconds), max_size=30)):
        call.at(time, lambda recording, now=BEGAN + time: recording.write_settled(now))  # type: ignore[misc]
    return call


def caller_speaks(draw: st.DrawFn, call: Scenario) -> None:
    position, first_media, now = draw(st.integers(0, SECOND)), draw(st.integers(0, 2**32)), 0.0
    while position < (call.seconds - 1) * SECOND:
        said = noise(draw(st.sampled_from([160, 200, 1_111, 4_000])), seed=position)
        late = draw(st.integers(0, 400)) if position > SECOND else 0
        now = max(now, (position + late) / RATE)
        frame = pcm(said, first_media + position)
        call.at(now, lambda recording, frame=frame, now=BEGAN + now: recording.caller_heard(frame, now))  # type: ignore[misc]
        call.left[position : position + len(said)] = said[: len(call.left) - position]
        position += len(said) + draw(st.sampled_from([0, 0, 0, 1, 160, 9_000]))


def agent_speaks(draw: st.DrawFn, call: Scenario) -> None:
    begins, lead = draw(st.integers(0, 2 * SECOND)), draw(st.sampled_from([0.04, 1.5, 5.0]))
    for epoch in range(draw(st.integers(0, 4))):
        length = draw(st.integers(SECOND // 2, 4 * SECOND))
        decided = begins + draw(st.integers(1, length + SECOND))
        cut = max(begins, decided - draw(st.integers(0, 2_400))) if draw(st.booleans()) or decided < begins + length else 10**9
        epoch_speaks(draw, call, epoch, begins, min(decided, begins + length), cut, lead)
        if cut < 10**9:
            told = decided / RATE + draw(st.floats(0, 2.3))
            at = BEGAN + cut / RATE
            call.at(told, lambda recording, at=at, epoch=epoch: recording.agent_cut(at, epoch))  # type: ignore[misc]
        begins = max(decided, begins + length if cut == 10**9 else 0) + draw(st.integers(0, SECOND))


def epoch_speaks(draw: st.DrawFn, call: Scenario, epoch: int, begins: int, decided: int, cut: int, lead: float) -> None:
    """Chunks are handed over up to ``lead`` ahead, none after the interruption was decided; what lies past ``cut`` is unheard."""
    position = begins
    while (handed := max(begins / RATE, position / RATE - lead)) <= decided / RATE and position < len(call.right):
        said = noise(draw(st.sampled_from([160, 333, 4_000])), seed=-position % 1_000 + epoch)
        frame, start = pcm(said), BEGAN + position / RATE
        call.at(handed, lambda recording, frame=frame, start=start: recording.agent_sent(frame, start, epoch))  # type: ignore[misc]
        heard = said[: max(0, min(cut, len(call.right)) - position)]
        call.right[position : position + len(heard)] += heard
        position += len(said) + draw(st.sampled_from([0, 0, 0, 2, 500]))


class TestAnyCall:
    """Random calls against an array in which every sample was put by hand."""

    @given(call=calls())
    @settings(max_examples=60, deadline=None)
    def test_is_recorded_as_it_was_heard(self, tmp_path_factory: pytest.TempPathFactory, call: Scenario) -> None:
        path = tmp_path_factory.mktemp("any") / "call.wav"
        call.play(record(path))
        left, right = sides(path)
        assert np.array_equal(left, call.left)
        assert np.array_equal(right, np.clip(call.right, -32_768, 32_767))

    def test_has_no_drift_after_an_hour(self, path: Path) -> None:
        slow = AudioFormat("pcm16", 1_000)
        recording, frames = record(path, slow), 3_600 * 10
        start = BEGAN
        for number in range(frames):
            last = number == frames - 1
            frame = pcm(np.full(100, 2 if last else 1, np.int16), number * 100, slow)
            recording.caller_heard(frame, BEGAN + number * 0.1 + 0.0003)
            recording.agent_sent(frame, start, 0)
            start += frame.duration
            if number % 50 == 0:
                recording.write_settled(BEGAN + number * 0.1)
        recording.finish_now(BEGAN + 3_600)
        for side in sides(path):
            assert (len(side), int(side.min()), int(np.flatnonzero(side == 2)[0])) == (3_600_000, 1, 3_599_900)

    def test_of_one_rate_and_another_keeps_both_in_step(self, path: Path) -> None:
        recording = record(path, agent=PCM16_24K)
        click = np.zeros(160, np.int16)
        click[0] = 20_000
        for second in range(1, 241):  # four minutes of clicks, on both sides at once
            recording.caller_heard(pcm(click, second * RATE), BEGAN + second)
            recording.agent_sent(pcm(np.repeat(click, 3), format=PCM16_24K), BEGAN + second, 0)
            recording.write_settled(BEGAN + second)
        recording.finish_now(BEGAN + 242)
        for side in sides(path):
            peaks = np.abs(side.astype(np.int32)).reshape(242, 24_000).argmax(axis=1)
            assert set(peaks[1:241]) <= {0, 1, 2}

    def test_of_one_rate_and_another_is_bit_exact_where_nothing_is_resampled(self, path: Path) -> None:
        recording, said = record(path, agent=PCM16_16K), noise(16_000)
        recording.agent_sent(pcm(said, format=PCM16_16K), BEGAN + 0.5, 0)
        recording.finish_now(BEGAN + 2)
        assert np.array_equal(sides(path)[1][8_000:24_000], said)

    @given(moments=st.lists(st.floats(0, 8), max_size=12))
    @settings(max_examples=15, deadline=None)
    def test_is_the_same_file_whenever_it_is_written(self, tmp_path_factory: pytest.TempPathFactory, moments: list[float]) -> None:
        folder = tmp_path_factory.mktemp("same")
        for name, times in (("at_once", []), ("in_steps", sorted(moments))):
            recording = record(folder / name, agent=PCM16_24K)
            for number in range(80):
                while times and times[0] <= number / 10:
                    recording.write_settled(BEGAN + times.pop(0))
                recording.caller_heard(pcm(noise(800, number), number * 800), BEGAN + number / 10)
                recording.agent_sent(pcm(noise(2_000, number), format=PCM16_24K), BEGAN + number / 10 + 0.013, 0)
            recording.finish_now(BEGAN + 8)
        assert (folder / "at_once").read_bytes() == (folder / "in_steps").read_bytes()

    def test_is_decoded_from_g711(self, path: Path) -> None:
        recording = record(path, MULAW_8K)
        frame = Frame(bytes(range(256)), MULAW_8K)
        recording.caller_heard(frame, BEGAN)
        recording.finish_now(BEGAN + 1)
        left, right = sides(path)
        assert np.array_equal(left[:256], frame.pcm[:, 0])
        assert not left[256:].any()  # silence is silent, not the loudest code
        assert not right.any()

    def test_has_the_mean_of_a_stereo_side(self, path: Path) -> None:
        stereo = AudioFormat("pcm16", 8_000, 2)
        recording, said = record(path, stereo), np.array([[100, 300], [-32_768, -32_768], [32_767, 32_767], [7, 7]], np.int16)
        recording.caller_heard(pcm(said, format=stereo), BEGAN)
        recording.finish_now(BEGAN + 1)
        assert sides(path)[0][:4].tolist() == [200, -32_768, 32_767, 7]


class TestACallOfAChannel:
    """``open_channel(record=...)``: the file holds what an ear heard that shares no arithmetic with the channel."""

    @pytest.mark.parametrize(
        "far_end",
        [
            lambda: ScriptedFarEnd(Buffering(lead=5.0, ear=True), format=PCM16_8K),
            lambda: ScriptedFarEnd(Buffering(lead=1.5, reports=True), format=PCM16_8K, report_every=0.1),
            lambda: ScriptedFarEnd(Paced(can_clear=True, ear=True), format=PCM16_8K),
        ],
        ids=["fed far ahead", "reports", "paced"],
    )
    def test_is_recorded_as_its_ear_heard_it(self, path: Path, far_end: Callable[[], ScriptedFarEnd]) -> None:
        said, answer = noise(2 * SECOND, 1), noise(8 * SECOND, 2)

        async def call() -> tuple[float, ScriptedFarEnd]:
            caller = far_end()
            async with open_channel(caller.source, record=path) as channel:
                began = trio.current_time()
                caller.speak(pcm(said))
                with channel.turn("first") as turn:
                    turn.send_nowait(pcm(answer[: 6 * SECOND]))
                    await trio.sleep(2.3)
                    channel.interrupt()
                await trio.sleep(0.1)
                with channel.turn("second") as turn:
                    turn.send_nowait(pcm(answer[6 * SECOND :]))
                    turn.end()
                    await turn.wait_played()
                await trio.sleep(1)
            return began, caller

        began, caller = run_virtual(call)
        left, right = sides(path)
        heard = np.zeros_like(right)
        for sounding in caller.ear.schedule:
            start = round((sounding.start - began) * RATE)
            heard[start : start + sounding.frame.num_samples] = sounding.frame.pcm[:, 0]
        assert np.count_nonzero(heard) > 4 * SECOND
        assert np.array_equal(right, heard)
        assert said.tobytes() in left.tobytes()


class TestThePause:
    """While it is paused the time goes on, and nothing is kept."""

    async def test_leaves_silence_on_both_sides_and_everything_else_in_place(
        self, path: Path, autojump_clock: trio.testing.MockClock
    ) -> None:
        began = trio.current_time()
        recording = Recording(path, input_format=PCM16_8K, output_format=PCM16_8K, started_at=began, inline=True)
        said = noise(10 * SECOND)
        recording.caller_heard(pcm(said), began)
        recording.agent_sent(pcm(said), began, 0)
        await trio.sleep(2)
        recording.pause()
        recording.pause()
        await trio.sleep(3)
        recording.resume()
        recording.resume()
        await trio.sleep(5)
        recording.write_settled(began + 10)
        recording.finish_now(began + 10)
        expected = said.copy()
        expected[2 * SECOND : 5 * SECOND] = 0
        for side in sides(path):
            assert np.array_equal(side, expected)

    async def test_lasts_to_the_end_when_it_is_not_ended(self, path: Path, autojump_clock: trio.testing.MockClock) -> None:
        began = trio.current_time()
        recording = Recording(path, input_format=PCM16_8K, output_format=PCM16_8K, started_at=began, inline=True)
        recording.caller_heard(pcm(noise(20 * SECOND)), began)
        await trio.sleep(1)
        recording.pause()
        recording.finish_now(began + 20)
        assert np.flatnonzero(sides(path)[0])[-1] == SECOND - 1


class TestTheFile:
    """Readable at any time, private, and complete in the end."""

    def test_is_for_its_owner_only(self, path: Path) -> None:
        record(path).finish_now(BEGAN + 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name != "posix"

    @pytest.mark.parametrize("began_later", [0.0, 0.1, 1 / 3, 1_000 / 7])
    def test_is_valid_and_at_most_four_and_a_half_seconds_behind_all_the_time(self, path: Path, began_later: float) -> None:
        async def call() -> None:
            await trio.sleep(began_later)
            began = trio.current_time()
            recording = Recording(path, input_format=PCM16_8K, output_format=PCM16_8K, started_at=began, inline=True)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(recording.run)
                for second in range(60):
                    await trio.sleep_until(began + second + 0.9)
                    assert second + 0.9 - 4.5 <= len(sides(path)[0]) / RATE <= second + 0.9
                recording.finish_now(trio.current_time())

        run_virtual(call)

    def test_is_written_in_a_thread_when_the_clock_is_real(self, path: Path) -> None:
        said = noise(SECOND)

        async def call() -> None:
            recording = record(path, inline=False)
            recording.caller_heard(pcm(said), BEGAN)
            await recording.finish(BEGAN + 3)

        trio.run(call)
        assert np.array_equal(sides(path)[0][:SECOND], said)
        assert len(sides(path)[0]) == 3 * SECOND

    def test_is_completed_by_finish_now_when_finish_was_cancelled(self, path: Path) -> None:
        async def call() -> None:
            recording = record(path, inline=False)
            recording.caller_heard(pcm(noise(SECOND)), BEGAN)
            with trio.CancelScope() as scope:
                scope.cancel()
                await recording.finish(BEGAN + 3)
            recording.finish_now(BEGAN + 3)

        trio.run(call)
        assert len(sides(path)[0]) == 3 * SECOND

    def test_is_not_touched_after_it_is_finished(self, path: Path) -> None:
        recording = record(path)
        recording.finish_now(BEGAN + 1)
        whole = path.read_bytes()
        recording.caller_heard(pcm(noise(160)), BEGAN + 2)
        recording.agent_sent(pcm(noise(160)), BEGAN + 2, 0)
        recording.agent_cut(BEGAN + 2, 0)
        recording.write_settled(BEGAN + 20)
        recording.finish_now(BEGAN + 20)
        assert path.read_bytes() == whole
        assert (recording.seconds, recording.error) == (1.0, None)

    def test_cannot_be_begun_where_there_is_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match=r"nowhere.* does not exist"):
            record(tmp_path / "nowhere" / "call.wav")

    def test_can_be_given_another_name_in_the_middle_of_the_call(self, path: Path, tmp_path: Path) -> None:
        recording, said = record(path), noise(12 * SECOND)
        (older := tmp_path / "older.wav").write_bytes(b"an older call")
        recording.caller_heard(pcm(said), BEGAN)
        recording.write_settled(BEGAN + 9)
        recording.rename(older)
        recording.finish_now(BEGAN + 12)
        assert (recording.path, recording.error, os.listdir(tmp_path)) == (older, None, ["older.wav"])
        assert np.array_equal(sides(older)[0], said)

    def test_keeps_its_name_when_it_cannot_have_another(self, path: Path, tmp_path: Path) -> None:
        recording = record(path)
        with pytest.raises(AudioFileError, match=r"nowhere/call\.wav cannot be written: No such file"):
            recording.rename(tmp_path / "nowhere" / "call.wav")
        recording.finish_now(BEGAN + 1)
        assert (recording.path, len(sides(path)[0])) == (path, SECOND)

    def test_refuses_frames_of_another_format(self, path: Path) -> None:
        recording = record(path)
        for tell in (recording.caller_heard, lambda frame, now: recording.agent_sent(frame, now, 0)):
            with pytest.raises(FormatError, match=r"recording is of pcm16/8000 .* of pcm16/24000"):
                tell(pcm(noise(480), format=PCM16_24K), BEGAN)
        recording.finish_now(BEGAN)


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process may grow past ``room`` bytes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestTrouble:
    """Whatever the disk does, the recording says so once, keeps what it has, and the call goes on."""

    @pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX systems")
    @pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
    def test_a_full_disk_stops_the_recording_and_leaves_what_was_written(self, path: Path, *, inline: bool) -> None:
        told: list[Exception] = []
        said = noise(20 * SECOND)

        async def call() -> None:
            recording = record(path, inline=inline, on_stopped=told.append)
            recording.caller_heard(pcm(said), BEGAN)
            recording.write_settled(BEGAN + 6)
            with full_disk(100_000):
                recording.write_settled(BEGAN + 10)
                recording.caller_heard(pcm(said, 20 * SECOND), BEGAN + 20)
                recording.write_settled(BEGAN + 21)
                await recording.finish(BEGAN + 22)
            assert recording.error is told[0]

        trio.run(call)
        assert [type(error) for error in told] == [AudioFileError]
        assert np.array_equal(sides(path)[0], said[: 2 * SECOND])

    @pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX systems")
    def test_a_disk_that_is_full_at_the_very_end_is_told_too(self, path: Path) -> None:
        told: list[Exception] = []

        async def call() -> None:
            recording = record(path, inline=False, on_stopped=told.append)
            with full_disk(1_000):
                await recording.finish(BEGAN + 5)

        trio.run(call)
        assert [type(error) for error in told] == [AudioFileError]

    def test_the_task_ends_by_itself_when_the_recording_is_finished(self, path: Path) -> None:
        async def call() -> None:
            recording = record(path)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(recording.run)
                await recording.finish(BEGAN)

        run_virtual(call)  # returns

    def test_a_disk_that_hangs_does_not_fill_the_memory(self, path: Path) -> None:
        told: list[Exception] = []
        recording = record(path, on_stopped=told.append)
        for second in range(90):  # nothing is ever written
            recording.caller_heard(pcm(noise(SECOND), second * SECOND), BEGAN + second)
        recording.finish_now(BEGAN + 90)
        assert len(told) == 1
        assert "60 s" in str(told[0])

    async def test_a_disk_that_hangs_does_not_keep_the_call_from_ending(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
    ) -> None:
        told: list[Exception] = []
        disk = HangingDisk()
        monkeypatch.setattr("trioaudio._recording.WavWriter.write", disk.write)
        monkeypatch.setattr("trioaudio._recording.PATIENCE", 0.01)
        began = trio.current_time()
        recording = Recording(path, input_format=PCM16_8K, output_format=PCM16_8K, started_at=began, on_stopped=told.append)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recording.run)
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(10)
            await trio.to_thread.run_sync(disk.hangs.wait)
            nursery.cancel_scope.cancel()
        recording.finish_now(began + 10)
        disk.answers.set()
        await recording.finish(began + 10)  # waits until the thread has let go of the file
        assert "does not answer" in str(told)
        assert len(sides(path)[0]) == 0


class HangingDisk:
    """Takes a write and keeps it until it is told to answer."""

    def __init__(self) -> None:
        self.hangs, self.answers = threading.Event(), threading.Event()

    def write(self, data: bytes) -> None:
        self.hangs.set()
        self.answers.wait()
