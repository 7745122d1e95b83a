"""Where a server is, in the parts of a URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine are reached under that name; a name that is not ``localhost`` is looked up nowhere."""
    try:
        return ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a websocket is opened."""

    host: str
    port: int
    secure: bool
    target: str = field(repr=False)
    """Path and query: they may hold a secret."""
    known_as: str = ""
    """How it is called in the Host header, if not by where it is."""

    @property
    def authority(self) -> str:
        """As the Host header has it: without the port that goes without saying."""
        if self.known_as:
            return self.known_as
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.secure else 80) else f"{name}:{self.port}"
