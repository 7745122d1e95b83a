"""A pause: an interruption that can be taken back. Somebody coughs, and the agent stops at once; it was nothing, and it goes on.

Theory of operation. A pause ends the epoch as an interruption does, but its turns move on to the next one, which is not
played until the pause is decided. The far end is made to forget what it has not played; that audio, kept in the far end's
own format, counts as queued again. The far end's last word may correct where that begins, until it has been said or its
time is over. Then either the audio goes on from exactly there, or the pause becomes the interruption it would have been:
all positions are put back, and it is settled like any other. Where the far end cannot forget, nothing more is handed over,
and that is all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import trio

from .._receipts import TurnReceipt
from .settlement import Interruption, Settlement

if TYPE_CHECKING:
    from ..audio import Frame
    from .epoch import Epoch
    from .playout import Playout
    from .turn import Turn


class Pause:
    """What `Channel.pause` returns: playback that has stopped and may go on, as long as nobody has decided.

    Both verbs are plain ``def`` and immediate, and the first one counts: deciding again changes nothing.
    """

    def __init__(self, playout: Playout, turns: tuple[TurnReceipt, ...], paused_at: float, resume_at: float) -> None:
        self._playout = playout
        self.turns: tuple[TurnReceipt, ...] = turns
        """What was heard of the turns that had begun, as known when it paused; ``lost`` is what still waits."""
        self.paused_at: float = paused_at
        """Trio time, in seconds."""
        self.resume_at: float = resume_at
        """When it is rejected by itself; Trio time, in seconds."""
        self.outcome: Literal["confirmed", "rejected"] | None = None
        """What was decided; None while nobody has."""
        self._interruption: Interruption | None = None

    def confirm(self) -> Interruption:
        """It was an interruption: what was being said is over, as `Channel.interrupt` does it.

        Returns what that interruption stopped; empty, and nothing happens, when the pause was rejected before.
        """
        if self.outcome is None:
            self._playout.interruptions.interrupt()
        return Interruption((), self.paused_at) if self._interruption is None else self._interruption

    def reject(self) -> None:
        """It was nothing: go on where the far party's ear is."""
        self._playout.pauses.reject(self)

    def __repr__(self) -> str:
        return f"<Pause at {self.paused_at:.3f} {self.outcome or 'undecided'}>"


class Position:
    """What a turn had handed over when it was paused, and how far into it the far end's ear is."""

    __slots__ = ("first", "guessed", "sent", "turn", "wire_sent")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.first, self.sent, self.wire_sent, self.guessed = turn._first, turn._sent, turn._wire_sent, turn._guessed

    def take_back(self, position: int, *, exact: bool) -> None:
        """The ear is at ``position`` of the epoch's playhead: what lies past it is queued again. May be corrected by calling again."""
        turn = self.turn
        if self.first is None or turn._told:  # what was told of as heard stays so
            return
        wire = min(max(position - self.first, 0), self.wire_sent)
        heard = self.sent if wire == self.wire_sent else min(self.sent, wire * turn.format.rate // turn._playout.format.rate)
        turn._queued += turn._sent - heard
        turn._sent, turn._wire_sent = heard, wire
        turn._guessed = self.guessed or not exact
        turn._first = -wire if wire or not self.wire_sent else None  # what was heard lies before the next epoch's first sample

    def undo(self, epoch: Epoch, *, exact: bool) -> None:
        """The turn is over, and what was taken back is lost: it was handed over in ``epoch``, and flushed."""
        turn, back = self.turn, self.sent - self.turn._sent
        if not turn._over:  # it was told of as heard while it was paused
            return
        turn._dropped -= back
        turn._sent, turn._flushed = self.sent, turn._flushed + back
        turn._first, turn._wire_sent, turn._guessed, turn._epoch = self.first, self.wire_sent, self.guessed, epoch
        turn._exact = exact and not self.guessed


class Suspension:
    """Playback that is paused.

    Args:
        pause: what somebody decides about.
        epoch: what was being played.
        turns: those that had begun.
        generation: clears sent before the one that takes back what was not heard; None if nothing can be taken back.
        reports: whether the far end says a last word about it.
    """

    def __init__(self, pause: Pause, epoch: Epoch, turns: list[Turn], generation: int | None, *, reports: bool) -> None:
        self.pause: Pause = pause
        self.epoch: Epoch = epoch
        self.turns: list[Turn] = turns
        self.generation: int | None = generation
        self.position: int = epoch.playhead.sent
        self.positions: list[Position] = [Position(turn) for turn in turns] if generation is not None else []
        self.answered: bool = generation is None or not reports
        """Whether the far end has said its last word, or has none to say."""
        self.cut: bool = False  # instruments have been told
        self.exact: bool = False
        """Whether it was the far end that said where its ear is."""
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    def take_back(self, position: int, *, exact: bool = False) -> None:
        """The ear is at ``position`` of the epoch's playhead."""
        self.position, self.exact = position, exact
        for turn in self.positions:
            turn.take_back(position, exact=exact)

    def report(self, samples: int, *, final: bool) -> None:
        """The far end has heard ``samples`` of this generation; its last word corrects what was reckoned."""
        position = self.epoch.playhead.position_at(samples - (self.epoch.base or 0))
        if self.answered or not (final or position > self.position):
            return
        self.take_back(position, exact=final)
        if final:
            self.answered = True
            self.changed.unpark_all()

    def confirmed(self, epoch: Epoch, turns: list[Turn], now: float, clears: int) -> Settlement:
        """It is an interruption: of what was being heard, if that was taken back, else of ``epoch``, after so many ``clears``."""
        if self.generation is None:
            return Settlement(epoch, turns, now, clears)
        for position in self.positions:
            position.undo(self.epoch, exact=self.exact)
        settlement = Settlement(self.epoch, turns, now, self.generation)
        settlement.final = self.answered
        return settlement

    def unheard(self) -> Iterator[tuple[Turn, Frame]]:
        """What was taken back, in the far end's format, from exactly where the ear is."""
        kept = self.epoch.kept if self.generation is not None else None
        for end, turn, wire in kept or ():
            if end > self.position and not turn._told:
                start = end - wire.num_samples
                yield turn, wire if start >= self.position else wire.cut(self.position - start, wire.num_samples)

    def deadline(self, patience: float) -> float:
        """When something happens by itself: the far end's time to answer is over at ``patience``, then the pause is rejected."""
        if not self.answered:
            return patience
        return self.pause.resume_at if self.pause.outcome is None else -math.inf
