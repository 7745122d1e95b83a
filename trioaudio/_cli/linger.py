"""When the command line hangs up: the caller has said all there is, and the agent has been quiet for long enough."""

from __future__ import annotations

import math

import trio

from .._events import Closed, Event, Status, TurnInterrupted, TurnPlayed, TurnStarted
from ..audio import Frame

WATCHED_IN_CHANNEL = (TurnStarted, TurnPlayed, TurnInterrupted, Closed)
WATCHED_IN_SESSION = (Status,)
PHASE = 5e-6
"""The command line's own moment among the timers of a call: on a virtual clock the caller's last frame comes first."""


class Linger:
    """Stays on the line for the agent: an instrument of a call's channel, and an observer of its events.

    Args:
        began: when the call did; times are of the Trio clock, in seconds.
        length: seconds the caller has to say; None when nobody knows, and then it is the caller who hangs up.
        seconds: how long the agent must have been quiet after that.
    """

    def __init__(self, began: float, length: float | None, seconds: float) -> None:
        self._length = math.inf if length is None else length
        self._seconds = seconds
        self._heard = 0.0
        self._turns_playing = 0
        self._quiet_since = began
        self._over = False
        self._changed = trio.lowlevel.ParkingLot()

    def caller_heard(self, frame: Frame, now: float) -> None:
        """So far the caller has come: see `Instrument`."""
        said_all, self._heard = self._said_all(), self._heard + frame.duration
        if self._said_all() and not said_all:
            self._quiet_since = max(self._quiet_since, now)
            self._changed.unpark_all()

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """Nothing to note: the turn's events tell."""

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing to note: the turn's events tell."""

    def observe(self, event: Event, now: float) -> None:
        """Note an event of the channel or of the session that was emitted at ``now``."""
        match event:
            case TurnStarted():
                self._turns_playing += 1
            case TurnPlayed() | TurnInterrupted():
                self._turns_playing = max(0, self._turns_playing - 1)
                self._quiet_since = max(self._quiet_since, now)
            case Closed() | Status(status="closed"):
                self._over = True
            case _:
                return
        self._changed.unpark_all()

    async def wait(self) -> None:
        """Until it is time to hang up, or until somebody else has. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while not self._over:
            quiet = self._said_all() and not self._turns_playing
            deadline = self._quiet_since + self._seconds + PHASE if quiet else math.inf
            if trio.current_time() >= deadline:
                return
            with trio.CancelScope(deadline=deadline):
                await self._changed.park()

    def _said_all(self) -> bool:
        return self._heard + 1e-9 >= self._length
