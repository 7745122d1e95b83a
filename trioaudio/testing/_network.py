"""A network with a will of its own, but a seed: messages come late, unevenly and in bursts, the same ones each time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from ..abc import WebSocket
from ._carriers.company import open_company

RETRANSMISSION = 0.2
"""Seconds a lost packet is missed for, until TCP sends it again (RFC 6298 begins with 1 s; what is in use is 200 ms)."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a network does to messages, in each direction. All times are in seconds.

    Websockets are TCP: nothing is lost for good and nothing overtakes, so a loss shows as a stall, followed by a burst.

    Args:
        delay: of each message.
        jitter: more delay, up to this much, at random.
        loss: the share of messages that must be sent again.
        rate: bytes a second; none: as fast as one likes.
        seed: of what is random.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: float | None = None
    seed: int = 0

    def path(self, direction: int = 0) -> NetworkPath:
        """One direction."""
        return NetworkPath(self, random.Random(f"{self.seed}/{direction}"))


class NetworkPath:
    """One direction of a network: when each message arrives."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._network, self._rng = network, rng
        self._sent = self._arrived = 0.0

    def arrival(self, now: float, size: int) -> float:
        """When a message of ``size`` bytes that is sent ``now`` arrives: never before one that was sent before."""
        network = self._network
        self._sent = max(self._sent, now) + (size / network.rate if network.rate else 0.0)
        late = self._rng.uniform(0.0, network.jitter) + (RETRANSMISSION if self._rng.random() < network.loss else 0.0)
        self._arrived = max(self._arrived, self._sent + network.delay + late)
        return self._arrived


class _DistantWebSocket(WebSocket):
    def __init__(self, websocket: WebSocket, network: Network) -> None:
        self._websocket = websocket
        self._out, self._in = network.path(0), network.path(1)
        self._leaving: deque[tuple[float, str | bytes]] = deque()
        self._coming: deque[tuple[float, str | bytes | Exception]] = deque()
        self._changed, self._left = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()
        self._closed = False
        self._broken: Exception | None = None
        self.subprotocol: str | None = websocket.subprotocol

    async def receive(self) -> str | bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this websocket was closed here")
            now = trio.current_time()
            if self._coming and self._coming[0][0] <= now:
                item = self._coming[0][1]
                if isinstance(item, Exception):
                    self.close_code, self.close_reason = self._websocket.close_code, self._websocket.close_reason
                    raise type(item)(*item.args)
                self._coming.popleft()
                return item
            with trio.CancelScope(deadline=self._coming[0][0] if self._coming else float("inf")):
                await self._changed.park()

    async def send(self, data: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.send_nowait(data)

    def send_nowait(self, data: str | bytes) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this websocket was closed here")
        if self._broken is not None:
            raise trio.BrokenResourceError(*self._broken.args) from self._broken
        self._leaving.append((self._out.arrival(trio.current_time(), len(data)), data))
        self._changed.unpark_all()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(5):
            while self._leaving and self._broken is None:
                await self._left.park()
        self._closed = True
        self._changed.unpark_all()
        await self._websocket.aclose(code, reason)

    async def let_leave(self) -> None:
        """Hand over what has crossed the network."""
        while True:
            if not self._leaving:
                await self._changed.park()
                continue
            due, data = self._leaving[0]
            await trio.sleep_until(due)
            try:
                await self._websocket.send(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                self._broken = exc
                self._leaving.clear()
                self._left.unpark_all()
                return
            self._leaving.popleft()
            self._left.unpark_all()

    async def let_come(self) -> None:
        """Note when what the far end sends will have crossed the network."""
        while True:
            item: str | bytes | Exception
            try:
                item = await self._websocket.receive()
            except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                item = exc
            size = 0 if isinstance(item, Exception) else len(item)
            self._coming.append((self._in.arrival(trio.current_time(), size), item))
            self._changed.unpark_all()
            if isinstance(item, Exception):
                return


@asynccontextmanager
async def through_network(websocket: WebSocket, network: Network) -> AsyncGenerator[WebSocket, None]:
    """A websocket whose far end is a network away, both ways. Give it to a fake, a source or a model as if it were the websocket.

    ```python
    async with through_network(websocket, Network(delay=0.08, jitter=0.03, loss=0.01, seed=7)) as distant:
        ...
    ```
    """
    distant = _DistantWebSocket(websocket, network)
    async with open_company() as nursery:
        nursery.start_soon(distant.let_leave)
        nursery.start_soon(distant.let_come)
        yield distant
