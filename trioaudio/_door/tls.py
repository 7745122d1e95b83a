"""The server's own certificate."""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path

from .._errors import FrontDoorError


def server_tls(certificate: str | PathLike[str], key: str | PathLike[str] | None = None) -> ssl.SSLContext:
    """What a server speaks TLS with.

    Args:
        certificate: a PEM file with the server's certificate and those that lead to a known authority; perhaps the key too.
        key: a PEM file with the private key, unencrypted, if it is not in the same file.

    Raises:
        FrontDoorError: a file is missing, cannot be read, is no PEM, or the two do not belong together.
    """
    for path in [certificate, *([key] if key is not None else [])]:
        _check_readable(Path(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        raise FrontDoorError(_why(exc, certificate, key)) from exc
    except _EncryptedKeyError as exc:
        raise FrontDoorError(f"the private key {key or certificate} is encrypted; give one without a password") from exc
    return context


class _EncryptedKeyError(Exception):
    pass


def _no_password() -> str:
    raise _EncryptedKeyError


def _check_readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as exc:
        raise FrontDoorError(f"the certificate or key {path} cannot be read: {exc.strerror}") from exc


def _why(error: ssl.SSLError, certificate: str | PathLike[str], key: str | PathLike[str] | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the certificate {certificate} and the private key {key or certificate} do not belong together"
    if key is None:
        return f"{certificate} is no PEM file with a certificate and its private key; a key in a file of its own is given too (--tls-key)"
    return f"{certificate} and {key} are no PEM files of a certificate and its private key ({error.reason or error})"
