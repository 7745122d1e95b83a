"""Utterances in a stream that never pauses: a full-duplex model sends silence as well as speech, and says nowhere which is which.

An utterance begins when the level stands out of the noise floor for two blocks of 20 ms, which belong to it, and ends after a pause of
0.8 s, which belongs to it too. Shorter pauses are part of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import log10

from ._format import AudioFormat
from ._frame import Frame

PAUSE = 0.8
"""Seconds of silence that end an utterance; what others take for gaps of transcripts, too."""
ONSET = 2
"""Blocks that stand out before it is believed: a click is none."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of an utterance; ``begins`` and ``ends`` say whether it is its first and its last one."""

    frame: Frame
    begins: bool
    ends: bool


class Utterances:
    """Finds utterances in a stream of one format, mono or stereo.

    Args:
        format: of the stream.
        pause: seconds of silence that end one.
    """

    def __init__(self, format: AudioFormat, pause: float = PAUSE) -> None:
        from ._vad import EnergyGate  # it needs numpy

        self._gate = EnergyGate()
        self._block = format.frame_samples
        self._pause = round(pause * format.rate)
        self._onset: deque[Frame] = deque(maxlen=ONSET)
        self._loud = self._quiet = 0
        self.speaking: bool = False
        """Whether an utterance has begun, and not ended."""

    def push(self, frame: Frame) -> list[Stretch]:
        """Hear the next piece of the stream, of any length; what of it belongs to utterances, in order."""
        stretches: list[Stretch] = []
        said: Frame | None = None
        begins = False
        for block in frame.split(self._block):
            if self._is_over(block):
                stretches.append(Stretch(block if said is None else said.joined(block), begins, ends=True))
                said, begins = None, False
            elif self.speaking and self._onset:
                said, begins = self._begun(), True
            elif self.speaking:
                said = block if said is None else said.joined(block)
        return stretches if said is None else [*stretches, Stretch(said, begins, ends=False)]

    def _is_over(self, block: Frame) -> bool:
        """Hear one block; whether an utterance ends with it."""
        is_open = self._gate.opens(level(block))
        if not self.speaking:
            self._onset.append(block)
            self._loud = self._loud + 1 if is_open else 0
            self.speaking, self._quiet = self._loud >= ONSET, 0
            return False
        self._quiet = 0 if is_open else self._quiet + block.num_samples
        if self._quiet < self._pause:
            return False
        self.speaking, self._loud = False, 0
        return True

    def _begun(self) -> Frame:
        said, *rest = self._onset
        self._onset.clear()
        for block in rest:
            said = said.joined(block)
        return said


def level(frame: Frame) -> float:
    """Root mean square of all samples in dBFS; -100 for digital silence."""
    samples = frame.pcm.astype("float32")
    return 10 * log10(float((samples * samples).mean()) / 32_768**2 + 1e-10) if samples.size else -100.0
