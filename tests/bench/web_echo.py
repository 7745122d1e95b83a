"""What an echo costs on a websocket, by driver, against a bare loop on trio-websocket; one raw client, which costs the same for all."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

import trio
from findings import Effort, Finding, Tell
from rounds import Measure, take_turns
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from trioaudio import open_front_door
from trioaudio.abc import Upgrade, WebSocket, adopt_socket

TITLE = "a message of a telephone service, there and back on a websocket"
SIZE = 386
"""Bytes of text in which a telephone service sends 20 ms."""
MASKED = b"\x81\xfe" + SIZE.to_bytes(2, "big") + b"\0\0\0\0" + b"x" * SIZE
LENGTH_BACK = 4 + SIZE
WARM_UP = 300
AIM = 0.7
"""Of what a bare loop on trio-websocket costs, the client's half counted in both."""

Server: TypeAlias = Callable[[], AbstractAsyncContextManager[int]]
"""Echoes on a port."""


@asynccontextmanager
async def _bare() -> AsyncGenerator[int, None]:
    async def echo(request: WebSocketRequest) -> None:
        connection = await request.accept()
        try:
            while True:
                await connection.send_message(await connection.get_message())
        except ConnectionClosed:
            pass

    async with _library(echo) as port:
        yield port


@asynccontextmanager
async def _adopted() -> AsyncGenerator[int, None]:
    async def echo(request: WebSocketRequest) -> None:
        async with adopt_socket(await request.accept()) as websocket:
            await _echo(websocket)

    async with _library(echo) as port:
        yield port


@asynccontextmanager
async def _library(echo: Callable[[WebSocketRequest], object]) -> AsyncGenerator[int, None]:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0, None)
        yield server.port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _front_door() -> AsyncGenerator[int, None]:
    async def echo(upgrade: Upgrade) -> None:
        await _echo(await upgrade.accept())

    async with open_front_door(port=0) as door:
        door.websocket("/", echo, auth="none")
        yield door.addresses[0][1]


async def _echo(websocket: WebSocket) -> None:
    async for message in websocket:
        try:
            websocket.send_nowait(message)
        except trio.WouldBlock:
            await websocket.send(message)


async def _cost(server: Server, times: int) -> float:
    async with server() as port, await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await _shake_hands(stream)
        await _bounce(stream, WARM_UP)
        before = time.process_time()
        await _bounce(stream, times)
        return (time.process_time() - before) / times


async def _shake_hands(stream: trio.SocketStream) -> None:
    key = base64.b64encode(bytes(16)).decode()
    lines = ["GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}"]
    await stream.send_all("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += await stream.receive_some()


async def _bounce(stream: trio.SocketStream, times: int) -> None:
    for _ in range(times):
        await stream.send_all(MASKED)
        received = 0
        while received < LENGTH_BACK:
            received += len(await stream.receive_some(65_536))


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """Let the drivers take turns."""
    servers = {"a bare loop on trio-websocket": _bare, "trio-websocket, adopted": _adopted, "our front door": _front_door}
    times = effort.rounds(4_000, 500)
    rivals: dict[str, Measure] = {name: partial(trio.run, _cost, server, times) for name, server in servers.items()}
    costs = take_turns(rivals, effort.rounds(7, 2), tell)
    bare, adopted, ours = servers
    return [
        Finding(bare, costs.microseconds(bare), "us"),
        Finding(adopted, costs.microseconds(adopted), "us", costs.ratio(adopted, bare), "the bare loop"),
        Finding(ours, costs.microseconds(ours), "us", costs.ratio(ours, bare), "the bare loop", AIM, "ratio"),
    ]
