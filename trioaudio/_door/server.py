"""The front door itself: it listens, counts, and gives every connection a task of its own in its one nursery."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from .._errors import FrontDoorError
from .._front_door import Auth, FrontDoor, Handler, Route, UpgradeHandler
from .._limits import Limits, Timeouts
from .http_connection import House, HttpConnection
from .perimeter import Perimeter, Visitor, checked_origin
from .pipe import Pipe, SocketPipe, StreamPipe
from .routes import WEBSOCKET
from .service_nursery import open_service_nursery
from .statistics import FrontDoorStatistics
from .tcp import accept_all, bound

log = logging.getLogger("trioaudio.front_door")

TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 37\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    b"503: too many connections; try again\n"
)


class OpenFrontDoor(FrontDoor):
    """A door that is open; made by `open_front_door`."""

    def __init__(self, sockets: list[socket.socket], host: str, house: House, ssl_context: ssl.SSLContext | None, *, no_auth: bool) -> None:
        self.addresses: tuple[tuple[str, int], ...] = tuple(sock.getsockname()[:2] for sock in sockets)
        """Where it listens: host and port."""
        self._house, self._host, self._ssl, self._no_auth = house, host, ssl_context, no_auth
        self._connections: set[HttpConnection] = set()

    @property
    def draining(self) -> bool:
        """Whether `drain` was called."""
        return self._house.draining

    def route(self, method: str, path: str, handler: Handler, *, auth: Auth) -> Route:
        self._check_auth(path, auth)
        return self._house.routes.add(method, path, handler, auth)

    def websocket(self, path: str, handler: UpgradeHandler, *, auth: Auth, origins: Sequence[str] = ()) -> Route:
        self._check_auth(path, auth)
        allowed = frozenset(map(checked_origin, origins))
        return self._house.routes.add(WEBSOCKET, path, handler, auth, allowed)

    def _check_auth(self, path: str, auth: Auth) -> None:
        if auth == "none" and self._house.perimeter.exposed and not self._no_auth:
            raise FrontDoorError(
                f"{path} asks nobody who they are, and others than this machine can reach it; give it a signature, a token or a "
                "cookie to check, listen on 127.0.0.1 only, or say no_auth=True (--no-auth)"
            )

    def public_url(self, path: str, *, websocket: bool = False) -> str:
        here = Visitor("", "http" if self._ssl is None else "https", self._authority())
        return self._house.perimeter.base_url(here, websocket=websocket) + path

    def _authority(self) -> str:
        host, port = self._host, self.addresses[0][1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def offers(self) -> list[tuple[str, str, Auth]]:
        """What is served now: method (``websocket`` for websockets), URL, and how it is made sure who asks."""
        return [(each.method, self.public_url(each.path, websocket=each.method == WEBSOCKET), each.auth) for each in self._house.routes]

    def drain(self) -> None:
        """Keep no connection for another request; those that wait for one end. What is being answered goes on, and so do websockets.

        New connections are still answered, so that calls can be refused politely.
        """
        self._house.draining = True
        for connection in self._connections:
            connection.end_if_idle()

    def statistics(self) -> FrontDoorStatistics:
        """Counters, as of now."""
        return self._house.tally.statistics()

    def take(self, connected: socket.socket, peer: str) -> None:
        """Give a connection a task, if there are not too many."""
        self._house.tally.connections_total += 1
        if self._house.tally.connections >= self._house.limits.connections:
            self._house.tally.connections_refused += 1
            _turn_away(connected)
            return
        self._house.tally.connections += 1
        self._house.spawn(partial(self._serve, connected, peer))

    async def _serve(self, connected: socket.socket, peer: str) -> None:
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            pipe = await self._secured(connected) if self._ssl is not None else SocketPipe(connected)
            if pipe is not None:
                await self._talk(pipe, peer)
        except OSError:
            pass  # it has gone before we could look at it
        except Exception:  # a mistake of ours must not cost the others their calls
            log.exception("a connection of the front door failed")
        finally:
            connected.close()
            self._house.tally.connections -= 1

    async def _talk(self, pipe: Pipe, peer: str) -> None:
        connection = HttpConnection(pipe, peer, self._house)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    async def _secured(self, connected: socket.socket) -> Pipe | None:
        assert self._ssl is not None
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(connected))
        secured = trio.SSLStream(stream, self._ssl, server_side=True, https_compatible=True)
        with trio.move_on_after(self._house.timeouts.handshake):
            try:
                await secured.do_handshake()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            return StreamPipe(secured, stream.socket.close)
        return None


def _turn_away(connected: socket.socket) -> None:
    with connected:
        try:
            connected.send(TURNED_AWAY)
            connected.shutdown(socket.SHUT_WR)
            connected.recv(65_536)  # a socket that is closed over unread bytes takes its last words with it
        except OSError:
            pass


@asynccontextmanager
async def open_front_door(
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    ssl_context: ssl.SSLContext | None = None,
    public_url: str | None = None,
    trusted_proxies: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    no_auth: bool = False,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    port_option: str = "--port",
) -> AsyncGenerator[OpenFrontDoor, None]:
    """Open the HTTP and websocket server that all listeners share; it listens until the block ends, and then ends every connection.

    Args:
        host: where to listen: this machine only by default, ``0.0.0.0`` for everybody.
        port: 0 is any that is free; then see `OpenFrontDoor.addresses`.
        ssl_context: speak TLS; made by `server_tls`.
        public_url: how the outside world reaches it (``https://voice.example.com``), if a proxy or tunnel stands before it.
        trusted_proxies: addresses or networks whose ``X-Forwarded-For``, ``-Proto`` and ``-Host`` are believed.
        allowed_origins: whose web pages may use it beside its own (``https://app.example.com``).
        no_auth: allow routes that ask nobody who they are, although others than this machine can reach them.
        limits: ``http_header``, ``http_body``, ``message`` and ``connections`` count.
        port_option: what complaints call the option that chooses the port.
        timeouts: ``handshake``, ``http_*``, ``keepalive``, ``write`` and ``close`` count.

    Raises:
        FrontDoorError: the port is in use, or something above cannot be understood.
    """
    perimeter = Perimeter(host, public_url, trusted_proxies, allowed_origins, secure=ssl_context is not None)
    sockets = await bound(host, port, port_option)
    async with open_service_nursery() as nursery:
        house = House(limits or Limits(), timeouts or Timeouts(), perimeter, nursery.start_soon)
        door = OpenFrontDoor(sockets, host, house, ssl_context, no_auth=no_auth)
        for sock in sockets:
            nursery.start_soon(accept_all, sock, door.take)
        yield door
