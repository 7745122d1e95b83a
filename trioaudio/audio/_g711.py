"""Both laws of ITU-T G.711 as tables: a code for each of the 65536 samples, a sample for each of the 256 codes."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Wide: TypeAlias = npt.NDArray[np.int32]

MULAW_BIAS, MULAW_CLIP = 132, 32_635
MULAW_SEGMENTS = (256, 512, 1024, 2048, 4096, 8192, 16384)  # first biased magnitude of segments 1 to 7
ALAW_SEGMENTS = (31, 63, 127, 255, 511, 1023, 2047)  # last magnitude of segments 0 to 6
ALAW_TOGGLE = 0x55  # every other bit is inverted on the line


class Law(NamedTuple):
    """One companding law as tables."""

    codes: npt.NDArray[np.uint8]
    """The code of each sample, by the sample's 16 bits read as an unsigned number."""
    samples: npt.NDArray[np.int16]
    """The sample of each code."""


@cache
def mulaw() -> Law:
    """Mu-law as everybody does it: bias 132, clip 32635 (ITU-T G.711 table 2, 1988, on a 16-bit interface).

    No sample gets the code 0x7F (negative zero), and the worst error is 644.
    """
    return Law(_mulaw_codes(_all_samples()).astype(np.uint8), _mulaw_samples(np.arange(256, dtype=np.int32)).astype(np.int16))


@cache
def alaw() -> Law:
    """A-law (ITU-T G.711 table 1, 1988, on a 16-bit interface); it has no zero: silence is +8."""
    return Law(_alaw_codes(_all_samples()).astype(np.uint8), _alaw_samples(np.arange(256, dtype=np.int32)).astype(np.int16))


def _all_samples() -> Wide:
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _mulaw_codes(samples: Wide) -> Wide:
    biased = np.minimum(np.abs(samples), MULAW_CLIP) + MULAW_BIAS
    segment = np.searchsorted(MULAW_SEGMENTS, biased, side="right").astype(np.int32)
    mantissa = (biased >> (segment + 3)) & 15
    codes: Wide = ~(np.where(samples < 0, 0x80, 0) | segment << 4 | mantissa) & 0xFF
    return codes


def _mulaw_samples(codes: Wide) -> Wide:
    bits = ~codes & 0xFF
    magnitude = (((bits & 15) * 8 + MULAW_BIAS) << (bits >> 4 & 7)) - MULAW_BIAS
    return np.where(bits & 0x80, -magnitude, magnitude)


def _alaw_codes(samples: Wide) -> Wide:
    steps = samples >> 3
    magnitude = np.where(steps < 0, -steps - 1, steps)
    segment = np.searchsorted(ALAW_SEGMENTS, magnitude, side="left").astype(np.int32)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 15
    codes: Wide = (segment << 4 | mantissa) ^ np.where(steps < 0, 0, 0x80) ^ ALAW_TOGGLE
    return codes


def _alaw_samples(codes: Wide) -> Wide:
    bits = codes ^ ALAW_TOGGLE
    segment = bits >> 4 & 7
    step = ((bits & 15) << 4) + 8 + np.where(segment > 0, 256, 0)
    magnitude = step << np.maximum(segment - 1, 0)
    samples: Wide = np.where(bits & 0x80, magnitude, -magnitude)
    return samples
