"""Cancellation at every single checkpoint: what a program leaves behind when it is stopped there.

Theory of operation. A scenario is run again and again, each time in a Trio run of its own. An instrument counts the steps of
the scenario's task and cancels it after the first, the second, ... the n-th, until it has run to its end. A run is judged by
what can be seen from outside: tasks, ticker entries and open files that are left, warnings about resources, laws, errors, time.
"""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import trio

from .. import Timeouts
from ..lowlevel import ticker_statistics
from ._clocks import scheduled_by, virtual_clock
from ._leftovers import living_tasks, only_new_garbage, open_files
from ._watchdog import Watchdog

Scenario: TypeAlias = Callable[[], Awaitable[object]]
Law: TypeAlias = Callable[[], object]

LONGEST = 60.0
"""Seconds after the cancellation at which a scenario that goes on is ended by force."""
SLACK = 0.05
"""Seconds that closing may take beyond its timeout: timers have phases, and real clocks are late."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a `cancel_sweep` did: ``runs`` in all, and ``checkpoints`` of the scenario's body for each seed."""

    runs: int
    checkpoints: dict[int, int]


def cancel_sweep(
    scenario: Scenario,
    *,
    seeds: Iterable[int] = (0,),
    at: Iterable[int] | None = None,
    stride: int = 1,
    limit: int | None = None,
    steps_of: Literal["body", "everybody"] = "body",
    laws: Sequence[Law] = (),
    close_timeout: float = Timeouts().close,
    clock: Literal["virtual", "real"] = "virtual",
) -> SweepReport:
    """Run a scenario again and again, cancelling its body at its 1st, 2nd, ... n-th checkpoint, until it completes.

    ```python
    async def scenario():
        async with open_channel(ScriptedFarEnd().source) as channel:
            await channel.send_audio(say(1.0, "a")[0])
            await channel.wait_played()

    cancel_sweep(scenario)
    ```

    Args:
        scenario: an async function; each run calls it anew.
        seeds: of Trio's scheduler; each seed is a sweep of its own.
        at: only these checkpoints; 0 is the run that is not cancelled.
        stride: every so many checkpoints only.
        limit: at most so many runs for each seed, spread over the whole scenario.
        steps_of: whose steps are counted; "everybody" cancels the body between the steps of all other tasks too.
        laws: called after each step of each task; what one raises is a failure.
        close_timeout: seconds from the cancellation to the end of the scenario.
        clock: "real" for scenarios with sockets or threads, which do not wait for a virtual clock.

    Raises:
        AssertionError: the scenario raised, swallowed the cancellation, took too long to end, or (on the virtual clock) hung; a law
            did not hold; a task, an entry in the shared ticker, a file descriptor or a ResourceWarning was left. Says which, and
            how to replay it.
    """
    runs, checkpoints = 0, {}
    chosen = None if at is None else list(at)
    with only_new_garbage():
        for seed in seeds:
            run = _Sweep(scenario, seed, tuple(laws), close_timeout, clock, steps_of)
            checkpoints[seed] = run(0)
            for n in chosen if chosen is not None else _spread(checkpoints[seed], stride, limit):
                run(n)
            runs += run.runs
    return SweepReport(runs, checkpoints)


def _spread(checkpoints: int, stride: int, limit: int | None) -> range:
    if limit is not None:
        stride = max(stride, math.ceil(checkpoints / limit))
    return range(1, checkpoints + 1, stride)


@dataclass
class _Sweep:
    """The runs of one seed."""

    scenario: Scenario
    seed: int
    laws: tuple[Law, ...]
    close_timeout: float
    clock: Literal["virtual", "real"]
    steps_of: Literal["body", "everybody"]
    runs: int = 0

    def __call__(self, n: int) -> int:
        """Cancel at the n-th checkpoint, or never for 0; the number of checkpoints there were."""
        self.runs += 1
        before = open_files()
        executioner = _Executioner(n, self.laws, everybody=self.steps_of == "everybody")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", ResourceWarning)
            error = self._run(executioner)
            gc.collect()
        complaints = [*executioner.complaints(self.close_timeout, error), *map(_leak, warned)]
        complaints += [f"left the file descriptor {open_file} open" for open_file in open_files(besides=before)]
        if complaints:
            raise AssertionError(self._verdict(n, complaints)) from error
        return executioner.steps

    def _run(self, executioner: _Executioner) -> BaseException | None:
        executioner.watchdog = Watchdog(executioner.end_by_force)
        virtual = self.clock == "virtual"
        instruments: list[trio.abc.Instrument] = [executioner, *([executioner.watchdog] if virtual else [])]
        try:
            with scheduled_by(self.seed):
                trio.run(executioner.lead, self.scenario, clock=virtual_clock() if virtual else None, instruments=instruments)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return error
        return None

    def _verdict(self, n: int, complaints: list[str]) -> str:
        name = getattr(self.scenario, "__name__", "scenario")
        when = f"cancelled at its checkpoint {n}" if n else "not cancelled at all"
        options = ", steps_of='everybody'" if self.steps_of == "everybody" else ""
        replay = f"to replay it: cancel_sweep({name}, seeds=[{self.seed}], at=[{n}]{options})"
        return "\n".join([f"{name}, {when} (seed {self.seed}):", *(f"  - {complaint}" for complaint in complaints), replay])


def _leak(warning: warnings.WarningMessage) -> str:
    return f"left something to warn about: {warning.category.__name__}: {warning.message}"


@dataclass(eq=False)
class _Executioner(trio.abc.Instrument):
    """Counts the steps of a task, cancels it after the n-th, and sees what is left of it."""

    n: int
    laws: tuple[Law, ...]
    everybody: bool
    steps: int = 0
    watchdog: Watchdog | None = None
    _body: trio.lowlevel.Task | None = None
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _cancelling: bool = False
    _delivered: bool = False
    _completed: bool = False
    _cancelled_at: float | None = None
    _ended_at: float = 0.0
    _left: list[str] = field(default_factory=list)
    _broken: list[str] = field(default_factory=list)

    async def lead(self, scenario: Scenario) -> None:
        """Run the scenario as the body, in the scope that may be cancelled."""
        before = set(living_tasks())
        self._body = trio.lowlevel.current_task()
        try:
            with self._scope:
                await scenario()
                self._completed = True
        finally:
            self._body, self._ended_at = None, trio.current_time()
            self._keep_laws()
            self._left = [f"left the task {task.name!r} running" for task in living_tasks() if task not in before]
            if parked := ticker_statistics().parked:
                self._left.append(f"left {parked} entries in the ticker")

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio."""
        if self._body is None:
            return
        self._keep_laws()
        if task is self._body or self.everybody:
            self.steps += 1
            if self.steps == self.n:
                self._cancel()

    def end_by_force(self, why: str) -> None:
        """It stands still: note it, and end it."""
        if self._body is not None:
            self._broken = self._broken or [why]
            self._scope.cancel(why)

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Called by Trio: a task that is woken by our very call of ``cancel`` has been given `trio.Cancelled`."""
        self._delivered = self._delivered or (self._cancelling and task is self._body)

    def _cancel(self) -> None:
        self._cancelled_at = trio.current_time()
        if self.watchdog is not None:
            self.watchdog.give_up_at = self._cancelled_at + LONGEST
        self._cancelling = True
        self._scope.cancel(f"cancel_sweep, checkpoint {self.n}")
        self._cancelling = False

    def _keep_laws(self) -> None:
        for law in self.laws if not self._broken else ():
            try:
                law()
            except Exception as error:  # noqa: BLE001 - an instrument's own error would only be logged
                self._broken.append(f"broke a law after {self.steps} steps: {error!r}")

    def complaints(self, close_timeout: float, error: BaseException | None) -> Generator[str, None, None]:
        """What was wrong with the run."""
        if error is not None:
            yield f"raised {error!r}"
        if self._delivered and self._completed and not self._scope.cancelled_caught:
            yield "swallowed trio.Cancelled and went on"
        took = self._ended_at - (self._ended_at if self._cancelled_at is None else self._cancelled_at)
        if took > close_timeout + SLACK:
            yield f"took {took:.3f} s to end, the close timeout is {close_timeout} s"
        yield from self._broken
        yield from self._left
