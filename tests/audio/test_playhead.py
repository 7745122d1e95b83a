"""Where the ear is: one number, the horizon, gives pacing, position and the end of speech."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.audio import Playhead

RATES = st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000])
STARTS = st.floats(0, 1e6)
PAUSES = st.floats(0, 3)
LEADS = st.sampled_from([0.02, 0.04, 0.5, 1.5, 5.0])
FRAMES = st.lists(st.tuples(PAUSES, st.integers(1, 40_000)), min_size=1, max_size=20)


class Ear:
    """Plays blocks one after the other, and counts sample by sample which have been heard."""

    def __init__(self, rate: int) -> None:
        self.rate, self.end, self.blocks = rate, -math.inf, []

    def play(self, num_samples: int, now: float) -> None:
        start = max(self.end, now)
        self.blocks.append((start, num_samples))
        self.end = start + num_samples / self.rate

    def heard(self, now: float) -> float:
        return sum(min(n, max(0.0, (now - start) * self.rate)) for start, n in self.blocks)


@settings(deadline=None)
@given(RATES, LEADS, STARTS, FRAMES, st.lists(PAUSES, max_size=5))
def test_it_hears_what_the_ear_hears(rate: int, lead: float, now: float, frames: list[tuple[float, int]], looks: list[float]):
    playhead, ear = Playhead(rate, lead, now), Ear(rate)
    for pause, num_samples in frames:
        now += pause
        assert playhead.heard(now) == pytest.approx(ear.heard(now), abs=1.01)
        playhead.hand_over(num_samples, now)
        ear.play(num_samples, now)
    for look in looks:
        now += look
        assert playhead.heard(now) == pytest.approx(ear.heard(now), abs=1.01)
    assert playhead.horizon == pytest.approx(ear.end)


@settings(deadline=None)
@given(RATES, LEADS, STARTS, FRAMES)
def test_what_was_heard_only_grows(rate: int, lead: float, now: float, frames: list[tuple[float, int]]):
    playhead, before = Playhead(rate, lead, now), 0
    for pause, num_samples in frames:
        now += pause
        assert before <= playhead.heard(now) <= playhead.sent
        before = playhead.heard(now)
        playhead.hand_over(num_samples, now)
        assert playhead.heard(now) >= before


@settings(deadline=None)
@given(RATES, LEADS, STARTS, FRAMES, st.floats(0, 1))
def test_every_sample_has_been_heard_when_its_time_has_come(
    rate: int, lead: float, now: float, frames: list[tuple[float, int]], share: float
):
    playhead = Playhead(rate, lead, now)
    for pause, num_samples in frames:
        now += pause
        playhead.hand_over(num_samples, now)
    position = round(playhead.sent * share)
    assert playhead.heard(playhead.time_of(position)) >= position
    assert playhead.heard(playhead.time_of(position) - 2 / rate) <= max(position, playhead.sent - frames[-1][1])


@settings(deadline=None)
@given(RATES, LEADS, STARTS, st.integers(1, 200), st.floats(0, 0.005), st.floats(0, 0.001))
def test_pacing_does_not_drift_however_late_each_frame_is(rate: int, lead: float, start: float, frames: int, late: float, write: float):
    ptime = round(rate * 0.02)
    playhead, now = Playhead(rate, lead, start), start
    first = playhead.hand_over(ptime, now + write)
    for _ in range(frames):
        now = max(now + write, playhead.due + late)
        playhead.hand_over(ptime, now)
    assert playhead.horizon == pytest.approx(first + (frames + 1) * ptime / rate, abs=1e-6)


def test_a_frame_is_due_a_lead_before_the_horizon():
    playhead = Playhead(8000, 0.04, 10.0)
    assert playhead.due == pytest.approx(9.96)
    assert playhead.hand_over(160, 10.0) == 10.0
    assert playhead.hand_over(160, 10.0) == pytest.approx(10.02)
    assert playhead.due == pytest.approx(10.0)
    assert playhead.horizon == pytest.approx(10.04)


def test_after_a_pause_it_begins_anew():
    playhead = Playhead(8000, 0.04, 0.0)
    playhead.hand_over(800, 0.0)
    assert playhead.hand_over(800, 5.0) == 5.0
    assert playhead.horizon == pytest.approx(5.1)
    assert (playhead.heard(5.0), playhead.heard(5.05), playhead.heard(6.0)) == (800, 1200, 1600)


def test_after_a_stall_within_the_lead_it_catches_up():
    playhead = Playhead(8000, 0.5, 0.0)
    playhead.hand_over(8000, 0.0)
    playhead.hand_over(800, 0.8)
    assert playhead.horizon == pytest.approx(1.1)


def test_a_stretch_that_begins_behind_another_is_heard_after_it():
    playhead = Playhead(8000, 0.04, 2.0)
    assert playhead.due == pytest.approx(1.96)
    assert playhead.hand_over(800, 1.0) == 2.0
    assert (playhead.heard(1.99), playhead.heard(2.05), playhead.heard(3.0)) == (0, 400, 800)


class TestAReport:
    def playhead(self) -> Playhead:
        playhead = Playhead(8000, 5.0, 0.0)
        playhead.hand_over(16_000, 0.0)
        return playhead

    def test_moves_the_horizon_to_where_the_far_end_is(self):
        playhead = self.playhead()
        playhead.report(4000, 1.0)
        assert playhead.horizon == pytest.approx(2.5)
        assert (playhead.heard(1.0), playhead.heard(1.5), playhead.reported) == (4000, 8000, 4000)

    def test_is_never_more_than_was_given(self):
        playhead = self.playhead()
        playhead.report(99_999, 1.0)
        assert (playhead.heard(1.0), playhead.reported) == (16_000, 16_000)

    def test_never_takes_back_what_was_reported(self):
        playhead = self.playhead()
        playhead.report(8000, 1.0)
        playhead.report(20, 1.1)
        assert playhead.heard(1.1) == 8000

    def test_below_zero_says_how_much_of_what_came_before_is_still_to_be_heard(self):
        playhead = self.playhead()
        playhead.report(-800, 1.0)
        assert playhead.horizon == pytest.approx(3.1)
        assert (playhead.heard(1.0), playhead.heard(1.1), playhead.heard(1.2), playhead.reported) == (0, 0, 800, 0)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.floats(0, 1), st.integers(-5000, 40_000)), max_size=20))
    def test_keeps_what_was_heard_between_what_was_reported_and_what_was_given(self, reports: list[tuple[float, int]]):
        playhead, now = self.playhead(), 0.0
        for pause, num_samples in reports:
            now += pause
            playhead.report(num_samples, now)
            assert 0 <= playhead.reported <= playhead.heard(now) <= playhead.sent
