"""Calls as raw audio over websockets: a complete listener for trioaudio, to start your own from."""

from __future__ import annotations

import hmac
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import trio

from trioaudio import Event
from trioaudio.abc import FrontDoor, Invitation, Listener, Option, Paced, Source, Upgrade, WebSocket, listener_plugin
from trioaudio.audio import PCM16_8K, Frame


class Wire(Source):
    """A far party that sends and plays raw samples, one block a message."""

    input_format = output_format = PCM16_8K
    far_end = Paced()

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket, self._position = websocket, 0

    async def receive(self) -> Frame | Event:
        message = await self._websocket.receive()  # raises what a source is to raise: the end, or that it broke
        if isinstance(message, str) or len(message) % 2:
            raise trio.BrokenResourceError("a message on this wire is 16-bit samples")
        frame = Frame(message, PCM16_8K, media_time=self._position)
        self._position += frame.num_samples
        return frame

    async def send(self, frame: Frame) -> None:
        await self._websocket.send(frame.data)

    def send_nowait(self, frame: Frame) -> None:
        self._websocket.send_nowait(frame.data)


class WireCall(Invitation):
    """Somebody has asked for a websocket, and nobody has answered yet."""

    def __init__(self, upgrade: Upgrade) -> None:
        self.caller, self.called = upgrade.request.client, upgrade.request.values["line"]
        self.parameters, self._upgrade, self.over = dict(upgrade.request.query), upgrade, trio.Event()

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            yield Wire(await self._upgrade.accept())
        finally:
            self.over.set()

    async def reject(self, reason: str) -> None:
        try:
            await self._upgrade.reject(486 if reason == "busy" else 503, f"{reason}, call again later")
        finally:
            self.over.set()


class WireListener(Listener):
    """Websockets at ``/wire/LINE``."""

    name = "wire"

    def __init__(self, token: str) -> None:
        self._token = f"Bearer {token}"
        self._calls, self._incoming = trio.open_memory_channel[WireCall](100)

    async def take(self, upgrade: Upgrade) -> None:
        """The front door's handler: the websocket lives until it returns."""
        if not hmac.compare_digest(upgrade.request.headers.get("authorization", "").encode(), self._token.encode()):
            await upgrade.reject(401, "the token is wrong")
            return
        call = WireCall(upgrade)
        await self._calls.send(call)
        await call.over.wait()

    async def receive(self) -> Invitation:
        return await self._incoming.receive()


@listener_plugin("wire")
@asynccontextmanager
async def open_wire(door: FrontDoor, *, token: Annotated[str, Option(env="WIRE_TOKEN", secret=True)]) -> AsyncGenerator[Listener, None]:
    """Take calls as websockets that carry raw 16-bit samples at 8 kHz, both ways.

    Args:
        token: what callers must show, in the header ``Authorization: Bearer TOKEN``.
    """
    listener = WireListener(token)
    with door.websocket("/wire/{line}", listener.take, auth="token"):
        yield listener
