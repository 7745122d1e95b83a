"""How a page introduces itself, and how it is turned away: the first message of the browser's protocol, its codes and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..._errors import RemoteProtocolError
from .._json import Message, count, object_untrusted, text, written

VERSION = 1
SUBPROTOCOL = "trioaudio.v1"
"""What a client offers in the handshake; a token may be offered beside it, as ``token.BASE64URL``."""
TOKEN_PREFIX = "token."
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
"""Rates of sound cards, which a client may send in; others would need filters of their own."""
CAPABILITIES = frozenset({"pos", "clear", "text"})
LONGEST_HELLO = 8_192
"""Characters."""
LONGEST_TOKEN = 4_096

CLOSE_CODES: Mapping[str, int] = MappingProxyType(
    {
        "hello": 4400,
        "token": 4401,
        "declined": 4403,
        "late": 4408,
        "busy": 4429,
        "unavailable": 4503,
        "protocol": 1007,
    }
)
"""With which code the websocket is closed after an error, by the error's own code."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a client is: at which rate its microphone is sent, and what it can do."""

    rate: int
    can: frozenset[str] = CAPABILITIES
    """``pos``: it reports what it has played; ``clear``: it forgets what it is told to; ``text``: it wants to be shown words."""
    token: str | None = field(default=None, repr=False)


def hello_untrusted(data: str | bytes) -> Hello:
    """The first message of a client.

    Raises:
        RemoteProtocolError: it is no hello of this version; the message may be shown to whoever wrote the client.
    """
    if isinstance(data, bytes) or len(data) > LONGEST_HELLO:
        raise RemoteProtocolError('the first message must be {"t":"hello","v":1,"rate":48000,...}, as text')
    message = object_untrusted(data)
    if message.get("t") != "hello":
        raise RemoteProtocolError('the first message must be of type "hello"')
    if message.get("v") != VERSION:
        raise RemoteProtocolError(f"version {VERSION} of the protocol is spoken here")
    return Hello(_rate(message), _capabilities(message), _token(message))


def _rate(message: Message) -> int:
    rate = count(message, "rate", max(RATES))
    if rate not in RATES:
        raise RemoteProtocolError(f"audio at {rate} Hz is not taken; send it at one of {', '.join(map(str, RATES))}")
    return rate


def _capabilities(message: Message) -> frozenset[str]:
    names = message.get("can")
    if not isinstance(names, list) or len(names) > 100:
        raise RemoteProtocolError('"can" must be a list, such as ["pos","clear","text"]')
    return frozenset(name for name in names if isinstance(name, str) and name in CAPABILITIES)


def _token(message: Message) -> str | None:
    token = text(message, "token", "")
    if len(token) > LONGEST_TOKEN:
        raise RemoteProtocolError(f"the token is longer than {LONGEST_TOKEN} characters")
    return token or None


def greeting(hello: Hello) -> str:
    """The message of a client that says so."""
    token = {} if hello.token is None else {"token": hello.token}
    return written({"t": "hello", "v": VERSION, "rate": hello.rate, "can": sorted(hello.can), **token})


def refusal(code: str, words: str) -> str:
    """The message that says why a client is turned away; the websocket is closed after it, with the code of `CLOSE_CODES`."""
    return written({"t": "error", "code": code, "words": words})


def farewell(reason: str) -> str:
    """The last message of a call that has ended in order; the websocket is closed after it, with 1000."""
    return written({"t": "bye", "reason": reason})
