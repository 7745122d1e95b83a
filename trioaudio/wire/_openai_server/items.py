"""The conversation of an OpenAI Realtime server: its items in order, their sound, and what of it awaits an answer."""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...audio import AudioFormat, Frame
from .._json import Message
from .checks import MisuseError


@dataclass(slots=True)
class Kept:
    """An item, its sound, and how much audio of each of its parts was sent, in milliseconds."""

    item: Message
    sent_ms: dict[int, int] = field(default_factory=dict)
    """By part; of items that the server spoke itself."""
    sound: Frame | None = None
    """What was heard or said, as far as it is kept."""


@dataclass(slots=True)
class Unanswered:
    """What was said since the last answer."""

    heard: Frame | None = None
    words: str | None = None
    results: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def add(self, item: Message, sound: Frame | None) -> None:
        """An item of the client has joined."""
        if item["type"] == "function_call_output":
            self.results = (*self.results, item["output"])
        elif item.get("role") == "user":
            texts = [part["text"] for part in item["content"] if part["type"] == "input_text"]
            self.words = " ".join(texts) if texts else self.words
            self.images = (*self.images, *(part["image_url"] for part in item["content"] if part["type"] == "input_image"))
            self.heard = sound or self.heard


class Conversation:
    """Items in order. What it is asked for that cannot be is a `MisuseError`.

    Args:
        keeps: seconds of sound that can be asked for again.
    """

    def __init__(self, keeps: float = 0.0) -> None:
        self.truncations: list[tuple[str, int, int]] = []
        """Items, parts and milliseconds, as clients have truncated them."""
        self.results: dict[str, str] = {}
        """What tools found, by the id of the call."""
        self.unanswered: Unanswered = Unanswered()
        self._items: dict[str, Kept] = {}
        self._calls: set[str] = set()
        self._keeps, self._sounding = keeps, 0.0

    def __getitem__(self, item_id: str) -> Kept:
        return self._items[item_id]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    @property
    def items(self) -> list[Message]:
        """All items, in order, as they are now."""
        return [kept.item for kept in self._items.values()]

    @property
    def last_id(self) -> str | None:
        """The item at the end."""
        return next(reversed(self._items), None)

    def check(self, item: Message, previous: str | None) -> None:
        """Whether a client's item may join."""
        item_id = item.get("id")
        if item_id in self._items:
            raise MisuseError("item_create_duplicate_item_id", f"Error adding item: an item with id '{item_id}' already exists.", "item.id")
        if previous not in (None, "root") and previous not in self._items:
            raise MisuseError("item_create_invalid_previous_item_id", f"Error adding item: no item '{previous}'.", "previous_item_id")
        if item["type"] == "function_call_output" and item["call_id"] not in self._calls:
            raise MisuseError("invalid_tool_call_id", f"Tool call ID '{item['call_id']}' not found in conversation.", "item.call_id")

    def take_in(self, item: Message, sound: Frame | None, previous: str | None = None) -> str | None:
        """Let an item of the client join, and be answered; as `add`."""
        self.unanswered.add(item, sound)
        if item["type"] == "function_call_output":
            self.results[item["call_id"]] = item["output"]
        before = self.add(item, previous)
        self.keep(item["id"], sound)
        return before

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

    def keep(self, item_id: str, sound: Frame | None) -> None:
        """Remember how an item sounded; the oldest sounds make room."""
        if sound is None or item_id not in self._items:
            return
        self._items[item_id].sound = sound
        self._sounding += sound.duration
        for kept in self._items.values():
            if self._sounding <= self._keeps:
                return
            self._sounding -= kept.sound.duration if kept.sound else 0.0
            kept.sound = None

    def find(self, item_id: str, code: str) -> Kept:
        """An item by its id."""
        if item_id not in self._items:
            raise MisuseError(code, f"The item with id '{item_id}' does not exist.", "item_id")
        return self._items[item_id]

    def retrieved(self, item_id: str) -> Message:
        """An item with its sound, as far as that is kept."""
        kept = self.find(item_id, "item_retrieve_invalid_item_id")
        if kept.sound is None:
            return kept.item
        content = [{**part, "audio": kept.sound.base64} if part["type"] in _AUDIO else part for part in kept.item["content"]]
        return {**kept.item, "content": content}

    def delete(self, item_id: str) -> None:
        """Let an item go."""
        self._sounding -= sound.duration if (sound := self.find(item_id, "item_delete_invalid_item_id").sound) else 0.0
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
        if kept.sound is not None:
            self._sounding -= kept.sound.duration
            self.keep(item_id, kept.sound.cut(0, end_ms * kept.sound.format.rate // 1000))
        self.truncations.append((item_id, part, end_ms))


_AUDIO = ("input_audio", "output_audio")


def without_audio(item: Message) -> Message:
    """A client's item as the server shows it."""
    if item["type"] != "message":
        return item
    content = [{name: value for name, value in part.items() if name != "audio"} for part in item["content"]]
    return {**item, "content": content}


def sound_of(item: Message, format: AudioFormat) -> Frame | None:
    """The audio in a client's item, checked before."""
    parts: Iterable[Message] = item["content"] if item["type"] == "message" else ()
    data = b"".join(binascii.a2b_base64(part["audio"]) for part in parts if "audio" in part)
    return Frame(data[: len(data) - len(data) % format.sample_bytes], format) if data else None
