"""Two sounds at once, with saturation, and a sound that never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._format import AudioFormat
from ._frame import Frame

if TYPE_CHECKING:
    from ._frame import Samples

SEAM = 0.01
"""Seconds over which the end of a sound passes into its beginning."""


def mixed(frame: Frame, sound: Samples) -> Frame:
    """The frame with ``sound`` under it: int16, of the frame's shape. What is too loud for both is clipped, and does not wrap."""
    total = frame.pcm.astype(np.int32) + sound
    return Frame.from_samples(np.clip(total, -32_768, 32_767).astype(np.int16), frame.format, frame.media_time)


class Loop:
    """A sound that begins anew when it is over, without a click; it begins softly, and ends softly.

    Args:
        sound: what is to be heard; a second of it or an hour, but not nothing.
        gain: in dB; 0 leaves it as it is.

    Raises:
        ValueError: there is no sound in it.
    """

    def __init__(self, sound: Frame, gain: float) -> None:
        if not sound.num_samples:
            raise ValueError("a sound of 0 samples cannot be looped; give one with sound in it")
        self.format: AudioFormat = sound.format
        scaled = sound.pcm * np.float64(10 ** (gain / 20))
        seam = min(round(SEAM * sound.format.rate), sound.num_samples // 2)
        if seam:
            rise = np.linspace(0, 1, seam)[:, None]
            scaled[:seam] = scaled[:seam] * rise + scaled[-seam:] * (1 - rise)
            scaled = scaled[:-seam]
        self._sound: Samples = np.clip(np.rint(scaled), -32_768, 32_767).astype(np.int16)
        self._position = 0
        self._before: Loop | None = None
        self._level, self._aim = 0.0, 1.0

    @property
    def over(self) -> bool:
        """Whether it has ended, and nothing more of it is heard."""
        return self._level == self._aim == 0.0

    def follow(self, other: Loop) -> None:
        """Take its place: it ends while this one begins."""
        self._before = other
        other.end()

    def end(self) -> None:
        """Let what is taken next be the last of it, and fall silent."""
        self._aim = 0.0

    def take(self, num_samples: int) -> Samples:
        """The next samples."""
        if self._before is not None and num_samples:
            ending, self._before = self._before.take(num_samples), None
            both: Samples = np.clip(self.take(num_samples).astype(np.int32) + ending, -32_768, 32_767).astype(np.int16)
            return both
        index = (self._position + np.arange(num_samples)) % len(self._sound)
        self._position = (self._position + num_samples) % len(self._sound)
        taken: Samples = self._sound[index]
        if self._level == self._aim or not num_samples:
            return taken if self._aim else np.zeros_like(taken)
        slope = np.linspace(self._level, self._aim, num_samples)[:, None]
        self._level = self._aim
        return np.rint(taken * slope).astype(np.int16)

    def go_back(self, num_samples: int) -> None:
        """What was taken last is not heard: it is taken again."""
        self._position = (self._position - num_samples) % len(self._sound)

    def silence(self, num_samples: int) -> Frame:
        """The next samples alone."""
        return Frame.from_samples(self.take(num_samples), self.format)

    def under(self, frame: Frame) -> Frame:
        """The frame with the next samples under it."""
        return mixed(frame, self.take(frame.num_samples))
