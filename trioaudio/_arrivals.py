"""What a far end has sent and nobody has asked for yet, in its order; audio that piles up goes on in fewer, longer frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ._events import Event
from .audio import Frame

TOGETHER = 0.4
"""Seconds of audio that are handed on in one frame, if so much is there at once."""


class Arrivals:
    """For a source that reads faster than it is asked: `Source.receive` takes from here.

    Whoever is behind has less to do for each piece of audio, and so catches up, where one frame after another it would fall
    further and further behind.
    """

    def __init__(self) -> None:
        self._items: deque[Frame | Event] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Frame | Event) -> None:
        """Another item; audio in one format is joined to the audio before it."""
        before = self._items[-1] if self._items else None
        if isinstance(item, Frame) and isinstance(before, Frame) and _go_together(before, item):
            self._items[-1] = before.joined(item)
        else:
            self._items.append(item)

    def extend(self, items: Iterable[Frame | Event]) -> None:
        """More of them."""
        for item in items:
            self.add(item)

    def take(self) -> Frame | Event:
        """The oldest one; there must be one."""
        return self._items.popleft()


def _go_together(before: Frame, after: Frame) -> bool:
    return before.format == after.format and before.duration + after.duration <= TOGETHER
