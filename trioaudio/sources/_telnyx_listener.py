"""Telnyx's webhooks and media websockets at the front door.

How a call travels: Telnyx posts what happens to ``/telnyx/voice``, signed; once the server has decided to answer, its call control is
asked to, and to open a media websocket whose address has a token that is good once. Whoever is dialled comes as a call once they
have picked up. Hanging up, handing over and pressing keys are commands too.
"""

from __future__ import annotations

import logging
import secrets
import time
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from .._errors import CapabilityError, RemoteProtocolError
from .._secret import Secret
from ..abc import Ed25519Key, FrontDoor, Invitation, PhoneExchange, PhoneStream, Request, Response, Upgrade
from ..wire import telnyx_rest
from ..wire.phone import PhoneDialect
from ..wire.telnyx_rest import Codec
from ..wire.telnyx_webhook import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TelnyxEvent,
    is_of_now,
    read_event_untrusted,
    signed_bytes,
)
from ._carrier_streams import TOKEN, StreamCall, key_route, serve_by_token
from ._dialling import Dialler, DialRules
from ._known_calls import KnownCalls
from ._telnyx_account import TelnyxAccount, open_telnyx_account
from ._telnyx_calls import TelnyxCall, TelnyxDesk

log: logging.Logger = logging.getLogger("trioaudio.telnyx")

MOST_WAITING = 1_000
MOST_REMEMBERED = 4_000
"""Webhooks that are known again when they come twice."""
MACHINES = ("call.machine.detection.ended", "call.machine.premium.detection.ended")


class TelnyxListener(Dialler, TelnyxDesk):
    """Calls of Telnyx's; made by `open_telnyx_calls`.

    Args:
        door: where it is offered.
        path: where its addresses begin.
        account: its call control.
        keys: those with which webhooks may be signed.
        exchange: its media websockets.
        connection: the application that dials.
        codec: of the audio.
        rules: whom it may dial.
        clock: seconds of the Unix clock.
    """

    name = "telnyx"

    def __init__(
        self,
        door: FrontDoor,
        path: str,
        account: TelnyxAccount,
        keys: Sequence[Ed25519Key],
        dialect: PhoneDialect,
        *,
        connection: str | None = None,
        codec: Codec = "PCMU",
        rules: DialRules | None = None,
        clock: Callable[[], float] = time.time,
        own_streams: bool = False,
    ) -> None:
        unannounced = self._take_unannounced if own_streams else None
        super().__init__(PhoneExchange("telnyx", dialect, TOKEN, unannounced=unannounced), rules)
        self.account: TelnyxAccount = account
        """Its call control."""
        self._door, self._path, self._keys, self._clock = door, path, keys, clock
        self._connection, self._codec = connection, codec
        self._calls: KnownCalls[TelnyxCall] = KnownCalls()
        self._seen: deque[str] = deque(maxlen=MOST_REMEMBERED)
        self._dialling: deque[str] = deque(maxlen=MOST_WAITING)  # the states of calls that we have dialled
        self._ringing, self._incoming = trio.open_memory_channel[Invitation](MOST_WAITING)

    async def receive(self) -> Invitation:
        return await self._incoming.receive()

    # ---- dialling

    def check_can_dial(self) -> None:
        """As `Dialler.check_can_dial`."""
        if self._connection is None:
            raise CapabilityError("dialling needs the id of a Voice API application of Telnyx's: set TELNYX_CONNECTION_ID")

    async def place(self, to: str, caller: str, *, ring: int, longest: int | None, detect_machine: bool) -> str:
        """As `Dialler.place`."""
        assert self._connection is not None
        state = b64encode(secrets.token_bytes(18)).decode()
        self._dialling.append(state)
        url = self._door.public_url(f"{self._path}/voice")
        body = telnyx_rest.dial_body(to, caller, self._connection, url, state, ring=ring, longest=longest, detect_machine=detect_machine)
        return await self.account.dial(body)

    async def end_dialled(self, call: str) -> None:
        """As `Dialler.end_dialled`."""
        await self.account.hang_up(call)

    # ---- at the door

    async def voice(self, request: Request) -> Response:
        """Something happens to a call. Checkpoint: yes."""
        if not self._is_signed(request):
            await trio.lowlevel.checkpoint()
            return Response("this is not signed as it must be", 403)
        try:
            event = read_event_untrusted(request.body)
        except RemoteProtocolError:
            self.exchange.note("malformed_webhook")
            raise
        if event.id and event.id in self._seen:
            await trio.lowlevel.checkpoint()
            return Response()
        self._seen.append(event.id)
        await self._take(event)
        return Response()

    def _is_signed(self, request: Request) -> bool:
        timestamp = request.headers.get(TIMESTAMP_HEADER)
        if not is_of_now(timestamp, self._clock()):
            self.exchange.note("stale_webhook" if timestamp else "bad_signature")
            return False
        signed, claimed = signed_bytes(timestamp or "", request.body), request.headers.get(SIGNATURE_HEADER)
        if not any([key.has_signed(signed, claimed) for key in self._keys]):  # noqa: C419 - all of them, always
            self.exchange.note("bad_signature")
            return False
        return True

    async def _take(self, event: TelnyxEvent) -> None:
        call = self._calls.get(event.call)
        if call is None:
            await self._take_new(event)
        elif event.kind == "call.hangup":
            call.gone()
        elif event.kind in MACHINES:
            call.tell("telnyx.answered_by", event.result[:64])
        elif event.kind in ("streaming.stopped", "streaming.failed"):
            await call.stream_ended(failed=event.kind == "streaming.failed")
            return
        if event.kind == "call.hangup":
            self.note_final(event.call, telnyx_rest.OUTCOMES.get(event.cause, "failed"))
        await trio.lowlevel.checkpoint()

    async def _take_new(self, event: TelnyxEvent) -> None:
        """Somebody calls, or has picked up whom we have dialled; legs that others dial, as a transfer does, are nobody's call."""
        answered = event.kind == "call.answered" and event.state in self._dialling
        if not answered and (event.kind != "call.initiated" or event.outgoing):
            return
        call = TelnyxCall(self, event, outbound=answered)
        try:
            self._ringing.send_nowait(call)
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            await call.reject("busy")
            return
        self._calls.add(event.call, call)

    async def media(self, upgrade: Upgrade) -> None:
        """A media websocket is asked for. One that is refused has used up nothing. Checkpoint: yes."""
        await serve_by_token(self.exchange, upgrade)

    # ---- inside

    def stream_body(self, token: str) -> dict[str, object]:
        """As `TelnyxDesk.stream_body`."""
        return telnyx_rest.stream_body(self._door.public_url(f"{self._path}/media/{token}", websocket=True), self._codec)

    def ended(self, call: TelnyxCall) -> None:
        """As `TelnyxDesk.ended`."""
        self._calls.ended(call.id)

    def _take_unannounced(self, stream: PhoneStream) -> None:
        try:
            self._ringing.send_nowait(StreamCall(self.exchange, stream, commands=self.account))
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            stream.over.set()


@asynccontextmanager
async def open_telnyx_calls(
    door: FrontDoor,
    path: str,
    api_key: Secret,
    keys: Sequence[str],
    dialect: PhoneDialect,
    *,
    stream_key: Secret | None = None,
    rest_url: str = telnyx_rest.BASE_URL,
    connection: str | None = None,
    codec: Codec = "PCMU",
    rules: DialRules | None = None,
) -> AsyncGenerator[TelnyxListener, None]:
    """Take the calls of numbers whose Voice API application posts its webhooks to ``PUBLIC-URL/telnyx/voice``."""
    path = path.rstrip("/")
    checked = [Ed25519Key(key) for key in keys]
    async with open_telnyx_account(api_key, base_url=rest_url) as account, AsyncExitStack() as stack:
        own_streams = stream_key is not None
        listener = TelnyxListener(
            door, path, account, checked, dialect, connection=connection, codec=codec, rules=rules, own_streams=own_streams
        )
        if not door.public_url("/").startswith("https://"):
            log.warning("Telnyx opens media websockets by wss:// only: say with --public-url how it reaches this server")
        stack.enter_context(door.route("POST", f"{path}/voice", listener.voice, auth="signature"))
        stack.enter_context(door.websocket(f"{path}/media/{{token}}", listener.media, auth="token"))
        if stream_key is not None:
            stack.enter_context(key_route(door, path, stream_key, listener.exchange))
        yield listener
