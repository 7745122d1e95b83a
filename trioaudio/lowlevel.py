"""For instruments and tests that look at the machinery."""

from __future__ import annotations

from ._ticker import TickerStatistics as TickerStatistics
from ._ticker import shared_ticker


def ticker_statistics() -> TickerStatistics:
    """How busy the shared timekeeper of this Trio run is; with no channel speaking, nobody is parked in it."""
    return shared_ticker().statistics()
