"""A front door within one process: routes are asked by functions, websockets are in memory, at home on a virtual clock."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

import trio

from .. import FrontDoorError, LocalProtocolError, RemoteProtocolError
from ..abc import Auth, Fields, FrontDoor, Handler, Headers, Request, Response, Route, Upgrade, UpgradeHandler, WebSocket
from ._carriers.company import open_company
from ._memory_socket import MemoryWebSocket, memory_websockets

WEBSOCKET = "websocket"


class _MemoryRoute(Route):
    def __init__(self, door: MemoryFrontDoor, method: str, path: str, handler: Handler | UpgradeHandler) -> None:
        self.method, self.handler = method, handler
        self._door = door
        self._pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))

    def values(self, path: str) -> dict[str, str] | None:
        """What stands in the places of the path; None if it is another one."""
        found = self._pattern.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}

    def close(self) -> None:
        self._door._routes.discard(self)


class MemoryUpgrade(Upgrade):
    """Somebody in this process asks for a websocket."""

    def __init__(self, request: Request) -> None:
        self.request: Request = request
        offered = request.headers.get("sec-websocket-protocol", "")
        self.subprotocols: tuple[str, ...] = tuple(filter(None, map(str.strip, offered.split(","))))
        self.decided: trio.Event = trio.Event()
        self.status: int = 101
        """101 once it is accepted, else why not."""
        self.reason: str = ""
        self.theirs: MemoryWebSocket | None = None
        self.ours: MemoryWebSocket | None = None

    async def accept(self, subprotocol: str | None = None) -> WebSocket:
        """As `Upgrade.accept`."""
        self._decide()
        self.ours, self.theirs = memory_websockets()
        self.ours.subprotocol = self.theirs.subprotocol = subprotocol
        self.decided.set()
        await trio.lowlevel.checkpoint()
        return self.ours

    async def reject(self, status: int = 403, reason: str = "") -> None:
        """As `Upgrade.reject`."""
        self._decide()
        self.status, self.reason = status, reason
        self.decided.set()
        await trio.lowlevel.checkpoint()

    def _decide(self) -> None:
        if self.decided.is_set():
            raise LocalProtocolError("this websocket has been accepted or rejected already")


class MemoryFrontDoor(FrontDoor):
    """A front door that no network leads to; made by `open_memory_door`."""

    def __init__(self, public_url: str, nursery: trio.Nursery) -> None:
        self._public_url, self._nursery = public_url.rstrip("/"), nursery
        self._routes: set[_MemoryRoute] = set()

    def route(self, method: str, path: str, handler: Handler, *, auth: Auth) -> Route:
        """As `FrontDoor.route`."""
        return self._added(_MemoryRoute(self, method, path, handler), path)

    def websocket(self, path: str, handler: UpgradeHandler, *, auth: Auth, origins: Sequence[str] = ()) -> Route:
        """As `FrontDoor.websocket`; nobody's ``Origin`` is looked at."""
        return self._added(_MemoryRoute(self, WEBSOCKET, path, handler), path)

    def _added(self, route: _MemoryRoute, path: str) -> Route:
        if any(each.method == route.method and each.values(path) is not None for each in self._routes):
            raise FrontDoorError(f"the path {path} is taken already ({route.method})")
        self._routes.add(route)
        return route

    def public_url(self, path: str, *, websocket: bool = False) -> str:
        """As `FrontDoor.public_url`."""
        base = self._public_url
        return (f"ws{base.removeprefix('http')}" if websocket else base) + path

    async def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Response:
        """Ask for something, as the outside world would. Checkpoint: yes."""
        found = self._found(method, url, headers, body)
        await trio.lowlevel.checkpoint()
        if found is None:
            return Response("there is nothing at this path", 404)
        handler: Handler = found[0].handler  # type: ignore[assignment]  # its method is none of a websocket's
        try:
            return await handler(found[1])
        except RemoteProtocolError as exc:
            return Response(str(exc), 400)

    async def open_websocket(self, url: str, headers: Mapping[str, str] | None = None) -> WebSocket:
        """Open a websocket, as the outside world would. Checkpoint: yes.

        Raises:
            trio.BrokenResourceError: it was rejected, with the status.
        """
        found = self._found(WEBSOCKET, url, headers, b"")
        if found is None:
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError("the server does not open a websocket: 404")
        upgrade = MemoryUpgrade(found[1])
        handler: UpgradeHandler = found[0].handler  # type: ignore[assignment]  # it is that of a websocket
        self._nursery.start_soon(self._serve, handler, upgrade)
        await upgrade.decided.wait()
        if upgrade.theirs is None:
            raise trio.BrokenResourceError(f"the server does not open a websocket: {upgrade.status} {upgrade.reason}")
        return upgrade.theirs

    async def _serve(self, handler: UpgradeHandler, upgrade: MemoryUpgrade) -> None:
        try:
            await handler(upgrade)
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        finally:
            if upgrade.ours is not None:
                await upgrade.ours.aclose()  # noqa: ASYNC102 - it does not wait

    def _found(self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes) -> tuple[_MemoryRoute, Request] | None:
        parts = urlsplit(url)
        for route in self._routes:
            if route.method == method and (values := route.values(parts.path)) is not None:
                return route, Request(
                    "GET" if method == WEBSOCKET else method,
                    unquote(parts.path),
                    url,
                    Fields(parse_qsl(parts.query, keep_blank_values=True)),
                    Headers((name.lower(), value) for name, value in (headers or {}).items()),
                    body,
                    "127.0.0.1",
                    values,
                )
        return None


@asynccontextmanager
async def open_memory_door(public_url: str = "https://voice.example.com") -> AsyncGenerator[MemoryFrontDoor, None]:
    """A front door for tests of listeners: no port, no network, and the virtual clock if there is one.

    Args:
        public_url: how the outside world would reach it.
    """
    async with open_company() as nursery:
        yield MemoryFrontDoor(public_url, nursery)
