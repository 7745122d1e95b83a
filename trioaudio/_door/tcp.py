"""TCP connections that others open: each is given to a handler, in a task of its own."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import trio

from .._errors import FrontDoorError
from .pipe import Pipe, SocketPipe
from .service_nursery import open_service_nursery

log = logging.getLogger("trioaudio.front_door")

PAUSE = 0.1
"""Seconds to wait when the system has no more sockets to give."""
NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)

KEEPALIVE = (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""Seconds of silence before the first probe, between two, and how many."""

TcpHandler: TypeAlias = Callable[[Pipe, str], Awaitable[None]]
"""Talks on a connection until it returns; is given the connection, and the address of who opened it."""


@asynccontextmanager
async def open_tcp(
    host: str, port: int, handler: TcpHandler, *, connections: int = 1_000, port_option: str = "port"
) -> AsyncGenerator[tuple[tuple[str, int], ...], None]:
    """Listen for TCP connections as long as the block lasts, and then end all of them; yields where it listens: host and port.

    A handler runs in a task of its own, and its connection is closed when it returns. One that raises harms its connection alone:
    the error is logged.

    Args:
        host: where to listen, ``127.0.0.1`` for this machine only.
        port: 0 is any that is free.
        handler: talks on a connection.
        connections: how many there may be at a time; one more is closed at once.
        port_option: what complaints call the option that chooses the port.

    Raises:
        FrontDoorError: the port is in use, or the host no address of this machine.
    """
    sockets = await bound(host, port, port_option)
    async with open_service_nursery() as nursery:
        taken = _Taken(handler, connections, nursery)
        for sock in sockets:
            nursery.start_soon(accept_all, sock, taken.take)
        yield tuple(sock.getsockname()[:2] for sock in sockets)


@asynccontextmanager
async def connect_tcp(host: str, port: int) -> AsyncGenerator[Pipe, None]:
    """Open a TCP connection, and close it when the block ends.

    Raises:
        trio.BrokenResourceError: nobody listens there.
    """
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as exc:
        raise trio.BrokenResourceError(f"{host}:{port} cannot be reached: {exc}") from exc
    pipe = SocketPipe(socket.socket(fileno=stream.socket.detach()))
    try:
        yield pipe
    finally:
        pipe.close()


class _Taken:
    """The connections there are."""

    def __init__(self, handler: TcpHandler, most: int, nursery: trio.Nursery) -> None:
        self._handler, self._most, self._nursery, self._count = handler, most, nursery, 0

    def take(self, connected: socket.socket, peer: str) -> None:
        """Give it a task, if there are not too many."""
        if self._count >= self._most:
            log.warning("a connection was closed at once: there are %d already", self._count)
            connected.close()
            return
        self._count += 1
        self._nursery.start_soon(self._serve, connected, peer)

    async def _serve(self, connected: socket.socket, peer: str) -> None:
        pipe: Pipe | None = None
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            _keep_alive(connected)
            pipe = SocketPipe(connected)
            await self._handler(pipe, peer)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it has gone
        except Exception:  # a mistake of one must not cost the others their calls
            log.exception("a handler of TCP connections failed")
        finally:
            self._count -= 1
            if pipe is not None:
                pipe.close()
            connected.close()


def _keep_alive(connected: socket.socket) -> None:
    """Let the system find out within a minute when the other side has lost its power, as far as the system can."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
    for name, value in KEEPALIVE:
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


async def accept_all(sock: socket.socket, take: Callable[[socket.socket, str], None]) -> None:
    """Take every connection, for ever; ``take`` is given a socket that does not block, and the address of who opened it."""
    with sock:
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                connected, address = sock.accept()
            except OSError as exc:
                await _survive(exc)
            else:
                connected.setblocking(False)
                take(connected, address[0])


async def _survive(error: OSError) -> None:
    """A connection that was gone before it was accepted is nothing; too many open files are a reason to wait, loudly."""
    if error.errno in NO_MORE:
        log.error("no connection can be accepted: %s; calls are being kept waiting", error.strerror)
        await trio.sleep(PAUSE)
    elif error.errno in (errno.EBADF, errno.EINVAL, errno.ENOTSOCK):
        raise error
    else:
        await trio.lowlevel.checkpoint()


async def bound(host: str, port: int, option: str) -> list[socket.socket]:
    """Sockets that listen.

    Raises:
        FrontDoorError: nobody can listen there; says what to do.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise FrontDoorError(_why(exc, host, port, option)) from exc
    return [socket.socket(fileno=listener.socket.detach()) for listener in listeners]


def _why(error: OSError, host: str, port: int, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; stop what listens there, or take another port ({option}; 0 is any that is free)"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} needs more rights than this program has; take one from 1024 up ({option})"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; listen on 127.0.0.1 (this machine only) or 0.0.0.0 (all of its addresses)"
    return f"nobody can listen on port {port} of {host}: {error.strerror or error}"
