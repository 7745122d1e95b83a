"""A connection within one process: two ends, no network, at home on a virtual clock."""

from __future__ import annotations

import trio

from ..abc import Pipe


class MemoryPipe(Pipe):
    """One end; made by `memory_pipes`. It takes whatever is written at once, unless its other end is told to `stall`."""

    def __init__(self) -> None:
        self._arrived = bytearray()
        self._wake = trio.lowlevel.ParkingLot()
        self._other = self
        self._closed = self._ended = self._stalls = False
        self._broken: BaseException | None = None

    async def read(self, most: int = 65_536) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._arrived and not self._ended and not self._closed and self._broken is None:
            await self._wake.park()
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed here")
        if self._broken is not None:
            raise trio.BrokenResourceError("the connection failed") from self._broken
        data = bytes(self._arrived[:most])
        del self._arrived[:most]
        return data

    def write_nowait(self, data: bytes) -> int:
        if self._broken is not None or self._other._closed:
            raise trio.BrokenResourceError("the connection failed") from (self._broken or BrokenPipeError())
        if self._closed or self._other._stalls:
            return 0
        self._other._arrived += data
        self._other._wake.unpark_all()
        return len(data)

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._other._stalls and not self._closed and self._broken is None:
            await self._wake.park()
        if self._closed:
            raise trio.ClosedResourceError("this connection was closed here")

    async def write(self, data: bytes) -> None:
        await self.wait_room()
        self.write_nowait(data)

    def end_writing(self) -> None:
        self._other._ended = True
        self._other._wake.unpark_all()

    def close(self) -> None:
        self._closed = True
        self._wake.unpark_all()
        self.end_writing()

    def stall(self) -> None:
        """Take nothing any more: the other end has no room to write."""
        self._stalls = True

    def fail(self, error: BaseException | None = None) -> None:
        """The connection breaks, for both; ``error`` is what the system says of it."""
        for end in (self, self._other):
            end._broken = error or TimeoutError("the network is down, as the test said")
            end._wake.unpark_all()


def memory_pipes() -> tuple[MemoryPipe, MemoryPipe]:
    """Two ends of one connection."""
    one, other = MemoryPipe(), MemoryPipe()
    one._other, other._other = other, one
    return one, other
