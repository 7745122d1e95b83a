"""A GPT-Live server for tests and demos, without a key.

The protocol is `trioaudio.wire.openai_live_server`; here it meets websockets and the Trio clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from ... import Limits, LocalProtocolError, open_front_door
from ...abc import Model, Upgrade, WebSocket
from ...models.openai_live import open_openai_live_over
from ...wire.openai_live import OpenAILiveOptions
from ...wire.openai_live_server import OpenAILiveServer, OpenAILiveServerOptions
from .._memory_socket import memory_websockets

PATH = "/v1/live/sessions"
PHASE = 3e-6
"""This server's own moment among the timers of a call, in seconds."""
REMEMBERED = 100
LONGEST_MESSAGE = 16 * 2**20


class OpenAILiveEmulator:
    """A local server that speaks OpenAI's Live protocol: it streams silence, and says again what the caller has said.

    ``emulator.model`` can be given to `open_session` and to the fixture ``call`` as it is, and runs on a virtual clock;
    `listen` opens a port for the plugin ``openai-live`` or anybody's program.

    Args:
        options: how it behaves.
    """

    def __init__(self, options: OpenAILiveServerOptions | None = None) -> None:
        self.options: OpenAILiveServerOptions = options or OpenAILiveServerOptions()
        self.sessions: deque[OpenAILiveServer] = deque(maxlen=REMEMBERED)
        """The newest sessions, the last one last."""
        self._told = trio.lowlevel.ParkingLot()

    @property
    def last(self) -> OpenAILiveServer:
        """The newest session: to be asked what its client did, or let do something (then call `wake`).

        Raises:
            LocalProtocolError: there is none.
        """
        if not self.sessions:
            raise LocalProtocolError("this emulator has no session yet; connect first")
        return self.sessions[-1]

    def wake(self) -> None:
        """Send what sessions were let do."""
        self._told.unpark_all()

    @asynccontextmanager
    async def model(self, options: OpenAILiveOptions | None = None) -> AsyncGenerator[Model, None]:
        """A connection with it, without a network. Checkpoint: yes."""
        ours, theirs = memory_websockets()
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.serve, theirs, name="emulated GPT-Live")  # noqa: ASYNC113 - it may be late
            try:
                async with open_openai_live_over(ours, "emulated", options) as model:
                    yield model
            except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
                body_error = exc
            nursery.cancel_scope.cancel("the model's block has ended")
        if body_error is not None:
            raise body_error

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str, None]:
        """Let it be reached; the base URL, such as ``ws://127.0.0.1:8765/v1``. Checkpoint: yes.

        Raises:
            FrontDoorError: nobody can listen there.
        """
        async with open_front_door(host, port, limits=Limits(message=LONGEST_MESSAGE), no_auth=True) as door:
            door.websocket(PATH, self._upgraded, auth="none")
            yield f"ws://{f'[{host}]' if ':' in host else host}:{door.addresses[0][1]}/v1"

    async def _upgraded(self, upgrade: Upgrade) -> None:
        key = upgrade.request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self.options.key is not None and key != self.options.key:
            await upgrade.reject(401, "Incorrect API key provided.")
            return
        await self.serve(await upgrade.accept())

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket until either side ends it. Checkpoint: yes."""
        server = OpenAILiveServer(self.options, trio.current_time())
        self.sessions.append(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, websocket, server, nursery.cancel_scope)
            await self._speak(websocket, server)
            nursery.cancel_scope.cancel("the session is over")

    async def _listen(self, websocket: WebSocket, server: OpenAILiveServer, session: trio.CancelScope) -> None:
        try:
            async for data in websocket:
                server.receive_untrusted(data, trio.current_time())
                self.wake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        session.cancel("the client has gone")

    async def _speak(self, websocket: WebSocket, server: OpenAILiveServer) -> None:
        try:
            while True:
                server.advance(trio.current_time())
                for message in server.take():
                    await websocket.send(message)
                if server.closing:
                    await websocket.aclose(1000, "")
                    return
                with trio.CancelScope(deadline=server.due + PHASE):
                    await self._told.park()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
