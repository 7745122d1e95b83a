"""A Gemini Live server for tests and demos: no key, no network if need be, and faults by script.

The protocol is `trioaudio.wire.gemini_server`; here it meets websockets and the Trio clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from typing import TypeAlias

import trio

from ... import Limits, LocalProtocolError, open_front_door
from ...abc import Model, Upgrade, WebSocket
from ...models.gemini import live_url, open_gemini_over
from ...wire.gemini import GeminiOptions
from ...wire.gemini_server import GeminiCall as GeminiCall
from ...wire.gemini_server import GeminiQuestion as GeminiQuestion
from ...wire.gemini_server import GeminiReply as GeminiReply
from ...wire.gemini_server import GeminiServer
from ...wire.gemini_server import GeminiServerOptions as GeminiServerOptions
from .._memory_socket import memory_websockets
from .faults import FaultSchedule, OpenAIFault
from .session import EmulatedSession

GeminiAnswer: TypeAlias = Callable[[GeminiQuestion], GeminiReply]
"""What stands for the model: a function that is asked and replies at once."""

REMEMBERED = 100
"""Sessions that are kept to be asked what happened in them."""
LONGEST_MESSAGE = 16 * 2**20
MODEL = "gemini-3.8-live"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"


class GeminiEmulator:
    """A local server that speaks the Gemini Live protocol, as far as a voice agent can tell.

    ``emulator.model`` can be given to `open_session` and to the fixture ``call`` as it is, and runs on a virtual clock;
    `listen` opens a port for the plugin ``gemini``, the official SDK, or anybody's program.

    ```python
    emulator = GeminiEmulator(lambda question: GeminiReply("Good morning."))
    ```

    Args:
        answer: what it says; by default it says again what it heard.
        options: how it behaves.
        faults: what goes wrong in each session; an event is named by its keys: ``setupComplete``, ``serverContent.turnComplete``,
            ``toolCall``. The verb ``error`` closes the connection, for the protocol has no other errors.
    """

    def __init__(
        self, answer: GeminiAnswer | None = None, options: GeminiServerOptions | None = None, *, faults: Iterable[OpenAIFault] = ()
    ) -> None:
        self.options: GeminiServerOptions = options or GeminiServerOptions()
        self.sessions: deque[GeminiServer] = deque(maxlen=REMEMBERED)
        """The newest sessions, the last one last: their ``setup``, ``conversation``, ``results`` and ``closing`` tell what happened."""
        self._answer, self._faults = answer, tuple(faults)
        self._handles: dict[str, GeminiServer] = {}
        self._session: EmulatedSession | None = None

    @asynccontextmanager
    async def model(self, options: GeminiOptions | None = None, *, name: str = MODEL) -> AsyncGenerator[Model, None]:
        """A connection with its model of this name, without a network. Checkpoint: yes."""
        ours, theirs = memory_websockets()
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.serve, theirs, key="emulated"), name="emulated Gemini")  # noqa: ASYNC113 - it may be late
            async with open_gemini_over(ours, name, options) as model:
                try:
                    yield model
                except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
                    body_error = exc
            nursery.cancel_scope.cancel("the model's block has ended")
        if body_error is not None:
            raise body_error

    def say(self, reply: GeminiReply) -> None:
        """Let the newest session say something unasked.

        Raises:
            LocalProtocolError: there is none.
        """
        session = self._newest()
        self.sessions[-1].say(reply, trio.current_time())
        session.wake()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Let the newest session end, with this close frame. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", f"close {code} {reason}".rstrip()))

    def fail(self) -> None:
        """Let the newest session's connection break. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", "break"))

    def _newest(self) -> EmulatedSession:
        if self._session is None:
            raise LocalProtocolError("this emulator has no session yet; connect first")
        return self._session

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str, None]:
        """Let it be reached, as the Gemini API and as Vertex AI are; the base URL, such as ``ws://127.0.0.1:8765``. Checkpoint: yes.

        Args:
            port: 0 is any that is free.

        Raises:
            FrontDoorError: nobody can listen there.
        """
        async with AsyncExitStack() as opened:
            door = await opened.enter_async_context(open_front_door(host, port, limits=Limits(message=LONGEST_MESSAGE)))
            base = f"ws://{host}:{door.addresses[0][1]}"
            with ExitStack() as routes:
                for url in (live_url(base), live_url(base, by_token=True), base + VERTEX):
                    routes.enter_context(door.websocket(url.removeprefix(base), self._upgraded, auth="none"))
                yield base

    async def _upgraded(self, upgrade: Upgrade) -> None:
        headers, query = upgrade.request.headers, upgrade.request.query
        authorised = headers.get("authorization", "").partition(" ")[2].strip()
        key = headers.get("x-goog-api-key") or authorised or query.get("key") or query.get("access_token")
        await self.serve(await upgrade.accept(), key=key or None)

    async def serve(self, websocket: WebSocket, *, key: str | None) -> None:
        """Serve one websocket until either side ends it; ``key`` is the one that the client has. Checkpoint: yes."""
        server = GeminiServer(self._answer, self.options, trio.current_time(), self._handles)
        self.sessions.append(server)
        server.open(key)
        faults = FaultSchedule(self._faults, trio.current_time(), _kind)
        self._session = session = EmulatedSession(websocket, server, faults)
        try:
            await session.run()
        finally:
            server.connected = False


def _kind(message: str | bytes) -> str:
    """The keys of a message of our own server that say what it is."""
    names = str(message).split('"', 4)
    return f"{names[1]}.{names[3]}" if names[1] == "serverContent" else names[1]
