"""Both sides of a conversation that a carrier lets us listen to, as two audio channels of one: caller left, callee right.

Each side has ears of its own, so that silence fills what its timestamps leave out. Audio stands where it was said: the sides begin
at the same moment, one that has said nothing yet is silent, and one that is late is waited for, for a moment.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ...audio import AudioFormat, Frame
from .ears import HASTE, PhoneEars

SIDES = ("inbound", "outbound")
"""Left and right."""
WAIT = 0.1
"""Seconds one side is waited for while the other one is heard."""


class _Side:
    """One of the two: its ears, and what is kept until there is as much of the other one."""

    def __init__(self, format: AudioFormat, *, big_endian: bool) -> None:
        self.ears: PhoneEars = PhoneEars(format, big_endian=big_endian)
        self.end: int = 0
        """Samples from the beginning up to what is known."""
        self.kept: bytearray = bytearray()
        self._format = format
        self._offset: int | None = None  # of the ears' position 0

    def begin(self, offset: int) -> None:
        """The side is heard for the first time, so many samples after the beginning."""
        if self._offset is None:
            self._offset = offset

    def put(self, frame: Frame) -> None:
        """Let a frame stand where it was said; one that is too late for that follows at once, and so does all after it."""
        offset = self._offset or 0
        if (missing := frame.media_time + offset - self.end) >= 0:
            self.fill(self.end + missing)
        else:
            self._offset = offset - missing
        self.kept += frame.data
        self.end += frame.num_samples

    def fill(self, end: int) -> None:
        """Be silent up to there."""
        if end > self.end:
            self.kept += self._format.silence(end - self.end)
            self.end = end


class BothSides:
    """Two directions of one stream, interleaved. Times are seconds of the caller's clock.

    Args:
        format: of each.
        big_endian: as for `PhoneEars`.
    """

    def __init__(self, format: AudioFormat, *, big_endian: bool = False) -> None:
        self.format: AudioFormat = replace(format, num_channels=2)
        self._sides = {name: _Side(format, big_endian=big_endian) for name in SIDES}
        self._sample = format.sample_bytes
        self._wait = round(WAIT * format.rate)
        self._began: float | None = None
        self._first = 0  # the timestamp at which both begin
        self._position = 0

    @property
    def filled(self) -> int:
        """As `PhoneEars.filled`, of both."""
        return sum(side.ears.filled for side in self._sides.values())

    @property
    def jumps(self) -> int:
        """As `PhoneEars.jumps`, of both."""
        return sum(side.ears.jumps for side in self._sides.values())

    def hear(self, audio: str | bytes, timestamp: int | None, now: float, track: str) -> list[Frame]:
        """What a piece of one side adds to both.

        Raises:
            FormatError: it is no audio of this format; nothing has been heard.
        """
        side = self._sides[track]
        heard = side.ears.hear(audio, timestamp, now)
        side.begin(self._offset(timestamp, now))
        for frame in heard:
            side.put(frame)
        for other in self._sides.values():
            if other is not side:
                self._let_be_silent(other, now)
                other.fill(side.end - self._wait)
        return self._both()

    def _offset(self, timestamp: int | None, now: float) -> int:
        """Samples from the beginning to a side's first piece; never more than time has passed."""
        if self._began is None:
            self._began, self._first = now, timestamp or 0
        passed = now - self._began
        later = passed if timestamp is None else (timestamp - self._first) / 1000
        return round(max(0.0, later if later <= passed + HASTE else passed) * self.format.rate)

    @staticmethod
    def _let_be_silent(side: _Side, now: float) -> None:
        if (silence := side.ears.lull(now)) is not None:
            side.put(silence)

    def _both(self) -> list[Frame]:
        left, right = (side.kept for side in self._sides.values())
        if not (size := min(len(left), len(right))):
            return []
        data = bytearray(2 * size)
        for i in range(self._sample):
            data[i :: 2 * self._sample] = left[i : size : self._sample]
            data[self._sample + i :: 2 * self._sample] = right[i : size : self._sample]
        del left[:size], right[:size]
        frame = Frame(bytes(data), self.format, self._position)
        self._position += frame.num_samples
        return [frame]

    def rest(self) -> list[Frame]:
        """What was kept, at the end."""
        end = max(side.end for side in self._sides.values())
        for side in self._sides.values():
            side.fill(end)
        return self._both()

    def go_on(self) -> None:
        """As `PhoneEars.go_on`."""
        for side in self._sides.values():
            side.ears.go_on()

    @property
    def due(self) -> float:
        """When `lull` should be asked, unless media comes before: when all who were heard have been silent for long enough."""
        begun = [side.ears.due for side in self._sides.values() if side.ears.due < math.inf]
        return max(begun, default=math.inf)

    def lull(self, now: float) -> Frame | None:
        """The silence of a line on which nothing comes, after what was kept, if it is time for some."""
        if now < self.due:
            return None
        for side in self._sides.values():
            self._let_be_silent(side, now)
        return next(iter(self.rest()), None)
