"""Ends what hangs or spins on the virtual clock; there, nobody else would."""

from __future__ import annotations

from collections.abc import Callable

import trio

from ._leftovers import tear_down_shields

PATIENCE = 20_000
"""Steps, or looks around, at one and the same time of the virtual clock; past that, nothing will ever happen."""


class Watchdog(trio.abc.Instrument):
    """Tells when a run stands still, so that who guards it can cancel it; shields are torn down for that.

    Args:
        on_standstill: told what is wrong.
        awake: whether it watches; a real clock stands still for good reasons.
    """

    def __init__(self, on_standstill: Callable[[str], object], *, awake: bool = True) -> None:
        self._on_standstill, self._awake = on_standstill, awake
        self._idle = self._busy = 0
        self._now = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        now = trio.current_time()
        self._idle, self._busy, self._now = 0, (self._busy + 1 if now == self._now else 0), now
        if self._busy == PATIENCE:
            self._bark(f"it spins at {now} s")

    def before_io_wait(self, timeout: float) -> None:
        """Called by Trio."""
        self._idle += 1
        if self._idle == PATIENCE:
            self._bark(f"it hangs at {trio.current_time()} s: everybody waits, for nothing that could happen")

    def _bark(self, why: str) -> None:
        if self._awake:
            tear_down_shields()
            self._on_standstill(why)
