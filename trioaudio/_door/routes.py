"""Which handler a path has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote

from .._errors import FrontDoorError, RemoteProtocolError
from .._front_door import Auth, Handler, Route, UpgradeHandler

HandlerT = TypeVar("HandlerT", Handler, UpgradeHandler)
WEBSOCKET = "websocket"
"""Stands in the place of a method for who serves websockets."""
_METHOD = re.compile(r"[A-Z]+")
_PART = re.compile(r"\{(\w+)\}|[^{}?#]*")


@dataclass(eq=False)
class Entry(Route):
    """One path with one method."""

    method: str
    path: str
    handler: Handler | UpgradeHandler
    auth: Auth
    leave: Callable[[Entry], None] = field(repr=False)
    origins: frozenset[str] = frozenset()
    """Whose pages may use it, beside those that may use the whole door."""
    served: int = 0

    def close(self) -> None:
        self.leave(self)


@dataclass(frozen=True, slots=True)
class Match:
    """What serves a path: by method, with what stood in the path's places."""

    entries: dict[str, Entry]
    values: dict[str, str]


class Routes:
    """All paths of a door."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, ...], dict[str, Entry]] = {}

    def add(self, method: str, path: str, handler: Handler | UpgradeHandler, auth: Auth, origins: frozenset[str] = frozenset()) -> Entry:
        """Serve a path.

        Raises:
            FrontDoorError: it is taken, or no path.
        """
        if method != WEBSOCKET and not _METHOD.fullmatch(method):
            raise FrontDoorError(f"{method!r} is no method of HTTP; write it in capitals, such as GET or POST")
        key = _parts(path)
        if not path.startswith("/") or not all(_PART.fullmatch(part) for part in key):
            raise FrontDoorError(f"{path!r} is no path to serve; write /one/{{name}}: it begins with '/' and has no query")
        here = self._paths.setdefault(key, {})
        if method in here:
            raise FrontDoorError(f"the path {path} is taken already ({method}); two listeners cannot share one")
        here[method] = Entry(method, path, handler, auth, self._leave, origins)
        return here[method]

    def _leave(self, entry: Entry) -> None:
        key = _parts(entry.path)
        if self._paths.get(key, {}).get(entry.method) is entry:
            del self._paths[key][entry.method]
            if not self._paths[key]:
                del self._paths[key]

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entries in self._paths.values() for entry in entries.values())

    def find(self, path: str) -> Match | None:
        """What serves the path of a request, as it was sent; a path in full comes before one with places."""
        parts = _parts(path)
        if (entries := self._paths.get(parts)) and "{" not in path:
            return Match(entries, {})
        for key, entries in self._paths.items():
            values = _values(key, parts)
            if values is not None:
                return Match(entries, values)
        return None


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])


def _values(key: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    if len(key) != len(parts):
        return None
    values: dict[str, str] = {}
    for pattern, part in zip(key, parts, strict=True):
        if pattern.startswith("{"):
            values[pattern[1:-1]] = decoded_untrusted(part)
        elif pattern != part:
            return None
    return values if all(values.values()) else None


def decoded_untrusted(text: str) -> str:
    """Percent escapes as text.

    Raises:
        RemoteProtocolError: they are no UTF-8.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as exc:
        raise RemoteProtocolError("the path is no UTF-8") from exc
