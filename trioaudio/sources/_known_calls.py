"""Calls by their names, remembered for a while after their end: carriers have still something to say, or to ask."""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

KEPT = 60.0
"""Seconds a call is remembered after its end."""
Known = TypeVar("Known")


class KnownCalls(Generic[Known]):
    """The calls of one listener."""

    def __init__(self) -> None:
        self._calls: dict[str, Known] = {}
        self._ended: dict[str, float] = {}

    def get(self, name: str) -> Known | None:
        """The call of this name, if it is known."""
        return self._calls.get(name)

    def add(self, name: str, call: Known) -> None:
        """Another one."""
        self._calls[name] = call

    def ended(self, name: str) -> None:
        """It is over; those that ended long ago are forgotten."""
        now = trio.current_time()
        self._ended[name] = now
        for each, when in list(self._ended.items()):
            if when > now - KEPT:
                break
            del self._ended[each]
            self._calls.pop(each, None)
