"""What has been heard: the far end's own word, where it gives it, and those who wait for audio to be heard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import ParkingLot

from ..abc import Played
from .live_turn import LiveTurn

if TYPE_CHECKING:
    from .playout import Playout
    from .turn import Turn


class Positions:
    """Where the far end's ear is in what one `Playout` has given it."""

    __slots__ = ("_lot", "_playout")

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._lot: ParkingLot = ParkingLot()

    def report(self, played: Played) -> None:
        """The far end says what it has played; a report of audio that was flushed and settled is counted and ignored."""
        playout = self._playout
        if playout.pauses.report(played):
            self.moved()
        elif playout.interruptions.report(played):
            return
        elif played.clears != playout.clears:
            playout.past.late_reports += 1
        elif playout.epoch.base is not None:
            playout.epoch.playhead.report(played.samples - playout.epoch.base, trio.current_time())
            self.moved()
            playout.retime()

    def is_exact(self, turn: Turn) -> bool:
        """Whether what is known of this turn is known from the far end itself."""
        if self._playout.far_end.ear:
            return True
        if turn._guessed or turn._first is None:
            return not turn._guessed
        return not turn._flushed and turn._epoch.playhead.reported >= turn._first + turn._wire_sent

    def moved(self) -> None:
        """Wake those who wait: what they wait for may have been heard, may be lost, or is to be heard at another time."""
        self._lot.unpark_all()

    async def wait_played(self, turns: list[Turn]) -> None:
        """Until every sample of ``turns`` accepted before this call has been heard or lost."""
        marks = [(turn, turn._accepted) for turn in turns]
        await trio.lowlevel.checkpoint()
        marks = [(turn, await self._wait_passed(turn, mark) if isinstance(turn, LiveTurn) else mark) for turn, mark in marks]
        while pending := [(turn, mark) for turn, mark in marks if not turn._over and turn._heard() < mark]:
            with trio.CancelScope(deadline=max(self._reached(turn, mark) for turn, mark in pending)):
                await self._lot.park()

    async def _wait_passed(self, turn: LiveTurn, mark: int) -> int:
        """Until all of the first ``mark`` samples were handed over, or dropped; how many were handed over then."""
        while not turn._over and not turn.has_passed(mark):
            turn._awaited = 0  # whoever hands the next one over wakes us
            await self._lot.park()
        return turn._sent

    def _reached(self, turn: Turn, mark: int) -> float:
        if turn._sent < mark:
            turn._awaited = min(turn._awaited, mark)
            return math.inf  # whoever hands it over wakes us
        return turn._epoch.playhead.time_of(turn._position_of(mark))

    async def wait_acknowledged(self) -> None:
        """Until a far end that reports has said itself that it has played all it was given; others are believed to have."""
        await trio.lowlevel.checkpoint()
        while not self._acknowledged():
            await self._lot.park()

    def _acknowledged(self) -> bool:
        playout = self._playout
        silent = playout.closed_by is not None or not playout.far_end.reports  # nobody will say so
        return silent or playout.epoch.playhead.reported >= playout.epoch.playhead.sent
