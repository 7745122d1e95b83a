"""What became of a turn, in numbers: receipts that events carry and `wait_played` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Evidence: TypeAlias = Literal["exact", "estimated"]
"""``exact``: the far end reported it, or the source is the ear itself; ``estimated``: reckoned from what was handed over and when."""


@dataclass(frozen=True, slots=True)
class TurnReceipt:
    """What the far party heard of one turn, in samples of the turn's own format.

    ``heard + lost`` is all that was accepted.
    """

    item_id: str | None
    heard: int
    lost: int
    evidence: Evidence
    rate: int
    """Samples per second of the turn's format."""

    @property
    def heard_ms(self) -> float:
        """Heard audio in milliseconds."""
        return self.heard * 1000 / self.rate

    @property
    def lost_ms(self) -> float:
        """Accepted audio that was never heard, in milliseconds."""
        return self.lost * 1000 / self.rate


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of a turn's samples so far: ``accepted == queued + sent + dropped`` and ``sent == heard + unheard`` (law 1)."""

    accepted: int
    """Given to the turn."""
    queued: int
    """Waiting to be handed over."""
    sent: int
    """Handed over to the far end."""
    dropped: int
    """Never handed over, and never will be."""
    heard: int
    """Sounded in the far party's ear, as far as is known."""
    flushed: int
    """Handed over, but never heard: the far end was told to forget it."""
    late: int
    """Offered after the turn was over, and refused."""

    @property
    def unheard(self) -> int:
        """Handed over and not heard, so far."""
        return self.sent - self.heard


@dataclass(frozen=True, slots=True)
class CloseReason:
    """Why a channel closed: ``closed`` (the app closed it), ``hangup`` (the far party did), ``broken`` (the connection
    failed) or ``failed`` (a listener or a plugin raised); ``error`` is the cause in the last two cases."""

    kind: Literal["closed", "hangup", "broken", "failed"]
    error: BaseException | None = None

    def __str__(self) -> str:
        return self.kind if self.error is None else f"{self.kind}: {self.error!r}"


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Counters of one channel; audio is in milliseconds unless a name says otherwise."""

    received_ms: float = 0.0
    """Audio that came in from the far party."""
    inbound_dropped_ms: float = 0.0
    """Inbound audio dropped because nobody read it in time (the oldest goes first)."""
    accepted_ms: float = 0.0
    """Audio that turns accepted."""
    queued_ms: float = 0.0
    """Accepted audio that waits to be handed to the source."""
    sent_ms: float = 0.0
    """Audio handed to the source."""
    dropped_ms: float = 0.0
    """Accepted audio that was dropped before it was handed over."""
    flushed_ms: float = 0.0
    """Audio handed over that the far end forgot unheard."""
    late_ms: float = 0.0
    """Audio offered to turns that were over, and refused."""
    refused_ms: float = 0.0
    """Audio past ``max_turn``, refused."""
    turns: int = 0
    """Turns begun."""
    interruptions: int = 0
    """Interruptions that stopped a turn."""
    late_reports: int = 0
    """Position reports of audio that was already flushed, ignored."""
    control_events: int = 0
    """Events that came from the far party: keys, commits, wishes; not its position reports."""
    lagged_events: int = 0
    """Events that slow subscribers missed."""
