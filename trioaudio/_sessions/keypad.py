"""Collects the keys that a caller presses into groups."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from .._agent import KeyGroups


class Keypad:
    """Tells of each complete group, once.

    Args:
        groups: when one is complete.
        tell: told of each.
    """

    def __init__(self, groups: KeyGroups, tell: Callable[[str], object]) -> None:
        self._groups, self._tell = groups, tell
        self._keys = ""
        self._wait = trio.CancelScope()
        self._due = math.inf

    def press(self, key: str) -> None:
        """A key was pressed."""
        self._keys += key
        self._set_due(trio.current_time() + self._groups.timeout)
        if key == self._groups.end or len(self._keys) == self._groups.n:
            self._complete()

    def _complete(self) -> None:
        keys, self._keys = self._keys, ""
        self._set_due(math.inf)
        if keys:
            self._tell(keys)

    def _set_due(self, due: float) -> None:
        self._due = self._wait.deadline = due

    async def run(self) -> None:
        """Complete groups that nobody goes on with; until cancelled. Checkpoint: yes."""
        while True:
            with trio.CancelScope(deadline=self._due) as self._wait:
                await trio.sleep_forever()
            if self._due <= trio.current_time():
                self._complete()
