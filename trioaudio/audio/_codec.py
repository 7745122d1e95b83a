"""Samples to bytes and back, for every encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import FormatError
from ._format import SAMPLE_BYTES, Encoding

if TYPE_CHECKING:
    from ._frame import Samples
    from ._g711 import Law


def encode(pcm: Samples, encoding: Encoding) -> bytes:
    """Encode int16 samples, row by row: the audio channels of shape ``(n, num_channels)`` come out interleaved.

    ``pcm16`` is little endian. G.711 is exact to ITU-T G.711 (1988); mu-law with bias 132 and clip 32635, so that
    ``encode(decode(code))`` gives every code back but 0x7F, the negative zero, which becomes 0xFF.

    Raises:
        FormatError: the samples are not int16, or the encoding is not known.
    """
    if pcm.dtype != "int16":
        raise FormatError(f"samples are {pcm.dtype}; only int16 can be encoded: scale and convert them first")
    if encoding == "pcm16":
        return pcm.astype("<i2", copy=False).tobytes()
    return _law(encoding).codes.take(pcm.view("uint16"), mode="clip").tobytes()  # every index fits; "clip" skips the check


def decode(data: bytes, encoding: Encoding) -> Samples:
    """Decode bytes to int16 samples of shape ``(n,)``; audio channels stay interleaved. The array may be read-only.

    Raises:
        FormatError: the encoding is not known, or ``pcm16`` ends with half a sample.
    """
    import numpy as np

    if encoding != "pcm16":
        return _law(encoding).samples.take(np.frombuffer(data, np.uint8), mode="clip")
    if len(data) % 2:
        raise FormatError(
            f"{len(data)} bytes of pcm16 end with half a sample; carry the odd byte over to the next block (audio.Framer does)"
        )
    return np.frombuffer(data, "<i2").astype(np.int16, copy=False)


def _law(encoding: Encoding) -> Law:
    from . import _g711

    if encoding == "mulaw":
        return _g711.mulaw()
    if encoding == "alaw":
        return _g711.alaw()
    raise FormatError(f"encoding {encoding!r} is not known; choose one of {', '.join(SAMPLE_BYTES)}")
