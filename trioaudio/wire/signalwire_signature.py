"""SignalWire's signature of webhooks, made and checked without I/O. The key is the space's signing key (``PSK_...``).

There are three, and which comes depends on the product: ``X-SignalWire-SHA256-Signature`` is hex(HMAC-SHA256(key, URL + body)),
``X-SignalWire-Signature`` is hex(HMAC-SHA1(key, URL + body)), or, for cXML, what Twilio would make of the form, in base64; the latter
may stand in ``X-Twilio-Signature`` too. Sources: signalwire-python 2.1.1 (request_validator.py), and signalwire/docs
(validate_webhook_signature), read 2026-11. Nobody has said that media websockets are signed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence

from . import twilio_signature
from .twilio_signature import LONGEST, spellings

HEADER = "x-signalwire-signature"
SHA256_HEADER = "x-signalwire-sha256-signature"


def signature(url: str, body: bytes, key: str, *, algorithm: str = "sha1") -> str:
    """The signature over the body as it was sent.

    Args:
        url: as SignalWire was told it, with query.
        body: of the request.
        key: the space's signing key.
        algorithm: ``sha1`` or ``sha256``.
    """
    message = url.encode("utf-8", "surrogateescape") + body
    return hmac.new(key.encode("utf-8"), message, getattr(hashlib, algorithm)).hexdigest()


def is_signed(url: str, body: bytes, pairs: Sequence[tuple[str, str]], keys: Iterable[str], headers: Mapping[str, str]) -> bool:
    """Whether a request was signed with one of these keys.

    Args:
        url: as the outside world sees it.
        body: as it came.
        pairs: names and values of the form in it.
        keys: those that are accepted now; two while a key is being changed.
        headers: names in lower case. One that has SHA-256 is judged by that alone.
    """
    keys = list(keys)
    if (strong := headers.get(SHA256_HEADER)) is not None:
        return _matches(strong, url, body, keys, "sha256")
    claimed = headers.get(HEADER) or headers.get(twilio_signature.HEADER)
    if claimed is None:
        return False
    plain = _matches(claimed, url, body, keys, "sha1")
    return twilio_signature.is_signed(url, pairs, keys, claimed) or plain


def _matches(claimed: str, url: str, body: bytes, keys: Iterable[str], algorithm: str) -> bool:
    said = claimed[:LONGEST].strip().lower().encode("utf-8", "replace")
    made = [signature(each, body, key, algorithm=algorithm).encode() for key in keys for each in spellings(url)]
    return any([hmac.compare_digest(each, said) for each in made])  # noqa: C419 - all of them, always
