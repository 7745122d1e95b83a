"""The signature of an upgrade by Genesys, without I/O: HTTP Message Signatures with a shared secret.

Sources: developer.genesys.cloud/devapps/audiohook/security, whose example is a test here, and the verifier of
purecloudlabs/audiohook-reference-implementation (2871b01c), read 2026-11; it follows draft 11 of what became RFC 9421. What is
signed is a line for each covered component, ``"name": value``, and one for the list of them with its parameters. The key is the client
secret, base64-decoded; the parameter ``keyid`` is the API key. Genesys covers the components below, and says when it signed.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

COVERED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
"""What a signature must cover."""
LONGEST_AGE = 10.0
"""Seconds after which a signature is worth nothing."""
SKEW = 3.0
"""Seconds by which clocks may differ."""
SHORTEST_NONCE = 22
MOST_NONCES = 10_000
_INPUT = re.compile(
    r'\s*([a-z][a-z0-9_.*-]{0,30})=(\(("[!-~]{1,64}"(?: "[!-~]{1,64}"){0,15})\)((?:;[a-z]{1,16}=(?:"[ !#-~]{0,200}"|\d{1,12})){1,8}))\s*',
    re.ASCII,
)
_SIGNATURE = re.compile(r"\s*([a-z][a-z0-9_.*-]{0,30})=:([A-Za-z0-9+/]{43}=):\s*", re.ASCII)
_PARAMETER = re.compile(r';([a-z]{1,16})=(?:"([ !#-~]{0,200})"|(\d{1,12}))', re.ASCII)
_DEFAULT_PORT = {"https": ":443", "wss": ":443", "http": ":80", "ws": ":80"}


class Nonces:
    """What was signed with before: a signature is good once. Times are seconds of the Unix clock."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def is_new(self, nonce: str, now: float) -> bool:
        """Whether it was not shown before; from now on it was."""
        while self._until and (next(iter(self._until.values())) < now or len(self._until) >= MOST_NONCES):
            self._until.popitem(last=False)
        if nonce in self._until:
            return False
        self._until[nonce] = now + LONGEST_AGE + 2 * SKEW
        return True


def is_signed(url: str, headers: Mapping[str, str], secret: str, nonces: Nonces, now: float) -> bool:
    """Whether an upgrade is signed as Genesys signs it, now, and for the first time.

    Args:
        url: that was asked for, exactly as the outside world has it.
        headers: of the request, by names in lower case.
        secret: the client secret, base64.
        nonces: those that were used.
        now: seconds of the Unix clock.
    """
    said, signature = _INPUT.fullmatch(headers.get("signature-input", "")), _SIGNATURE.fullmatch(headers.get("signature", ""))
    if said is None or signature is None or said[1] != signature[1]:
        return False
    covered = [name.strip('"') for name in said[3].split(" ")]
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(said[4])}
    if not set(COVERED) <= set(covered) or len(set(covered)) != len(covered) or not _is_timely(parameters, now):
        return False
    values = [_value(name, url, headers) for name in covered]
    if None in values or parameters.get("keyid") != headers.get("x-api-key") or parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        return False
    base = "\n".join([*(f'"{name}": {value}' for name, value in zip(covered, values, strict=True)), f'"@signature-params": {said[2]}'])
    if not hmac.compare_digest(signed(base, secret), signature[2]):
        return False
    return nonces.is_new(parameters["nonce"], now)


def signature_headers(url: str, headers: Mapping[str, str], secret: str, nonce: str, now: float) -> dict[str, str]:
    """What Genesys adds to a request: ``signature-input`` and ``signature``."""
    components = " ".join(f'"{name}"' for name in COVERED)
    key = headers["x-api-key"]
    said = f'({components});keyid="{key}";nonce="{nonce}";alg="hmac-sha256";created={int(now)};expires={int(now) + 10}'
    lines = [*(f'"{name}": {_value(name, url, headers)}' for name in COVERED), f'"@signature-params": {said}']
    return {"signature-input": f"sig1={said}", "signature": f"sig1=:{signed(chr(10).join(lines), secret)}:"}


def signed(base: str, secret: str) -> str:
    """The signature of what is signed, base64."""
    return b64encode(hmac.digest(key_of(secret), base.encode(), sha256)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key of a client secret.

    Raises:
        ValueError: it is no base64.
    """
    try:
        return b64decode(secret.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("the client secret is no base64") from None


def _is_timely(parameters: Mapping[str, str], now: float) -> bool:
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created.isdigit() or len(parameters.get("nonce", "")) < SHORTEST_NONCE:
        return False
    late = expires.isdigit() and int(expires) + SKEW < now
    return int(created) - SKEW <= now <= int(created) + LONGEST_AGE + SKEW and not late


def _value(name: str, url: str, headers: Mapping[str, str]) -> str | None:
    """What stands for a component; None if there is nothing."""
    parts = urlsplit(url)
    if name == "@request-target":
        return url[url.index(parts.netloc) + len(parts.netloc) :] or "/"
    if name == "@authority":
        return parts.netloc.lower().removesuffix(_DEFAULT_PORT.get(parts.scheme, ""))
    if name.startswith("@"):
        return None
    found = headers.get(name)
    return None if found is None else found.strip()
