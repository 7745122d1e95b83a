"""Which answers a model is making, and which it has been asked for and not begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from .._model_events import ResponseCreated

REMEMBERED = 64
"""Answers of which it is known that they had a sound."""


class Answers:
    """Keeps count of answers. ``current`` is the one that is being made; ``changed`` wakes whoever waits for the count to change."""

    def __init__(self) -> None:
        self.current: str | None = None
        self.changed = trio.lowlevel.ParkingLot()
        self._asked: deque[Asked] = deque()
        self._answered: Asked | None = None  # the request that the current answer answers
        self._sounded: dict[str | None, None] = {}  # the newest last

    @property
    def idle(self) -> bool:
        """Whether no answer is being made, and none is still to come that was asked for."""
        return self.current is None and not self._asked

    def asking(
        self, command: Callable[[], Awaitable[None]], *, protected: bool = False, words: str | None = None
    ) -> Callable[[], Awaitable[None]]:
        """A command that asks for an answer, which is awaited from now on; should the command fail, no longer.

        ``words``: what it tells the model on the caller's behalf.
        """
        asked = Asked(command, protected, words)
        self._asked.append(asked)

        async def ask() -> None:
            try:
                await command()
                asked.told = True
            except BaseException:
                if asked in self._asked:
                    self._asked.remove(asked)
                self.changed.unpark_all()
                raise

        return ask

    def begun(self, event: ResponseCreated) -> Asked | None:
        """An answer has begun; the request that it answers, if it was asked for."""
        self.current = event.response_id
        self._answered = asked = self._asked.popleft() if self._asked and event.requested is not False else None
        if asked is not None:
            asked.begun = True
        self.changed.unpark_all()
        return asked

    @property
    def will_be_asked_again(self) -> bool:
        """Whether the current answer is one that was asked for, and of which nothing was heard."""
        return self._answered is not None and not self.has_sounded(self.current)

    def lost(self) -> list[Asked]:
        """Whoever was to answer is gone: what is to be asked for again, since nothing has been heard of it."""
        unheard = [self._answered] if self._answered is not None and self.current is not None and self.will_be_asked_again else []
        again = [*unheard, *(asked for asked in self._asked if asked.told)]
        self._asked = deque(asked for asked in self._asked if not asked.told)
        self.current = self._answered = None
        self._sounded.clear()
        self.changed.unpark_all()
        return again

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


@dataclass(slots=True, eq=False)
class Asked:
    """An answer that was asked for, and how: by which command, with which words; whether the model has been told, and has begun."""

    command: Callable[[], Awaitable[None]]
    protected: bool
    words: str | None
    told: bool = False
    begun: bool = False
