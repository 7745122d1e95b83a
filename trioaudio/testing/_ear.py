"""What a scripted far party hears, and when.

The ear shares no arithmetic with the channel: it notes when each frame arrived, plays one after the other, and looks at
the samples themselves to say what it heard.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

import trio

from ..audio import Frame
from ._stamps import count_stamped

ROUNDING = 1e-3
"""Of a sample: what a clock that shows seconds as a float may be off by."""


@dataclass(eq=False, slots=True)
class Sounding:
    """A frame that sounds, from ``start`` on, in seconds of the Trio clock."""

    start: float
    frame: Frame
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """When its last sample has been heard."""
        return self.start + self.frame.duration

    def heard_by(self, now: float) -> Frame:
        """What of it has been heard by ``now``."""
        return self.frame.cut(0, max(0, math.floor((now - self.start) * self.frame.format.rate + ROUNDING)))

    def count(self, item: str) -> int:
        """How many samples of ``item`` it has; looked up once."""
        if item not in self._counts:
            self._counts[item] = count_stamped([self.frame], item)
        return self._counts[item]


@dataclass
class Ear:
    """What the far party hears, and when. Times are seconds of the Trio clock."""

    schedule: list[Sounding] = field(default_factory=list)
    """What is heard, in order; what was lost or forgotten is not in it."""
    end: float = -math.inf
    """When everything that has arrived will have been heard."""
    clears: int = 0
    clear_times: list[float] = field(default_factory=list)
    handed: list[tuple[float, Frame]] = field(default_factory=list)
    """Every frame that was handed over, and when it arrived: heard or not."""
    begun: list[float] = field(default_factory=list)
    """When the write of each of these frames began."""
    handed_before_clear: list[int] = field(default_factory=list)
    """How many frames had been handed over at each clear."""
    latency: float = 0.0
    """Seconds between the arrival of a frame and the moment from which it can sound."""
    changed: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)
    """Wakes who waits for it to hear something."""

    def play(self, frame: Frame, *, lost: bool = False, begun: float | None = None) -> None:
        """A frame has arrived: it is heard after all that came before it."""
        now = trio.current_time()
        self.handed.append((now, frame))
        self.begun.append(now if begun is None else begun)
        if not lost:
            self.schedule.append(Sounding(max(self.end, now + self.latency), frame))
            self.end = self.schedule[-1].end
        self.changed.unpark_all()

    def forget(self) -> None:
        """What has not been heard will not be."""
        now = trio.current_time()
        self.clears += 1
        self.clear_times.append(now)
        self.handed_before_clear.append(len(self.handed))
        cut = [Sounding(s.start, s.heard_by(now)) for s in self.schedule]
        self.schedule = [s for s in cut if s.frame.num_samples]
        self.end = min(self.end, now)
        self.changed.unpark_all()

    def heard_frames(self) -> list[Frame]:
        """What has been heard by now, in order."""
        now = trio.current_time()
        return [s.heard_by(now) for s in self.schedule if s.start <= now]

    def heard_samples(self) -> int:
        """How many samples have been heard by now, of whatever it was."""
        return sum(frame.num_samples for frame in self.heard_frames())

    def will_have_heard(self, item: str, samples: int) -> float:
        """When that many samples of ``item`` will have been heard, provided that nothing is forgotten; ``inf`` if too few have come."""
        for sounding in self.schedule:
            count = sounding.count(item)
            if count >= samples:
                return sounding.start + _position(sounding.frame, item, samples) / sounding.frame.format.rate
            samples -= count
        return math.inf

    def falls_silent_at(self, time: float, *, item: str | None, can_clear: bool) -> bool:
        """Whether nothing whose write began after ``time`` arrived, and nothing of before it sounds past the clear that followed."""
        clear = bisect_left(self.clear_times, time)
        cleared = clear < len(self.clear_times)
        known = self.handed_before_clear[clear] if cleared else len(self.handed)
        fresh = (frame for i, (_, frame) in enumerate(self.handed) if self.begun[i] > time or i >= known)
        if _any(fresh, item):
            return False
        silent_from = self.clear_times[clear] if cleared else time
        return not can_clear or not _any((s.frame for s in self.schedule if s.end > silent_from + _rounding(s)), item)


def _position(frame: Frame, item: str, samples: int) -> int:
    """How many samples of the frame it takes to hear that many of the item."""
    low, high = samples, frame.num_samples
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count_stamped([frame.cut(0, middle)], item) >= samples else (middle + 1, high)
    return low


def _rounding(sounding: Sounding) -> float:
    return ROUNDING / sounding.frame.format.rate


def _any(frames: Iterable[Frame], item: str | None) -> bool:
    return any(frame.num_samples if item is None else count_stamped([frame], item) for frame in frames)
