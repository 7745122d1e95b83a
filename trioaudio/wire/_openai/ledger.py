"""What was received of each item's audio, and what of it must be taken back: the arithmetic of truncation.

Theory of operation. Audio arrives faster than it is heard, so an interruption finds samples that were received and never
heard. The server has to be told where each item ended for the caller: within what was received (it refuses more), once (it has
forgotten the rest), and also after the response was done. An item may have several parts; the position falls into one of them,
and those after it were not heard at all. An item that was heard to its end is left alone.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

REMEMBERED = 256
"""Items that are remembered; an interruption is about the last few."""


class Cut(NamedTuple):
    """A part of an item ends at ``audio_ms`` for the one who listened."""

    content_index: int
    audio_ms: int


@dataclass(slots=True)
class _Item:
    parts: dict[int, int] = field(default_factory=dict)
    is_complete: bool = False
    is_cut: bool = False
    is_thinned: bool = False
    """Audio of it was received and went nowhere: the server believes in more than could be heard."""


class AudioLedger:
    """Samples received of each item; ``rate`` is that of the output format."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._items: OrderedDict[str, _Item] = OrderedDict()

    def received(self, item_id: str) -> int:
        """Samples of the item that were received and passed on."""
        item = self._items.get(item_id)
        return sum(item.parts.values()) if item else 0

    def is_cut(self, item_id: str) -> bool:
        """Whether the item was truncated: what still comes of it is late."""
        item = self._items.get(item_id)
        return item is not None and item.is_cut

    def add(self, item_id: str, content_index: int, num_samples: int) -> None:
        """So many samples more were received and passed on."""
        parts = self._item(item_id).parts
        parts[content_index] = parts.get(content_index, 0) + num_samples

    def drop(self, item_id: str) -> None:
        """Audio of the item was received too late and went nowhere."""
        if item_id in self._items:
            self._items[item_id].is_thinned = True

    def complete(self, item_id: str) -> None:
        """All audio of the item has been received."""
        if item_id in self._items:
            self._items[item_id].is_complete = True

    def cut(self, item_id: str, heard: int) -> list[Cut]:
        """What the server has to be told when ``heard`` samples of an item were heard; nothing if it is known or was heard whole."""
        item = self._items.get(item_id)
        if item is None or item.is_cut:
            return []
        total = sum(item.parts.values())
        if heard >= total and item.is_complete and not item.is_thinned:
            return []
        item.is_cut = True
        return list(self._cuts(item, heard))

    def _cuts(self, item: _Item, heard: int) -> list[Cut]:
        cuts, begin = [], 0
        last = max(item.parts, default=0)
        for index, length in sorted(item.parts.items()):
            if heard < begin + length or index == last:
                cuts.append(Cut(index, min(length, max(0, heard - begin)) * 1000 // self._rate))
            begin += length
        return cuts

    def _item(self, item_id: str) -> _Item:
        if item_id not in self._items:
            self._items[item_id] = _Item()
            if len(self._items) > REMEMBERED:
                self._items.popitem(last=False)
        return self._items[item_id]
