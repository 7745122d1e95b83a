"""How a conformance kit runs its checks: each one in a Trio run of its own, on a pair opened for it.

A check is an async function of a *bench*, with a docstring that says what is promised. It fails by raising; it says that it
cannot be made by raising `NotChecked`. It names the verbs of the far end it needs, and the checks without which it would only
repeat their failure.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

import trio
from trio.testing import assert_checkpoints

from ._clocks import scheduled_by, virtual_clock
from ._report import Finding, Report
from ._watchdog import Watchdog

ClockName: TypeAlias = Literal["virtual", "real"]

LONGEST = 60.0
"""Seconds after which a check that has not ended has failed."""


class NotChecked(Exception):  # noqa: N818 - it is no error: it says what is missing
    """Something that a check needs is missing; the message says what."""


class Bench(Protocol):
    """What a check works on."""

    def missing(self, needs: Iterable[str]) -> list[str]:
        """Those of these verbs that the far end does not have."""
        ...


B = TypeVar("B", bound=Bench)
Body: TypeAlias = Callable[[B], Awaitable[None]]
OpenBench: TypeAlias = Callable[[], AbstractAsyncContextManager[B]]


@dataclass(frozen=True, slots=True)
class Check(Generic[B]):
    """One thing that is checked."""

    name: str
    promise: str
    body: Body[B]
    needs: tuple[str, ...]
    after: tuple[str, ...]


@dataclass
class Kit(Generic[B]):
    """All checks of a kind of thing, in the order in which they are made."""

    checks: list[Check[B]] = field(default_factory=list)

    def check(self, *, needs: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Callable[[Body[B]], Body[B]]:
        """Add a check: ``needs`` are verbs of the far end, ``after`` checks that must not have failed."""

        def add(body: Body[B]) -> Body[B]:
            name = getattr(body, "__name__", "").replace("_", " ")
            self.checks.append(Check(name, (inspect.getdoc(body) or name).splitlines()[0], body, needs, after))
            return body

        return add

    def report(self, subject: str, open_bench: OpenBench[B], clock: ClockName, only: Collection[str] | None = None) -> Report:
        """Make all checks, or some of them.

        Raises:
            ValueError: there is no check of such a name.
        """
        names = [check.name for check in self.checks]
        if unknown := set(only or ()) - set(names):
            raise ValueError(f"there is no check {', '.join(map(repr, unknown))}; there are {', '.join(map(repr, names))}")
        findings: dict[str, Finding] = {}
        for check in (check for check in self.checks if only is None or check.name in only):
            spoilt = [name for name in check.after if name in findings and findings[name].verdict == "FAILED"]
            if spoilt:
                findings[check.name] = Finding(check.name, check.promise, "not checked", f"{spoilt[0]!r} failed already")
            else:
                findings[check.name] = _Attempt(check, open_bench).run(clock)
        return Report(subject, tuple(findings.values()))


class _Attempt(Generic[B]):
    """One check, made once."""

    def __init__(self, check: Check[B], open_bench: OpenBench[B]) -> None:
        self._check, self._open_bench = check, open_bench
        self._scope = trio.CancelScope()
        self._standstill = ""

    def run(self, clock: ClockName) -> Finding:
        """Make it in a run of its own. Resources are the business of the check that looks for them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            if clock == "virtual":
                watchdog = Watchdog(self._end_by_force)
                watchdog.give_up_at = LONGEST + 1
                with scheduled_by(0):
                    return trio.run(self._guarded, clock=virtual_clock(), instruments=[watchdog])
            with scheduled_by(0):
                return trio.run(self._guarded)

    def _end_by_force(self, why: str) -> None:
        self._standstill = why
        self._scope.cancel(why)

    async def _guarded(self) -> Finding:
        finding = self._finding("FAILED", f"it did not end within {LONGEST} s")
        self._scope.deadline = trio.current_time() + LONGEST
        with self._scope:
            finding = await self._made()
        return self._finding("FAILED", self._standstill) if self._standstill else finding

    async def _made(self) -> Finding:
        finding = None
        try:
            async with self._open_bench() as bench:
                finding = await self._judged(bench)
        except Exception as exc:  # noqa: BLE001 - whatever the pair raises is the finding
            if finding is None or finding.verdict != "FAILED":
                finding = self._finding("FAILED", f"opening or closing the pair raised {_leaf(exc)!r}", exc)
        assert finding is not None
        return finding

    async def _judged(self, bench: B) -> Finding:
        if missing := bench.missing(self._check.needs):
            return self._finding("not checked", f"the other end has no {' and no '.join(f'{verb}()' for verb in missing)}")
        try:
            await self._check.body(bench)
        except Exception as exc:  # noqa: BLE001 - whatever the thing under test raises is the finding
            match leaf := _leaf(exc):
                case NotChecked():
                    return self._finding("not checked", str(leaf))
                case AssertionError():
                    return self._finding("FAILED", str(leaf), leaf)
            return self._finding("FAILED", f"raised {leaf!r}", leaf)
        return self._finding("passed")

    def _finding(
        self, verdict: Literal["passed", "FAILED", "not checked"], reason: str = "", error: BaseException | None = None
    ) -> Finding:
        return Finding(self._check.name, self._check.promise, verdict, reason, error)


def require(condition: object, complaint: str) -> None:
    """Fail the check unless the condition holds.

    Raises:
        AssertionError: it does not.
    """
    if not condition:
        raise AssertionError(complaint)


async def require_checkpoint(name: str, method: Callable[[], Awaitable[object]]) -> None:
    """Fail the check unless the method executes a checkpoint.

    Raises:
        AssertionError: it does not.
    """
    try:
        with assert_checkpoints():
            await method()
    except AssertionError:
        raise AssertionError(f"{name}() returned without a checkpoint; await trio.lowlevel.checkpoint() in it") from None


def _leaf(exc: BaseException) -> BaseException:
    """The one error in a group of one, however deep."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def verbs_missing(far: object, needs: Iterable[str]) -> list[str]:
    """Those of these verbs that an object does not have."""
    return [verb for verb in needs if not callable(getattr(far, verb, None))]


async def do(far: object, verb: str, *args: object) -> object:
    """Let the far end do something; its verbs may be ``def`` or ``async def``."""
    result = getattr(far, verb)(*args)
    return await result if inspect.isawaitable(result) else result


async def until(condition: Callable[[], Awaitable[object] | object], patience: float) -> bool:
    """Look again and again until the condition holds; whether it does after ``patience`` seconds."""
    deadline = trio.current_time() + patience
    while True:
        result = condition()
        if await result if inspect.isawaitable(result) else result:
            return True
        if trio.current_time() >= deadline:
            return False
        await trio.sleep(0.005)
