"""Websockets of every kind, each with a raw far end; and a front door with a client that writes its bytes by hand."""

from __future__ import annotations

import gc
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import open_websocket_url

from trioaudio import Limits, OpenFrontDoor, Timeouts, open_front_door, server_tls
from trioaudio.abc import Upgrade, WebSocket, adopt_socket, open_socket
from web.raw_websocket import RawPeer

Pair: TypeAlias = tuple[WebSocket, RawPeer]
OpenPair: TypeAlias = Callable[[], AbstractAsyncContextManager[Pair]]
LIMITS = Limits(message=10_000)
TIMEOUTS = Timeouts()
PEM = Path(__file__).parent / "localhost.pem"


@asynccontextmanager
async def accepted_by_door(tls: bool) -> AsyncGenerator[Pair, None]:
    """A websocket that the front door accepted."""
    held: list[WebSocket] = []
    opened, done = trio.Event(), trio.Event()

    async def hold(upgrade: Upgrade) -> None:
        held.append(await upgrade.accept())
        opened.set()
        await done.wait()

    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(
            open_front_door(port=0, limits=LIMITS, timeouts=TIMEOUTS, ssl_context=server_tls(PEM) if tls else None)
        )
        door.websocket("/ws", hold, auth="none")
        stream: trio.abc.Stream = await trio.open_tcp_stream(*door.addresses[0])
        if tls:
            stream = trio.SSLStream(stream, ssl.create_default_context(cafile=PEM), server_hostname="localhost", https_compatible=True)
        async with stream:
            peer = RawPeer(stream, masks=True)
            await peer.shake_hands_as_client()
            await opened.wait()
            yield held[0], peer
            done.set()


@asynccontextmanager
async def opened_here(connect: Callable[[str], AbstractAsyncContextManager[WebSocket]]) -> AsyncGenerator[Pair, None]:
    """A websocket that we opened, to a server written by hand."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    peers: list[RawPeer] = []
    port, shaken = listener.socket.getsockname()[1], trio.Event()

    async def accept() -> None:
        peers.append(RawPeer(await listener.accept(), masks=False))
        await peers[0].shake_hands_as_server()
        shaken.set()

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        async with connect(f"ws://127.0.0.1:{port}/ws") as websocket, peers[0].stream:
            await shaken.wait()
            yield websocket, peers[0]


@asynccontextmanager
async def open_adopted(url: str) -> AsyncGenerator[WebSocket, None]:
    async with (
        open_websocket_url(url, max_message_size=LIMITS.message) as connection,
        adopt_socket(connection, timeouts=TIMEOUTS) as adopted,
    ):
        yield adopted


DRIVERS: dict[str, OpenPair] = {
    "accepted": lambda: accepted_by_door(tls=False),
    "accepted over TLS": lambda: accepted_by_door(tls=True),
    "opened": lambda: opened_here(lambda url: open_socket(url, limits=LIMITS, timeouts=TIMEOUTS)),
    "of trio-websocket": lambda: opened_here(open_adopted),
}


@pytest.fixture
def autojump_clock() -> MockClock:
    """A virtual clock that gives the kernel, which has a real one, a moment."""
    return MockClock(autojump_threshold=0.02)


UNCLOSED = pytest.mark.filterwarnings(  # trio-websocket leaves a client's socket to the garbage collector when the server has closed
    "ignore:unclosed <socket:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(params=[pytest.param(name, marks=[UNCLOSED] if name == "of trio-websocket" else []) for name in DRIVERS])
def open_pair(request: pytest.FixtureRequest) -> Iterator[OpenPair]:
    """Opens a websocket and its far end."""
    yield DRIVERS[request.param]
    if request.param == "of trio-websocket":
        gc.collect()  # here, where it is known who has left a socket behind


@pytest.fixture
async def door(autojump_clock: MockClock) -> AsyncGenerator[OpenFrontDoor, None]:
    """A door on this machine."""
    async with open_front_door(port=0, limits=Limits(message=10_000, http_body=2_000, http_header=2_000, connections=20)) as opened:
        yield opened
