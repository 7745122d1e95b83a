"""The signature of an upgrade by Vonage, without I/O: a JSON Web Token that the account's signature secret has signed.

An NCCO endpoint asks for it with ``"authorization": {"type": "vonage"}``: the upgrade then has the header ``Authorization: Bearer JWT``, as
signed webhooks have. Sources: developer.vonage.com, signed webhooks and the endpoint's ``authorization``, @vonage/voice 1.21, RFC
7519 and 7515, read 2026-11. Vonage names no age at which a token is too old: five minutes are what its other webhooks have.
"""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

from .._errors import RemoteProtocolError
from ._json import object_untrusted

LONGEST_AGE = 300.0
"""Seconds after which a token is worth nothing."""
SKEW = 30.0
"""Seconds by which clocks may differ."""
LONGEST = 4_096
"""Characters of a token."""
BEARER = "Bearer "


def is_signed(authorization: str, secret: str, now: float) -> bool:
    """Whether a request is signed with the account's signature secret, not long ago.

    Args:
        authorization: that header of the request.
        secret: the signature secret.
        now: seconds of the Unix clock.
    """
    parts = authorization.removeprefix(BEARER).strip().split(".")
    if not authorization.startswith(BEARER) or len(authorization) > LONGEST or len(parts) != 3:
        return False
    try:
        head, claims, signature = object_untrusted(_bytes(parts[0])), object_untrusted(_bytes(parts[1])), _bytes(parts[2])
    except (RemoteProtocolError, binascii.Error, UnicodeEncodeError):
        return False
    signed = hmac.compare_digest(hmac.digest(secret.encode(), f"{parts[0]}.{parts[1]}".encode(), sha256), signature)
    return signed and head.get("alg") == "HS256" and _is_timely(claims.get("iat"), claims.get("exp"), now)


def token(secret: str, claims: Mapping[str, object]) -> str:
    """What Vonage would sign: for a carrier that is played."""
    parts = ".".join(_text(json.dumps(each, separators=(",", ":")).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, dict(claims)))
    return f"{parts}.{_text(hmac.digest(secret.encode(), parts.encode(), sha256))}"


def _is_timely(issued: object, expires: object, now: float) -> bool:
    if not isinstance(issued, int) or isinstance(issued, bool) or not -SKEW <= now - issued <= LONGEST_AGE:
        return False
    return expires is None or (isinstance(expires, int) and now <= expires + SKEW)


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
