"""Where the agent's audio waits to be handed over: as it came, and cut only when it is due.

A minute of speech waits as the few blocks a model made of it, not as thousands of frames of 20 ms, which would be copies
that the garbage collector visits again and again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import trio

from .audio import Frame

if TYPE_CHECKING:
    from ._turn import Turn

Held: TypeAlias = "tuple[Turn, Frame | None]"
"""Audio of a turn on its way out; None stands for what the turn's converter still holds back."""


class Outbox:
    """One memory channel, unbounded for Trio; its bound is in seconds of audio, and `Playout` counts them (law 5).

    Args:
        joins: whether a block shorter than a turn's chunk is filled up with what follows it in the same turn.
    """

    __slots__ = ("_from", "_joins", "_next", "_num_waiting", "_receive", "_send")

    def __init__(self, *, joins: bool) -> None:
        self._send: trio.MemorySendChannel[Held]
        self._receive: trio.MemoryReceiveChannel[Held]
        self._send, self._receive = trio.open_memory_channel[Held](math.inf)
        self._num_waiting = 0
        self._joins = joins
        self._next: Held | None = None  # received, and not all of it taken
        self._from = 0  # where the rest of it begins

    def put(self, turn: Turn, frame: Frame | None) -> None:
        """Let audio wait; None for what the turn's converter holds back."""
        self._send.send_nowait((turn, frame))
        self._num_waiting += 1

    def take(self) -> Held | None:
        """The next piece, of one chunk of its turn at most; a shorter one if nothing can fill it up, None if there is nothing."""
        item = self._next or self._received()
        if item is None:
            return None
        turn, frame = item
        if frame is None:
            self._next = None
            return item
        start, stop, end = self._from, self._from + turn._chunk, frame.num_samples
        if stop < end:
            self._next, self._from = item, stop
            return turn, frame.cut(start, stop)
        self._next, self._from = None, 0
        if start == 0 and (stop == end or not self._joins):
            return item
        return turn, self._filled_up(turn, frame.cut(start, end))

    def _filled_up(self, turn: Turn, piece: Frame) -> Frame:
        while self._joins and piece.num_samples < turn._chunk:
            self._next = self._received()
            if self._next is None or self._next[0] is not turn or self._next[1] is None:
                break
            frame, missing = self._next[1], turn._chunk - piece.num_samples
            piece = piece.joined(frame.cut(0, missing))
            if missing < frame.num_samples:
                self._from = missing
            else:
                self._next = None
        return piece

    def _received(self) -> Held | None:
        if not self._num_waiting:  # cheaper than to be told by an exception, once for each frame that comes just in time
            return None
        self._num_waiting -= 1
        return self._receive.receive_nowait()

    async def wait(self) -> None:
        """Wait for audio, when there was nothing to take. Checkpoint: yes. On cancel: nothing is lost."""
        self._next = await self._receive.receive()
        self._num_waiting -= 1

    def close(self) -> None:
        """Nothing is put or taken any more; what waits is dropped, though somebody may hold on to a turn of this epoch."""
        self._receive.close()
        self._send.close()
        self._next = None
