"""The conversation of an OpenAI Realtime server: its items in order, and what may be done to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ._json import Message
from ._openai_server_fields import MisuseError


@dataclass(slots=True)
class Kept:
    """An item, and how much audio of each of its parts was sent, in milliseconds."""

    item: Message
    sent_ms: dict[int, int] = field(default_factory=dict)
    """By part; of items that the server spoke itself."""


class Conversation:
    """Items in order. What it is asked for that cannot be is a `MisuseError`."""

    def __init__(self) -> None:
        self._items: dict[str, Kept] = {}
        self._calls: set[str] = set()
        self.truncations: list[tuple[str, int, int]] = []
        """Items, parts and milliseconds, as clients have truncated them."""

    def __getitem__(self, item_id: str) -> Kept:
        return self._items[item_id]

    @property
    def last_id(self) -> str | None:
        """The item at the end."""
        return next(reversed(self._items), None)

    def check(self, item: Message, previous: str | None) -> None:
        """Whether a client's item may join."""
        item_id = item.get("id")
        if item_id in self._items:
            raise MisuseError("item_create_duplicate_item_id", f"Error adding item: an item with id '{item_id}' already exists.", "item.id")
        if previous not in (None, "root", *self._items):
            raise MisuseError("item_create_invalid_previous_item_id", f"Error adding item: no item '{previous}'.", "previous_item_id")
        if item["type"] == "function_call_output" and item["call_id"] not in self._calls:
            raise MisuseError("invalid_tool_call_id", f"Tool call ID '{item['call_id']}' not found in conversation.", "item.call_id")

    def add(self, item: Message, previous: str | None = None) -> str | None:
        """Let an item join, after another, at the front (``"root"``) or at the end; which one is before it now."""
        kept = Kept(item)
        if item["type"] == "function_call" and "call_id" in item:
            self._calls.add(item["call_id"])
        before = self.last_id if previous is None else None if previous == "root" else previous
        if before == self.last_id:
            self._items[item["id"]] = kept
            return before
        ids = list(self._items)
        at = 0 if before is None else ids.index(before) + 1
        entries = list(self._items.items())
        self._items = dict([*entries[:at], (item["id"], kept), *entries[at:]])
        return before

    def find(self, item_id: str, code: str) -> Kept:
        """An item by its id."""
        if item_id not in self._items:
            raise MisuseError(code, f"The item with id '{item_id}' does not exist.", "item_id")
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        """Let an item go."""
        self.find(item_id, "item_delete_invalid_item_id")
        del self._items[item_id]

    def truncate(self, item_id: str, part: int, end_ms: int) -> None:
        """Cut an item's audio and forget its words."""
        kept = self.find(item_id, "item_truncate_invalid_item_id")
        if kept.item.get("role") != "assistant" or part not in kept.sent_ms:
            raise MisuseError("invalid_value", "Only model output audio messages can be truncated.", "item_id")
        if end_ms > kept.sent_ms[part]:
            words = f"Audio content of {kept.sent_ms[part]}ms is already shorter than {end_ms}ms"
            raise MisuseError("invalid_value", words, "audio_end_ms")
        kept.sent_ms[part] = end_ms
        if part < len(kept.item["content"]):  # else it is still being said
            kept.item["content"][part] = {"type": "output_audio"}
        self.truncations.append((item_id, part, end_ms))
