"""Plivo's signature of webhooks, version 3, made and checked without I/O.

``base64(HMAC-SHA256(auth token, BASE.NONCE))`` in the header ``X-Plivo-Signature-V3``, which may list several, parted by commas; the
nonce stands in ``X-Plivo-Signature-V3-Nonce``. For a form, BASE is ``URL?QUERY.FORM``: the query's names in order, as
``name=value`` joined by ``&``, and the form's, as ``namevalue``; without a form it is ``URL``, or ``URL?QUERY``. Source: plivo-python
4.63.0 (utils/signature_v3.py), read 2026-11. Nobody has said that media websockets are signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

from .twilio_signature import LONGEST, spellings

HEADER = "x-plivo-signature-v3"
NONCE_HEADER = "x-plivo-signature-v3-nonce"
MOST_CLAIMED = 8
"""Signatures of one header that are looked at."""

Pairs = Sequence[tuple[str, str]]


def signature(url: str, pairs: Pairs, nonce: str, token: str) -> str:
    """The signature of a request that was posted.

    Args:
        url: as Plivo was told it, with query.
        pairs: names and values of the form.
        nonce: of this request alone.
        token: the account's auth token.
    """
    return base64.b64encode(_digest(_base(url, pairs), nonce, token)).decode("ascii")


def _base(url: str, pairs: Pairs) -> str:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or pairs:
        base += "?" + "&".join(f"{name}={value}" for name, value in sorted(query))
    if query and pairs:
        base += "."
    return base + "".join(f"{name}{value}" for name, value in sorted(pairs))


def _digest(base: str, nonce: str, token: str) -> bytes:
    return hmac.new(token.encode("utf-8"), f"{base}.{nonce}".encode("utf-8", "surrogateescape"), hashlib.sha256).digest()


def is_signed(url: str, pairs: Pairs, nonce: str | None, tokens: Iterable[str], claimed: str | None) -> bool:
    """Whether a request was signed with one of these tokens.

    Args:
        url: as the outside world sees it.
        pairs: names and values of the form.
        nonce, claimed: the headers, if there are any.
        tokens: those that are accepted now; two while a token is being changed.
    """
    if not nonce or not claimed or len(nonce) > LONGEST or len(claimed) > LONGEST:
        return False
    said = [each.strip().encode("utf-8", "replace") for each in claimed.split(",")[:MOST_CLAIMED]]
    bases = [_base(each, pairs) for each in spellings(url)]
    made = [base64.b64encode(_digest(base, nonce, token)) for token in tokens for base in bases]
    return any([hmac.compare_digest(each, one) for each in made for one in said])  # noqa: C419 - all of them, always
