"""The last of a stream, kept to be listened to again."""

from __future__ import annotations

from collections import deque

from ._format import AudioFormat
from ._frame import Frame


class Tape:
    """A loop of tape: remembers the newest frames of one stream, undecoded, and forgets the oldest.

    Positions are samples since the first frame that was added.

    Args:
        format: what the frames are in.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._frames: deque[Frame] = deque()
        self.begin = self.end = 0

    begin: int
    """Position of the oldest sample that is remembered."""
    end: int
    """Position after the newest one: how many samples were ever added."""

    def add(self, frame: Frame) -> None:
        """Remember a frame too."""
        self._frames.append(frame)
        self.end += frame.num_samples

    def keep(self, num_samples: int) -> None:
        """Forget the oldest frames, as long as at least ``num_samples`` samples stay."""
        while self._frames and self.end - self.begin - self._frames[0].num_samples >= num_samples:
            self.begin += self._frames.popleft().num_samples

    def take(self, start: int, stop: int) -> Frame:
        """Cut out what is remembered of the samples from ``start`` up to ``stop``, as one frame of media time 0.

        It is forgotten, and so is all that was before it.
        """
        whole = Frame(b"".join(frame.data for frame in self._frames), self._format)
        first = max(0, start - self.begin)
        last = max(first, min(stop - self.begin, whole.num_samples))
        self._frames = deque([whole.cut(last, whole.num_samples)])
        self.begin += last
        return Frame(whole.cut(first, last).data, self._format)
