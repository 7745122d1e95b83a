"""What the doctor looks at in a certificate: whether it can be read, has its key, and is valid for long enough."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding

SOON = 14 * 24 * 3600.0
"""Seconds that a certificate should still be valid."""
AGAIN = "give the whole chain in PEM, the server's own first (--tls-cert), and the key that belongs to it (--tls-key)"


def check_certificate(certificate: Path | None, key: Path | None) -> Iterator[Finding]:
    """Whether a server could use this certificate with this key; nothing if none is given. The key is never shown."""
    if certificate is None and key is None:
        return
    if certificate is None:
        yield Finding("problem", "certificate", f"{key} is a key without its certificate", "name the certificate too: --tls-cert FILE")
        return
    if unreadable := list(_unreadable(certificate, key)):
        yield from unreadable
        return
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        yield Finding("problem", "certificate", f"{certificate} and {key or 'its key'}: {_reason(exc)}", AGAIN)
    except ValueError:
        yield Finding("problem", "certificate", f"the key {key or certificate} is encrypted", "decrypt it: openssl pkey -in KEY -out NEW")
    else:
        yield judge_certificate(certificate, *_shown_by(server, certificate), now=time.time())


def _unreadable(*files: Path | None) -> Iterator[Finding]:
    for file in files:
        try:
            if file is not None:
                file.open("rb").close()
        except OSError as exc:
            seen = f"{file} cannot be read: {(exc.strerror or str(exc)).lower()}"
            yield Finding("problem", "certificate", seen, "correct the name, or let the user who serves read it")


def _no_password() -> bytes:
    raise ValueError("no password is asked for")


def _reason(exc: ssl.SSLError) -> str:
    words = {"KEY_VALUES_MISMATCH": "the key does not belong to the certificate", None: "one of them is no PEM, or the key is missing"}
    return words.get(exc.reason) or str(exc.reason).replace("_", " ").lower()


def _shown_by(server: ssl.SSLContext, certificate: Path) -> tuple[dict[str, object], str]:
    """What a client that trusts the certificate is shown, and why it refuses it: found by a handshake within this process."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
    for side in sides * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as exc:
            return {}, exc.verify_message
    return dict(sides[0].getpeercert() or {}), ""


def judge_certificate(certificate: Path, shown: dict[str, object], refusal: str, *, now: float) -> Finding:
    """What to think of what a client is shown, or of why it refuses it; ``now`` is the time of day, in seconds."""
    if refusal:
        return Finding("problem", "certificate", f"clients refuse {certificate}: {refusal}", "get a new one from who issued it")
    ends = str(shown.get("notAfter", ""))
    names = [str(each[1]) for each in shown.get("subjectAltName", ()) if each]  # type: ignore[attr-defined]  # pairs, says the standard library
    seen = f"{certificate} fits its key, and is for {', '.join(names) or 'no name'} until {ends}"
    left = ssl.cert_time_to_seconds(ends) - now if ends else 0
    if left < SOON:
        return Finding("warning", "certificate", f"{seen}, which is in {left / 86400:.0f} days", "renew it, and start the server again")
    return Finding("ok", "certificate", seen)
