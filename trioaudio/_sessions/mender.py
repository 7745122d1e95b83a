"""Makes other connections: after one was lost, with patience; before one expires, in time and while nobody speaks."""

from __future__ import annotations

import logging
import math
from random import Random

import trio

from .._errors import FormatError
from .connection import LOST, Connection, is_lost, is_refused
from .link import Link
from .outage import Outage

log = logging.getLogger("trioaudio.session")

STEADY = 10.0
"""Seconds after which a connection counts as good: one that breaks sooner is another failure of the same outage."""
LAST_CALL = 2.0
"""Seconds before a connection expires at which it is changed, whoever speaks."""
GLANCE = 0.05
"""Seconds between two looks at whether somebody speaks, when a change is due."""
MENDER_PHASE = 6e-6
"""This one's own moment among the timers of a call: on a virtual clock no two kinds are due at once."""


class Mender:
    """Mends a link for as long as its session lives.

    Args:
        link: what is mended.
        chance: spreads the delays.
    """

    def __init__(self, link: Link, chance: Random) -> None:
        self._link, self._rules, self._chance = link, link.reconnect, chance
        self._spec = 0
        self._refused: set[int] = set()
        self._attempts = self._failures = 0
        self._standby: Connection | None = None
        self._reached = False  # there was somebody in the last attempt
        self._not_before = -math.inf  # the next attempt to change

    async def run(self) -> None:
        """Mend what breaks, and change what expires; until the link gives up."""
        link = self._link
        while link.mends:
            if link.outage is not None:
                await self._mend(link.outage)
            elif trio.current_time() >= (due := self._change_due()):
                await self._change()
            else:
                with trio.CancelScope(deadline=due):
                    await link.changed.park()

    # ---- one was lost

    async def _mend(self, outage: Outage) -> None:
        if outage.connection.since + STEADY <= outage.began or outage.planned:
            self._attempts = self._failures = 0
        else:
            self._count_failure(outage.connection.spec)
        cause = outage.error
        token = outage.connection.resume_token
        with trio.CancelScope(deadline=outage.began + self._rules.give_up_after):
            if await self._use_standby():
                return
            at_once = outage.planned
            while self._attempts < self._rules.attempts and self._choose(cause):
                await self._wait(0.0 if at_once else self._rules.delay_before(self._attempts + 1, self._chance))
                self._attempts, at_once = self._attempts + 1, False
                try:
                    await self._attempt(outage, token if self._spec == outage.connection.spec else None)
                except Exception as exc:  # noqa: BLE001 - a plugin's bug leaves the block, everything else is counted
                    if not (is_lost(exc) or is_refused(exc)):
                        self._link.fail(exc)
                        return
                    log.warning("the model is not back (attempt %d): %s: %s", self._attempts, type(exc).__name__, exc)
                    cause, token = exc, None if self._reached else token  # what cannot be resumed is told anew
                    self._count_failure(self._spec, refused=is_refused(exc))
                else:
                    return
        if self._link.current is None:
            self._link.give_up(outage, self._attempts, cause)

    async def _wait(self, seconds: float) -> None:
        await trio.sleep(seconds + MENDER_PHASE)

    def _count_failure(self, spec: int, *, refused: bool = False) -> None:
        if refused:
            self._refused.add(spec)
        if spec == self._spec:
            self._failures += 1

    def _choose(self, cause: Exception) -> bool:
        """Settle which model is tried next; False if none would take us."""
        if is_refused(cause) and self._link.outage is not None and self._attempts == 0:
            self._refused.add(self._link.outage.connection.spec)
        specs = range(len(self._link.connections.opens))
        others = [(self._spec + step) % len(specs) for step in range(1, len(specs))]
        if self._spec in self._refused or (self._failures >= self._rules.fallback_after and set(others) - self._refused):
            found = next((spec for spec in others if spec not in self._refused), None)
            if found is None:
                return False
            self._spec, self._failures = found, 0
        return True

    async def _attempt(self, outage: Outage, token: str | None) -> None:
        connection = await self._made(self._spec, token, outage.connection)
        try:
            await self._link.hand_over(connection, anew=token is None)
        finally:
            if self._link.current is not connection:
                connection.close(self._link.timeouts.close)

    async def _made(self, spec: int, token: str | None, of: Connection) -> Connection:
        """A connection that has been started.

        Raises:
            trio.BrokenResourceError: it could not be opened, or did not start.
        """
        connection = self._link.connections.begin(spec)
        made = False
        try:
            with trio.move_on_after(self._link.timeouts.start):
                await connection.opened.wait()
            self._reached = connection.was_opened
            await self._link.starter.configure(connection, token)
            if token is not None:
                connection.conversation, connection.told = of.conversation, of.told
            made = True
        finally:
            if not made:
                connection.close(self._link.timeouts.close)
        return connection

    async def _use_standby(self) -> bool:
        """Whether a connection that was made in time could take over."""
        standby, self._standby = self._standby, None
        if standby is None:
            return False
        try:
            await standby.stop_pump()
            await self._link.hand_over(standby, anew=True)
        except LOST as exc:
            log.warning("the connection that was to take over broke: %s: %s", type(exc).__name__, exc)
        finally:
            if self._link.current is not standby:
                standby.close(self._link.timeouts.close)
        return self._link.current is standby

    # ---- one expires

    def _change_due(self) -> float:
        current = self._link.current
        return math.inf if current is None else max(current.expires_at - self._rules.rollover, self._not_before)

    async def _change(self) -> None:
        """Change to another connection before this one expires; whatever comes in between is mended.

        What is told anew stands by, started, before anybody waits for a silence. What resumes begins where the other one is when
        nobody speaks; providers that resume only what has been closed make a short gap.
        """
        old = self._link.current
        assert old is not None
        token = old.resume_token
        closed_first = token is not None and not old.model.resumes_while_open
        try:
            if token is None:
                self._standby = await self._made(old.spec, None, old)
                self._link.connections.run(self._standby.pump)
            if await self._wait_quiet(old) and not closed_first:
                await self._take_over(old, token)
        except (*LOST, FormatError) as exc:
            log.warning("no other connection with the model yet: %s: %s", type(exc).__name__, exc)
            self._not_before = trio.current_time() + self._rules.delay_before(3, self._chance)
        if self._link.current is old and (closed_first or self._is_last_call(old)):
            self._link.lose(old, trio.BrokenResourceError("the provider ends this connection in a moment"), planned=True)

    async def _take_over(self, old: Connection, token: str | None) -> None:
        """Tell another one what went before, and change if nothing has happened meanwhile; else it is of no use any more."""
        link = self._link
        assert link.patron is not None
        before = link.patron.history()
        if token is not None:
            standby = await self._made(old.spec, token, old)
        else:
            assert self._standby is not None
            standby, self._standby = self._standby, None
        try:
            if token is None:
                await standby.tell(link.patron.history)
                await standby.stop_pump()
            if link.current is old and link.patron.quiet() and link.patron.history() == before:
                link.change_to(standby, anew=token is None)
        finally:
            if link.current is not standby:
                self._not_before = trio.current_time() + GLANCE
                standby.close(link.timeouts.close)

    def _is_last_call(self, connection: Connection) -> bool:
        return trio.current_time() >= connection.expires_at - LAST_CALL

    async def _wait_quiet(self, old: Connection) -> bool:
        """Wait until nobody speaks; False if it is too late for that, or this connection has been lost. Checkpoint: yes."""
        link, quiet_before = self._link, False
        assert link.patron is not None
        await trio.lowlevel.checkpoint()
        while link.current is old and not self._is_last_call(old):
            quiet = link.patron.quiet()
            if quiet and quiet_before:
                return True
            quiet_before = quiet
            await self._wait(GLANCE)
        return False
