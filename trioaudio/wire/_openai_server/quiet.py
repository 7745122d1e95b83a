"""Whether a short frame is silence, at a glance: a hundredth of what listening costs, for lines on which nobody speaks most of the time."""

from __future__ import annotations

from functools import lru_cache

from ...audio import AudioFormat, Frame
from ...audio._codec import decode

GLANCES = 24
"""Samples that are looked at."""
LONGEST = 0.1
"""Seconds of a frame that is silent as a whole if a few of its samples are."""
_LOUDEST = 18.0
"""Root mean square up to which it is silence: -65 dBFS, far below what opens a gate."""


def is_quiet(frame: Frame) -> bool:
    """Whether nobody can be speaking in this frame; whoever whispers in it may be missed, whoever speaks is not."""
    count = frame.num_samples
    if not 0 < count <= LONGEST * frame.format.rate:
        return False
    step = max(1, count // GLANCES)
    if frame.format.encoding == "pcm16":
        samples = memoryview(frame.data).cast("h")[::step]
        return sum([sample * sample for sample in samples]) < _LOUDEST**2 * len(samples)
    powers, bytes_ = _powers(frame.format), frame.data[::step]
    return sum([powers[byte] for byte in bytes_]) < _LOUDEST**2 * len(bytes_)


@lru_cache(maxsize=2)
def _powers(format: AudioFormat) -> list[int]:
    """The square of what each byte stands for."""
    return [int(sample) ** 2 for sample in decode(bytes(range(256)), format.encoding)]
