"""An OpenAI Realtime server for tests and demos: no key, no network if need be, and faults by script.

The protocol is `trioaudio.wire.openai_server`; here it meets websockets and the Trio clock.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import trio

from ... import Limits, LocalProtocolError, open_front_door
from ...abc import FrontDoor, Model, Request, Response, Upgrade, WebSocket
from ...models.openai import open_openai_over
from ...models.xai import open_xai_over
from ...wire.openai import SessionOptions
from ...wire.openai_server import ClientSecrets, OpenAIQuestion, OpenAIReply, OpenAIServer, OpenAIServerOptions
from .._memory_socket import memory_websockets
from .faults import FaultSchedule, OpenAIFault
from .openai_session import EmulatedSession, Voice, Witness

OpenAIAnswer: TypeAlias = Callable[[OpenAIQuestion], OpenAIReply]
"""What stands for the model: a function that is asked and replies at once."""

PATHS = ("/v1/realtime", "/openai/v1/realtime", "/openai/realtime")
"""OpenAI's, Azure's, and Azure's for the beta."""
SECRETS = "/v1/realtime/client_secrets"
REMEMBERED = 100
"""Sessions that are kept to be asked what happened in them."""
LONGEST_MESSAGE = 16 * 2**20
_TOKEN = "openai-insecure-api-key."


class OpenAIEmulator:
    """A local server that speaks the OpenAI Realtime protocol as strictly as the live one.

    ``emulator.model`` can be given to `open_session` and to the fixture ``call`` as it is, and runs on a virtual clock;
    `listen` opens a port for the plugin ``openai``, the official SDKs, or anybody's program.

    ```python
    emulator = OpenAIEmulator(lambda question: OpenAIReply("Good morning.", tone(1.0, question.format)))
    ```

    Args:
        answer: what it says; by default it says again what it heard, and calls a tool when it is written ``/call NAME {...}``.
        options: how it behaves.
        faults: what goes wrong in each session.
        voice: speaks the words of replies that have no audio, such as `espeak_voice`; without one they are silent.
        witness: is shown every message.
    """

    def __init__(
        self,
        answer: OpenAIAnswer | None = None,
        options: OpenAIServerOptions | None = None,
        *,
        faults: Iterable[OpenAIFault] = (),
        voice: Voice | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.options: OpenAIServerOptions = options or OpenAIServerOptions()
        self.sessions: deque[OpenAIServer] = deque(maxlen=REMEMBERED)
        """The newest sessions, the last one last: what clients did in them can be read back (see `last`)."""
        self._answer, self._faults, self._voice, self._witness = answer, tuple(faults), voice, witness
        self._secrets = ClientSecrets(self.options.keys)
        self._session: EmulatedSession | None = None
        self._count = 0

    @property
    def last(self) -> OpenAIServer:
        """The newest session, to be asked what its client did.

        ``errors`` are the codes of what was refused, ``received`` and ``sent`` count events by type, ``heard`` is what the caller said,
        ``conversation.items``, ``conversation.results`` (of tools) and ``conversation.truncations`` (what was told to have been heard).

        Raises:
            LocalProtocolError: there is none.
        """
        if not self.sessions:
            raise LocalProtocolError("this emulator has no session yet; connect first")
        return self.sessions[-1]

    @asynccontextmanager
    async def model(self, options: SessionOptions | None = None) -> AsyncGenerator[Model, None]:
        """A connection with it, without a network, of the plugin that speaks its dialect. Checkpoint: yes."""
        open_over = open_xai_over if self.options.dialect == "xai" else open_openai_over
        ours, theirs = memory_websockets()
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.serve, theirs, model="emulated", key="emulated"), name="emulated OpenAI")  # noqa: ASYNC113 - it may be late
            async with open_over(ours, options) as model:
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

    def _newest(self) -> EmulatedSession:
        if self._session is None:
            raise LocalProtocolError("this emulator has no session yet; connect first")
        return self._session

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0, *, allowed_origins: Iterable[str] = ()) -> AsyncGenerator[str, None]:
        """Let it be reached; the base URL, such as ``ws://127.0.0.1:8765/v1``. Checkpoint: yes.

        Ephemeral keys are given out at ``/realtime/client_secrets``; the path of Azure, ``/openai/v1``, is served as well.

        Args:
            host: 0.0.0.0 lets other machines use it, too.
            port: 0 is any that is free.
            allowed_origins: whose web pages may use it, such as ``http://localhost:3000``.

        Raises:
            FrontDoorError: nobody can listen there.
        """
        limits = Limits(message=LONGEST_MESSAGE)
        async with open_front_door(host, port, limits=limits, no_auth=True, allowed_origins=tuple(allowed_origins)) as door:
            self._open(door)
            yield f"ws://{f'[{host}]' if ':' in host else host}:{door.addresses[0][1]}/v1"

    def _open(self, door: FrontDoor) -> None:
        for path in PATHS:
            door.websocket(path, self._upgraded, auth="none")
        door.route("POST", SECRETS, self._asked_for_secret, auth="none")

    async def _asked_for_secret(self, request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        status, answer = self._secrets.issue_untrusted(request.body, _key(request), time.time())
        return Response(json.dumps(answer), status, "application/json")

    async def _upgraded(self, upgrade: Upgrade) -> None:
        offered, query = upgrade.subprotocols, upgrade.request.query
        tokens = [name.removeprefix(_TOKEN) for name in offered if name.startswith(_TOKEN)]
        key = _key(upgrade.request) or next(iter(tokens), None)
        if self.options.refuses == "azure" and not self._secrets.accepts(key, time.time()):
            await upgrade.reject(401, "Access denied due to invalid subscription key or wrong API endpoint.")
            return
        websocket = await upgrade.accept("realtime" if "realtime" in offered else None)
        beta = "openai-beta" in upgrade.request.headers or any(name.startswith("openai-beta") for name in offered)
        await self.serve(websocket, model=query.get("model") or query.get("deployment"), key=key, beta=beta)

    async def serve(self, websocket: WebSocket, *, model: str | None, key: str | None, beta: bool = False) -> None:
        """Serve one websocket until either side ends it. Checkpoint: yes.

        Args:
            model: which the client asks for.
            key: which it has.
            beta: it says that it speaks the beta.
        """
        server = OpenAIServer(self._answer, self.options, trio.current_time())
        self.sessions.append(server)
        self._count += 1
        server.open(model, key, beta=beta, epoch=time.time(), secrets=self._secrets)
        faults = FaultSchedule(self._faults, trio.current_time())
        session = EmulatedSession(websocket, server, faults, number=self._count, voice=self._voice, witness=self._witness)
        self._session = session
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.listen, nursery.cancel_scope)
            nursery.start_soon(session.keep_pinging)
            await session.speak(nursery)
            nursery.cancel_scope.cancel("the session is over")


def _key(request: Request) -> str | None:
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip() or request.headers.get("api-key")
