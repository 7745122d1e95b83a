"""Whose page asks for a websocket, and under which name it knows us: judged before anything is opened.

Websockets are exempt from the same-origin policy: any page may open one, and the visitor's cookies go along. So an origin is compared
in full: scheme, host and port (RFC 6454, section 4). A page that has a name of its own made to lead to this machine (DNS rebinding)
shows in ``Host``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import ip_address

_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.~-]+)(?::(\d{1,5}))?", re.ASCII)
_ORIGIN = re.compile(rf"(https?)://{_AUTHORITY.pattern}", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


def origin_of(text: str) -> tuple[str, str, str] | None:
    """Scheme, host and port of an origin, as they are compared; None if it is none, such as ``null``."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host.rstrip("."), port or _PORTS[scheme]


def is_allowed(origin: str, own: str, others: Collection[str]) -> bool:
    """Whether pages of this origin may connect: they are our own, or one of the others, each written in full."""
    asked = origin_of(origin)
    return asked is not None and asked in {origin_of(each) for each in (own, *others)}


def is_ours(host: str, server: str | None, origins: Sequence[str]) -> bool:
    """Whether a name may be ours.

    Args:
        host: what the header ``Host`` says.
        server: the address that is connected to, if it is known. On one of this machine only names of this machine count.
        origins: whose hosts count too.
    """
    found = _AUTHORITY.fullmatch(host)
    if found is None:
        return False
    name = found[1].lower().rstrip(".")
    known = {origin[1] for each in origins if (origin := origin_of(each)) is not None}
    return server is None or not _is_this_machine(server) or _is_this_machine(name) or _is_address(name) or name in known


def _is_this_machine(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
