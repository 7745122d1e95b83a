"""What bytes travel through: a socket driven by hand, or any stream of Trio's (for TLS)."""

from __future__ import annotations

import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import trio
from trio.lowlevel import notify_closing, wait_readable, wait_writable

CHUNK = 65_536
"""Bytes read at once; more costs time in the kernel whether they are there or not."""


class _Room(threading.local):
    """Where a thread reads to. Room that is made for each read, and given back but for a few bytes, leaves a process full of holes."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(CHUNK))


_ROOM = _Room()


class Pipe(ABC):
    """Bytes in both directions. One task reads, one writes."""

    @abstractmethod
    async def read(self, most: int = CHUNK) -> bytes:
        """Some bytes; none at the end.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.BrokenResourceError: the connection failed.
            trio.ClosedResourceError: it was closed here, also meanwhile.
        """

    @abstractmethod
    def write_nowait(self, data: bytes) -> int:
        """Hand over what fits; returns how many bytes that was.

        Raises:
            trio.BrokenResourceError: the connection failed.
        """

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Hand over all of it. Checkpoint: yes. On cancel: nobody knows how much was written.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: as `read`.
        """

    @abstractmethod
    async def wait_room(self) -> None:
        """Wait until `write_nowait` may take something again. Checkpoint: yes. On cancel: nothing has happened. Raises as `read`."""

    def arrived(self) -> bytes:
        """What has arrived and was not read, if that can be known without waiting."""
        return b""

    def end_writing(self) -> None:  # noqa: B027 - not every pipe can
        """Tell the other side that nothing more comes, if that can be told."""

    @abstractmethod
    def close(self) -> None:
        """Close it at once, also under the hands of whoever reads or writes."""

    def reset(self) -> None:
        """Close it, and let the other side see that it broke, if that can be told from an end."""
        self.close()


class SocketPipe(Pipe):
    """A connected, non-blocking socket of the standard library: system calls, and a wait only when there is a reason to wait."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._closed = False

    async def read(self, most: int = CHUNK) -> bytes:
        while not self._closed:
            await wait_readable(self._sock)
            try:
                room = _ROOM.buffer
                return room[: self._sock.recv_into(room, min(most, CHUNK))].tobytes()
            except BlockingIOError:  # somebody woke us for nothing
                continue
            except OSError as exc:
                raise trio.BrokenResourceError(f"the connection failed: {exc}") from exc
        return await _closed_here()

    def write_nowait(self, data: bytes) -> int:
        if self._closed:
            return 0
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise trio.BrokenResourceError(f"the connection failed: {exc}") from exc

    async def wait_room(self) -> None:
        if self._closed:
            await _closed_here()
        await wait_writable(self._sock)

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            await self.wait_room()
            rest = rest[self.write_nowait(rest) :]  # type: ignore[arg-type]  # sockets take views too

    def arrived(self) -> bytes:
        data = bytearray()
        with suppress(OSError):  # nothing more, or nothing more ever
            while not self._closed and (more := self._sock.recv(CHUNK)):
                data += more
        return bytes(data)

    def end_writing(self) -> None:
        if not self._closed:
            with suppress(OSError):  # it is gone
                self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            notify_closing(self._sock)
            self._sock.close()

    def reset(self) -> None:
        with suppress(OSError):  # not of TCP
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


async def _closed_here() -> NoReturn:
    await trio.lowlevel.checkpoint()
    raise trio.ClosedResourceError("this connection was closed here")


class StreamPipe(Pipe):
    """A stream of Trio's.

    Args:
        stream: where bytes go.
        close: closes what lies under the stream, at once.
    """

    def __init__(self, stream: trio.abc.Stream, close: Callable[[], None]) -> None:
        self._stream, self.close = stream, close  # type: ignore[method-assign]

    async def read(self, most: int = CHUNK) -> bytes:
        return bytes(await self._stream.receive_some(most))

    def write_nowait(self, data: bytes) -> int:
        return 0

    async def wait_room(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def write(self, data: bytes) -> None:
        await self._stream.send_all(data)

    def close(self) -> None:
        """Replaced by what is given."""
