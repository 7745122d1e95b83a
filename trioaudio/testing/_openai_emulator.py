"""An OpenAI Realtime server for tests and demos: no key, no network if need be, and faults by script.

The protocol is `trioaudio.wire.openai_server`; here it meets websockets and the Trio clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import trio

from .. import Limits, LocalProtocolError, open_front_door
from ..abc import Model, Upgrade, WebSocket
from ..models.openai import open_openai_over
from ..wire.openai import SessionOptions
from ..wire.openai_server import OpenAICall as OpenAICall
from ..wire.openai_server import OpenAIQuestion as OpenAIQuestion
from ..wire.openai_server import OpenAIReply as OpenAIReply
from ..wire.openai_server import OpenAIServer
from ..wire.openai_server import OpenAIServerOptions as OpenAIServerOptions
from ..wire.openai_server import tone as tone
from ._memory_socket import MemoryWebSocket, memory_websockets
from ._openai_faults import FaultSchedule, OpenAIFault

OpenAIAnswer: TypeAlias = Callable[[OpenAIQuestion], OpenAIReply]
"""What stands for the model: a function that is asked and replies at once."""

PATH = "/v1/realtime"
PHASE = 3e-6
"""This server's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""
REMEMBERED = 100
"""Sessions that are kept to be asked what happened in them."""
LONGEST_MESSAGE = 16 * 2**20


class OpenAIEmulator:
    """A local server that speaks the OpenAI Realtime protocol as strictly as the live one.

    ``emulator.model`` can be given to `open_session` and to the fixture ``call`` as it is, and runs on a virtual clock;
    `listen` opens a port for the plugin ``openai``, the official SDKs, or anybody's program.

    ```python
    emulator = OpenAIEmulator(lambda question: OpenAIReply("Good morning.", tone(1.0, question.format)))
    ```

    Args:
        answer: what it says; by default it says again what it heard.
        options: how it behaves.
        faults: what goes wrong in each session.
    """

    def __init__(
        self, answer: OpenAIAnswer | None = None, options: OpenAIServerOptions | None = None, *, faults: Iterable[OpenAIFault] = ()
    ) -> None:
        self.options: OpenAIServerOptions = options or OpenAIServerOptions()
        self.sessions: deque[OpenAIServer] = deque(maxlen=REMEMBERED)
        """The newest sessions, the last one last: their ``errors`` and their ``conversation.truncations`` tell what a client did."""
        self._answer, self._faults = answer, tuple(faults)
        self._session: _EmulatedSession | None = None

    @asynccontextmanager
    async def model(self, options: SessionOptions | None = None) -> AsyncGenerator[Model, None]:
        """A connection with it, without a network. Checkpoint: yes."""
        ours, theirs = memory_websockets()
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.serve, theirs, model="emulated", key="emulated"), name="emulated OpenAI")  # noqa: ASYNC113 - it may be late
            async with open_openai_over(ours, options) as model:
                try:
                    yield model
                except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
                    body_error = exc
            nursery.cancel_scope.cancel("the model's block has ended")
        if body_error is not None:
            raise body_error

    def say(self, reply: OpenAIReply) -> None:
        """Let the newest session say something unasked.

        Raises:
            LocalProtocolError: there is none.
        """
        self._newest().say(reply)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Let the newest session end, with this close frame. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", f"close {code} {reason}".rstrip()))

    def fail(self) -> None:
        """Let the newest session's connection break. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", "break"))

    def _newest(self) -> _EmulatedSession:
        if self._session is None:
            raise LocalProtocolError("this emulator has no session yet; connect first")
        return self._session

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str, None]:
        """Let it be reached; the base URL, such as ``ws://127.0.0.1:8765/v1``. Checkpoint: yes.

        Args:
            port: 0 is any that is free.

        Raises:
            FrontDoorError: nobody can listen there.
        """
        limits = Limits(message=LONGEST_MESSAGE)
        async with open_front_door(host, port, limits=limits) as door:
            with door.websocket(PATH, self._upgraded, auth="none"):
                yield f"ws://{host}:{door.addresses[0][1]}/v1"

    async def _upgraded(self, upgrade: Upgrade) -> None:
        headers, offered = upgrade.request.headers, upgrade.subprotocols
        tokens = [name.removeprefix(_TOKEN) for name in offered if name.startswith(_TOKEN)]
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        websocket = await upgrade.accept("realtime" if "realtime" in offered else None)
        key = bearer or headers.get("api-key") or next(iter(tokens), None)
        await self.serve(websocket, model=upgrade.request.query.get("model"), key=key, beta="openai-beta" in headers)

    async def serve(self, websocket: WebSocket, *, model: str | None, key: str | None, beta: bool = False) -> None:
        """Serve one websocket until either side ends it. Checkpoint: yes.

        Args:
            model: which the client asks for.
            key: which it has.
            beta: it speaks the beta, and is refused.
        """
        server = OpenAIServer(self._answer, self.options, trio.current_time())
        self.sessions.append(server)
        server.open(model, key, beta=beta, epoch=time.time())
        self._session = session = _EmulatedSession(websocket, server, FaultSchedule(self._faults, trio.current_time()))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.listen, nursery.cancel_scope)
            await session.speak()
            nursery.cancel_scope.cancel("the session is over")


_TOKEN = "openai-insecure-api-key."


class _EmulatedSession:
    """One client: a task that listens, and one that speaks."""

    def __init__(self, websocket: WebSocket, server: OpenAIServer, faults: FaultSchedule) -> None:
        self._websocket, self._server, self._faults = websocket, server, faults
        self._heard = trio.Event()
        self._over = False
        self._wrong: deque[OpenAIFault] = deque()

    def say(self, reply: OpenAIReply) -> None:
        """As `OpenAIEmulator.say`."""
        self._server.say(reply)
        self._heard.set()

    def go_wrong(self, fault: OpenAIFault) -> None:
        """Let something go wrong now."""
        self._wrong.append(fault)
        self._heard.set()

    async def listen(self, session: trio.CancelScope) -> None:
        """Hear whatever the client says; its end is that of the session."""
        try:
            async for data in self._websocket:
                self._server.receive_untrusted(data, trio.current_time())
                self._heard.set()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        session.cancel("the client has gone")

    async def speak(self) -> None:
        """Say what is due, until it is over."""
        try:
            while not self._over:
                self._heard = trio.Event()
                self._server.advance(trio.current_time())
                await self._say_all()
                await self._rest()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def _say_all(self) -> None:
        while self._wrong:
            await self._go_wrong(self._wrong.popleft())
        for fault in self._faults.by_clock(trio.current_time()):
            await self._go_wrong(fault)
        for message in self._server.take():
            if not self._over:
                await self._websocket.send(message)
                for fault in self._faults.after(_kind(message)):
                    await self._go_wrong(fault)
        if self._server.closing is not None and not self._over:
            await self._close(*self._server.closing)

    async def _rest(self) -> None:
        due = min(self._server.due, self._faults.due)
        with trio.CancelScope(deadline=due + PHASE):
            if not self._over:
                await self._heard.wait()

    async def _go_wrong(self, fault: OpenAIFault) -> None:
        first, rest = fault.words
        match fault.verb:
            case "close":
                await self._close(int(first), rest)
            case "break":
                self._over = True
                if isinstance(self._websocket, MemoryWebSocket):
                    self._websocket.fail()
                else:
                    await self._websocket.aclose(1011)
            case "error":
                self._server.complain(first, rest or "It went wrong, as it was told to.")
            case "stall":
                await trio.sleep(float(first))
            case "send":
                await self._websocket.send(fault.do.partition(" ")[2])

    async def _close(self, code: int, reason: str) -> None:
        self._over = True
        await self._websocket.aclose(code, reason)


def _kind(message: str) -> str:
    """The type of a message of our own server, which stands first in it."""
    return message.split('"', 4)[3]
