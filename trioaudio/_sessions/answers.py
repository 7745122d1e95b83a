"""Which answers a model is making, and which it has been asked for and not begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import trio

from .._model_events import ResponseCreated

REMEMBERED = 64
"""Answers of which it is known that they had a sound."""


class Answers:
    """Keeps count of answers. ``current`` is the one that is being made; ``changed`` wakes whoever waits for the count to change."""

    def __init__(self) -> None:
        self.current: str | None = None
        self.changed = trio.lowlevel.ParkingLot()
        self._asked: deque[_Asked] = deque()
        self._sounded: dict[str | None, None] = {}  # the newest last

    @property
    def idle(self) -> bool:
        """Whether no answer is being made, and none is still to come that was asked for."""
        return self.current is None and not self._asked

    def asking(self, command: Callable[[], Awaitable[None]], *, protected: bool = False) -> Callable[[], Awaitable[None]]:
        """A command that asks for an answer, which is awaited from now on; should the command fail, no longer."""
        asked = _Asked(protected)
        self._asked.append(asked)

        async def ask() -> None:
            try:
                await command()
            except BaseException:
                if asked in self._asked:
                    self._asked.remove(asked)
                self.changed.unpark_all()
                raise

        return ask

    def begun(self, event: ResponseCreated) -> bool:
        """An answer has begun; whether it was asked for as one that must not be interrupted."""
        self.current = event.response_id
        asked = self._asked.popleft() if self._asked and event.requested is not False else None
        self.changed.unpark_all()
        return asked is not None and asked.protected

    def over(self, response_id: str | None) -> bool:
        """An answer is over; whether it was the current one. None: whichever is."""
        if self.current is None or response_id not in (None, self.current):
            return False
        self.current = None
        self.changed.unpark_all()
        return True

    def sounds(self, response_id: str | None) -> None:
        """There is audio of an answer."""
        if response_id not in self._sounded:
            self._sounded[response_id] = None
            if len(self._sounded) > REMEMBERED:
                del self._sounded[next(iter(self._sounded))]

    def has_sounded(self, response_id: str | None) -> bool:
        """Whether there was audio of an answer."""
        return response_id in self._sounded


class _Asked:
    """An answer that was asked for."""

    def __init__(self, protected: bool) -> None:
        self.protected = protected
