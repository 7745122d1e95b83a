"""The two sides of a call on one time axis: where each frame stands, until it is settled and rendered.

Each lane counts in samples of its own rate from the start of the call. A frame stays undecoded in its lane until it is
rendered, so that what an interruption takes back costs nothing. Rendering goes forward only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._format import AudioFormat
from ._frame import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    Mono = npt.NDArray[np.int16]

LOOKAHEAD = 2.0
"""How long the caller's lane waits, in seconds, to learn whether late audio was a gap or a stall that is caught up."""
TOLERANCE = 0.1
"""How far arrival may stray from the media time, in seconds, before it counts as a gap or a jump."""
LONGEST_STALL = LOOKAHEAD - TOLERANCE
"""The longest stall that is bridged, in seconds; what stood still longer left a gap."""
HOLD = 2 * LOOKAHEAD
"""How far behind `now` a place on the axis is settled, in seconds: past every look ahead and every late cut (2.3 s)."""


class _Piece(NamedTuple):
    """``length`` samples of a frame from its beginning, standing at ``position``; ``start`` is what was announced, in seconds."""

    position: int
    length: int
    frame: Frame
    start: float

    @property
    def end(self) -> int:
        return self.position + self.length


def _mono(frame: Frame, first: int, last: int) -> Mono:
    """The samples ``first`` to ``last`` of a frame; two audio channels become their mean."""
    pcm = frame.pcm[first:last]
    if pcm.shape[1] == 1:
        return pcm[:, 0]
    mean: Mono = (pcm.sum(axis=1, dtype=np.int32) >> 1).astype(np.int16)
    return mean


class CallerLane:
    """What the far party said: anchored where its first frame arrived, then led by the media time.

    A frame whose media time continues stands directly behind the one before it, so arrival jitter moves nothing, and a
    stall of up to 1.9 s that is caught up later leaves no hole. A frame that stays late by more than 0.1 s, or whose media
    time jumps, leaves a gap. A source that does not stamp its frames (always the same media time) counts as continuing.

    Args:
        format: what the frames are in.
        started_at: time of the first sample of the axis, in seconds.
    """

    def __init__(self, format: AudioFormat, started_at: float) -> None:
        self.format, self.started_at = format, started_at
        self._tolerance, self._longest_stall = round(TOLERANCE * format.rate), round(LONGEST_STALL * format.rate)
        self._waiting: deque[tuple[Frame, float]] = deque()
        self._pieces: deque[_Piece] = deque()
        self._last_media: int | None = None
        self._next_media = 0
        self.end = 0
        """Where the audio placed so far ends, in samples."""

    def heard(self, frame: Frame, now: float) -> None:
        """Take a frame that arrived at ``now``, in seconds."""
        if frame.num_samples:
            self._waiting.append((frame, now))

    def place(self, until: float) -> None:
        """Give every frame that arrived up to ``until`` its place; those that arrived later are only looked at."""
        while self._waiting and self._waiting[0][1] <= until:
            frame, now = self._waiting.popleft()
            position = self._position(frame, now)
            self._pieces.append(_Piece(position, frame.num_samples, frame, now))
            self.end = position + frame.num_samples
            self._last_media, self._next_media = frame.media_time, frame.media_time + frame.num_samples

    def render(self, first: int, last: int) -> Mono:
        """The samples ``first`` to ``last`` of the axis, mono int16; silence where nobody spoke."""
        return _clipped(_render(self._pieces, first, last))

    def forget(self) -> None:
        """Drop all audio that waits here."""
        self._waiting.clear()
        self._pieces.clear()

    def _samples(self, time: float) -> int:
        return round((time - self.started_at) * self.format.rate)

    def _position(self, frame: Frame, now: float) -> int:
        arrived = self._samples(now)
        if self._last_media is None:
            return max(0, arrived)
        continues = frame.media_time in (self._next_media, self._last_media)
        expected = self.end if continues else self.end + frame.media_time - self._next_media
        late = arrived - expected
        if expected >= self.end and abs(late) <= self._tolerance:
            return expected
        if continues and late <= self._longest_stall and self._caught_up(frame, now, expected):
            return expected
        return max(self.end, arrived)

    def _caught_up(self, frame: Frame, arrived: float, expected: int) -> bool:
        """Whether the stream is on time again within `LOOKAHEAD`: then this was a stall on the way, not a gap in speech."""
        for later, now in self._waiting:
            continues = later.media_time in (frame.media_time, frame.media_time + frame.num_samples)
            if not continues or now - arrived > LOOKAHEAD:
                return False
            expected, frame = expected + frame.num_samples, later
            if self._samples(now) - expected <= self._tolerance:
                return True
        return False


class AgentLane:
    """What the far party was played: each epoch on its own, so that a late cut of one leaves the next untouched.

    A frame stands where it was announced. It follows the one before it without hole or overlap when it was announced
    within a sample of its end, or before it: one mouth says one thing at a time.

    Args:
        format: what the frames are in.
        started_at: time of the first sample of the axis, in seconds.
    """

    def __init__(self, format: AudioFormat, started_at: float) -> None:
        self.format, self.started_at = format, started_at
        self._epochs: dict[int, deque[_Piece]] = {}
        self._ends: dict[int, int] = {}

    def sent(self, frame: Frame, start: float, epoch: int) -> None:
        """Take a frame whose first sample will be heard at ``start``, in seconds."""
        pieces = self._epochs.setdefault(epoch, deque())
        announced = max(0, round((start - self.started_at) * self.format.rate))
        end = self._ends.get(epoch)
        position = announced if end is None or announced > end + 1 else end
        pieces.append(_Piece(position, frame.num_samples, frame, start))
        self._ends[epoch] = position + frame.num_samples

    def cut(self, at: float, epoch: int) -> None:
        """Forget what this epoch has from ``at`` on, in seconds, to the sample; what is rendered already stays."""
        pieces = self._epochs.get(epoch, ())
        kept = (piece._replace(length=min(piece.length, round((at - piece.start) * self.format.rate))) for piece in pieces)
        self._epochs[epoch] = deque(piece for piece in kept if piece.length > 0)

    def cut_all(self, at: float) -> None:
        """Forget everything from ``at`` on."""
        for epoch in self._epochs:
            self.cut(at, epoch)

    def render(self, first: int, last: int) -> Mono:
        """The samples ``first`` to ``last`` of the axis, mono int16; silence where nothing was played."""
        block = np.zeros(last - first, np.int32)
        for pieces in self._epochs.values():
            block += _render(pieces, first, last)
        self._drop_ended_epochs()
        return _clipped(block)

    def forget(self) -> None:
        """Drop all audio that waits here."""
        self._epochs.clear()
        self._ends.clear()

    def _drop_ended_epochs(self) -> None:
        newest = max(self._epochs, default=0)
        for epoch in [epoch for epoch, pieces in self._epochs.items() if not pieces and epoch != newest]:
            del self._epochs[epoch]
            self._ends.pop(epoch, None)


def _render(pieces: deque[_Piece], first: int, last: int) -> npt.NDArray[np.int32]:
    block = np.zeros(last - first, np.int32)
    for piece in _before(pieces, last):
        start, stop = max(first, piece.position), min(last, piece.end)
        if start < stop:
            block[start - first : stop - first] += _mono(piece.frame, start - piece.position, stop - piece.position)
    while pieces and pieces[0].end <= last:
        pieces.popleft()
    return block


def _before(pieces: Iterable[_Piece], last: int) -> Iterable[_Piece]:
    for piece in pieces:
        if piece.position >= last:
            return
        yield piece


def _clipped(block: npt.NDArray[np.int32]) -> Mono:
    return np.clip(block, -32768, 32767).astype(np.int16)
