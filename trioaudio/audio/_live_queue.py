"""Audio that waits for its moment and must not wait long: of what is too much, silence goes first, then the oldest.

Theory of operation. Somebody streams in real time, silence too, by a clock of their own; somebody takes a frame at a time, by another
clock. What waits just before more comes is the *standing* delay: it grows when the stream runs fast, or came late and then all at once.
Its least over a second is what nobody needs; what of that is more than `AIM` is dropped as soon as there is silence to drop, so that
the delay shrinks back in pauses and no word is cut. Only past the bound is speech dropped, the oldest first. A stream that runs slow,
or comes late, leaves the queue empty: whoever takes has nothing then, and goes on when there is more.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from ._format import AudioFormat
from ._frame import Frame
from ._utterances import level

AIM = 0.04
"""Seconds of standing delay that are left alone: the jitter of a good line."""
WINDOW = 1.0
"""Seconds of audio over which the standing delay is watched."""
QUIET = -50.0
"""Level below which a piece counts as silence, in dBFS: well below any consonant."""


@dataclass(eq=False, slots=True)
class _Piece:
    """At most one frame length of audio, and the number of its first sample in all that was put."""

    start: int
    frame: Frame
    quiet: bool | None = None  # None: nobody has needed to know


class LiveQueue:
    """A queue in real time, in pieces of one frame length.

    Args:
        format: of all that is put.
        bound: seconds that may wait.
    """

    __slots__ = ("_aim", "_bound", "_chunk", "_least", "_pieces", "_put", "_surplus", "_watched", "_window", "num_samples")

    def __init__(self, format: AudioFormat, bound: float) -> None:
        self._chunk = format.frame_samples
        self._bound, self._aim, self._window = (round(seconds * format.rate) for seconds in (bound, min(AIM, bound), WINDOW))
        self._pieces: deque[_Piece] = deque()
        self.num_samples: int = 0
        """That wait."""
        self._put = 0
        self._least: float = math.inf  # that waited before more came, in this window
        self._watched = 0
        self._surplus = 0

    @property
    def front(self) -> int:
        """The number of the oldest sample that waits, in all that was put; of the next one that will be, if none waits."""
        return self._pieces[0].start if self._pieces else self._put

    def put(self, frame: Frame) -> tuple[int, int]:
        """Let audio wait.

        Returns how many samples were dropped for it: of silence, and of what is none.
        """
        self._watch(frame.num_samples)
        self._append(frame)
        over = self.num_samples - self._bound
        silent = self._drop_quiet(max(over, self._surplus)) if over > 0 or self._surplus >= self._chunk else 0
        self._surplus -= silent
        return silent, self._drop_oldest() if self.num_samples > self._bound else 0

    def pop(self) -> Frame:
        """Take the oldest piece; there must be one."""
        frame = self._pieces.popleft().frame
        self.num_samples -= frame.num_samples
        return frame

    def _watch(self, num_samples: int) -> None:
        self._least = min(self._least, self.num_samples)
        self._watched += num_samples
        if self._watched >= self._window:
            self._surplus = int(self._least) - self._aim
            self._least, self._watched = math.inf, 0

    def _append(self, frame: Frame) -> None:
        start, end = 0, frame.num_samples
        last = self._pieces[-1] if self._pieces else None
        if last is not None and (missing := self._chunk - last.frame.num_samples) > 0:
            start = min(missing, end)
            last.frame, last.quiet = last.frame.joined(frame.cut(0, start)), None
        while start < end:
            stop = min(start + self._chunk, end)
            self._pieces.append(_Piece(self._put + start, frame.cut(start, stop)))
            start = stop
        self._put += end
        self.num_samples += end

    def _drop_quiet(self, num_samples: int) -> int:
        """Drop so many samples of silence, the oldest first, in whole pieces, but never the last piece."""
        kept: deque[_Piece] = deque()
        dropped = 0
        for piece in self._pieces:
            length = piece.frame.num_samples
            if dropped + length <= num_samples and len(self._pieces) > 1 and self._is_quiet(piece):
                dropped += length
            else:
                kept.append(piece)
        if not kept:
            kept.append(piece := self._pieces[-1])
            dropped -= piece.frame.num_samples
        self._pieces = kept
        self.num_samples -= dropped
        return dropped

    def _drop_oldest(self) -> int:
        dropped = 0
        while self.num_samples > self._bound and len(self._pieces) > 1:
            dropped += self.pop().num_samples
        return dropped

    def _is_quiet(self, piece: _Piece) -> bool:
        if piece.quiet is None:
            piece.quiet = level(piece.frame) < QUIET
        return piece.quiet
