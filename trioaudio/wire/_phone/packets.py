"""Audio in messages of the length that a carrier wants. What is left at the end of something said is filled up with silence."""

from __future__ import annotations

import math

from ...audio import AudioFormat, Frame, Framer

TAIL = 0.05
"""Seconds without more audio after which what is left is sent: it was the end."""


class Packets:
    """From frames of any length to those of one. Times are seconds of the caller's clock.

    Args:
        format: of the frames.
        seconds: of audio in one message, in whole frames of 20 ms; 0 passes every frame on as it is.
    """

    def __init__(self, format: AudioFormat, seconds: float) -> None:
        self.due: float = math.inf
        """When `tail` should be asked for."""
        self._format = format
        self._framer = Framer(format, round(seconds * format.rate)) if seconds else None

    def push(self, frame: Frame, now: float) -> list[Frame]:
        """Take a frame; the messages' worth that are complete."""
        if self._framer is None:
            return [frame]
        packets = self._framer.push(frame.data)
        self.due = now + TAIL if self._framer.waiting else math.inf
        return packets

    def tail(self, now: float) -> tuple[Frame, int] | None:
        """What is left, if it was the end, with silence up to a whole number of frames; and how much of it is no silence."""
        if self._framer is None or now < self.due:
            return None
        self.due = math.inf
        if (rest := self._framer.flush()) is None:
            return None
        missing = -rest.num_samples % self._format.frame_samples
        filling = Frame.silence(missing, self._format, rest.media_time + rest.num_samples)
        return (rest.joined(filling) if missing else rest), rest.num_samples

    def drop(self) -> None:
        """Forget what is left."""
        self.due = math.inf
        if self._framer is not None:
            self._framer.flush()
