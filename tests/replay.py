"""Runs on the virtual clock that can be replayed, and that end even if something spins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import trio

from trioaudio.testing import run_virtual

T = TypeVar("T")


class SpinningError(AssertionError):
    """Tasks were busy for ever while the clock stood still."""


class Watchdog(trio.abc.Instrument):
    """Ends a run in which something spins; on the virtual clock it would hang the whole suite."""

    def __init__(self, patience: int = 20_000) -> None:
        self._patience, self._steps, self._at = patience, 0, -1.0
        self._scope = trio.CancelScope()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        now = trio.current_time()
        self._steps = self._steps + 1 if now == self._at else 0
        self._at = now
        if self._steps == self._patience:
            self._scope.cancel(f"something spins at {now} s")

    async def guard(self, main: Callable[..., Awaitable[T]], *args: Any) -> T:
        with self._scope:
            return await main(*args)
        raise SpinningError(f"{self._patience} task steps at {self._at} s")


def run(
    main: Callable[..., Awaitable[T]],
    *args: Any,
    seed: int | None = None,
    late: float = 0.0,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """``trio.run`` on the virtual clock; with a ``seed``, the same history every time."""
    watchdog = Watchdog()
    return run_virtual(watchdog.guard, main, *args, seed=seed, late=late, instruments=[watchdog, *instruments])
