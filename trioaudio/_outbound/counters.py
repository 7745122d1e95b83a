"""Sums over turns, in seconds of audio, for the statistics of a channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .._receipts import ChannelStatistics

if TYPE_CHECKING:
    from .turn import Turn


@dataclass(slots=True)
class Counters:
    """What became of the audio of many turns; fields as in `ChannelStatistics`."""

    accepted: float = 0.0
    queued: float = 0.0
    sent: float = 0.0
    dropped: float = 0.0
    flushed: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    turns: int = 0
    interruptions: int = 0
    late_reports: int = 0

    def add(self, turn: Turn) -> None:
        """Count the samples of one turn."""
        ledger, rate = turn.ledger, turn.format.rate
        self.accepted += ledger.accepted / rate
        self.queued += ledger.queued / rate
        self.sent += ledger.sent / rate
        self.dropped += ledger.dropped / rate
        self.flushed += ledger.flushed / rate

    def with_turns(self, turns: Iterable[Turn]) -> Counters:
        """A copy that counts these turns too."""
        sums = replace(self)
        for turn in turns:
            sums.add(turn)
        return sums

    def as_statistics(self) -> ChannelStatistics:
        """The same in milliseconds; what is counted elsewhere is 0."""
        return ChannelStatistics(
            accepted_ms=self.accepted * 1000,
            queued_ms=self.queued * 1000,
            sent_ms=self.sent * 1000,
            dropped_ms=self.dropped * 1000,
            flushed_ms=self.flushed * 1000,
            late_ms=self.late * 1000,
            refused_ms=self.refused * 1000,
            turns=self.turns,
            interruptions=self.interruptions,
            late_reports=self.late_reports,
        )
