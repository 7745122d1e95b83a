"""Values in messages of strangers, looked up by the places where one carrier or another has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ._json import MAX_NAME, Message

MOST_PARAMETERS = 100
"""Custom parameters that are read; Twilio sends 99 at most."""
LONGEST_PARAMETER = 4_096
MAX_NUMBER = 10**15

Places = tuple[str, ...]
"""Dotted paths, in the order in which they are tried: ``("streamSid", "start.streamSid")``."""


def value_at(message: Message, places: Places) -> Any:
    """The first value that there is; None if there is none."""
    for keys in _keys(places):
        value: Any = message
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


@cache
def _keys(places: Places) -> tuple[tuple[str, ...], ...]:
    """Places are ours, and few: taken apart once."""
    return tuple(tuple(place.split(".")) for place in places)


def name_at(message: Message, places: Places) -> str:
    """The id or word there; empty where there is none, or none that could be an id. A number counts as its digits."""
    value = value_at(message, places)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and len(value) <= MAX_NAME and value.isprintable() else ""


def number_at(message: Message, places: Places) -> int | None:
    """The whole number there, which may be written as text; None where there is none."""
    value = value_at(message, places)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER else None


def names_at(message: Message, places: Places) -> tuple[str, ...]:
    """The words listed there."""
    value = value_at(message, places)
    return tuple(each for each in value[:4] if isinstance(each, str) and len(each) <= MAX_NAME) if isinstance(value, list) else ()


def parameters_at(message: Message, places: Places) -> Mapping[str, str]:
    """Custom parameters there, an object or a text of the form ``name=value,name=value``; what is no text, or is too long, is left out."""
    value = value_at(message, places)
    if isinstance(value, str):
        value = dict(pair.strip().partition("=")[::2] for pair in value[:LONGEST_PARAMETER].split(",") if "=" in pair)
    pairs = list(value.items())[:MOST_PARAMETERS] if isinstance(value, dict) else []
    return {name: text for name, text in pairs if isinstance(text, str) and len(name) <= MAX_NAME and len(text) <= LONGEST_PARAMETER}
