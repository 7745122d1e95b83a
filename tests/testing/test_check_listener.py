"""The kit passes listeners that keep their contract, and finds what is wrong with those that do not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio

from trioaudio import CapabilityError
from trioaudio.abc import Invitation, Listener, Source
from trioaudio.sources.memory import MemoryExchange, MemoryFarEnd, memory_exchange, memory_pair
from trioaudio.testing import ScriptedCall, ScriptedExchange, check_listener


class MemoryCallers:
    """Whoever calls on a memory exchange."""

    def __init__(self, exchange: MemoryExchange) -> None:
        self.exchange = exchange
        self.last: MemoryFarEnd

    def dial(self) -> None:
        self.last = self.exchange.dial("+4930123456", headers={"X-Id": "1"}, parameters={"floor": "7"})

    def outcome(self) -> str:
        return self.last.outcome

    def hang_up(self) -> None:
        self.last.hang_up()


class ScriptedCallers:
    """Whoever calls on a scripted exchange."""

    def __init__(self, exchange: ScriptedExchange) -> None:
        self.exchange = exchange
        self.last: ScriptedCall

    def dial(self) -> None:
        self.last = self.exchange.dial()

    def outcome(self) -> str:
        return self.last.outcome

    def hang_up(self) -> None:
        self.last.hang_up()


@asynccontextmanager
async def memory_callers() -> AsyncGenerator[tuple[Listener, object]]:
    exchange = memory_exchange()
    yield exchange, MemoryCallers(exchange)


@asynccontextmanager
async def scripted_callers() -> AsyncGenerator[tuple[Listener, object]]:
    exchange = ScriptedExchange()
    yield exchange, ScriptedCallers(exchange)


@pytest.mark.parametrize("open_pair", [memory_callers, scripted_callers])
def test_ours_keep_the_contract(open_pair: Callable[[], AbstractAsyncContextManager[tuple[Listener, object]]]) -> None:
    report = check_listener(open_pair)
    assert not [finding for finding in report.findings if finding.verdict != "passed"], str(report)


class Ring(Invitation):
    """A call that keeps the contract; broken ones change one thing of it."""

    def __init__(self, line: Line) -> None:
        self.line = line

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source]:
        await trio.lowlevel.checkpoint()
        if self.line.gone:
            raise trio.EndOfChannel
        yield memory_pair()[0]

    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.line.known = "rejected"


class Line(Listener):
    """A listener that keeps the contract, and its own far side."""

    ring: type[Ring] = Ring

    def __init__(self) -> None:
        self.calls: list[Invitation] = []
        self.rung = trio.lowlevel.ParkingLot()
        self.known, self.gone = "", False

    async def receive(self) -> Invitation:
        await trio.lowlevel.checkpoint()
        while not self.calls:
            await self.rung.park()
        return self.calls.pop(0)

    def dial(self) -> None:
        self.calls.append(self.ring(self))
        self.rung.unpark()

    def outcome(self) -> str:
        return self.known

    def hang_up(self) -> None:
        self.gone = True


class Loses(Line):
    async def receive(self) -> Invitation:
        while not self.calls:
            await self.rung.park()
        call = self.calls.pop(0)
        await trio.lowlevel.checkpoint()
        return call


class SameAgain(Line):
    async def receive(self) -> Invitation:
        self.first = getattr(self, "first", None) or await super().receive()
        await trio.lowlevel.checkpoint()
        return self.first


class Numbers(Ring):
    caller = 4930123456  # type: ignore[assignment]


class Shouts(Ring):
    headers = {"X-Id": "1"}  # noqa: RUF012 - as a plugin may be written


class Dead(Ring):
    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source]:
        await trio.sleep_forever()
        yield memory_pair()[0]


class Answers(Ring):
    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Any]:
        await trio.lowlevel.checkpoint()
        yield "hello?"


class Silent(Ring):
    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()


class KnowsOneReason(Ring):
    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.line.known = {"busy": "rejected"}[reason]


class Rude(Ring):
    async def reject(self, reason: str) -> None:
        self.line.known = "rejected"


class Pretends(Ring):
    async def redirect(self, target: str) -> None:
        await trio.lowlevel.checkpoint()


class GivesUp(Ring):
    async def redirect(self, target: str) -> None:
        self.line.known = "gone"
        self.reject = self.redirect  # type: ignore[method-assign]
        await trio.lowlevel.checkpoint()
        raise CapabilityError("no")


class AnswersGhosts(Ring):
    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source]:
        await trio.lowlevel.checkpoint()
        yield memory_pair()[0]


def pair_of(broken: type[Any]) -> Callable[[], AbstractAsyncContextManager[tuple[Listener, object]]]:
    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Listener, object]]:
        line = broken() if issubclass(broken, Line) else Line()
        line.ring = broken if issubclass(broken, Ring) else Ring
        yield line, line

    return open_pair


def test_a_plain_listener_keeps_the_contract() -> None:
    check_listener(pair_of(Line))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Loses, "loses no call when cancelled"),
        (SameAgain, "returns calls"),
        (Numbers, "says who calls"),
        (Shouts, "says who calls"),
        (Dead, "answers"),
        (Answers, "answers"),
        (Silent, "rejects politely"),
        (KnowsOneReason, "rejects politely"),
        (Rude, "rejects politely"),
        (Pretends, "redirects or says that it cannot"),
        (GivesUp, "redirects or says that it cannot"),
        (AnswersGhosts, "knows a caller who has gone"),
    ],
)
def test_a_broken_listener_is_found_out(broken: type[Any], check: str) -> None:
    report = check_listener(pair_of(broken), raise_=False)
    assert check in [finding.check for finding in report.findings if finding.verdict == "FAILED"]


def test_what_cannot_be_checked_is_said() -> None:
    @asynccontextmanager
    async def nobody_calls() -> AsyncGenerator[tuple[Listener, object]]:
        yield memory_exchange(), object()

    assert {finding.verdict for finding in check_listener(nobody_calls).findings} == {"not checked"}
