"""One timekeeper for all paced channels of a run: a role, not a task.

Playback tasks park here with a synchronous ``step``. The first to park keeps the time and makes everybody's steps; when
its own wait ends, by its step or by cancellation, it hands the role on. There is no system task, no owner, nothing to
leak, and no task switch per frame: a ``sleep_until`` for each channel costs ten times as much and runs late at a
thousand channels.

Time is cut into slots, and a step is made in the first slot that begins at or after its due time. On the virtual clock
the slots have a phase of their own, so that a tick never falls into the same instant as a source's timer.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import outcome
import trio
from trio.lowlevel import Abort, RaiseCancelT, RunVar, Task, current_task, enable_ki_protection, reschedule, wait_task_rescheduled

Step: TypeAlias = Callable[[], "float | None"]
"""Does what is due and returns when to come again, or None to end the wait."""

SLOT = 0.005
PHASE = 2e-6
LATE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, math.inf)
"""Seconds by which lateness is told apart."""


@dataclass(eq=False, slots=True)
class _Parked:
    task: Task
    step: Step
    slot: int | None = None
    error: outcome.Error | None = None


@dataclass(frozen=True, slots=True)
class TickerStatistics:
    """``parked``: playback tasks that wait for their next frame; ``steps``: steps made in this run.

    ``late``: how many of the steps were at most so many seconds late, and more than by the bound before; the last bound is infinite.
    """

    parked: int
    steps: int
    late: Mapping[float, int] = field(default_factory=dict)


def _slot_of(due: float) -> int:
    return math.ceil((due - PHASE) / SLOT - 1e-6)


class Ticker:
    """The shared timekeeper of one Trio run."""

    def __init__(self) -> None:
        self._slots: dict[int, list[_Parked]] = {}  # who has left, or parked anew, may still be in its old slot
        self._parked: dict[_Parked, None] = {}
        self._keeper: _Parked | None = None
        self._alarm: trio.CancelScope | None = None
        self._steps = 0
        self._late = [0] * len(LATE)

    def statistics(self) -> TickerStatistics:
        """How busy it is."""
        return TickerStatistics(len(self._parked), self._steps, dict(zip(LATE, self._late, strict=True)))

    async def drive(self, step: Step, due: float) -> None:
        """Call ``step()`` when it is due, again and again, until it returns None; what it raises is raised here.

        Checkpoint: yes. On cancel: not one more step is made, already when ``CancelScope.cancel()`` returns.
        """
        me = _Parked(current_task(), step)
        self._parked[me] = None
        self._park(me, _slot_of(due))
        self._keeper = self._keeper or me
        try:
            while me.slot is not None:
                if self._keeper is me:
                    await self._keep_time()
                else:
                    await self._wait(me)
        finally:
            self._leave(me)
        if me.error is not None:
            me.error.unwrap()

    async def _wait(self, me: _Parked) -> None:
        def abort(_: RaiseCancelT) -> Abort:
            self._unpark(me)  # inside scope.cancel() itself: from here on no step of ours is made
            return Abort.SUCCEEDED

        await wait_task_rescheduled(abort)  # until our wait ends, or we are asked to keep the time

    async def _keep_time(self) -> None:
        with trio.CancelScope(deadline=self._next_alarm()) as self._alarm:
            await trio.sleep_forever()
        self._alarm = None
        self._tick()

    def _next_alarm(self) -> float:
        return min(self._slots) * SLOT + PHASE

    @enable_ki_protection
    def _tick(self) -> None:
        time = trio.current_time() - PHASE
        now = math.floor(time / SLOT + 1e-6)
        for slot in sorted(slot for slot in self._slots if slot <= now):
            due = self._slots.pop(slot)
            self._late[bisect_left(LATE, time - slot * SLOT - 1e-6)] += len(due)
            for parked in due:
                if parked.slot == slot:  # else a step before this one has ended its wait
                    self._make_step(parked, now + 1)

    def _make_step(self, parked: _Parked, next_slot: int) -> None:
        self._steps += 1
        error: outcome.Error | None = None
        try:
            due = parked.step()
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - raised again in the task whose step it was; leaner than outcome.capture
            due, error = None, outcome.Error(exc)
        if due is None:
            self._end(parked, error)
        elif parked.slot is not None:
            self._park(parked, max(_slot_of(due), next_slot))  # due within rounding of now: else it would spin

    def _end(self, parked: _Parked, error: outcome.Error | None) -> None:
        if parked.slot is not None:
            self._unpark(parked)
            parked.error = error
            if parked is not self._keeper:
                reschedule(parked.task)

    def _park(self, parked: _Parked, slot: int) -> None:
        parked.slot = slot
        bucket = self._slots.get(slot)
        if bucket is None:
            bucket = self._slots[slot] = []
        bucket.append(parked)
        if self._alarm is not None and slot * SLOT + PHASE < self._alarm.deadline:
            self._alarm.deadline = slot * SLOT + PHASE

    def _unpark(self, parked: _Parked) -> None:
        parked.slot = None
        self._parked.pop(parked, None)

    def _leave(self, me: _Parked) -> None:
        self._unpark(me)
        if self._keeper is me:
            self._alarm = None
            self._keeper = next(iter(self._parked), None)
            if self._keeper is not None:
                reschedule(self._keeper.task)


_ticker: RunVar[Ticker] = RunVar("trioaudio_ticker")


def shared_ticker() -> Ticker:
    """The ticker of the current Trio run."""
    try:
        return _ticker.get()
    except LookupError:
        _ticker.set(ticker := Ticker())
        return ticker
