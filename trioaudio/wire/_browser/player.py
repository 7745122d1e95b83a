"""A page's player, as a machine of time: what waits, what has sounded, and how much is kept back against an uneven network.

It keeps the rule that the shipped page keeps in its worklet. A stretch of audio begins to sound once ``target`` seconds wait, or its
turn has ended, or its first piece has waited for ``target``. If it runs dry and more of the same turn comes, that was an *underrun*:
``target`` grows. A turn without one lets it shrink again. Running dry at the end of a turn is none.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MOST_KEPT = 0.2
"""Seconds that are kept back at most: more would be heard as slowness."""
GROWS, SHRINKS = 0.04, 0.01
"""Seconds, after an underrun and after a turn without one."""
_ROUNDING = 1e-6
"""Of a second: a clock that shows seconds as a float is off by less."""


@dataclass(slots=True)
class _Piece:
    turn: int
    data: bytes
    came_at: float
    taken: int = 0
    """Samples of it that have sounded."""


class Player:
    """Plays samples of 16 bits.

    Args:
        rate: samples per second.
        prebuffer: seconds that are kept back at first.
    """

    def __init__(self, rate: int, prebuffer: float) -> None:
        self.rate: int = rate
        self.target: float = prebuffer
        self.turn: int = 0
        """The one that sounds, or sounded last."""
        self.played: dict[int, int] = {}
        """Samples of each turn that have sounded."""
        self.sound: bytearray = bytearray()
        """All that has sounded."""
        self.begun_at: dict[int, float] = {}
        """When each turn began to sound."""
        self.underruns: int = 0
        self.underrun: float = 0.0
        """Seconds of silence amid a turn."""
        self.finished: list[int] = []
        """Turns of which all that came has sounded, since somebody looked."""
        self._prebuffer = prebuffer
        self._queue: deque[_Piece] = deque()
        self._ended: set[int] = set()
        self._sounds_since: float | None = None  # and so many samples have sounded since then:
        self._sounded = 0
        self._dry: tuple[int, float] | None = None
        self._had_underrun = False

    @property
    def queued(self) -> float:
        """Seconds that wait."""
        return sum(len(piece.data) // 2 - piece.taken for piece in self._queue) / self.rate

    @property
    def due(self) -> float:
        """When it begins to sound, or runs dry, if nothing comes."""
        if not self._queue:
            return math.inf
        if self._sounds_since is not None:
            return self._sounds_since + self._sounded / self.rate + self.queued
        return self._queue[0].came_at + self.target

    def push(self, turn: int, data: bytes, now: float) -> None:
        """A piece of a turn has come."""
        self.advance(now)
        if self._dry is not None and self._dry[0] != turn:
            self._dry = None
        self._queue.append(_Piece(turn, data, now))
        self.advance(now)

    def end(self, turn: int, now: float) -> None:
        """All of a turn has come."""
        self.advance(now)
        self._ended.add(turn)
        if self._dry is not None and self._dry[0] == turn:
            self._dry = None
            self._turn_over()
        self.advance(now)

    def clear(self, now: float) -> tuple[int, int, float]:
        """Forget what has not sounded: the turn that sounded, how many samples of it did, and the seconds that are dropped."""
        self.advance(now)
        dropped, self._sounds_since, self._dry = self.queued, None, None
        self._queue.clear()
        self._ended.clear()
        self.finished.clear()
        return self.turn, self.played.get(self.turn, 0), dropped

    def advance(self, now: float) -> None:
        """Let time pass."""
        while self._queue:
            if self._sounds_since is None and not self._begin(now):
                return
            if not self._sound(now):
                return

    def _begin(self, now: float) -> bool:
        first = self._queue[0]
        enough = self.queued >= self.target - _ROUNDING or first.turn in self._ended
        if not enough and now < first.came_at + self.target - _ROUNDING:
            return False
        start = now if enough else max(first.came_at + self.target, self._queue[-1].came_at)
        if self._dry is not None:
            self.underruns, self.underrun = self.underruns + 1, self.underrun + max(0.0, start - self._dry[1])
            self.target = min(MOST_KEPT, self.target + GROWS)
            self._dry, self._had_underrun = None, True
        self._sounds_since, self._sounded = start, 0
        return True

    def _sound(self, now: float) -> bool:
        """Let sound what is due; whether all of it has."""
        assert self._sounds_since is not None
        due = math.floor((now - self._sounds_since + _ROUNDING) * self.rate) - self._sounded
        while due > 0 and self._queue:
            piece = self._queue[0]
            if piece.turn not in self.begun_at:
                self.begun_at[piece.turn] = self._sounds_since + self._sounded / self.rate
            self.turn = piece.turn
            number = min(due, len(piece.data) // 2 - piece.taken)
            self.sound += piece.data[2 * piece.taken : 2 * (piece.taken + number)]
            self.played[piece.turn] = self.played.get(piece.turn, 0) + number
            piece.taken += number
            self._sounded += number
            due -= number
            if 2 * piece.taken == len(piece.data):
                self._queue.popleft()
                self._piece_over(piece.turn)
        if self._queue:
            return False
        ran_dry = self._sounds_since + self._sounded / self.rate
        self._sounds_since = None
        if self.turn not in self._ended:
            self._dry = (self.turn, ran_dry)
        return True

    def _piece_over(self, turn: int) -> None:
        if not self._queue or self._queue[0].turn != turn:
            self.finished.append(turn)
            if turn in self._ended:
                self._ended.discard(turn)
                self._turn_over()

    def _turn_over(self) -> None:
        if not self._had_underrun:
            self.target = max(self._prebuffer, self.target - SHRINKS)
        self._had_underrun = False
