"""An Asterisk for tests: it calls over AudioSocket and over its media websocket, in memory or over sockets."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

import trio

from ... import Secret, open_front_door
from ...abc import Pipe, Upgrade, WebSocket, basic, connect_tcp, open_socket
from ...audio import PCM16_8K, AudioFormat
from ...wire.asterisk_channel import ChannelOptions
from .._memory_pipe import memory_pipes
from .._memory_socket import memory_websockets
from .asterisk_call import AsteriskFault, living_call
from .asterisk_media import FakeMedia
from .audiosocket import FakeAudioSocket

TakePipe = Callable[[Pipe, str], Awaitable[None]]
TakeWebSocket = Callable[[WebSocket], Awaitable[None]]


class FakeAsterisk:
    """A PBX that does what a test says.

    ```python
    asterisk = FakeAsterisk()
    async with asterisk.audiosocket("127.0.0.1", 9092, id) as call:
        call.speak(audio)
        await call.wait_heard(1.0)
    ```

    Every call is hung up when its block ends.

    Args:
        format: of the audio of its calls.
        line_open: whether a caller who says nothing sends silence, as a telephone does.
        options: how it dials over its media websocket: ``ChannelOptions(json=False)``; the format is that above.
        faults: what goes wrong in each call.
    """

    def __init__(
        self,
        format: AudioFormat = PCM16_8K,
        *,
        line_open: bool = False,
        options: ChannelOptions | None = None,
        faults: Iterable[AsteriskFault] = (),
    ) -> None:
        self.format: AudioFormat = format
        self.line_open: bool = line_open
        self.options: ChannelOptions = replace(options or ChannelOptions(), format=format)
        self.faults: tuple[AsteriskFault, ...] = tuple(faults)

    # ---- AudioSocket

    @asynccontextmanager
    async def audiosocket_to(self, take: TakePipe, id: UUID | str | None) -> AsyncGenerator[FakeAudioSocket, None]:
        """Call without a network, also on a virtual clock.

        Args:
            take: what a listener gives to `trioaudio.abc.open_tcp`, such as ``AudioSocketListener.take``.
            id: of the call; None says none.
        """
        ours, theirs = memory_pipes()

        async def serve() -> None:
            try:
                await take(theirs, "memory")
            finally:
                theirs.close()

        async with self._on(ours, id, serve) as call:
            yield call

    @asynccontextmanager
    async def audiosocket(self, host: str, port: int, id: UUID | str | None) -> AsyncGenerator[FakeAudioSocket, None]:
        """Call over a socket, as ``AudioSocket(id,host:port)`` does in a dialplan.

        Raises:
            trio.BrokenResourceError: nobody listens there.
        """
        async with connect_tcp(host, port) as pipe, self._on(pipe, id) as call:
            yield call

    def _on(
        self, pipe: Pipe, id: UUID | str | None, serve: Callable[[], Awaitable[None]] | None = None
    ) -> AbstractAsyncContextManager[FakeAudioSocket]:
        call = FakeAudioSocket(pipe, self.format, line_open=self.line_open)
        if id is not None:
            call.identify(id)
        return living_call(call, serve, self.faults)

    # ---- the media websocket

    @asynccontextmanager
    async def websocket_to(self, serve: TakeWebSocket) -> AsyncGenerator[FakeMedia, None]:
        """Connect to an app without a network, also on a virtual clock.

        Args:
            serve: what it does with a websocket that was opened, such as ``AsteriskListener.serve``.
        """
        ours, theirs = memory_websockets()
        async with living_call(self._media(ours), partial(serve, theirs), self.faults) as call:
            yield call

    @asynccontextmanager
    async def websocket(
        self, url: str, parameters: Mapping[str, str] | None = None, *, user: str = "", password: str | None = None
    ) -> AsyncGenerator[FakeMedia, None]:
        """Connect to an app, as ``Dial(WebSocket/NAME/v(...))`` does.

        Args:
            url: where the app is: ``ws://127.0.0.1:8080/asterisk/media``.
            parameters: for the query of that address.
            user, password: what websocket_client.conf has.

        Raises:
            trio.BrokenResourceError: nobody is there, or it does not want us.
        """
        target = f"{url}?{urlencode(parameters)}" if parameters else url
        headers = {"Authorization": basic(user, Secret(password))} if password is not None else None
        async with (
            open_socket(target, headers=headers, subprotocols=["media"]) as websocket,
            living_call(self._media(websocket), None, self.faults) as call,
        ):
            yield call

    @asynccontextmanager
    async def incoming(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[tuple[str, FakeMedia], None]:
        """Let a call wait for an app that connects, as ``Dial(WebSocket/INCOMING/...)`` does; yields the URL, and the call.

        The call begins when somebody connects: the first who knows the URL, and nobody else.
        """
        id = secrets.token_hex(16)
        call, taken, done = self._media(None), trio.Event(), trio.Event()

        async def connected(upgrade: Upgrade) -> None:
            if upgrade.request.values["id"] != id:
                await upgrade.reject(404, "there is no such call")
            elif taken.is_set():
                await upgrade.reject(409, "somebody has taken this call")
            else:
                taken.set()
                call.connect(await upgrade.accept("media" if "media" in upgrade.subprotocols else None))
                await done.wait()

        async with open_front_door(host, port) as door:
            with door.websocket("/media/{id}", connected, auth="token"):
                async with living_call(call, None, self.faults):
                    yield f"ws://{host}:{door.addresses[0][1]}/media/{id}", call
                done.set()

    def _media(self, websocket: WebSocket | None) -> FakeMedia:
        call = FakeMedia(self.options, line_open=self.line_open)
        if websocket is not None:
            call.connect(websocket)
        return call
