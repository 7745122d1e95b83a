"""Trio runs on a virtual clock: hours in milliseconds, the same every time, and as late as real clocks are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import trio
from trio.testing import MockClock

from ._watchdog import Watchdog

T = TypeVar("T")

PATIENCE = 300_000
"""What is allowed to happen at one moment of virtual time; some seconds of real time, in which a thread may still answer."""

LATE = 0.0003
"""Seconds by which a usual kernel wakes a sleeper too late."""


class LateClock(trio.abc.Instrument):
    """Makes a virtual clock wake everybody late, as real clocks do; a perfect clock cannot see drift.

    An instrument of a run whose clock is a `trio.testing.MockClock`: each time the clock jumps, it jumps a little further.
    `run_virtual` takes it as ``late``; under pytest-trio the fixture ``late_clock`` brings it.

    Args:
        late: seconds.
    """

    def __init__(self, late: float = LATE) -> None:
        self.late = late
        self._seen = 0.0

    def before_io_wait(self, timeout: float) -> None:
        """Called by Trio."""
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock), f"LateClock needs trio.testing.MockClock as the clock of the run, not {clock!r}"
        if clock.current_time() != self._seen:
            clock.jump(self.late)
            self._seen = clock.current_time()


class Standstill(AssertionError):  # noqa: N818 - the name says what happened
    """A run on the virtual clock would never have ended: everybody waited for nothing, or somebody was busy for ever."""


def run_virtual(
    async_fn: Callable[..., Awaitable[T]],
    *args: object,
    late: float = 0.0,
    seed: int | None = None,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """`trio.run` on a clock that jumps ahead whenever everybody sleeps.

    Real sockets and threads do not wait for such a clock: code that uses them runs on the real one.

    Args:
        async_fn, args: what to run, and with what.
        late: seconds by which every sleeper is woken late; `LATE` is what a usual kernel does.
        seed: fixes the order in which Trio runs tasks that are due at once; different seeds, different orders.
        clock: another clock than the virtual one.
        instruments: as for `trio.run`.

    Raises:
        Standstill: it would never have ended; where a real clock would let it wait, a virtual one has nothing to wait for.
    """
    guard = _Guard()
    watching = [*instruments, *([LateClock(late)] if late else []), *([Watchdog(guard.end, PATIENCE)] if clock is None else [])]
    with scheduled_by(seed):
        return trio.run(guard.run, async_fn, *args, clock=clock or virtual_clock(), instruments=watching)


def virtual_clock() -> MockClock:
    """A clock that jumps ahead whenever everybody sleeps."""
    return MockClock(autojump_threshold=0)


class _Guard:
    """Ends a run that stands still, and says so."""

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self._why = ""

    def end(self, why: str) -> None:
        self._why = self._why or why
        self._scope.cancel(why)

    async def run(self, async_fn: Callable[..., Awaitable[T]], *args: object) -> T:
        with self._scope:
            return await async_fn(*args)
        raise Standstill(self._why)


@contextmanager
def scheduled_by(seed: int | None) -> Generator[None, None, None]:
    """Let Trio's scheduler draw from this seed within the block; as it pleases for None.

    Trio shuffles tasks on purpose and has no public way to make that repeatable; this is the way pytest-trio and Hypothesis
    use. Should a later Trio not have it any more, runs are valid but not repeatable.
    """
    core: Any = getattr(trio._core, "_run", None)
    random = getattr(core, "_r", None)
    if seed is None or random is None:
        yield
        return
    before = random.getstate(), core._ALLOW_DETERMINISTIC_SCHEDULING
    random.seed(seed)
    core._ALLOW_DETERMINISTIC_SCHEDULING = True
    try:
        yield
    finally:
        random.setstate(before[0])
        core._ALLOW_DETERMINISTIC_SCHEDULING = before[1]
