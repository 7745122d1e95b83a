"""What went through the front door, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FrontDoorStatistics:
    """Counters of a front door, as of now."""

    connections: int
    """Open now."""
    connections_total: int
    connections_refused: int
    """Turned away because `Limits.connections` were open."""
    websockets: int
    """Open now."""
    websockets_total: int
    requests: Mapping[int, int]
    """Answered so far, by status; 101 is a websocket that was accepted."""
    handler_failures: int
    """Handlers that raised, or took too long."""


@dataclass(slots=True)
class Tally:
    """The same, while it is being counted."""

    connections: int = 0
    connections_total: int = 0
    connections_refused: int = 0
    websockets: int = 0
    websockets_total: int = 0
    requests: Counter[int] = field(default_factory=Counter)
    handler_failures: int = 0

    def count_websocket(self) -> None:
        """One more was accepted."""
        self.requests[101] += 1
        self.websockets += 1
        self.websockets_total += 1

    def statistics(self) -> FrontDoorStatistics:
        """As of now."""
        return FrontDoorStatistics(
            connections=self.connections,
            connections_total=self.connections_total,
            connections_refused=self.connections_refused,
            websockets=self.websockets,
            websockets_total=self.websockets_total,
            requests=MappingProxyType(dict(self.requests)),
            handler_failures=self.handler_failures,
        )
