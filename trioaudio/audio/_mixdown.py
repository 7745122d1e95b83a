"""A call as one stereo stream: the far party left, what it was played right, both at one rate, sample for sample."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from ._format import AudioFormat
from ._frame import Frame
from ._lanes import HOLD, LOOKAHEAD, AgentLane, CallerLane

if TYPE_CHECKING:
    from ._lanes import Mono

BLOCK = 5.0
"""Longest block that is made at once, in seconds: bounds memory when much is settled in one go."""


class Mixdown:
    """Lays the two sides of a call on one time axis and gives back what is settled, as interleaved PCM16 bytes.

    Sample 0 is ``started_at``; the rate is the higher one of the two formats, G.711 is decoded, stereo is mixed to mono,
    and the side with the lower rate is resampled (its delay taken out again). Pure: time is passed in.

    Args:
        input_format: format of the far party's frames.
        output_format: format of the agent's frames.
        started_at: time of sample 0, in seconds; all other times are of the same clock.
    """

    def __init__(self, input_format: AudioFormat, output_format: AudioFormat, started_at: float) -> None:
        self.rate = max(input_format.rate, output_format.rate)
        self._started_at = started_at
        self._caller, self._agent = CallerLane(input_format, started_at), AgentLane(output_format, started_at)
        self._sides = _Side(self._caller, self.rate), _Side(self._agent, self.rate)
        self._hushed: list[tuple[int, float]] = []
        self.settled = 0
        """Samples given back so far."""

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the far party arrived at ``now``."""
        self._caller.heard(frame, now)

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """A frame of this epoch will be heard from ``start`` on."""
        self._agent.sent(frame, start, epoch)

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing of this epoch is heard from ``at`` on."""
        self._agent.cut(at, epoch)

    def hush(self, now: float) -> None:
        """Both sides are silence from ``now`` on."""
        if not self._hushed or self._hushed[-1][1] < inf:
            self._hushed.append((self._samples(now), inf))

    def unhush(self, now: float) -> None:
        """Both sides are audible again from ``now`` on."""
        if self._hushed and self._hushed[-1][1] == inf:
            self._hushed[-1] = self._hushed[-1][0], self._samples(now)

    def settle(self, now: float) -> Iterator[bytes]:
        """What nothing can change any more, in order: everything up to `HOLD` before ``now`` that was not given back yet."""
        self._caller.place(now - LOOKAHEAD)
        yield from self._upto(self._samples(now - HOLD))

    def finish(self, now: float) -> Iterator[bytes]:
        """All the rest: of the agent what is heard by ``now``, of the caller all that has arrived."""
        self._caller.place(inf)
        self._agent.cut_all(now)
        caller_end = ceil(self._caller.end * self.rate / self._caller.format.rate)
        yield from self._upto(max(self._samples(now), caller_end))

    def forget(self) -> None:
        """Drop all audio that waits here."""
        self._caller.forget()
        self._agent.forget()

    def _samples(self, time: float) -> int:
        return round((time - self._started_at) * self.rate)

    def _upto(self, end: int) -> Iterator[bytes]:
        while self.settled < end:
            block_end = min(end, self.settled + round(BLOCK * self.rate))
            block = np.stack([side.take(block_end - self.settled) for side in self._sides], axis=1)
            self._silence(block)
            self.settled = block_end
            yield block.astype("<i2", copy=False).tobytes()

    def _silence(self, block: Mono) -> None:
        for start, end in self._hushed:
            block[max(0, start - self.settled) : int(max(0, min(end - self.settled, len(block))))] = 0
        self._hushed = [(start, end) for start, end in self._hushed if end > self.settled + len(block)]


class _Side:
    """One lane, continued at the rate of the mixdown."""

    def __init__(self, lane: CallerLane | AgentLane, rate: int) -> None:
        self._lane, self._rendered = lane, 0
        self._ratio = lane.format.rate / rate
        self._ready = np.zeros(0, np.int16)
        self._resampler = None
        if lane.format.rate != rate:
            from ._resample import Resampler

            self._resampler = Resampler(lane.format.rate, rate)
            self._skip = round(self._resampler.delay * rate)

    def take(self, length: int) -> Mono:
        """The next ``length`` samples; the resampler's delay makes it read ahead by as much."""
        if self._resampler is None:
            return self._render(length)
        while len(self._ready) < length:
            resampled = self._resampler.process(self._render(ceil((length - len(self._ready)) * self._ratio) + 1)[:, None])[:, 0]
            self._ready = np.concatenate([self._ready, resampled[self._skip :]])
            self._skip = max(0, self._skip - len(resampled))
        taken, self._ready = self._ready[:length], self._ready[length:]
        return taken

    def _render(self, length: int) -> Mono:
        self._rendered += length
        return self._lane.render(self._rendered - length, self._rendered)
