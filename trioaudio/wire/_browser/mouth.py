"""What a page is given to play, and what it says of that.

Theory of operation. What is played without a gap is a *turn* of the wire, with a number of its own; what is played between two
clears is a *generation*, in which the channel counts. So each turn knows its generation, and where in it it began. The page reports
how much of a turn has left its player; the ear is behind by the latency that it reports too. When all has left the player, the rest
is heard a latency later, which is known here without another report.

The answer to a clear is the last word on its generation: what left the player before it is still heard, so nothing is taken off.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TypeAlias

from ..._errors import FormatError
from ...audio import AudioFormat, Frame
from .._json import written

PAUSE = 0.1
"""Seconds without more audio after which a turn may end."""
MARGIN = 0.04
"""Seconds before the page would run dry at which a turn ends that has had no more: two frames."""
LATENCY = 0.5
"""Seconds: more is not believed; some browsers have no good values."""
MOST_TURNS = 64
"""Turns that are remembered, for reports to come."""

Wire: TypeAlias = str | bytes


@dataclass(frozen=True, slots=True)
class BrowserPlayed:
    """So many samples were heard since the ``clears``-th clear; ``final`` is the last word on that stretch."""

    samples: int
    clears: int
    final: bool = False


@dataclass(slots=True)
class _Turn:
    generation: int
    base: int
    """Where in its generation it begins."""
    sent: int = 0


class Mouth:
    """The audio on its way to a page. Methods that say something return the messages to send, in order and in one step.

    Args:
        format: of the audio.
        counts: where a report that makes no sense is counted, as ``stale``.
    """

    def __init__(self, format: AudioFormat, counts: Counter[str]) -> None:
        self.turn: int = 0
        """The number of the turn that was sent last."""
        self.cleared_turn: int = 0
        """The number of the turn that was sent last before the last clear."""
        self.clears: int = 0
        self._format, self._counts = format, counts
        self._turns: dict[int, _Turn] = {}
        self._asked: deque[int] = deque()
        self._given = self._reported = 0  # of this generation, in samples
        self._open = False
        self._horizon = -math.inf
        self._end_due = self._tail_due = math.inf
        self._tail = 0

    # ---- what is sent

    def play(self, frame: Frame, now: float) -> list[Wire]:
        """Say this after all that was said before.

        Raises:
            FormatError: it is not in the format that the page was told.
        """
        if frame.format != self._format:
            raise FormatError(f"this page hears {self._format}, the frame is {frame.format}")
        messages: list[Wire] = [] if self._open else [self._begin_turn()]
        self._turns[self.turn].sent += frame.num_samples
        self._given += frame.num_samples
        self._horizon = max(self._horizon, now) + frame.duration
        self._end_due = max(now + PAUSE, self._horizon - MARGIN)
        return [*messages, frame.data]

    def _begin_turn(self) -> str:
        self.turn, self._open = self.turn + 1, True
        self._turns[self.turn] = _Turn(self.clears, self._given)
        if len(self._turns) > MOST_TURNS:
            del self._turns[next(iter(self._turns))]
        return written({"t": "turn", "turn": self.turn})

    def clear(self, now: float) -> list[Wire]:
        """Let the page forget what it has not played, and say what it had."""
        self._asked.append(self.clears)
        self.clears, self.cleared_turn = self.clears + 1, self.turn
        self._given = self._reported = 0
        self._open, self._horizon = False, now
        self._end_due = self._tail_due = math.inf
        return [written({"t": "clear", "turn": self.turn})]

    @property
    def backlog(self) -> float:
        """Seconds of audio that the page was given and has not been heard to have played."""
        return (self._given - self._reported) / self._format.rate

    # ---- what time makes due

    @property
    def due(self) -> float:
        """When `end` or `tail` has something to say."""
        return min(self._end_due, self._tail_due)

    def end(self, now: float) -> list[Wire]:
        """The turn has ended, if it is time."""
        if now < self._end_due:
            return []
        self._open, self._end_due = False, math.inf
        return [written({"t": "end", "turn": self.turn})]

    def tail(self, now: float) -> list[BrowserPlayed]:
        """What had left the player has been heard too, if it is time."""
        if now < self._tail_due:
            return []
        self._tail_due = math.inf
        return self._report(self._tail)

    # ---- what the page says

    def played(self, number: int, played_ms: float, latency_ms: float, now: float) -> list[BrowserPlayed]:
        """So much of a turn has left the player."""
        turn = self._turns.get(number)
        if turn is None:
            self._counts["stale"] += 1
            return []
        left = turn.base + self._samples_of(turn, played_ms)
        latency = min(max(latency_ms / 1000, 0.0), LATENCY)
        if turn.generation != self.clears:  # its clear is on the way
            return [BrowserPlayed(max(0, left - round(latency * self._format.rate)), turn.generation)]
        if left == turn.base + turn.sent:
            self._tail, self._tail_due = left, now + latency
        return self._report(left - round(latency * self._format.rate))

    def _report(self, position: int) -> list[BrowserPlayed]:
        self._reported = max(self._reported, position)
        return [BrowserPlayed(self._reported, self.clears)]

    def cleared(self, number: int, played_ms: float) -> list[BrowserPlayed]:
        """The page has forgotten the rest; this is all that will have been heard of that generation."""
        if not self._asked:
            self._counts["stale"] += 1
            return []
        generation, turn = self._asked.popleft(), self._turns.get(number)
        heard = 0 if turn is None or turn.generation != generation else turn.base + self._samples_of(turn, played_ms)
        self._turns = {key: each for key, each in self._turns.items() if each.generation > generation}
        return [BrowserPlayed(heard, generation, final=True)]

    def _samples_of(self, turn: _Turn, milliseconds: float) -> int:
        """Samples of a turn, within what was sent; the last one counts even if the figure was rounded down."""
        samples = round(min(max(milliseconds, 0.0), 1e12) * self._format.rate / 1000)
        return turn.sent if samples >= turn.sent - 1 else samples
