"""A conversation that went before, as Gemini is told of it: turns of two speakers."""

from __future__ import annotations

from collections.abc import Iterable

from ..._errors import RemoteProtocolError
from ..._history import Called, HistoryItem, Returned, Said
from .._json import Message, object_untrusted


def written_history(history: Iterable[HistoryItem]) -> list[Message]:
    """Items of a conversation as the ``turns`` of a ``clientContent``; neighbours of one speaker are one turn."""
    tools: dict[str, str] = {}
    turns: list[Message] = []
    for item in history:
        if isinstance(item, Called):
            tools[item.call_id] = item.tool
        role, part = _turn(item, tools)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"].append(part)
        else:
            turns.append({"role": role, "parts": [part]})
    return turns


def _turn(item: HistoryItem, tools: dict[str, str]) -> tuple[str, Message]:
    match item:
        case Said():
            return "user" if item.speaker == "caller" else "model", {"text": item.text}
        case Called():
            return "model", {"functionCall": {"id": item.call_id, "name": item.tool, "args": _arguments(item.arguments)}}
        case Returned():
            response = {"error" if item.error else "output": item.output}
            return "user", {"functionResponse": {"id": item.call_id, "name": tools.get(item.call_id, "tool"), "response": response}}


def _arguments(written: str) -> Message:
    """What a model wrote need not be what a provider takes."""
    try:
        return object_untrusted(written)
    except RemoteProtocolError:
        return {}
