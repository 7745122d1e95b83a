"""What ``trioaudio serve`` does unless its options say otherwise: the section ``[serve]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ._bounds import Port, check_settings


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The options of ``trioaudio serve``, by the same names, so that a file or the environment can hold them."""

    model: str | None = None
    """The spec of the model that answers; it, or ``--model``, is needed."""
    agent: Path | None = None
    """A file with the agent that it is to be."""
    record: Path | None = None
    """A folder for a recording and a summary of each call."""
    host: str = "127.0.0.1"
    """Where the front door listens; 0.0.0.0 is everywhere."""
    port: Port = 8080
    """Its port; 0 is any that is free."""
    tls_cert: Path | None = None
    """Its certificate, in PEM."""
    tls_key: Path | None = None
    """The private key of that, if it is in a file of its own."""
    public_url: str | None = None
    """How the outside world reaches it."""
    trusted_proxy: tuple[str, ...] = ()
    """Addresses and networks whose ``X-Forwarded-*`` are believed."""
    allow_origin: tuple[str, ...] = ()
    """Origins of web pages that may use it."""
    no_auth: bool = False
    """Let others than this machine in although nobody asks them who they are."""
    admin_port: Port | None = None
    """The port of 127.0.0.1 for ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value is not what it may be."""
        check_settings(self)
