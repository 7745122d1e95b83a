"""What a link tells of its connections: whom it serves, and a time without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .._history import HistoryItem
from .connection import Connection


class Patron(Protocol):
    """Whom a link serves."""

    def lost(self, error: Exception) -> None:
        """There is no connection any more."""

    def connected(self, *, anew: bool) -> None:
        """There is another one; ``anew``: the provider knows of the conversation only what it was told."""

    def history(self) -> list[HistoryItem]:
        """The conversation so far, as it was heard."""

    def created(self, item: HistoryItem) -> None:
        """The app has put something into the conversation."""

    def quiet(self) -> bool:
        """Whether nobody speaks, and nothing is under way, as far as is known."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a connection: which was lost, when and why; ``planned``: it was given up for another one."""

    connection: Connection
    began: float
    error: Exception
    planned: bool = False
