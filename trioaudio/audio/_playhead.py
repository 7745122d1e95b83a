"""Where the far end's ear is: one number, the horizon, from which pacing, position and the end of speech all follow."""

from __future__ import annotations

import math

_EPSILON = 1e-3
"""Of a sample: a clock that shows 1e6 s has steps of 1e-10 s; a sample that is due now must not wait for rounding."""


class Playhead:
    """The far end's playback of one stretch of audio, reckoned from what it was given and when.

    The *horizon* is when the far end will have played all it was given. Times are seconds of whatever clock the caller
    uses, passed in as ``now``; counts are samples of the format the far end is given.

    Args:
        rate: samples per second.
        lead: how far ahead of real time the far end is fed, in seconds. Never less than one frame: that alone keeps
            a late wake-up from becoming drift.
        horizon: when the far end will have played what it was given before this stretch; the current time, if that was nothing.
    """

    __slots__ = ("_lead", "_rate", "horizon", "reported", "sent")

    def __init__(self, rate: int, lead: float, horizon: float) -> None:
        self._rate, self._lead = rate, lead
        self.horizon: float = horizon
        self.sent: int = 0
        self.reported: int = 0
        """Samples known to be heard, because the far end said so."""

    @property
    def due(self) -> float:
        """When the next frame should be handed over."""
        return self.horizon - self._lead

    @property
    def given(self) -> int:
        """All samples that the far end was given."""
        return self.sent

    @property
    def silent_at(self) -> float:
        """When all that was said will have been heard."""
        return self.horizon

    def position_at(self, given: int) -> int:
        """The position when the far end has played so many of the samples it was given."""
        return min(max(given, 0), self.sent)

    def hand_over(self, num_samples: int, now: float) -> float:
        """Count a frame as given to the far end; return when its first sample will be heard.

        After a pause the horizon is re-based to ``now``; after a stall shorter than the lead it catches up.
        """
        start = max(self.horizon, now)
        self.horizon = start + num_samples / self._rate
        self.sent += num_samples
        return start

    def heard(self, now: float) -> int:
        """Samples heard by ``now``, as far as can be told."""
        ahead = self.horizon - now
        if ahead <= 0:
            return self.sent
        return max(self.reported, self.sent - math.ceil(ahead * self._rate - _EPSILON))

    def time_of(self, position: int) -> float:
        """When the sample at ``position`` is reached: everything before it has been heard then."""
        return self.horizon - (self.sent - position) / self._rate

    def report(self, num_samples: int, now: float) -> None:
        """The far end says that it has heard ``num_samples`` by ``now``; clamped to what it was given, never backwards.

        Less than 0: it is still busy with what came before this stretch.
        """
        position = min(max(num_samples, self.reported or num_samples), self.sent)
        self.reported = max(position, 0)
        self.horizon = now + (self.sent - position) / self._rate
