"""Keys and tokens: a value that is never shown, from code, the environment, a file or whoever rotates it; and how it may travel."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from ._errors import InsecureConnectionError, OptionError

MASK = "***"
"""Stands where a secret would."""
_PEPPER = secrets.token_bytes(32)  # what is compared are digests, so that neither time nor length tells anything


class Secret:
    """A key or a token. It shows itself as ``***`` everywhere, is not pickled, and is compared in constant time.

    Args:
        value: the secret, or what returns it: called each time it is needed, so that it can change. It must not wait.

    Raises:
        OptionError: a value that is given as a text is empty or has a line end or a control character in it.
    """

    __slots__ = ("_origin", "_read")

    def __init__(self, value: str | Callable[[], str]) -> None:
        self._origin: str = "" if isinstance(value, str) else getattr(value, "__qualname__", "a function")
        self._read: Callable[[], str] = value if callable(value) else _always(_sound(value, "a secret"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Secret:
        """The content of a file, without the space around it; read again each time it is needed, so that it can change.

        Raises:
            OptionError: it cannot be read now; `reveal` raises the same later.
        """
        return cls._from_file(Path(path), str(path))

    @classmethod
    def from_environment(cls, name: str, environ: Mapping[str, str] = os.environ) -> Secret:
        """What the variable ``NAME`` says; without one, the content of the file that ``NAME_FILE`` names.

        Raises:
            OptionError: neither is set, or the file cannot be read.
        """
        if environ.get(name):
            secret = cls(lambda: _sound(environ.get(name, ""), name))
            secret._origin = name
            secret.reveal()
            return secret
        if path := environ.get(f"{name}_FILE"):
            return cls._from_file(Path(path), f"{name}_FILE")
        raise OptionError(f"no key: set the environment variable {name}, or {name}_FILE to the name of a file that has it")

    @classmethod
    def _from_file(cls, path: Path, origin: str) -> Secret:
        secret = cls(lambda: _content(path, origin))
        secret._origin = origin
        secret.reveal()
        return secret

    def reveal(self) -> str:
        """The secret itself, as it is now: for the wire, never for a message, a log or an attribute.

        Raises:
            OptionError: it cannot be read any more, or makes no sense.
        """
        return _sound(self._read(), self._origin or "a secret")

    def prefixed(self, prefix: str) -> Secret:
        """A secret that is this one with something before it: ``key.prefixed("Bearer ")`` is what a header says."""
        secret = Secret(lambda: prefix + self.reveal())
        secret._origin = self._origin
        return secret

    def matches(self, text: str) -> bool:
        """Whether a text is the secret; takes as long whatever the text is."""
        return compare_digest(_digest(self.reveal()), _digest(text))

    def __eq__(self, other: object) -> bool:  # and so without a hash, which would tell of it, and change with it
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_digest(self.reveal()), _digest(other.reveal()))

    def __repr__(self) -> str:
        return f"<Secret {MASK}{f' from {self._origin}' if self._origin else ''}>"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled; give the other process its own, such as Secret.from_environment(...)")


def _always(value: str) -> Callable[[], str]:
    return lambda: value


def _content(path: Path, origin: str) -> str:
    named = "" if origin == str(path) else f", which {origin} names,"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise OptionError(f"the file {path}{named} cannot be read: {(exc.strerror or str(exc)).lower()}") from None
    except UnicodeDecodeError:  # it would quote the file
        raise OptionError(f"the file {path}{named} is no UTF-8 text; it should have a key in it, and nothing else") from None


def _sound(value: str, origin: str) -> str:
    """The value, if it can be a key; complaints never quote it, nor tell its length."""
    if not isinstance(value, str):
        raise OptionError(f"{origin} is a {type(value).__name__}; expected: text")
    if not value or not value.isprintable():
        raise OptionError(f"{origin} {'is empty' if not value else 'has a line end or a control character in it'}; set it again")
    return value


def _digest(value: str) -> bytes:
    return blake2b(value.encode("utf-8", "surrogateescape"), key=_PEPPER).digest()


def require_private(url: str, *, insecure: bool = False) -> None:
    """See to it that a key may travel to this address: encrypted, or within this machine. Ask before every connection.

    Args:
        url: where to; only its scheme, host and port are ever shown.
        insecure: it was asked for explicitly (``--insecure``), so let it pass.

    Raises:
        InsecureConnectionError: anybody on the way could read the key.
    """
    parts = urlsplit(url)
    if insecure or parts.scheme in ("https", "wss") or (parts.scheme in ("http", "ws") and _is_loopback(parts.hostname or "")):
        return
    raise InsecureConnectionError(parts.scheme, _address(parts.hostname or "", url))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _address(host: str, url: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    try:
        port = urlsplit(url).port
    except ValueError:
        port = None
    return shown if port is None else f"{shown}:{port}"
