"""How much may wait: who cannot wait any longer than that is refused, who can is woken when there is room (law 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.lowlevel import ParkingLot

if TYPE_CHECKING:
    from .playout import Playout


class Room:
    """Room for audio that producers bring and wait with.

    Args:
        playout: whose turns fill it.
        bound: seconds of audio.
    """

    __slots__ = ("_bound", "_lot", "_playout", "num_blocked")

    def __init__(self, playout: Playout, bound: float) -> None:
        self._playout, self._bound = playout, bound
        self._lot: ParkingLot = ParkingLot()
        self.num_blocked: int = 0  # producers that wait; a number, since it is looked at for every frame

    def queued_seconds(self) -> float:
        """Accepted audio that waits to be handed over."""
        return sum(turn._queued / turn.format.rate for turn in self._playout.lineup)

    def is_left(self) -> bool:
        """Whether a frame is admitted: whole, while there is any room."""
        return self.queued_seconds() < self._bound

    async def wait(self) -> None:
        """Wait until there may be room for a frame. Checkpoint: yes."""
        self.num_blocked += 1
        try:
            await self._lot.park()
        finally:
            self.num_blocked -= 1

    def pass_baton(self) -> None:
        """Wake the next producer, if there is room for it."""
        if self._lot and self.is_left():
            self._lot.unpark()

    def wake_all(self) -> None:
        """Wake all producers: a turn is over, and perhaps theirs."""
        self._lot.unpark_all()
