"""What a server has done so far, in numbers: what `Server.statistics` returns and metrics show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from .._receipts import ChannelStatistics
from .end_reason import END_REASONS, EndReason


@dataclass(frozen=True, slots=True)
class ServeStatistics:
    """Counters of one server, as of now."""

    ready: bool
    """New calls are taken: it is not going away, and all its listeners are open."""
    draining: bool
    """It is going away: new calls are refused."""
    active: int
    """Calls it has now, ringing ones too; not those that are being refused for a limit."""
    total: int
    """Calls that came in, refused ones too."""
    ended: Mapping[EndReason, int]
    """Calls that ended, by reason; every reason is there."""
    rejections: Mapping[str, int]
    """Rejected calls, by what the far end was told."""
    handler_failures: int
    """Handlers that raised; each cost its own call."""
    choose_failures: int
    """Times that ``choose`` raised, or returned something that cannot be opened; the call was rejected."""
    choose_timeouts: int
    """Times that ``choose`` took longer than `Timeouts.choose`; the default answered."""
    listener_faults: int
    """Times that a listener's plugin could not refuse a call as it was told to."""
    unwritten: int
    """Recordings and summaries that could not be written; no call was harmed."""
    audio: ChannelStatistics
    """The audio of all calls, those that have ended and those that go on."""
    listeners: Mapping[str, int] = field(default_factory=dict)
    """What its listeners have counted beside calls, as ``LISTENER.WHAT``."""


@dataclass(slots=True)
class Tally:
    """The same while it is counted."""

    total: int = 0
    ended: Counter[EndReason] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    handler_failures: int = 0
    choose_failures: int = 0
    choose_timeouts: int = 0
    listener_faults: int = 0
    unwritten: int = 0
    audio: ChannelStatistics = field(default_factory=ChannelStatistics)

    def as_statistics(
        self, *, ready: bool, draining: bool, active: int, live: Iterable[ChannelStatistics], listeners: Mapping[str, int]
    ) -> ServeStatistics:
        """As of now; ``live`` is what the calls that go on have counted so far, ``listeners`` what listeners have."""
        return ServeStatistics(
            ready=ready,
            draining=draining,
            active=active,
            total=self.total,
            ended={reason: self.ended[reason] for reason in END_REASONS},
            rejections=dict(self.rejections),
            handler_failures=self.handler_failures,
            choose_failures=self.choose_failures,
            choose_timeouts=self.choose_timeouts,
            listener_faults=self.listener_faults,
            unwritten=self.unwritten,
            audio=added([self.audio, *live]),
            listeners=listeners,
        )


def added(statistics: Iterable[ChannelStatistics]) -> ChannelStatistics:
    """The sum of several channels' counters."""
    each = list(statistics)
    return ChannelStatistics(**{counter.name: sum(getattr(one, counter.name) for one in each) for counter in fields(ChannelStatistics)})
