"""Twilio's signature of webhooks and of websocket upgrades, made and checked without I/O.

``base64(HMAC-SHA1(auth token, URL + sorted names and values of a form))`` in the header ``X-Twilio-Signature``. Sources:
twilio.com/docs/usage/security, and twilio-python 9.13.0 (request_validator.py), read 2026-11.

What is signed is the URL exactly as Twilio was told it, with or without a port that need not be said, and nobody knows whether
with a slash at its end. So a few spellings of one URL are tried; that does not weaken the HMAC.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

HEADER = "x-twilio-signature"
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"
BODY_HASH = "bodySHA256"
DEFAULT_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}
LONGEST = 1_024
"""Characters of a header that are looked at."""


def signature(url: str, pairs: Iterable[tuple[str, str]], token: str, *, algorithm: str = "sha1") -> str:
    """The signature of a request.

    Args:
        url: as Twilio was told it, with query.
        pairs: names and values of the form that was posted; none for GET, JSON and websockets.
        token: the account's auth token; with ``sha256``, the secret of the shared key that the settings header names.
    """
    return base64.b64encode(_digest(url + _spelled(pairs), token, algorithm)).decode("ascii")


def _spelled(pairs: Iterable[tuple[str, str]]) -> str:
    """Names in the order of their code points, each with its values, every value once."""
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return "".join(f"{name}{value}" for name in sorted(values) for value in sorted(values[name]))


def _digest(text: str, token: str, algorithm: str) -> bytes:
    return hmac.new(token.encode("utf-8"), text.encode("utf-8", "surrogateescape"), getattr(hashlib, algorithm)).digest()


def spellings(url: str) -> list[str]:
    """The URLs that may have been signed for this one: as it is, with and without the port of its scheme, and a slash at its end."""
    parts = urlsplit(url)
    netlocs = [parts.netloc]
    userinfo, at, host = parts.netloc.rpartition("@")
    name, colon, port = host.rpartition(":")
    usual = str(DEFAULT_PORTS.get(parts.scheme, ""))
    if colon and port.isdigit():
        netlocs += [userinfo + at + name] if port == usual else []
    elif usual:
        netlocs.append(f"{parts.netloc}:{usual}")
    before, _, rest = url.partition(parts.netloc)
    same = [before + netloc + rest for netloc in netlocs]
    return [*same, *map(_other_slash, same)]


def _other_slash(url: str) -> str:
    path, mark, query = url.partition("?")
    return (path.removesuffix("/") if path.endswith("/") else f"{path}/") + mark + query


def is_signed(url: str, pairs: Sequence[tuple[str, str]], tokens: Iterable[str], claimed: str | None) -> bool:
    """Whether a request was signed with one of these tokens.

    Args:
        url: as the outside world sees it.
        pairs: as for `signature`.
        tokens: those that are accepted now; two while a token is being changed.
        claimed: the header, if there is one.
    """
    signature_bytes = _decoded(claimed)
    if signature_bytes is None:
        return False
    urls, fields = spellings(url), _spelled(pairs)
    digests = [_digest(each + fields, token, "sha1") for token in tokens for each in urls]
    return any([hmac.compare_digest(digest, signature_bytes) for digest in digests])  # noqa: C419 - all of them, always


def is_signed_with_shared_key(
    url: str, pairs: Sequence[tuple[str, str]], keys: Mapping[str, str], settings: str, claimed: str | None
) -> bool:
    """Whether a request was signed with a shared key, as its settings header says it was: ``key=NAME,algorithm=HMAC_SHA256``."""
    said = dict(part.strip().partition("=")[::2] for part in settings[:LONGEST].split(","))
    secret, signature_bytes = keys.get(said.get("key", "")), _decoded(claimed)
    if secret is None or signature_bytes is None or said.get("algorithm") != "HMAC_SHA256":
        return False
    digests = [_digest(each + _spelled(pairs), secret, "sha256") for each in spellings(url)]
    return any([hmac.compare_digest(digest, signature_bytes) for digest in digests])  # noqa: C419 - all of them, always


def has_body_hash(url: str, body: bytes) -> bool:
    """Whether the query of the URL names the SHA-256 of this body: how a body that is no form is signed."""
    said = dict(parse_qsl(urlsplit(url).query)).get(BODY_HASH, "")
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), said.lower().encode("utf-8", "replace"))


def _decoded(claimed: str | None) -> bytes | None:
    if not claimed or len(claimed) > LONGEST:
        return None
    try:
        return base64.b64decode(claimed.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
