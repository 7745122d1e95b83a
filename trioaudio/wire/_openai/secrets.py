"""Ephemeral keys of OpenAI: how one is asked for, and what comes back.

Source: OpenAI API reference, ``POST /v1/realtime/client_secrets``, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..._errors import OptionError, RemoteProtocolError
from .._json import Message, name_or_none, number_or_none, object_untrusted, part

SHORTEST, LONGEST = 10, 7_200
"""Seconds that a key may be worth something."""


def secret_request(model: str, seconds: int, session: Mapping[str, object]) -> Message:
    """The body of the request for a key that opens sessions of ``model`` for so many seconds.

    Raises:
        OptionError: the time is out of range.
    """
    if not isinstance(seconds, int) or not SHORTEST <= seconds <= LONGEST:
        raise OptionError(f"an ephemeral key lasts a whole number of seconds from {SHORTEST} to {LONGEST}, not {seconds!r}")
    return {
        "expires_after": {"anchor": "created_at", "seconds": seconds},
        "session": {**session, "type": "realtime", "model": model},
    }


def secret_untrusted(body: bytes) -> tuple[str, float, Message]:
    """The key, when it expires (seconds of the epoch), and the session it opens.

    Raises:
        RemoteProtocolError: the body is something else; it is not repeated, for it may hold a key.
    """
    try:
        answer = object_untrusted(body)
        value, expires_at = name_or_none(answer, "value"), number_or_none(answer, "expires_at")
    except RemoteProtocolError:
        raise RemoteProtocolError("what the server answered is no ephemeral key") from None
    if value is None or expires_at is None or not value.isascii() or not value.isprintable():
        raise RemoteProtocolError("the server answered without an ephemeral key, or did not say when it expires")
    return value, expires_at, part(answer, "session")
