"""How much of something a stranger may send: a little at once, and so much a second."""

from __future__ import annotations


class Allowance:
    """What is left of what may come.

    Args:
        at_once: how much may come in a burst.
        rate: how much more may come each second.
    """

    __slots__ = ("_at_once", "_left", "_rate", "_since")

    def __init__(self, at_once: float, rate: float) -> None:
        self._at_once, self._rate = at_once, rate
        self._left = at_once
        self._since: float | None = None

    def take(self, amount: float, now: float) -> bool:
        """Whether that much may come now; if so, it is less for what comes next."""
        if self._since is not None:
            self._left = min(self._at_once, self._left + (now - self._since) * self._rate)
        self._since = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
