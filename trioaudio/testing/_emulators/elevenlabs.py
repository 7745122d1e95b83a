"""An ElevenLabs agent for tests and demos: no key, no network if need be, and faults by script.

The protocol is `trioaudio.wire.elevenlabs_server`; here it meets websockets, HTTP and the Trio clock.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeAlias

import trio

from ... import Limits, LocalProtocolError, open_front_door
from ...abc import Model, Request, Response, Upgrade, WebSocket
from ...models.elevenlabs import PATH, open_elevenlabs_over
from ...wire.elevenlabs import ConversationOptions
from ...wire.elevenlabs_server import ElevenLabsCall as ElevenLabsCall
from ...wire.elevenlabs_server import ElevenLabsQuestion as ElevenLabsQuestion
from ...wire.elevenlabs_server import ElevenLabsReply as ElevenLabsReply
from ...wire.elevenlabs_server import ElevenLabsServer
from ...wire.elevenlabs_server import ElevenLabsServerOptions as ElevenLabsServerOptions
from .._memory_socket import memory_websockets
from .faults import FaultSchedule, OpenAIFault
from .session import EmulatedSession

ElevenLabsAnswer: TypeAlias = Callable[[ElevenLabsQuestion], ElevenLabsReply | None]
"""What stands for the agent: a function that is asked and replies at once; None: it says nothing."""

REMEMBERED = 100
"""Conversations that are kept to be asked what happened in them."""
LONGEST_MESSAGE = 16 * 2**20


class ElevenLabsEmulator:
    """A local server that speaks the protocol of ElevenLabs agents, as far as a client can tell.

    ``emulator.model`` can be given to `open_session` and to the fixture ``call`` as it is, and runs on a virtual clock;
    `listen` opens a port for the plugin ``elevenlabs``, the official SDK, or anybody's program.

    ```python
    emulator = ElevenLabsEmulator(lambda question: ElevenLabsReply("Good morning."))
    ```

    Args:
        answer: what it says; by default it says again what it heard.
        options: how the agent is set.
        faults: what goes wrong in each conversation.
    """

    def __init__(
        self, answer: ElevenLabsAnswer | None = None, options: ElevenLabsServerOptions | None = None, *, faults: Iterable[OpenAIFault] = ()
    ) -> None:
        self.options: ElevenLabsServerOptions = options or ElevenLabsServerOptions()
        self.sessions: deque[ElevenLabsServer] = deque(maxlen=REMEMBERED)
        """The newest conversations, the last one last: their ``errors``, ``results`` and ``context`` tell what a client did."""
        self._answer, self._faults = answer, tuple(faults)
        self._session: EmulatedSession | None = None
        self._signatures: deque[str] = deque(maxlen=REMEMBERED)

    @asynccontextmanager
    async def model(self, options: ConversationOptions | None = None) -> AsyncGenerator[Model, None]:
        """A conversation with it, without a network; by default declared to hear and speak what it is set to. Checkpoint: yes."""
        declared = ConversationOptions(input_format=self.options.input_format, output_format=self.options.output_format)
        ours, theirs = memory_websockets()
        body_error: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve_authorised, theirs, name="emulated ElevenLabs")  # noqa: ASYNC113 - it may be late
            async with open_elevenlabs_over(ours, options or declared) as model:
                try:
                    yield model
                except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
                    body_error = exc
            nursery.cancel_scope.cancel("the model's block has ended")
        if body_error is not None:
            raise body_error

    async def _serve_authorised(self, websocket: WebSocket) -> None:
        await self.serve(websocket, agent_id="emulated")

    def say(self, reply: ElevenLabsReply) -> None:
        """Let the agent of the newest conversation say something unasked.

        Raises:
            LocalProtocolError: there is none.
        """
        session = self._newest()
        self.sessions[-1].say(reply, trio.current_time())
        session.wake()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Let the newest conversation end, with this close frame. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", f"close {code} {reason}".rstrip()))

    def fail(self) -> None:
        """Let the newest conversation's connection break. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", "break"))

    def stall(self, seconds: float) -> None:
        """Let the newest conversation's agent say nothing for so long. Errors as for `say`."""
        self._newest().go_wrong(OpenAIFault("0s", f"stall {seconds:g}"))

    def _newest(self) -> EmulatedSession:
        if self._session is None:
            raise LocalProtocolError("this emulator has no conversation yet; connect first")
        return self._session

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str, None]:
        """Let it be reached; the base URL, such as ``ws://127.0.0.1:8765``. Checkpoint: yes.

        Args:
            port: 0 is any that is free.

        Raises:
            FrontDoorError: nobody can listen there.
        """
        async with open_front_door(host, port, limits=Limits(message=LONGEST_MESSAGE)) as door:
            base = f"ws://{host}:{door.addresses[0][1]}"

            async def sign(request: Request) -> Response:  # noqa: ASYNC124 - handlers are awaited
                return self._signed(request, f"{base}{PATH}")

            with door.websocket(PATH, self._upgraded, auth="none"), door.route("GET", f"{PATH}/get-signed-url", sign, auth="none"):
                yield base

    def _signed(self, request: Request, url: str) -> Response:
        agent_id, key = request.query.get("agent_id", ""), request.headers.get("xi-api-key")
        if self.options.keys is not None and key not in self.options.keys:
            return _said({"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, 401)
        if not agent_id or (self.options.agents is not None and agent_id not in self.options.agents):
            return _said({"detail": {"status": "document_not_found", "message": "Agent not found"}}, 404)
        self._signatures.append(f"cvtkn_{secrets.token_hex(8)}")
        return _said({"signed_url": f"{url}?agent_id={agent_id}&conversation_signature={self._signatures[-1]}"}, 200)

    async def _upgraded(self, upgrade: Upgrade) -> None:
        query = upgrade.request.query
        websocket = await upgrade.accept("convai" if "convai" in upgrade.subprotocols else None)
        signature = query.get("conversation_signature")
        await self.serve(websocket, agent_id=query.get("agent_id"), authorised=signature in self._signatures)

    async def serve(self, websocket: WebSocket, *, agent_id: str | None, authorised: bool = True) -> None:
        """Serve one websocket until either side ends it. Checkpoint: yes.

        Args:
            agent_id: whom the client wants to talk to.
            authorised: it came by a signed address.
        """
        server = ElevenLabsServer(self._answer, self.options, trio.current_time())
        server.open(agent_id, authorised=authorised)
        self.sessions.append(server)
        self._session = session = EmulatedSession(websocket, server, FaultSchedule(self._faults, trio.current_time()))
        await session.run()


def _said(what: object, status: int) -> Response:
    return Response(json.dumps(what), status, "application/json")
