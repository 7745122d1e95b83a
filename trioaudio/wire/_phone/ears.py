"""What a carrier lets us hear of a caller: audio in its order, and silence where something is missing.

A carrier leaves audio out when it is read too slowly, and shows it in the timestamps. What is missing is filled with silence, but
never with more than the time that has passed: a timestamp costs its sender nothing.
"""

from __future__ import annotations

import math

from ...audio import AudioFormat, Frame
from .byte_order import swapped

LATE = 0.02
"""Seconds a timestamp may be ahead before anything is missing: carriers round."""
LONGEST_GAP = 10.0
"""Seconds of silence that are filled in at most; a later timestamp than that is no gap but a mistake."""
HASTE = 1.0
"""Seconds by which media may be ahead of the time that has passed: carriers send what they had kept in a burst."""
LULL = 0.75
"""Seconds without any media after which silence is heard: who listens for the end of speech would wait for ever."""


class PhoneEars:
    """One direction of one stream. Times are seconds of the caller's clock."""

    def __init__(self, format: AudioFormat, *, big_endian: bool = False) -> None:
        self.format: AudioFormat = format
        self._swaps = big_endian and format.encoding == "pcm16"
        self.filled: int = 0
        """Samples of silence that were filled in."""
        self.jumps: int = 0
        """Timestamps that cannot be: far backwards, or ahead of the time that has passed."""
        self._position = 0  # samples heard, silence and all
        self._origin = 0.0  # the timestamp of position 0, in milliseconds
        self._began: float | None = None
        self._moved = False
        self._heard_at = math.inf

    def hear(self, audio: str | bytes, timestamp: int | None, now: float) -> list[Frame]:
        """What a piece of media adds: its audio, after the silence of what is missing before it.

        Raises:
            FormatError: it is no audio of this format; nothing has been heard.
        """
        gap = self._gap(timestamp, now)
        frame = self._frame(audio, self._position + gap)
        if self._began is None:
            self._began = now
        self._heard_at = now
        heard = [self._silence(gap)] if gap else []
        self._position += frame.num_samples
        return [*heard, frame] if frame.num_samples else heard

    def _frame(self, audio: str | bytes, position: int) -> Frame:
        frame = Frame.from_base64(audio, self.format, position) if isinstance(audio, str) else Frame(audio, self.format, position)
        return Frame(swapped(frame.data), self.format, position) if self._swaps else frame

    def _silence(self, samples: int) -> Frame:
        silence = Frame.silence(samples, self.format, self._position)
        self._position += samples
        self.filled += samples
        return silence

    def _gap(self, timestamp: int | None, now: float) -> int:
        """Samples that are missing before media of this timestamp."""
        if timestamp is None:
            return 0
        due = self._position * 1000 / self.format.rate
        if self._began is None or self._moved:
            self._origin, self._moved = timestamp - due, False
            return 0
        ahead = (timestamp - self._origin - due) / 1000
        if abs(ahead) < LATE:
            return 0
        if 0 < ahead <= min(LONGEST_GAP, now - self._began + HASTE - due / 1000):
            return round(ahead * self.format.rate)
        self.jumps += ahead > 0 or ahead < -LONGEST_GAP
        self._origin = timestamp - due
        return 0

    def go_on(self) -> None:
        """The call goes on in another stream, whose timestamps begin anew."""
        self._moved = True

    @property
    def due(self) -> float:
        """When `lull` should be asked, unless media comes before."""
        return self._heard_at + LULL

    def lull(self, now: float) -> Frame | None:
        """The silence of a line on which nothing comes, if it is time for some."""
        if now < self.due:
            return None
        silence = self._silence(round((now - self._heard_at) * self.format.rate))
        self._heard_at = now
        return silence
