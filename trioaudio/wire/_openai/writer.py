"""Messages of ours in the OpenAI Realtime protocol, each with an id of its own: the server's errors name it."""

from __future__ import annotations

import itertools

from .._json import written


class Writer:
    """Writes the messages of one connection."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        """An id that no other message has."""
        return f"trioaudio_{next(self._ids)}"

    def message(self, kind: str, **fields: object) -> str:
        """A message of this type."""
        return written({"type": kind, "event_id": self.new_id(), **fields})

    def item(self, item: dict[str, object]) -> str:
        """A message that puts an item at the end of the conversation."""
        return self.message("conversation.item.create", item=item)
