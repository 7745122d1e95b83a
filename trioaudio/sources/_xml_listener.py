"""The listener of carriers that ask by webhook what to do with a call: what Twilio, SignalWire and Plivo have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import trio

from .._errors import RemoteProtocolError
from ..abc import Auth, Fields, FrontDoor, Handler, Invitation, PhoneExchange, Request, Response, Upgrade
from ..wire import twiml
from ._carrier_streams import serve_by_token
from ._dialling import Dialler, DialRules
from ._known_calls import KnownCalls
from ._xml_calls import XmlCall, XmlDesk

MOST_WAITING = 1_000
_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,80}", re.ASCII)


class Refused(Exception):  # noqa: N818 - it says what happened
    """A request was not signed as it must be."""


class XmlListener(Dialler, XmlDesk):
    """Calls of one carrier's.

    Args:
        door: where it is offered.
        path: where the webhooks begin.
        exchange: its media websockets.
        rules: whom it may dial.
    """

    def __init__(self, door: FrontDoor, path: str, exchange: PhoneExchange, rules: DialRules | None) -> None:
        super().__init__(exchange, rules)
        self._door, self._path = door, path
        self._calls: KnownCalls[XmlCall] = KnownCalls()
        self._ringing, self._incoming = trio.open_memory_channel[Invitation](MOST_WAITING)

    async def receive(self) -> Invitation:
        return await self._incoming.receive()

    # ---- what carriers differ in

    @property
    def auth(self) -> Auth:
        """How it makes sure who asks."""
        return "signature"

    @abstractmethod
    def identify(self, form: Fields) -> tuple[str, str]:
        """Names of the call and of its account; empty where the form has none."""

    @abstractmethod
    def is_signed(self, request: Request, account: str, form: Fields) -> bool:
        """Whether the carrier has sent it."""

    @abstractmethod
    async def media(self, upgrade: Upgrade) -> None:
        """A media websocket is asked for. One that is refused has used up nothing."""

    def outcome(self, form: Fields) -> str:
        """How a call has ended, if a form says that it has."""
        status = form.get("CallStatus", "")
        return status if status in _ENDED else ""

    def answered_by(self, form: Fields) -> str:
        """Who has picked up, if a form says so."""
        return form.get("AnsweredBy", "")

    def stream_told(self, form: Fields) -> None:
        """Something about a stream, if a form says so."""

    # ---- at the door

    async def voice(self, request: Request) -> Response:
        """Somebody calls."""
        sid, account = self.checked(request)
        call = self._calls.get(sid)
        if call is None:
            self.check_new(request)
            call = XmlCall(self, request, sid, account)
            if not self.ring(call):
                return document(self.xml.response(self.xml.reject(busy=True)))
            self._calls.add(sid, call)
        return document(await call.document())

    def check_new(self, request: Request) -> None:
        """Raises Refused if this may not be the first that is heard of a call."""

    def ring(self, invitation: Invitation) -> bool:
        """Offer a call to the server; False if too many wait."""
        try:
            self._ringing.send_nowait(invitation)
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            return False
        return True

    async def next(self, request: Request) -> Response:
        """A stream has ended, and the carrier asks what is next."""
        sid, _ = self.checked(request)
        await trio.lowlevel.checkpoint()
        call = self._calls.get(sid)
        return document(self.xml.response(self.xml.hang_up()) if call is None else call.what_is_next())

    async def status(self, request: Request) -> Response:
        """The carrier says how a call or a stream fares."""
        sid, _ = self.checked(request)
        form = request.form()
        await trio.lowlevel.checkpoint()
        call = self._calls.get(sid)
        self.stream_told(form)
        if status := self.outcome(form):
            self.note_final(sid, status)
            if call is not None:
                call.gone()
        if call is not None and (found := self.answered_by(form)):
            call.tell(f"{self.name}.answered_by", found[:64])
        return Response(status=204)

    def checked(self, request: Request) -> tuple[str, str]:
        """Call and account of a request that the carrier has signed.

        Raises:
            RemoteProtocolError: there is no call in it.
            Refused: it is not signed as it must be.
        """
        try:
            form = request.form()
        except RemoteProtocolError:
            self.exchange.note("malformed_webhook")
            raise
        sid, account = self.identify(form)
        if not _ID.fullmatch(sid) or not _ID.fullmatch(account):
            self.exchange.note("malformed_webhook")
            raise RemoteProtocolError("a form that names the call and its account was expected")
        if not self.is_signed(request, account, form):
            self.exchange.note("bad_signature")
            raise Refused
        return sid, account

    # ---- inside

    def url(self, place: str, *, websocket: bool = False) -> str:
        """The address of one of its places, as the carrier has it."""
        return self._door.public_url(f"{self._path}/{place}", websocket=websocket)

    def ended(self, call: XmlCall) -> None:
        """As `XmlDesk.ended`."""
        self._calls.ended(call.sid)


class TokenListener(XmlListener):
    """One whose media websockets show their token in their address: nobody has said that the carrier signs them."""

    streams_say_account = False

    async def media(self, upgrade: Upgrade) -> None:
        await serve_by_token(self.exchange, upgrade)


def document(text: str) -> Response:
    """XML as it is answered."""
    return Response(text, content_type=twiml.CONTENT_TYPE)


async def _answered(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except Refused:
        return Response("this is not signed as it must be", 403)


@contextmanager
def offered(door: FrontDoor, path: str, listener: XmlListener, media: str, media_auth: Auth) -> Iterator[None]:
    """Serve a listener's webhooks and media websockets at the front door for as long as the block lasts.

    Args:
        door: where.
        path: where they begin.
        listener: whose.
        media: the place in the address of a media websocket, such as ``{token}``.
        media_auth: how those are checked.
    """
    auth = listener.auth
    with (
        door.route("POST", f"{path}/voice", partial(_answered, listener.voice), auth=auth),
        door.route("POST", f"{path}/next", partial(_answered, listener.next), auth=auth),
        door.route("POST", f"{path}/status", partial(_answered, listener.status), auth=auth),
        door.websocket(f"{path}/media/{media}", listener.media, auth=media_auth),
    ):
        yield
