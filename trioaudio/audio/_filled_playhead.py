"""A playhead of a far end that is given more than what is said: a background sound fills the silence.

Positions are those of what is said, as in any playhead; what fills the gaps moves only the horizon.
"""

from __future__ import annotations

import math
from collections import deque

from ._playhead import _EPSILON, Playhead

REMEMBERED = 256
"""Gaps; older ones have been heard, or the far end is minutes behind."""


class FilledPlayhead(Playhead):
    """Goes on where ``before`` is; see `Playhead`."""

    __slots__ = ("_gaps", "filled")

    def __init__(self, before: Playhead) -> None:
        super().__init__(before._rate, before._lead, before.horizon)
        self.sent, self.reported = before.sent, before.reported
        self.filled: int = 0
        """Samples that filled gaps."""
        self._gaps: deque[list[int]] = deque(maxlen=REMEMBERED)  # where, and how many samples

    @property
    def given(self) -> int:
        return self.sent + self.filled

    @property
    def silent_at(self) -> float:
        return self.time_of(self.sent)

    def fill(self, num_samples: int, now: float) -> float:
        """Count what fills a gap as given to the far end; return when its first sample will be heard."""
        start = max(self.horizon, now)
        self.horizon = start + num_samples / self._rate
        self.filled += num_samples
        if self._gaps and self._gaps[-1][0] == self.sent:
            self._gaps[-1][1] += num_samples
        else:
            self._gaps.append([self.sent, num_samples])
        return start

    def ahead(self, now: float) -> int:
        """Samples given and not heard yet, whatever they are."""
        return max(0, math.ceil((self.horizon - now) * self._rate - _EPSILON))

    def heard(self, now: float) -> int:
        return max(self.reported, self._before(self.ahead(now)))

    def time_of(self, position: int) -> float:
        later = sum(length for start, length in self._gaps if start >= position)
        return self.horizon - (self.sent - position + later) / self._rate

    def position_at(self, given: int) -> int:
        return self._before(self.given - min(max(given, 0), self.given))

    def report(self, num_samples: int, now: float) -> None:
        given = min(num_samples, self.given)
        self.reported = max(self.reported, self.position_at(given))
        self.horizon = now + (self.given - given) / self._rate

    def _before(self, ahead: int) -> int:
        """The position that so many of the last given samples lie ahead of."""
        position = self.sent
        for start, length in reversed(self._gaps):
            if ahead <= position - start:
                break
            ahead -= position - start
            position = start
            ahead -= min(ahead, length)
        return max(0, position - ahead)
