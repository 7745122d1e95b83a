"""A websocket within one process: two ends, no network, at home on a virtual clock."""

from __future__ import annotations

from collections import deque

import trio

from ..abc import WebSocket

ABNORMAL = 1006
"""What RFC 6455 calls an end without a goodbye."""


class MemoryWebSocket(WebSocket):
    """One end; made by `memory_websockets`. It takes whatever is sent at once, and keeps it until it is received."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._arrived: deque[str | bytes] = deque()
        self._wake = trio.lowlevel.ParkingLot()
        self._closed_here = self._receiving = False
        self._peer = self

    async def receive(self) -> str | bytes:
        """As `WebSocket.receive`."""
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this websocket")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint()
            while not self._arrived and self.close_code is None:
                await self._wake.park()
        finally:
            self._receiving = False
        if not self._arrived:
            raise trio.EndOfChannel if not self._closed_here and self.close_code != ABNORMAL else self._over()
        return self._arrived.popleft()

    def take_received(self) -> list[str | bytes]:
        """As `WebSocket.take_received`."""
        taken = list(self._arrived)
        self._arrived.clear()
        return taken

    async def send(self, data: str | bytes) -> None:
        """As `WebSocket.send`."""
        await trio.lowlevel.checkpoint()
        self.send_nowait(data)

    def send_nowait(self, data: str | bytes) -> None:
        """As `WebSocket.send_nowait`; it never blocks."""
        if self.close_code is not None:
            raise self._over()
        self._peer._arrived.append(data)
        self._peer._wake.unpark_all()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """As `WebSocket.aclose`."""
        if not self._closed_here:
            self._closed_here = True
            self._end(code, reason)
            self._arrived.clear()
            self._peer._end(code, reason)
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """As `WebSocket.abort`."""
        self.fail()

    def fail(self) -> None:
        """The connection breaks, for both."""
        self._end(ABNORMAL, "")
        self._peer._end(ABNORMAL, "")

    def _end(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._wake.unpark_all()

    def _over(self) -> Exception:
        if self._closed_here:
            return trio.ClosedResourceError("this websocket was closed here")
        return trio.BrokenResourceError(f"the far end has closed the websocket: {self.close_code} {self.close_reason}")


def memory_websockets(
    one: type[MemoryWebSocket] = MemoryWebSocket, other: type[MemoryWebSocket] = MemoryWebSocket
) -> tuple[MemoryWebSocket, MemoryWebSocket]:
    """Two ends of one websocket, each of a class that may do more."""
    return _joined(one(), other())


def _joined(one: MemoryWebSocket, other: MemoryWebSocket) -> tuple[MemoryWebSocket, MemoryWebSocket]:
    one._peer, other._peer = other, one
    return one, other
