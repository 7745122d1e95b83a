"""Who somebody says they are, in the header ``Authorization`` of a request."""

from __future__ import annotations

import binascii
from base64 import b64decode
from contextlib import suppress


def basic_untrusted(header: str) -> tuple[str, str]:
    """User and password of the scheme Basic (RFC 7617); empty ones of anything else. Never raises."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            user, _, password = b64decode(token.strip(), validate=True).decode().partition(":")
            return user, password
    return "", ""
