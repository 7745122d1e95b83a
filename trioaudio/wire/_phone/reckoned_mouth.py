"""What a caller hears through a carrier that sends no marks back: reckoned by the clock.

Figures are kept in the time in which news arrive, as in `PhoneMouth`: audio sent at ``t`` to an empty queue begins to be played at ``t
+ round trip`` there, so what a clear sent now will leave played is what will have been played by ``now + round trip``. The round trip
is measured by the carrier, or between the first audio of a burst and the carrier's word that it sounds.
"""

from __future__ import annotations

import math

from ...audio import AudioFormat
from ...audio._playhead import Playhead
from .messages import PhoneDialect, Wire
from .mouth import LONGEST_TRIP, PhoneMouth, PhonePlayed

SOON = 0.5
"""Seconds: a carrier that has nothing left to play, and should have more than this by the clock, speaks of an earlier burst."""


class ReckonedMouth(PhoneMouth):
    """One direction of one stream, as `PhoneMouth`, without marks."""

    def __init__(self, dialect: PhoneDialect, stream: str, format: AudioFormat, now: float) -> None:
        super().__init__(dialect, stream, format, now)
        self._news: list[PhonePlayed] = []
        self._told = 0
        self._burst: tuple[float, int] | None = None  # when a burst began to be sent, and how much was before it

    def probe(self, now: float) -> list[Wire]:
        """Nothing is measured by a mark."""
        return []

    def owed(self) -> list[Wire]:
        """No mark is missing."""
        return []

    def _mark_due(self) -> bool:
        return False

    def _handed_over(self, samples: int, now: float) -> None:
        if self._playhead.silent_at <= now + self.round_trip:
            self._burst = (now, self.sent)
        super()._handed_over(samples, now)

    @property
    def due(self) -> float:
        """When `tail` or `news` should be asked for."""
        return min(super().due, self._playhead.silent_at if self._told < self.sent else math.inf)

    def news(self, now: float) -> list[PhonePlayed]:
        """What a clear has settled, and the end of what should have been heard by now."""
        news, self._news = self._news, []
        if self._told < self.sent and self._stream is not None and self._playhead.silent_at <= now:
            self._told = self.sent
            news.append(PhonePlayed(self.sent, self.generation))
        return news

    def began(self, now: float) -> None:
        """A burst sounds: its beginning is here, and the way to the carrier and back is known."""
        if self._burst is None:
            return
        (sent_at, before), self._burst = self._burst, None
        self.round_trip = min(max(now - sent_at, 0.0), LONGEST_TRIP)
        self._playhead.report(before, now)

    def ended(self, now: float) -> list[PhonePlayed]:
        """Nothing is left to play, unless more was on its way."""
        if self._told == self.sent or self._playhead.silent_at - now > SOON:
            return []
        self._playhead.report(self.sent, now)
        return self.news(now)

    def clear(self, now: float) -> list[Wire]:
        """Let the carrier forget what it has not played; `news` has the figure at once."""
        heard = self._playhead.heard(now + self.round_trip) if self._frozen is None else self._frozen
        self._news.append(PhonePlayed(heard, self.generation, final=True))
        self.generation += 1
        self._told, self._burst = 0, None
        self._packets.drop()
        self._playhead = Playhead(self._rate, 0.0, now)
        if self._stream is None:
            self._frozen = 0
            return []
        self._frozen = None
        return [self._dialect.clear(self._stream)]
