"""Who asks, from where, and under which name they know us: what is taken from headers, and from whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

from .._errors import FrontDoorError, RemoteProtocolError
from .._front_door import Headers
from .address import is_loopback

IPAddress: TypeAlias = IPv4Address | IPv6Address
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.~-]+)(?::(\d{1,5}))?", re.ASCII)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and the name and scheme by which they reached us."""

    client: str
    scheme: str
    authority: str

    @property
    def base(self) -> str:
        """The beginning of every URL by which they know us."""
        return f"{self.scheme}://{self.authority}"


class Perimeter:
    """What the program was told about the world around its door.

    Args:
        host: what the door is bound to.
        public_url: how the outside world reaches it, if that is another name or scheme.
        trusted_proxies: addresses or networks whose ``X-Forwarded-*`` headers are believed.
        allowed_origins: whose pages may use the door, beside its own.
        secure: the door speaks TLS itself.

    Raises:
        FrontDoorError: one of these cannot be understood.
    """

    def __init__(
        self, host: str, public_url: str | None, trusted_proxies: Sequence[str], allowed_origins: Sequence[str], *, secure: bool
    ) -> None:
        self._host, self._secure = host, secure
        self.public_url: str | None = _checked_url(public_url) if public_url is not None else None
        self._proxies = [_network(text) for text in trusted_proxies]
        self._origins = {checked_origin(text) for text in allowed_origins}
        self._names = {_name(host), *(_name(urlsplit(self.public_url).netloc) for _ in [0] if self.public_url)}

    @property
    def exposed(self) -> bool:
        """Whether anybody but this machine can reach the door, as far as we were told."""
        outside = urlsplit(self.public_url).hostname if self.public_url else None
        return not is_loopback(self._host) or (outside is not None and not is_loopback(outside))

    def visitor_untrusted(self, peer: str, headers: Headers) -> Visitor:
        """Who asks, from the address of the connection and the headers.

        Raises:
            RemoteProtocolError: `Host` is no name.
        """
        scheme, authority = "https" if self._secure else "http", headers.get("host", "") or _bracketed(self._host)
        if not self._trusts(peer):
            return Visitor(peer, scheme, _checked_authority(authority))
        proto = _last(headers.all("x-forwarded-proto")).lower()
        scheme = {"http": "http", "ws": "http", "https": "https", "wss": "https"}.get(proto, scheme)
        authority = _last(headers.all("x-forwarded-host")) or authority
        return Visitor(self._client(peer, headers), scheme, _checked_authority(authority))

    def _client(self, peer: str, headers: Headers) -> str:
        """The last address in the chain that no trusted proxy of ours has."""
        client = peer
        for text in reversed(",".join(headers.all("x-forwarded-for")).split(",")):
            hop = _hop(text.strip())
            if hop is None or not self._trusts(client):
                return client
            client = hop
        return client

    def _trusts(self, address: str) -> bool:
        here = _plain(address)
        return here is not None and any(here in network for network in self._proxies)

    def base_url(self, visitor: Visitor, *, websocket: bool) -> str:
        """The beginning of a URL as the outside world sees it."""
        base = self.public_url or visitor.base
        return f"ws{base.removeprefix('http')}" if websocket else base

    def complaint(self, visitor: Visitor, headers: Headers, *, check_origin: bool, origins: frozenset[str] = frozenset()) -> str | None:
        """What is wrong with the names in a request, in words that say what to do; nothing, mostly. ``origins`` may ask too.

        A page of somebody else's that was tricked into reaching us by a name of its own (DNS rebinding) shows in `Host`.
        """
        name = _name(visitor.authority)
        if name not in self._names and _plain(name.strip("[]")) is None and not is_loopback(name):
            return f"this server is not called {name}; if it is, say so with --public-url"
        if check_origin and any(not self._is_ours(origin, visitor, origins) for origin in headers.all("origin")):
            return "pages of this origin may not use this server; if they may, say so with --allow-origin"
        return None

    def _is_ours(self, origin: str, visitor: Visitor, others: frozenset[str]) -> bool:
        origin = origin.lower()
        own = {visitor.base.lower(), *([_origin_of(self.public_url)] if self.public_url else [])}
        return origin in self._origins or origin in others or _without_default_port(origin) in {_without_default_port(each) for each in own}


def _checked_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise FrontDoorError(f"{text!r} is no public URL; write it as https://voice.example.com, without a query")
    return text.rstrip("/")


def checked_origin(text: str) -> str:
    """An origin as it is compared.

    Raises:
        FrontDoorError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query or "*" in text:
        raise FrontDoorError(f"{text!r} is no origin; write it as https://app.example.com, each one in full")
    return _origin_of(text)


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _without_default_port(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    return f"{scheme}://{authority.removesuffix(f':{DEFAULT_PORTS.get(scheme, 0)}')}"


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as exc:
        raise FrontDoorError(f"{text!r} is no address of a proxy; write it as 10.0.0.7, or a network as 10.0.0.0/8") from exc


def _plain(text: str) -> IPAddress | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _hop(text: str) -> str | None:
    """One entry of X-Forwarded-For: an address, perhaps with a port."""
    for candidate in (text, text.rpartition(":")[0], text.rpartition(":")[0].strip("[]"), text.strip("[]")):
        if (address := _plain(candidate)) is not None:
            return str(address)
    return None


def _last(values: list[str]) -> str:
    return ",".join(values).rpartition(",")[2].strip()


def _checked_authority(text: str) -> str:
    if not _AUTHORITY.fullmatch(text):
        raise RemoteProtocolError("the Host header is no name")
    return text


def _name(authority: str) -> str:
    """Without the port, in lower case, without the dot that a name may end in."""
    match = _AUTHORITY.fullmatch(_bracketed(authority))
    return (match[1] if match else authority).lower().rstrip(".")


def _bracketed(host: str) -> str:
    return f"[{host}]" if _plain(host) is not None and ":" in host else host
