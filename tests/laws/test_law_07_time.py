"""Law 7, time: pacing is on absolute deadlines of the Trio clock, catches up after a stall up to the lead, and re-bases past it."""

from __future__ import annotations

import itertools

import pytest
import trio
from speech import push

from trioaudio import Limits, open_channel
from trioaudio.abc import Buffering, FarEnd, Paced, Source
from trioaudio.audio import PCM16_8K, Frame
from trioaudio.testing import LATE, ScriptedFarEnd, run_virtual, say

SLOT = 0.005  # the shared timekeeper's grain
EDGE = 1e-5


class Meter(Source):
    """A far end that only notes when it was given a frame; cheap enough for an hour."""

    input_format = output_format = PCM16_8K

    def __init__(self, plays: FarEnd, write_takes: float = 0.0, slow_one_in: int = 1) -> None:
        self.far_end, self.write_takes, self.slow_one_in = plays, write_takes, slow_one_in
        self.times: list[float] = []
        self.samples = 0

    async def receive(self) -> Frame:
        await trio.sleep_forever()
        raise AssertionError

    def send_nowait(self, frame: Frame) -> None:
        if self.write_takes and not len(self.times) % self.slow_one_in:
            raise trio.WouldBlock
        self._note(frame)

    async def send(self, frame: Frame) -> None:
        self._note(frame)
        await trio.sleep(self.write_takes)

    def _note(self, frame: Frame) -> None:
        self.times.append(trio.current_time())
        self.samples += frame.num_samples


async def speak(meter: Meter, seconds: float, limits: Limits | None = None) -> None:
    minute = bytes(60 * PCM16_8K.rate * 2)
    async with open_channel(meter, limits=limits or Limits()) as channel:
        with channel.turn("a") as turn:
            for _ in range(int(seconds // 60)):
                await turn.send(minute)
            await turn.send(minute[: int(seconds % 60 * PCM16_8K.rate) * 2])
        await channel.wait_played()


def check_no_drift(meter: Meter, seconds: int, late: float) -> None:
    assert len(meter.times) == seconds * 50
    ahead = max(meter.far_end.lead, 0.02)
    for number, when in enumerate(meter.times):
        due = max(0.0, number * 0.02 - ahead)
        assert due - EDGE <= when <= due + SLOT + late + 2 * meter.write_takes + EDGE, f"frame {number} was due at {due}, it came at {when}"


@pytest.mark.slow
def test_there_is_no_drift_over_an_hour_with_late_wake_ups_and_writes_that_take_time():
    meter = Meter(Paced(lead=0.0), write_takes=0.0005, slow_one_in=10)
    run_virtual(speak, meter, 3600, late=LATE)
    check_no_drift(meter, 3600, LATE)


@pytest.mark.parametrize("late", [0.0, LATE], ids=["on time", "late wake-ups"])
@pytest.mark.parametrize("write_takes", [0.0, 0.0005], ids=["instant", "writes that take time"])
@pytest.mark.parametrize("lead", [0.0, 0.04])
def test_there_is_no_drift(late: float, write_takes: float, lead: float):
    meter = Meter(Paced(lead=lead), write_takes)
    run_virtual(speak, meter, 60, late=late)
    check_no_drift(meter, 60, late)


def test_there_is_no_drift_for_a_far_end_that_buffers():
    meter = Meter(Buffering(lead=1.5))
    run_virtual(speak, meter, 3600, late=LATE)
    assert meter.samples == 3600 * 8000
    assert meter.times[-1] == pytest.approx(3600 - 1.5 - 0.4, abs=0.41)


def test_the_first_frame_of_a_turn_leaves_at_once():
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=0.04))
        async with open_channel(far.source) as channel:
            for start in (0.0, 1.0031, 2.0077):
                await trio.sleep_until(start)
                push(channel.turn("a"), say(0.3, "a"))
                await trio.testing.wait_all_tasks_blocked()
                assert far.ear.handed[-1][0] == start
                await channel.wait_played()

    run_virtual(main)


def test_a_paced_far_end_is_given_frames_of_20_ms_whatever_was_sent():
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=0.04))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(2.0, "a", chunk=0.5)).end()
            await channel.wait_played()
        assert [frame.num_samples for _, frame in far.ear.handed] == [160] * 100
        times = [when for when, _ in far.ear.handed]
        assert all(b - a < 0.02 + SLOT + EDGE for a, b in itertools.pairwise(times))

    run_virtual(main)


@pytest.mark.parametrize("lead", [0.0, 0.04, 0.1, 1.0])
def test_the_far_end_never_runs_dry_and_is_never_given_more_than_the_lead(lead: float):
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=lead))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(5.0, "a")).end()
            await channel.wait_played()
        assert far.ear.end == pytest.approx(5.0)  # no gap in what is heard
        heard_until = 0.0
        for when, frame in far.ear.handed:
            heard_until = max(heard_until, when) + frame.duration
            assert heard_until - when <= max(lead, 0.02) + 0.02 + EDGE

    run_virtual(main)


def test_after_a_stall_within_the_lead_it_catches_up():
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=0.5))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(5.0, "a")).end()
            await trio.sleep(1.0)
            far.stall(0.3)
            await channel.wait_played()
        assert far.ear.end == pytest.approx(5.0)

    run_virtual(main)


def test_past_the_lead_it_begins_anew_and_does_not_hurry():
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=0.04))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a")).end()
            await trio.sleep(1.0)
            far.stall(2.0)
            await trio.sleep(2.5)
            in_half_a_second = [when for when, _ in far.ear.handed if when >= 3.0]
            assert len(in_half_a_second) <= 0.5 / 0.02 + 4
            await channel.wait_played()
        assert far.ear.end == pytest.approx(5.0, abs=0.06)

    run_virtual(main)


@pytest.mark.parametrize("past_the_slot", [1e-12, 1e-10, 3e-9, 1e-6])
def test_a_due_time_within_rounding_of_its_slot_does_not_spin(past_the_slot: float):
    """The timekeeper's slots begin 2 us after whole multiples of 5 ms."""

    async def main() -> None:
        await trio.sleep_until(1.000002 + past_the_slot)
        meter = Meter(Paced(lead=0.02))
        await speak(meter, 1.0)
        assert len(meter.times) == 50

    run_virtual(main)


def test_far_into_a_clocks_life_a_call_sounds_the_same():
    """Trio's real clock begins anywhere up to a million seconds, where a float has steps of 1e-10."""

    async def main() -> None:
        await trio.sleep_until(987_654.321)
        far = ScriptedFarEnd(Paced(lead=0.04, ear=True, can_clear=True))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(2.0, "a"))
            await trio.sleep(1.0)
            receipt = channel.interrupt().turns[0]
            assert receipt.heard == pytest.approx(8000, abs=1)
            assert far.heard("a") == pytest.approx(receipt.heard, abs=1)

    run_virtual(main)


def test_what_is_heard_goes_on_through_turns_without_a_gap():
    async def main() -> None:
        far = ScriptedFarEnd(Paced(lead=0.04))
        async with open_channel(far.source) as channel:
            for item in "abcdefgh":
                push(channel.turn(item), say(0.25, item))
            await channel.wait_played()
        assert far.ear.end == pytest.approx(2.0)

    run_virtual(main)
