"""Calls that a server dials: whom it may call and how often, and how each of them ended."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from .._errors import CapabilityError
from ..abc import Listener, PhoneExchange
from ..wire.dialled import check_numbers

MOST_REMEMBERED = 1_000
"""Calls whose end is remembered."""


@dataclass(frozen=True, slots=True)
class DialRules:
    """Whom a server may call, and how often.

    Args:
        allow: what a number must begin with, such as ``+49``; without any, nobody is called.
        a_minute: calls that are dialled in a minute.
    """

    allow: tuple[str, ...] = ()
    a_minute: int = 10

    @classmethod
    def parsed(cls, allow: str, a_minute: int) -> DialRules:
        """From an option: beginnings that are parted by commas."""
        return cls(tuple(filter(None, map(str.strip, allow.split(",")))), a_minute)


class DialMeter:
    """Keeps the rules."""

    def __init__(self, rules: DialRules) -> None:
        self._rules = rules
        self._dialled_at: deque[float] = deque()

    def check(self, to: str) -> None:
        """Raises ValueError if that number may not be called."""
        if not any(to.startswith(prefix) for prefix in self._rules.allow):
            raise ValueError(f"only numbers that begin with {' or '.join(self._rules.allow) or 'nothing'} may be called (dial_allow)")

    def count(self, now: float) -> None:
        """One more; raises ValueError if there have been too many in the last minute."""
        while self._dialled_at and self._dialled_at[0] <= now - 60:
            self._dialled_at.popleft()
        if len(self._dialled_at) >= self._rules.a_minute:
            raise ValueError(f"{self._rules.a_minute} calls have been dialled in the last minute, and no more may be (dials_a_minute)")
        self._dialled_at.append(now)


class Dialler(Listener):
    """A listener that calls people too.

    Args:
        exchange: its media websockets.
        rules: whom it may call.
    """

    exchange: PhoneExchange
    """Its media websockets."""

    def __init__(self, exchange: PhoneExchange, rules: DialRules | None) -> None:
        self.exchange = exchange
        self._meter = DialMeter(rules or DialRules())
        self._final: dict[str, str] = {}  # how calls ended, in the carrier's words
        self._final_changed = trio.lowlevel.ParkingLot()

    @property
    def counters(self) -> Mapping[str, int]:
        return dict(self.exchange.counters)

    async def dial(self, to: str, caller: str, *, ring: int = 60, longest: int | None = None, detect_machine: bool = False) -> str:
        """Dial a number; once somebody picks up, the call comes as any other, with the direction ``outbound``. Checkpoint: yes.

        Args:
            to, caller: with their country, such as +15550100; the caller's number must be the account's.
            ring: seconds.
            longest: seconds the call may last.
            detect_machine: tell whether a person has picked up, as the event ``NAME.answered_by`` (NAME is the carrier's).

        Returns:
            The carrier's name for the call.

        Raises:
            CapabilityError: this listener has no REST interface.
            ValueError: it may not call that number, or has called too often in the last minute; nothing was dialled.
            RestError: the carrier refused.
            UnansweredError: nobody knows whether it rings: it is not dialled again.
            trio.BrokenResourceError: the carrier cannot be reached.
        """
        self.check_can_dial()
        self._meter.check(to)
        check_numbers(to, caller)
        self._meter.count(trio.current_time())
        return await self.place(to, caller, ring=ring, longest=longest, detect_machine=detect_machine)

    @abstractmethod
    def check_can_dial(self) -> None:
        """Raises CapabilityError if it cannot."""

    @abstractmethod
    async def place(self, to: str, caller: str, *, ring: int, longest: int | None, detect_machine: bool) -> str:
        """As `dial`, once that is allowed."""

    @abstractmethod
    async def end_dialled(self, call: str) -> None:
        """Hang up a call that was dialled; errors as for `dial`. Checkpoint: yes."""

    async def wait_over(self, call: str) -> str:
        """Wait for the end of a dialled call: such as ``completed``, ``busy`` or ``no-answer``. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while call not in self._final:
            await self._final_changed.park()
        return self._final[call]

    def note_final(self, call: str, status: str) -> None:
        """A call has ended, and how; the first that is said counts."""
        self._final.setdefault(call, status)
        if len(self._final) > MOST_REMEMBERED:
            del self._final[next(iter(self._final))]
        self._final_changed.unpark_all()


def no_rest(label: str) -> CapabilityError:
    """Why nobody can be called."""
    return CapabilityError(f"dialling needs {label}'s REST interface: open an account and give it to this listener")
