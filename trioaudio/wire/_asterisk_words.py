"""How Asterisk's media websocket spells its control messages: in JSON, or in plain text, which is older and the default.

Facts: channels/chan_websocket.c and the page "WebSocket" of Asterisk's documentation, read in November 2026. JSON needs 20.18, 22.8
or 23.2, and the option ``f(json)`` of the dial string. A command longer than 128 bytes is dropped with nothing but a log line there.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TypeAlias

from .._errors import RemoteProtocolError
from ..audio import AudioFormat
from ._json import MAX_DIGITS, object_untrusted, written

Fields: TypeAlias = dict[str, object]

LONGEST_COMMAND = 128
"""Bytes."""
LONGEST_EVENT = 16_384
"""Characters; the longest has the variables of a channel."""
MOST_VARIABLES, LONGEST_VALUE = 200, 2_000
FORMATS = MappingProxyType(
    {
        "ulaw": AudioFormat("mulaw", 8_000),
        "alaw": AudioFormat("alaw", 8_000),
        "slin": AudioFormat("pcm16", 8_000),
        "slin12": AudioFormat("pcm16", 12_000),
        "slin16": AudioFormat("pcm16", 16_000),
        "slin24": AudioFormat("pcm16", 24_000),
        "slin32": AudioFormat("pcm16", 32_000),
        "slin44": AudioFormat("pcm16", 44_100),
        "slin48": AudioFormat("pcm16", 48_000),
        "slin96": AudioFormat("pcm16", 96_000),
        "slin192": AudioFormat("pcm16", 192_000),
    }
)
"""Codecs that can be cut anywhere, by Asterisk's names."""
_BARE = ("MEDIA_MARK_PROCESSED", "MEDIA_BUFFERING_COMPLETED")
"""Events whose plain form has an id and no name before it."""


def event_untrusted(text: str) -> tuple[str, Fields]:
    """Name and fields of an event, in either spelling.

    Raises:
        RemoteProtocolError: it is too long, or begins as JSON and is none.
    """
    if len(text) > LONGEST_EVENT:
        raise RemoteProtocolError(f"an event of {len(text)} characters; at most {LONGEST_EVENT} are read")
    if text.lstrip().startswith("{"):
        fields = object_untrusted(text)
        return str(fields.get("event"))[:64], fields
    name, _, rest = text.strip().partition(" ")
    return name, _plain_fields(name, rest)


def _plain_fields(name: str, rest: str) -> Fields:
    if name in _BARE:
        return {"correlation_id": rest}
    rest, _, error = rest.partition("error_text:")
    fields: Fields = {key: value for key, sign, value in (token.partition(":") for token in rest.split()) if sign}
    return fields | ({"error_text": error} if error else {})


def word(fields: Fields, name: str) -> str:
    """A text among the fields; empty if there is none."""
    value = fields.get(name)
    return value[:LONGEST_VALUE] if isinstance(value, str) else ""


def number(fields: Fields, name: str) -> int:
    """A whole number among the fields, in either spelling.

    Raises:
        RemoteProtocolError: it is none, or less than 0.
    """
    value = fields.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise RemoteProtocolError(f"{name!r} of an event is no number")


def variables(fields: Fields) -> dict[str, str]:
    """The variables of a channel that are texts, so many and so long as they may be."""
    found = fields.get("channel_variables")
    pairs = list(found.items())[:MOST_VARIABLES] if isinstance(found, dict) else []
    return {str(name): value[:LONGEST_VALUE] for name, value in pairs if isinstance(value, str)}


def command(name: str, correlation_id: str = "", *, json: bool) -> str:
    """A command as it is sent, exactly."""
    if json:
        return written({"command": name, **({"correlation_id": correlation_id} if correlation_id else {})})
    return f"{name} {correlation_id}".rstrip()
