"""Ends what hangs or spins on the virtual clock; there, nobody else would."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from ._leftovers import tear_down_shields

PATIENCE = 20_000
"""Steps, or looks around, at one and the same time of the virtual clock; past that, nothing will ever happen."""


class Watchdog(trio.abc.Instrument):
    """Tells when a run stands still, or goes on for too long, so that who guards it can cancel it; shields are torn down for that.

    Args:
        on_trouble: told what is wrong; again and again, if it does not end.
        patience: how many steps, or looks around, may come at one and the same time.
    """

    def __init__(self, on_trouble: Callable[[str], object], patience: int = PATIENCE) -> None:
        self._on_trouble, self._patience = on_trouble, patience
        self._idle = self._busy = 0
        self._now = 0.0
        self.give_up_at: float = math.inf
        """When it has gone on for too long, in seconds of the Trio clock."""

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        now = trio.current_time()
        self._idle, self._busy, self._now = 0, (self._busy + 1 if now == self._now else 0), now
        if self._busy and self._busy % self._patience == 0:
            self._bark(f"it spins at {now} s")
        if now > self.give_up_at:
            self.give_up_at = now + 1
            self._bark(f"it still goes on at {now} s, whatever it is told")

    def before_io_wait(self, timeout: float) -> None:
        """Called by Trio."""
        self._idle += 1
        if self._idle % self._patience == 0:
            self._bark(f"it hangs at {trio.current_time()} s: everybody waits, for nothing that could happen")

    def _bark(self, why: str) -> None:
        tear_down_shields()
        self._on_trouble(why)
