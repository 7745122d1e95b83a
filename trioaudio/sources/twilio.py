"""Phone calls through Twilio: its webhooks and media websockets at the front door.

How a call travels: Twilio posts a form to ``/twilio/voice``, and waits until somebody has decided about the call. Answered, it is told
to open a media websocket with a token that is good once, and to ask at ``/twilio/next`` when that has ended: a call that was hung up is
ended there, one that was handed over goes on to its number, and one whose websocket broke gets another one, at most twice. Every
request and every upgrade is signed with the account's auth token, over the URL as the outside world has it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, TypeAlias

import trio

from .._errors import CapabilityError, OptionError, RemoteProtocolError
from .._events import AppEvent
from .._secret import Secret
from ..abc import (
    Auth,
    Direction,
    FrontDoor,
    Handler,
    Invitation,
    Listener,
    Option,
    PhoneControl,
    PhoneExchange,
    PhoneSource,
    PhoneStream,
    Request,
    Response,
    Source,
    SourceCapability,
    Upgrade,
    listener_plugin,
)
from ..wire import twiml
from ..wire.twilio import STREAM_ERRORS, TWILIO
from ..wire.twilio_signature import HEADER, is_signed

log: logging.Logger = logging.getLogger("trioaudio.twilio")

Credentials: TypeAlias = Callable[[str], Sequence[Secret]]
"""The auth tokens that are accepted of an account, by its SID; none of an account that is not served. It must not wait."""
Fate: TypeAlias = Literal["ringing", "answered", "rejected", "redirected", "gone"]

TOKEN = "trioaudio-token"
DECIDE_WITHIN = 12.0
"""Seconds Twilio is kept waiting for a decision; it gives up after 15."""
REJOINS = 2
"""How often a call whose websocket broke gets another one."""
REJOIN_WITHIN = 8.0
KEPT = 120.0
"""Seconds a call is remembered after its end: Twilio asks once more what is next."""
MOST_WAITING = 1_000
MOST_EARLY = 16
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,64}", re.ASCII)
_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


class TwilioCall(Invitation, PhoneControl):
    """A call that Twilio asks about, from its webhook to its end."""

    capabilities: frozenset[SourceCapability] = frozenset({"transfer"})
    rejoin_within: float = REJOIN_WITHIN

    def __init__(self, listener: TwilioListener, request: Request, sid: str, account: str) -> None:
        form = request.form()
        self.sid: str = sid
        """Twilio's name for the call."""
        self.account: str | None = account
        self.caller: str | None = form.get("From")
        self.called: str | None = form.get("To")
        self.direction: Direction = "outbound" if form.get("Direction", "").startswith("outbound") else "inbound"
        self.parameters: Mapping[str, str] = dict(request.query)
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in form.items()}
        self.fate: Fate = "ringing"
        """What has become of it."""
        self.next: str = twiml.hang_up()
        """What Twilio is told once the stream has ended."""
        self._listener, self._account = listener, account
        self._document: str | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._stream: PhoneStream | None = None
        self._source: PhoneSource | None = None
        self._token: str | None = None
        self._rejoins = 0
        self._early: list[AppEvent] = []  # what Twilio said before there was anybody to hear it

    # ---- what the server decides

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        self._require_there()
        try:
            self._decide("answered", self._connect())
            while self._stream is None:
                await self._changed.park()
                self._require_there()
            self._source = PhoneSource(self._stream.websocket, self._stream.wire, self)
            for event in self._early:
                self._source.tell(event)
            yield self._source
        finally:
            self._finish()

    def _require_there(self) -> None:
        if self.fate == "gone":
            raise trio.EndOfChannel

    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self._decide("rejected", twiml.response(twiml.reject(busy=reason == "busy")))
        self._finish()

    async def redirect(self, target: str) -> None:
        await trio.lowlevel.checkpoint()
        try:
            verb = twiml.redirect(target) if target.startswith("https://") else twiml.dial(target)
        except ValueError as exc:
            raise CapabilityError(f"{exc}, or to the TwiML at an https:// URL") from None
        self._decide("redirected", twiml.response(verb))
        self._finish()

    def _decide(self, fate: Fate, document: str) -> None:
        if self.fate != "gone":
            self.fate, self._document = fate, document
        self._changed.unpark_all()

    def _connect(self) -> str:
        self._token = self._listener.exchange.expect(self.sid, self._account, self._joined)
        return self._listener.connect_document(self._account, self._token)

    def _joined(self, stream: PhoneStream) -> None:
        """A websocket has said that it is for this call."""
        before, self._stream = self._stream, stream
        if self._source is not None:
            try:
                self._source.go_on(stream.websocket, stream.start)
            except RemoteProtocolError:
                self.note("other_format")
                stream.over.set()
        if before is not None:
            before.over.set()
        self._changed.unpark_all()

    def _finish(self) -> None:
        """Nobody answers any more: the websocket ends, and Twilio hears what is next."""
        if self._token is not None:
            self._listener.exchange.forget(self._token)
        if self._stream is not None:
            self._stream.over.set()
        self._source = None
        self._listener.ended(self)

    # ---- what Twilio asks and says

    async def document(self) -> str:
        """What is to be done with the call, once it has been decided. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(DECIDE_WITHIN):
            while self._document is None and self.fate == "ringing":
                await self._changed.park()
        if self._document is not None:
            return self._document
        if self.fate == "ringing":
            self.note("nobody_decided")
            self.gone()
        return twiml.response(twiml.reject(busy=True))

    def what_is_next(self) -> str:
        """The stream has ended: what now."""
        if self._source is None or not self._source.waits_for_another_line or self._rejoins >= REJOINS:
            return twiml.response(self.next)
        self._rejoins += 1
        return self._connect()

    def gone(self) -> None:
        """Twilio says that the call is over."""
        if self.fate in ("ringing", "answered") and self._stream is None:
            self.fate = "gone"
            self._changed.unpark_all()

    def tell(self, topic: str, value: str) -> None:
        """Let the channel know what Twilio found out about the call."""
        event = AppEvent(topic, (value,))
        if self._source is not None:
            self._source.tell(event)
        elif len(self._early) < MOST_EARLY:
            self._early.append(event)

    # ---- what the source asks

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._listener.exchange.note(what)

    async def hang_up(self) -> None:
        """Closing the websocket is enough: Twilio then asks what is next. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`: Twilio is told when it asks what is next."""
        await trio.lowlevel.checkpoint()
        self.next = twiml.dial(target)


class Unannounced(Invitation):
    """A stream that no webhook of ours announced: somebody's own TwiML names our websocket. Nothing can be done but talk."""

    def __init__(self, stream: PhoneStream) -> None:
        self.parameters: Mapping[str, str] = stream.start.parameters
        self.account: str | None = stream.start.account or None
        self._stream = stream

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            if self._stream.websocket.close_code is not None:
                raise trio.EndOfChannel
            yield PhoneSource(self._stream.websocket, self._stream.wire)
        finally:
            self._stream.over.set()

    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self._stream.over.set()


class TwilioListener(Listener):
    """Calls of Twilio's; made by `listen`, or opened by name."""

    name = "twilio"

    def __init__(self, door: FrontDoor, credentials: Credentials | None, path: str, *, own_twiml: bool, one_way: bool, track: str) -> None:
        self._door, self._credentials, self._path = door, credentials, path
        self._calls: dict[str, TwilioCall] = {}
        self._ended: dict[str, float] = {}
        self._ringing, self._incoming = trio.open_memory_channel[Invitation](MOST_WAITING)
        unannounced = self._take_unannounced if own_twiml else None
        self.exchange: PhoneExchange = PhoneExchange("twilio", TWILIO, TOKEN, unannounced=unannounced, one_way=one_way, track=track)
        """Its media websockets."""

    async def receive(self) -> Invitation:
        return await self._incoming.receive()

    @property
    def counters(self) -> Mapping[str, int]:
        return dict(self.exchange.counters)

    # ---- at the door

    @property
    def auth(self) -> Auth:
        """How it makes sure who asks."""
        return "signature" if self._credentials is not None else "none"

    async def voice(self, request: Request) -> Response:
        """Somebody calls."""
        sid, account = self._checked(request)
        call = self._calls.get(sid)
        if call is None:
            call = TwilioCall(self, request, sid, account)
            try:
                self._ringing.send_nowait(call)
            except trio.WouldBlock:
                self.exchange.note("too_many_ringing")
                return _document(twiml.response(twiml.reject(busy=True)))
            self._calls[sid] = call
        return _document(await call.document())

    async def next(self, request: Request) -> Response:
        """A stream has ended, and Twilio asks what is next."""
        sid, _ = self._checked(request)
        await trio.lowlevel.checkpoint()
        call = self._calls.get(sid)
        return _document(twiml.response(twiml.hang_up()) if call is None else call.what_is_next())

    async def status(self, request: Request) -> Response:
        """Twilio says how a call or a stream fares."""
        sid, _ = self._checked(request)
        form = request.form()
        await trio.lowlevel.checkpoint()
        call = self._calls.get(sid)
        if form.get("StreamEvent") == "stream-error":
            self._stream_failed(form.get("StreamError", ""))
        if call is not None and form.get("CallStatus") in _ENDED:
            call.gone()
        if call is not None and (found := form.get("AnsweredBy")):
            call.tell("twilio.answered_by", found[:64])
        return Response(status=204)

    def _stream_failed(self, error: str) -> None:
        number = int(found[0]) if (found := re.search(r"\b31\d{3}\b", error)) else 0
        self.exchange.counters["stream_error"] += 1
        log.warning("Twilio had trouble with a stream: %s %s", number or "", STREAM_ERRORS.get(number, "for a reason not known here"))

    def _checked(self, request: Request) -> tuple[str, str]:
        """Call and account of a request that Twilio has signed.

        Raises:
            RemoteProtocolError: there is no call in it.
            _Refused: it is not signed as it must be.
        """
        form = request.form()
        sid, account = form.get("CallSid", ""), form.get("AccountSid", "")
        if not _SID.fullmatch(sid) or not _SID.fullmatch(account):
            self.exchange.note("malformed_webhook")
            raise RemoteProtocolError("a form with CallSid and AccountSid was expected")
        if not self._is_signed(request, account, form.pairs):
            self.exchange.note("bad_signature")
            raise _Refused
        return sid, account

    def _is_signed(self, request: Request, account: str, pairs: Sequence[tuple[str, str]]) -> bool:
        if self._credentials is None:
            return True
        tokens = [token.reveal() for token in self._credentials(account)]
        return is_signed(request.url, pairs, tokens, request.headers.get(HEADER))

    async def media(self, upgrade: Upgrade) -> None:
        """A media websocket is asked for. One that is refused has used up nothing."""
        account = upgrade.request.values["account"]
        if not self._is_signed(upgrade.request, account, ()):
            self.exchange.note("bad_upgrade_signature")
            await upgrade.reject(403, "this is not signed as it must be")
        elif not self.exchange.expects(account):
            self.exchange.note("unexpected_upgrade")
            await upgrade.reject(403, "no call waits for a stream")
        else:
            await self.exchange.serve(await upgrade.accept())

    # ---- inside

    def connect_document(self, account: str, token: str) -> str:
        """The TwiML that joins a call to its stream."""
        url = self._door.public_url(f"{self._path}/media/{account}", websocket=True)
        status = self._door.public_url(f"{self._path}/status")
        after = twiml.redirect(self._door.public_url(f"{self._path}/next"))
        return twiml.response(twiml.connect_stream(url, {TOKEN: token}, status), after)

    def ended(self, call: TwilioCall) -> None:
        """Remember it for a while, since Twilio asks once more; and forget those that ended long ago."""
        now = trio.current_time()
        self._ended[call.sid] = now
        for sid, when in list(self._ended.items()):
            if when > now - KEPT:
                break
            del self._ended[sid]
            self._calls.pop(sid, None)

    def _take_unannounced(self, stream: PhoneStream) -> None:
        try:
            self._ringing.send_nowait(Unannounced(stream))
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            stream.over.set()


class _Refused(Exception):  # noqa: N818 - it says what happened
    """A request was not signed as it must be."""


def _document(text: str) -> Response:
    return Response(text, content_type=twiml.CONTENT_TYPE)


async def _answered(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except _Refused:
        return Response("this is not signed as it must be", 403)


@asynccontextmanager
async def _open(
    door: FrontDoor, credentials: Credentials | None, path: str, *, own_twiml: bool, one_way: bool, track: str
) -> AsyncGenerator[TwilioListener, None]:
    listener = TwilioListener(door, credentials, path, own_twiml=own_twiml, one_way=one_way, track=track)
    auth = listener.auth
    if auth == "signature" and not door.public_url("/").startswith("https://"):
        log.warning("Twilio opens media websockets by wss:// only: say with --public-url how it reaches this server")
    with (
        door.route("POST", f"{path}/voice", partial(_answered, listener.voice), auth=auth),
        door.route("POST", f"{path}/next", partial(_answered, listener.next), auth=auth),
        door.route("POST", f"{path}/status", partial(_answered, listener.status), auth=auth),
        door.websocket(f"{path}/media/{{account}}", listener.media, auth=auth),
    ):
        yield listener


@listener_plugin("twilio")
@asynccontextmanager
async def open_twilio(
    door: FrontDoor,
    *,
    auth_token: Annotated[Secret, Option(env="TWILIO_AUTH_TOKEN")],
    old_auth_token: Annotated[Secret | None, Option(env="TWILIO_OLD_AUTH_TOKEN")] = None,
    account: Annotated[str | None, Option(env="TWILIO_ACCOUNT_SID")] = None,
    path: str = "/twilio",
    own_twiml: bool = False,
    one_way: bool = False,
    track: str = "inbound",
) -> AsyncGenerator[TwilioListener, None]:
    """Take the calls of a Twilio number whose webhook is ``PUBLIC-URL/twilio/voice`` (HTTP POST).

    Args:
        auth_token: of the account; all that comes must be signed with it.
        old_auth_token: accepted too, while the token is being changed.
        account: serve this account only (AC...), whoever else has the token.
        path: where the webhooks begin.
        own_twiml: take streams too that TwiML of your own opens, at ``PUBLIC-URL/twilio/media/ACCOUNT``.
        one_way: those streams are of <Start>, which listens only.
        track: which side such a stream hears, inbound or outbound.
    """
    tokens = [auth_token, *([old_auth_token] if old_auth_token is not None else [])]

    def credentials(sid: str) -> Sequence[Secret]:
        return tokens if account is None or sid == account else []

    if track not in ("inbound", "outbound"):
        raise OptionError(f"there is no track {track!r}; choose inbound or outbound")
    async with _open(door, credentials, path.rstrip("/"), own_twiml=own_twiml, one_way=one_way, track=track) as listener:
        yield listener


def listen(
    door: FrontDoor,
    *,
    credentials: Credentials | None = None,
    auth_token: Secret | None = None,
    path: str = "/twilio",
    own_twiml: bool = False,
    one_way: bool = False,
    track: Literal["inbound", "outbound"] = "inbound",
    verify: bool = True,
) -> Callable[[], AbstractAsyncContextManager[TwilioListener]]:
    """The same for a program: ``await serve(twilio.listen(door, auth_token=...), handle_call)``.

    Args:
        door: where it is offered.
        credentials: the tokens of each account, where there are several.
        auth_token: the token, where there is one account; read from ``TWILIO_AUTH_TOKEN`` when neither is given.
        path: where the webhooks begin.
        own_twiml: take streams too that TwiML of your own opens.
        one_way, track: those streams only listen, and to which side.
        verify: False believes everybody, which the front door allows on this machine only.

    Raises:
        OptionError: there is no token.
    """
    if verify and credentials is None:
        token = auth_token or Secret.from_environment("TWILIO_AUTH_TOKEN")
        credentials = partial(_one_account, [token])
    return partial(_open, door, credentials if verify else None, path.rstrip("/"), own_twiml=own_twiml, one_way=one_way, track=track)


def _one_account(tokens: Sequence[Secret], sid: str) -> Sequence[Secret]:
    return tokens
