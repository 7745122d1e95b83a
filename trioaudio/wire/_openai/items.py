"""Items of an OpenAI Realtime conversation: those we put into it, and what the server says of those it has.

What an agent said goes back as text, never as audio: servers take none. Its words are those that were heard.

Source: OpenAI API reference, ``conversation.item.create`` of the Realtime API, read 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

from ..._errors import LocalProtocolError
from ..._history import Called, HistoryItem, Said
from ..._model_events import ItemCreated, ItemDeleted, ModelEvent
from .._json import Message, name_or_none, part, text
from .memory import Remembered

IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
"""The types of images that are taken, and how each begins."""
LARGEST_IMAGE = 10 * 2**20
"""Bytes of an image; in base64 it is just below what servers take as one message."""

_SPEAKERS: dict[str, Literal["caller", "agent"]] = {"user": "caller", "assistant": "agent"}


def user_item(*content: Message) -> Message:
    """Something of the caller's."""
    return {"type": "message", "role": "user", "content": list(content)}


def words(text: str) -> Message:
    """The caller's words, as content."""
    return {"type": "input_text", "text": text}


def image(data: bytes, media_type: str) -> Message:
    """An image, as content.

    Raises:
        LocalProtocolError: it is empty, too big, of another type, or not of the type it is said to be.
    """
    if media_type not in IMAGES:
        raise LocalProtocolError(f"the model sees {' and '.join(IMAGES)}, not {media_type[:40]!r}")
    if not data.startswith(IMAGES[media_type]):
        raise LocalProtocolError(f"this is no {media_type}: it begins with {data[:8].hex(' ') or 'nothing'}")
    if len(data) > LARGEST_IMAGE:
        raise LocalProtocolError(f"an image of {len(data)} bytes; at most {LARGEST_IMAGE} are sent, make it smaller")
    return {"type": "input_image", "image_url": f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"}


def result_item(call_id: str, output: str) -> Message:
    """What came of a call; the protocol does not tell errors from results, so the output says it."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def history_item(item: HistoryItem) -> Message:
    """Something of a conversation that went before."""
    match item:
        case Said(speaker="caller", text=said):
            return user_item(words(said))
        case Said(text=said):
            return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}]}
        case Called(call_id, tool, arguments):
            return {"type": "function_call", "call_id": call_id, "name": tool, "arguments": arguments}
        case _:
            return result_item(item.call_id, item.output)


class ItemReader:
    """Reads which items the conversation has; some servers announce one twice, under an old name and a new one."""

    def __init__(self) -> None:
        self._known: Remembered[None] = Remembered()

    def added(self, message: Message) -> list[ModelEvent]:
        """There is one more."""
        item = part(message, "item")
        item_id = name_or_none(item, "id")
        if item_id is None or item_id in self._known:
            return []
        self._known[item_id] = None
        return [ItemCreated(item_id, text(item, "type", "message")[:100], _SPEAKERS.get(text(item, "role", "")))]

    def deleted(self, message: Message) -> list[ModelEvent]:
        """There is one less."""
        item_id = name_or_none(message, "item_id")
        return [] if item_id is None else [ItemDeleted(item_id)]


ITEMS: dict[str, Callable[[ItemReader, Message], list[ModelEvent]]] = {
    "conversation.item.added": ItemReader.added,
    "conversation.item.deleted": ItemReader.deleted,
}
"""The events that are read here, by their names."""
