"""The acceptance of listeners: what `trioaudio.abc.Listener` and `Invitation` promise, checked with callers of a test's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

import trio

from .. import CapabilityError
from ..abc import Invitation, Listener, Source
from ._kit import ClockName, Kit, do, require, require_checkpoint, verbs_missing
from ._report import Report

OpenListenerPair: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Listener, object]]]

PATIENCE = 5.0
"""Seconds a check waits for what must come."""


class ListenerBench:
    """A listener, and whoever can call it."""

    def __init__(self, listener: Listener, far: object) -> None:
        self.listener: Listener = listener
        self.far: object = far

    def missing(self, needs: Iterable[str]) -> list[str]:
        """Those of these verbs that the far side does not have."""
        return verbs_missing(self.far, needs)

    async def called(self) -> Invitation:
        """Let somebody call; what the listener makes of it."""
        await do(self.far, "dial")
        with trio.move_on_after(PATIENCE):
            return await self.listener.receive()
        raise AssertionError(f"somebody called, and receive returned nothing within {PATIENCE} s")


LISTENING: Kit[ListenerBench] = Kit()


@LISTENING.check(needs=("dial",))
async def returns_calls(bench: ListenerBench) -> None:
    """`Listener.receive` returns an `Invitation` for each call, in order, each its own."""
    first, second = await bench.called(), await bench.called()
    require(isinstance(first, Invitation), f"receive returned a {type(first).__name__}, no Invitation")
    require(first is not second, "receive returned the same Invitation for two calls")


NAMED = (returns_calls.__name__.replace("_", " "),)


@LISTENING.check(needs=("dial",), after=NAMED)
async def says_who_calls(bench: ListenerBench) -> None:
    """What comes with a call is text, or None where nothing is known; headers are in lower case."""
    call = await bench.called()
    require(call.direction in ("inbound", "outbound"), f"direction is {call.direction!r}; it is 'inbound' or 'outbound'")
    for name in ("caller", "called", "account"):
        value = getattr(call, name)
        require(value is None or isinstance(value, str), f"{name} is a {type(value).__name__}, no text")
    for name, texts in (("parameters", call.parameters), ("headers", call.headers)):
        require(all(isinstance(text, str) for pair in texts.items() for text in pair), f"{name} has something that is no text")
    require(all(name == name.lower() for name in call.headers), "a name in headers is not in lower case")


@LISTENING.check(needs=("dial",), after=NAMED)
async def loses_no_call_when_cancelled(bench: ListenerBench) -> None:
    """A `Listener.receive` that is cancelled has taken no call with it."""
    with trio.move_on_after(0.1):
        await bench.listener.receive()
    await do(bench.far, "dial")
    with trio.CancelScope() as scope:
        scope.cancel()
        await bench.listener.receive()
    came = not scope.cancelled_caught
    with trio.move_on_after(0 if came else PATIENCE) as waiting:
        await bench.listener.receive()
    require(came or not waiting.cancelled_caught, "the call came while receive was cancelled, and was lost")


@LISTENING.check(needs=("dial",), after=NAMED)
async def answers(bench: ListenerBench) -> None:
    """Entering `Invitation.answer` connects the call: it yields a `Source`."""
    call = await bench.called()
    with trio.move_on_after(PATIENCE) as connecting:
        async with call.answer() as source:
            connecting.deadline = float("inf")
            require(isinstance(source, Source), f"answer yields a {type(source).__name__}, no Source")
    require(not connecting.cancelled_caught, f"answer did not connect within {PATIENCE} s")


@LISTENING.check(needs=("dial", "outcome"), after=NAMED)
async def rejects_politely(bench: ListenerBench) -> None:
    """`Invitation.reject` lets the far party know that nobody will answer, with any reason."""
    for reason in ("busy", "declined", "unavailable", "closed-on-sundays"):
        call = await bench.called()
        await require_checkpoint("reject", partial(call.reject, reason))
        require(await do(bench.far, "outcome") == "rejected", f"after reject({reason!r}) the far party does not know that it was rejected")


@LISTENING.check(needs=("dial", "outcome"), after=NAMED)
async def redirects_or_says_that_it_cannot(bench: ListenerBench) -> None:
    """`Invitation.redirect` sends the far party elsewhere, or raises `CapabilityError` and leaves the call to be rejected."""
    call = await bench.called()
    try:
        await call.redirect("elsewhere")
    except CapabilityError:
        await call.reject("declined")
        require(await do(bench.far, "outcome") == "rejected", "after redirect raised CapabilityError the call cannot be rejected any more")
        return
    require(await do(bench.far, "outcome") == "redirected", "after redirect the far party does not know that it was redirected")


@LISTENING.check(needs=("dial", "hang_up"), after=NAMED)
async def knows_a_caller_who_has_gone(bench: ListenerBench) -> None:
    """Who hung up while it rang is not answered: entering `Invitation.answer` raises `trio.EndOfChannel`."""
    call = await bench.called()
    await do(bench.far, "hang_up")
    await trio.sleep(0.1)
    try:
        with trio.move_on_after(PATIENCE):
            async with call.answer():
                pass
    except (trio.EndOfChannel, trio.BrokenResourceError):
        return
    raise AssertionError("a caller who had hung up was answered")


@LISTENING.check(needs=("dial",), after=("answers",))
async def can_be_cancelled_while_it_answers(bench: ListenerBench) -> None:
    """An answer that is cancelled leaves nothing behind, and the listener takes the next call."""
    call = await bench.called()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with call.answer():
            await trio.sleep_forever()
    require(isinstance(await bench.called(), Invitation), "after a cancelled answer no call comes any more")


def check_listener(
    open_pair: OpenListenerPair, *, clock: ClockName = "virtual", only: Collection[str] | None = None, raise_: bool = True
) -> Report:
    """Check a listener against its contract, as `check_source` does a source; check the sources of its calls by themselves.

    The far side may have these verbs, each ``def`` or ``async def``; without one, the checks that need it are listed as not checked:

    - ``dial()``: somebody calls;
    - ``outcome()``: what the last who called knows by now: ``"rejected"``, ``"redirected"``, or anything else;
    - ``hang_up()``: the last who called puts the receiver down.

    Args:
        open_pair: an ``@asynccontextmanager`` function that yields a new listener and its far side; called once for each check.
        clock, only, raise_: as for `check_source`.

    Raises:
        AssertionError: checks failed; lists all of them.
        ValueError: there is no check of such a name.
    """
    report = LISTENING.report("check_listener", partial(_open_bench, open_pair), clock, only)
    if raise_:
        report.raise_failures()
    return report


@asynccontextmanager
async def _open_bench(open_pair: OpenListenerPair) -> AsyncGenerator[ListenerBench, None]:
    async with open_pair() as (listener, far):
        yield ListenerBench(listener, far)
