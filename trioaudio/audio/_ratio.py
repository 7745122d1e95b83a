"""Which rates can be converted to each other, known before any filter is made."""

from __future__ import annotations

from math import gcd

from .._errors import FormatError

MAX_TERM = 1_280
"""Largest term of a ratio that can be resampled; all common rates from 8000 to 96000, 11025 and its multiples included, fit."""


def rate_ratio(source_rate: int, target_rate: int) -> tuple[int, int]:
    """The ratio ``(up, down)`` in lowest terms: of ``down`` samples come ``up``.

    Raises:
        FormatError: a rate is not positive, or a term is above ``MAX_TERM``: the filter would need too many phases.
    """
    if source_rate < 1 or target_rate < 1:
        raise FormatError(f"rates are {source_rate} and {target_rate} samples per second; both must be positive")
    divisor = gcd(source_rate, target_rate)
    up, down = target_rate // divisor, source_rate // divisor
    if max(up, down) > MAX_TERM:
        raise FormatError(
            f"{source_rate} samples per second cannot be resampled to {target_rate}: their ratio is {up}:{down} in lowest terms, "
            f"and terms up to {MAX_TERM} are possible; choose rates with a larger common divisor, such as 8000, 16000, 24000 or 48000"
        )
    return up, down
