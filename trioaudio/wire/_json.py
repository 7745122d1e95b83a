"""JSON that strangers have sent: read in bounded time and memory, and taken apart without trusting any of it.

Everything here raises `RemoteProtocolError` and nothing else. Nothing recurses: nesting is bounded by the decoder, which
gives up long before the stack does.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeAlias

from .._errors import RemoteProtocolError

Message: TypeAlias = dict[str, Any]

MAX_CHARS = 16 * 2**20
"""The longest message that is read; OpenAI's own bound for a message with audio is 15 MiB."""
MAX_DIGITS = 40
"""The longest whole number that is read; twice what 64 bits can hold. Python would take seconds for a few million digits."""
MAX_NAME = 512
"""The longest id that is read, in characters: ids are remembered."""
MAX_COUNT = 1_000
"""The highest index that is read: what is counted by it is remembered too."""
MAX_TOKENS = 10**15
"""The most that is counted of anything."""
MAX_TEXT = 1_000_000
"""The longest text that is passed on, in characters; nobody speaks that long."""


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_int=_whole_number, parse_constant=_no_number)


def value_untrusted(data: str | bytes) -> object:
    """What a message holds, of any kind.

    Raises:
        RemoteProtocolError: it is too long, not UTF-8, not JSON, or nested too deeply.
    """
    if len(data) > MAX_CHARS:
        raise RemoteProtocolError(f"a message of {len(data)} characters; at most {MAX_CHARS} are read")
    try:
        return _value(data if isinstance(data, str) else str(data, "utf-8"))
    except RecursionError:
        raise RemoteProtocolError("a message of JSON that is nested too deeply") from None
    except ValueError as exc:  # of which the errors of JSON and of UTF-8 are kinds
        raise RemoteProtocolError(f"a message of {len(data)} characters is not JSON: {str(exc)[:100]}") from None


def _value(text: str) -> object:
    """What a text holds: nearly always an object without space around it, for which the decoder need not be asked to look."""
    if text[:1] == "{":
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def object_untrusted(data: str | bytes) -> Message:
    """The JSON object that a message holds.

    Raises:
        RemoteProtocolError: as for `value_untrusted`, and when it is no object.
    """
    found = value_untrusted(data)
    if not isinstance(found, dict):
        raise RemoteProtocolError(f"a message is a JSON {type(found).__name__}; an object was expected")
    return found


def text(message: Message, key: str, otherwise: str | None = None) -> str:
    """The text under ``key``; if there is none, ``otherwise``, or an error where that is None too."""
    value = message.get(key)
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, str):
        raise _wrong(key, "text", value)
    if len(value) > MAX_TEXT:
        raise RemoteProtocolError(f"{key!r} has {len(value)} characters; at most {MAX_TEXT} are read")
    return value if value.isascii() else _sayable(value)


def name_or_none(message: Message, key: str) -> str | None:
    """The id under ``key``, or None where it is absent, null or empty."""
    name = text(message, key, "")
    if len(name) > MAX_NAME:
        raise RemoteProtocolError(f"{key!r} has {len(name)} characters; an id has at most {MAX_NAME}")
    return name or None


def number_or_none(message: Message, key: str) -> float | None:
    """The finite number under ``key``, or None where it is absent or null."""
    value = message.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(key, "a finite number", value)
    return value


def count(message: Message, key: str, most: int = MAX_COUNT) -> int:
    """The whole number from 0 to ``most`` under ``key``; 0 where it is absent or null."""
    value = message.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _wrong(key, f"a whole number from 0 to {most}", value)
    return value


def part(message: Message, key: str) -> Message:
    """The object under ``key``; an empty one where it is absent or null."""
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(key, "an object", value)
    return value


def parts(message: Message, key: str) -> list[Message]:
    """The objects listed under ``key``; none where it is absent or null."""
    value = message.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _wrong(key, "a list of objects", value)
    return value


def written(message: Message) -> str:
    """The message as it is sent."""
    return json.dumps(message, separators=(",", ":"))


def _sayable(value: str) -> str:
    """The text without halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _wrong(key: str, expected: str, value: object) -> RemoteProtocolError:
    return RemoteProtocolError(f"{key!r} is of type {type(value).__name__}; {expected} was expected")
