"""Where the agent's audio waits to be handed over: as it came, and cut only when it is due.

A minute of speech waits as the few blocks a model made of it, not as thousands of frames of 20 ms, which would be copies
that the garbage collector visits again and again.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import trio

from ..audio import Frame
from ..audio._fade import fade_in
from ..audio._live_queue import LiveQueue

if TYPE_CHECKING:
    from .turn import Turn

Held: TypeAlias = "tuple[Turn, Frame | None]"
"""Audio of a turn on its way out; None stands for what the turn's converter still holds back."""
_Waiting: TypeAlias = "tuple[Turn, Frame | LiveQueue | None]"
"""The same while it waits; all that waits of a live turn stands in one place, and is taken from there piece by piece."""


class Outbox:
    """One memory channel, unbounded for Trio; its bound is in seconds of audio, and `Playout` counts them (law 5).

    Args:
        chunk: what the far end takes at a time, in samples of its own format.
        joins: whether a block shorter than a turn's chunk is filled up with what follows it in the same turn.
    """

    __slots__ = ("_back", "_chunk", "_fade", "_from", "_joins", "_next", "_num_waiting", "_receive", "_resumed", "_send")

    def __init__(self, chunk: int, *, joins: bool) -> None:
        self._chunk = chunk
        self._back: deque[Held] | None = None  # taken once and put back: goes before everything else
        self._fade = 0.0  # seconds over which what is taken next is to be faded in
        self._resumed = False  # one of these two is to be looked at
        self._send: trio.MemorySendChannel[_Waiting]
        self._receive: trio.MemoryReceiveChannel[_Waiting]
        self._send, self._receive = trio.open_memory_channel[_Waiting](math.inf)
        self._num_waiting = 0
        self._joins = joins
        self._next: _Waiting | None = None  # received, and not all of it taken
        self._from = 0  # where the rest of it begins

    def put(self, turn: Turn, frame: Frame | LiveQueue | None) -> None:
        """Let audio wait; None for what the turn's converter holds back.

        A `LiveQueue` waits until there is nothing left in it; it must be put again when it has been empty.
        """
        self._send.send_nowait((turn, frame))
        self._num_waiting += 1

    def take(self) -> Held | None:
        """The next piece, of one chunk of its turn at most; a shorter one if nothing can fill it up, None if there is nothing."""
        if self._resumed:
            return self._take_resumed()
        item = self._next or self._received()
        if item is None:
            return None
        turn, frame = item
        if frame is None:
            self._next = None
            return turn, None
        if isinstance(frame, LiveQueue):
            piece = frame.pop()
            self._next = item if frame.num_samples else None
            return turn, piece
        start, stop, end = self._from, self._from + turn._chunk, frame.num_samples
        if stop < end:
            self._next, self._from = item, stop
            return turn, frame.cut(start, stop)
        self._next, self._from = None, 0
        if start == 0 and (stop == end or not self._joins):
            return turn, frame
        return turn, self._filled_up(turn, frame.cut(start, end))

    def _filled_up(self, turn: Turn, piece: Frame) -> Frame:
        while self._joins and piece.num_samples < turn._chunk:
            self._next = self._next or self._received()
            if self._next is None or self._next[0] is not turn or not isinstance(self._next[1], Frame):
                break
            frame, start = self._next[1], self._from
            stop = start + turn._chunk - piece.num_samples
            piece = piece.joined(frame.cut(start, stop))
            if stop < frame.num_samples:
                self._from = stop
            else:
                self._next, self._from = None, 0
        return piece

    def put_back(self, turn: Turn, frame: Frame | None) -> None:
        """Let audio wait before everything else.

        Of a turn with a converter: a piece as it was taken, or of any length in the far end's format, if ``turn._again`` says so.
        """
        if self._back is None:
            self._back = deque()
        self._back.appendleft((turn, frame))
        self._resumed = True

    def fade_in(self, seconds: float) -> None:
        """Let what is taken next begin softly."""
        self._fade, self._resumed = seconds, True

    def _take_resumed(self) -> Held | None:
        self._resumed = False
        item = self._take_back(self._back) if self._back else self.take()
        if item is not None and self._fade:
            turn, frame = item
            item = turn, frame and fade_in(frame, round(self._fade * frame.format.rate))
            self._fade = 0.0
        self._resumed = bool(self._back or self._fade)
        return item

    def _take_back(self, back: deque[Held]) -> Held:
        turn, frame = item = back.popleft()
        if frame is None or (turn._converter is not None and not turn._again):
            return item
        if frame.num_samples > self._chunk:
            back.appendleft((turn, frame.cut(self._chunk, frame.num_samples)))
            return turn, frame.cut(0, self._chunk)
        return turn, self._topped_up(turn, frame, back) if self._joins else frame

    def _topped_up(self, turn: Turn, piece: Frame, back: deque[Held]) -> Frame:
        while piece.num_samples < self._chunk and back and back[0][0] is turn and turn._again != piece.num_samples:
            _, frame = back.popleft()
            assert frame is not None
            missing = self._chunk - piece.num_samples
            piece = piece.joined(frame.cut(0, missing))
            if missing < frame.num_samples:
                back.appendleft((turn, frame.cut(missing, frame.num_samples)))
        return piece if back or turn._converter is not None else self._filled_up(turn, piece)

    def _received(self) -> _Waiting | None:
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
        self._next = self._back = None
