"""The turns that have begun and are not known to be heard, in the order in which they will be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import trio

from .._events import TurnPlayed

if TYPE_CHECKING:
    from .epoch import Epoch
    from .playout import Playout
    from .turn import Turn


class Lineup:
    """There is one mouth: the turn that begins ends the one before it, which plays out."""

    __slots__ = ("_live", "_playout", "current", "implicit", "oldest")

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._live: list[Turn] = []
        self.oldest: Turn | None = None  # the one that is being heard, or will be next; it is looked at for every frame
        self.current: Turn | None = None  # the one that may still accept audio
        self.implicit: Turn | None = None  # the last one that began by itself

    def __iter__(self) -> Iterator[Turn]:
        return iter(self._live)

    def add(self, turn: Turn) -> None:
        """It is the turn of this one, as soon as those before it have been heard."""
        if self.current is not None:
            self.current.end()
        self.current = turn
        self._live.append(turn)
        self.oldest = self._live[0]

    def clear(self) -> None:
        """All of them are over."""
        self._live.clear()
        self.oldest = self.current = None

    def next_end(self, epoch: Epoch) -> float:
        """When the next turn will have been heard to its end; ``inf`` while nobody knows."""
        turn = self.oldest
        if turn is None or turn._queued:
            return math.inf
        if turn._ended:
            return -math.inf if turn._first is None else epoch.playhead.time_of(turn._first + turn._wire_sent)
        return epoch.playhead.silent_at + self._playout.timeouts.implicit_turn if turn is self.implicit else math.inf

    def announce(self) -> None:
        """Tell of the turns that have been heard to their end; end an implicit one that has been dry for long."""
        self.tell_played(self.take_played())

    def take_played(self) -> list[Turn]:
        """Take out the turns that have been heard to their end; nobody has been told yet."""
        self._end_dry()
        played = []
        while self.oldest is not None and self.oldest._settled:
            played.append(self._live.pop(0))
            self.oldest = self._live[0] if self._live else None
        self.retire(played)
        if not self._live and (kept := self._playout.epoch.kept):
            kept.clear()
        return played

    def _end_dry(self) -> None:
        turn = self.implicit
        if turn is None or turn.ended or turn._queued:
            return
        if trio.current_time() >= self._playout.epoch.playhead.silent_at + self._playout.timeouts.implicit_turn:
            turn.end()

    def tell_played(self, played: list[Turn]) -> None:
        """Tell of turns that were taken out."""
        for turn in played:
            if turn._accepted:
                self._playout.emit(TurnPlayed(turn.receipt))

    def retire(self, turns: Iterable[Turn]) -> None:
        """Nothing of these will change any more: add them to the sums."""
        for turn in turns:
            turn._told = True
            self._playout.past.add(turn)
            if self.current is turn:
                self.current = None
