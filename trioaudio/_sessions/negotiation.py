"""Which formats a channel and a model speak to each other: the cheapest pair, undecoded if there is one (law 11)."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import FormatError
from ..audio import IMPOSSIBLE, AudioFormat, conversion_cost


def cheapest(candidates: Sequence[AudioFormat], other: AudioFormat, *, towards: bool, who: str) -> AudioFormat:
    """The candidate that costs least to convert; of equals the first.

    Args:
        candidates: what the model speaks, the best first.
        other: what the channel speaks.
        towards: whether audio flows from the channel to the model.
        who: names the model and the direction in the error.

    Raises:
        FormatError: no conversion exists for any candidate.
    """

    def cost(candidate: AudioFormat) -> int:
        return conversion_cost(other, candidate) if towards else conversion_cost(candidate, other)

    best = min(candidates, key=cost, default=None)
    if best is None or cost(best) >= IMPOSSIBLE:
        offered = ", ".join(map(str, candidates)) or "nothing"
        raise FormatError(f"{who} speaks {offered}; none of it can be converted {'from' if towards else 'to'} the channel's {other}")
    return best
