"""Samples of 16 bits with their bytes the other way round: carriers do not agree on which comes first."""

from __future__ import annotations

from array import array

from ..._errors import FormatError


def swapped(data: bytes) -> bytes:
    """The same samples in the other order.

    Raises:
        FormatError: half a sample.
    """
    if len(data) % 2:
        raise FormatError(f"{len(data)} bytes are no whole number of samples of 16 bits")
    samples = array("H", data)
    samples.byteswap()
    return samples.tobytes()
