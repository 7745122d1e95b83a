"""Many channels speak in real time, to ears without a jitter buffer: what it costs, how late frames are, and what is not heard for it.

Each channel says one turn after the other, as a model makes them: whole deltas, faster than real time. Its far end plays a
frame as soon as the one before it is over, and counts how long it had nothing to play in the middle of a turn. The share of a
core is for channels that all speak all the time. A machine that is busy with something else starves the ears, whatever we do:
so how long it kept us waiting is shown too, where it can be known (Linux).
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import trio
from findings import Effort, Finding, Tell

from trioaudio import Event, open_channel
from trioaudio.abc import Paced, Source
from trioaudio.audio import MULAW_8K, PTIME, Frame

TITLE = "paced in real time: share of a core, lateness of a frame, and starvation of an ear without a jitter buffer"
NUM_CHANNELS = (1, 100, 500, 1000)
AIMS = {1000: 35.0}
TURN = 4.0
DELTA = 0.2
PAUSE = 0.05
STRETCH = 1.0
FORMAT = MULAW_8K


class Ear(Source):
    """A far end that notes when it was told what; what that means for a listener is reckoned afterwards."""

    input_format = output_format = FORMAT
    far_end = Paced()

    def __init__(self) -> None:
        self.notes: list[float] = []  # when a frame came; less than 0: when a turn began

    async def receive(self) -> Frame | Event:
        await trio.sleep_forever()
        raise AssertionError

    def begin(self) -> None:
        """A turn begins now: its first frame is due."""
        self.notes.append(-trio.current_time())

    def send_nowait(self, frame: Frame) -> None:
        self.notes.append(trio.current_time())

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        self.send_nowait(frame)

    def reckon(self, since: float, until: float, heard: Heard) -> None:
        """Tell what was heard from ``since`` to ``until``: what all of them say in closing, in the same instant, is no speech."""
        due = speaks_until = math.inf
        for when in self.notes:
            if when < 0:
                due, speaks_until = -when, math.inf
                continue
            if since <= when < until:
                heard.late.append(when - due)
                heard.starved += max(0.0, when - speaks_until)
            speaks_until = (when if speaks_until == math.inf else max(speaks_until, when)) + PTIME
            due = max(due, speaks_until - self.far_end.lead)


@dataclass(slots=True)
class Heard:
    """What all ears of a run have to tell."""

    late: list[float] = field(default_factory=list)
    """Of each frame: when it came, less when it was due."""
    starved: float = 0.0

    def late_ms(self, share: float) -> float:
        """The lateness that ``share`` of all frames does not exceed, in milliseconds."""
        self.late.sort()
        return self.late[int(share * (len(self.late) - 1))] * 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a number of channels did to this machine."""

    heard: Heard
    microseconds: float
    """Of CPU for each frame, everything included, in the stretch in which that was least: a core may be shared, and slow then."""
    longest_collection: float
    """Of garbage, in seconds: all ears starve meanwhile."""
    kept_waiting: float | None
    """How much of the time we would have worked but the machine did not let us, in percent; None where nobody knows."""


async def speak(num_channels: int, seconds: float) -> Outcome:
    """Let so many channels speak for so long, their turns spread evenly."""
    ears = [Ear() for _ in range(num_channels)]
    async with trio.open_nursery() as nursery:
        begin = trio.current_time() + 0.5 + num_channels / 1000
        end = begin + TURN + seconds
        for number, ear in enumerate(ears):
            nursery.start_soon(_speak_to, ear, begin + TURN * number / num_channels, end)
        await trio.sleep_until(begin - 0.2)
        gc.collect()  # what was only needed to open them
        await trio.sleep_until(begin + TURN)  # all speak by now
        waited, stretches = _seconds_kept_waiting(), [(trio.current_time(), time.process_time())]
        with _collections_timed() as collections:
            while trio.current_time() < end:
                await trio.sleep_until(stretches[-1][0] + STRETCH)
                stretches.append((trio.current_time(), time.process_time()))
        waited_now = _seconds_kept_waiting()
        nursery.cancel_scope.cancel()
    heard = Heard()
    for ear in ears:
        ear.reckon(begin + TURN, end, heard)
    kept_waiting = None if waited is None or waited_now is None else (waited_now - waited) / seconds * 100
    costs = [(cpu - cpu_before) / _frames(ears, since, until) for (since, cpu_before), (until, cpu) in pairwise(stretches)]
    return Outcome(heard, min(costs) * 1e6, max(collections, default=0.0), kept_waiting)


def _frames(ears: list[Ear], since: float, until: float) -> int:
    return sum(since <= when < until for ear in ears for when in ear.notes)


@contextmanager
def _collections_timed() -> Iterator[list[float]]:
    """A list of how long each garbage collection took, in seconds of CPU."""
    taken: list[float] = []

    def note(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            taken.append(-time.process_time())
        else:
            taken[-1] += time.process_time()

    gc.callbacks.append(note)
    try:
        yield taken
    finally:
        gc.callbacks.remove(note)


def _seconds_kept_waiting() -> float | None:
    """How long this process has been ready to run and had to wait for a core."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return None


async def _speak_to(ear: Ear, begin: float, end: float) -> None:
    delta = Frame.silence(round(DELTA * FORMAT.rate), FORMAT)
    async with open_channel(ear) as channel:
        await trio.sleep_until(begin)
        while trio.current_time() < end:
            ear.begin()
            with channel.turn() as turn:
                for _ in range(round(TURN / DELTA)):
                    turn.send_nowait(delta)
            await turn.wait_played()
            await trio.sleep(PAUSE)


async def bare_tasks(number: int, seconds: float) -> float:
    """The yardstick: a task for each ear that sleeps until the next frame is due and hands it over, and nothing else.

    Microseconds of CPU for a frame, in the stretch in which it was least.
    """
    frame, handed = Frame.silence(FORMAT.frame_samples, FORMAT), 0

    async def pace(due: float) -> None:
        nonlocal handed
        ear = Ear()
        while True:
            await trio.sleep_until(due)
            ear.send_nowait(frame)
            handed += 1
            due += PTIME

    async with trio.open_nursery() as nursery:
        begin, costs = trio.current_time() + 0.1 + number / 10_000, []
        for place in range(number):
            nursery.start_soon(pace, begin + PTIME * place / number)
        await trio.sleep_until(begin + 0.5)
        for _ in range(round(seconds / STRETCH)):
            before, cpu = handed, time.process_time()
            await trio.sleep(STRETCH)
            costs.append((time.process_time() - cpu) / (handed - before))
        nursery.cancel_scope.cancel()
    return min(costs) * 1e6


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """One number of channels after the other."""
    return [finding for number in NUM_CHANNELS for finding in _findings(number, effort.rounds(10, 3), tell)]


def _findings(number: int, seconds: int, tell: Tell) -> Iterator[Finding]:
    tell(f"{number} channels speak for {seconds} s")
    outcome = trio.run(speak, number, seconds)
    heard, finding = outcome.heard, partial(_finding, f"{number} channel{'s' * (number > 1)}")
    tell(f"{number} bare tasks")
    ratio = outcome.microseconds / trio.run(bare_tasks, number, seconds / 2)
    yield finding("share of a core", outcome.microseconds * number / PTIME / 1e4, "%", aim=AIMS.get(number))
    yield finding("CPU for a frame", outcome.microseconds, "us", ratio, "a bare task each")
    yield finding("lateness p50", heard.late_ms(0.5), "ms")
    yield finding("lateness p99", heard.late_ms(0.99), "ms")
    yield finding("starvation of all ears", heard.starved * 1000, "ms")
    yield finding("starvation in a second of speech", heard.starved * 1000 / (len(heard.late) * PTIME), "ms")
    yield finding("longest garbage collection", outcome.longest_collection * 1000, "ms")
    if outcome.kept_waiting is not None:
        yield finding("kept waiting by the machine", outcome.kept_waiting, "% of time")


def _finding(who: str, what: str, value: float, unit: str, ratio: float | None = None, to: str = "", aim: float | None = None) -> Finding:
    return Finding(f"{who}: {what}", value, unit, ratio, to, aim)
