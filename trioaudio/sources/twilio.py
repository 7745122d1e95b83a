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
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, TypeAlias

import trio

from .._errors import CapabilityError, OptionError, RemoteProtocolError
from .._secret import Secret
from ..abc import (
    Auth,
    FrontDoor,
    Handler,
    Invitation,
    Listener,
    Option,
    PhoneExchange,
    PhoneStream,
    Request,
    Response,
    Upgrade,
    listener_plugin,
)
from ..wire import twilio_rest, twiml
from ..wire.twilio import STREAM_ERRORS, TWILIO
from ..wire.twilio_signature import HEADER, is_signed
from ._twilio_account import DialMeter
from ._twilio_account import DialRules as DialRules
from ._twilio_account import TwilioAccount as TwilioAccount
from ._twilio_account import open_account as open_account
from ._twilio_calls import TwilioCall as TwilioCall
from ._twilio_calls import TwilioDesk, Unannounced

log: logging.Logger = logging.getLogger("trioaudio.twilio")

Credentials: TypeAlias = Callable[[str], Sequence[Secret]]
"""The auth tokens that are accepted of an account, by its SID; none of an account that is not served. It must not wait."""

TOKEN = "trioaudio-token"
KEPT = 120.0
"""Seconds a call is remembered after its end: Twilio asks once more what is next."""
MOST_WAITING = 1_000
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,64}", re.ASCII)
_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


class TwilioListener(Listener, TwilioDesk):
    """Calls of Twilio's; made by `listen`, or opened by name."""

    name = "twilio"

    def __init__(
        self,
        door: FrontDoor,
        credentials: Credentials | None,
        path: str,
        *,
        own_twiml: bool,
        one_way: bool,
        track: str,
        rest: TwilioAccount | None = None,
        rules: DialRules | None = None,
    ) -> None:
        self.rest: TwilioAccount | None = rest
        """Twilio's REST interface, if it was opened."""
        self._door, self._credentials, self._path = door, credentials, path
        self._meter = DialMeter(rules or DialRules())
        self._final: dict[str, str] = {}  # how calls ended, in Twilio's words
        self._final_changed = trio.lowlevel.ParkingLot()
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

    async def dial(self, to: str, caller: str, *, ring: int = 60, longest: int | None = None, detect_machine: bool = False) -> str:
        """Dial a number; once somebody picks up, the call comes as any other, with the direction ``outbound``. Checkpoint: yes.

        Args:
            to, caller: with their country, such as +15550100; the caller's number must be the account's.
            ring: seconds.
            longest: seconds the call may last.
            detect_machine: tell whether a person has picked up, as the event ``twilio.answered_by``.

        Returns:
            Twilio's name for the call.

        Raises:
            CapabilityError: this listener has no REST interface.
            ValueError: it may not call that number, or has called too often in the last minute; nothing was dialled.
            RestError: Twilio refused.
            UnansweredError: nobody knows whether it rings: it is not dialled again.
            trio.BrokenResourceError: Twilio cannot be reached.
        """
        if self.rest is None:
            raise CapabilityError("dialling needs Twilio's REST interface: open an account and give it to this listener")
        self._meter.check(to)
        url, status_url = self._door.public_url(f"{self._path}/voice"), self._door.public_url(f"{self._path}/status")
        form = twilio_rest.dial_form(to, caller, url, status_url, ring=ring, longest=longest, detect_machine=detect_machine)
        self._meter.count(trio.current_time())
        return await self.rest.dial(form)

    async def wait_over(self, sid: str) -> str:
        """Wait for the end of a dialled call: Twilio's word for it, such as ``completed``, ``busy`` or ``no-answer``. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while sid not in self._final:
            await self._final_changed.park()
        return self._final[sid]

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
        if (status := form.get("CallStatus", "")) in _ENDED:
            self._note_final(sid, status)
            if call is not None:
                call.gone()
        if call is not None and (found := form.get("AnsweredBy")):
            call.tell("twilio.answered_by", found[:64])
        return Response(status=204)

    def _note_final(self, sid: str, status: str) -> None:
        self._final[sid] = status
        if len(self._final) > MOST_WAITING:
            del self._final[next(iter(self._final))]
        self._final_changed.unpark_all()

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
        try:
            form = request.form()
        except RemoteProtocolError:
            self.exchange.note("malformed_webhook")
            raise
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

    def connect_document(self, account: str, token: str, *before: str) -> str:
        """The TwiML that joins a call to its stream."""
        url = self._door.public_url(f"{self._path}/media/{account}", websocket=True)
        status = self._door.public_url(f"{self._path}/status")
        after = twiml.redirect(self._door.public_url(f"{self._path}/next"))
        return twiml.response(*before, twiml.connect_stream(url, {TOKEN: token}, status), after)

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
            self._ringing.send_nowait(Unannounced(self, stream))
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
    door: FrontDoor,
    credentials: Credentials | None,
    path: str,
    *,
    own_twiml: bool,
    one_way: bool,
    track: str,
    rest: TwilioAccount | None = None,
    rules: DialRules | None = None,
) -> AsyncGenerator[TwilioListener, None]:
    path = path.rstrip("/")
    listener = TwilioListener(door, credentials, path, own_twiml=own_twiml, one_way=one_way, track=track, rest=rest, rules=rules)
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
    rest: bool = False,
    rest_url: str = twilio_rest.BASE_URL,
    api_key: Annotated[str | None, Option(env="TWILIO_API_KEY")] = None,
    api_secret: Annotated[Secret | None, Option(env="TWILIO_API_SECRET")] = None,
    dial_allow: str = "",
    dials_a_minute: int = 10,
) -> AsyncGenerator[TwilioListener, None]:
    """Take the calls of a Twilio number whose webhook is ``PUBLIC-URL/twilio/voice`` (HTTP POST).

    Args:
        auth_token: of the account; all that comes must be signed with it.
        old_auth_token: accepted too, while the token is being changed.
        account: serve this account only (AC...), whoever else has the token.
        path: where the webhooks begin.
        own_twiml: take streams too that TwiML of your own opens, at ``PUBLIC-URL/twilio/media/ACCOUNT``.
        one_way: those streams are of <Start>, which listens only.
        track: which side such a stream hears: inbound is the caller, outbound who talks with them, both are the two of them, left and
            right; the TwiML must send it.
        rest: use Twilio's REST interface: to dial, and to hang up and hand over calls of your own TwiML; needs the account.
        rest_url: where it is; another one for a region.
        api_key: an API key (SK...) for it, instead of the auth token.
        api_secret: that key's secret.
        dial_allow: what numbers that are dialled must begin with, parted by commas; without it nobody is called.
        dials_a_minute: how many calls are dialled in a minute.
    """
    tokens = [auth_token, *([old_auth_token] if old_auth_token is not None else [])]

    def credentials(sid: str) -> Sequence[Secret]:
        return tokens if account is None or sid == account else []

    if track not in ("inbound", "outbound", "both"):
        raise OptionError(f"there is no track {track!r}; choose inbound, outbound or both")
    if track == "both" and not one_way:
        raise OptionError("both tracks are those of a stream that only listens; say one_way too")
    if rest and account is None:
        raise OptionError("Twilio's REST interface needs the account (AC...): set TWILIO_ACCOUNT_SID")
    rules = DialRules(tuple(filter(None, map(str.strip, dial_allow.split(",")))), dials_a_minute)
    async with AsyncExitStack() as stack:
        opened = None
        if rest and account is not None:
            key = api_key if api_secret is not None else None
            opened = await stack.enter_async_context(open_account(account, api_secret or auth_token, key=key, base_url=rest_url))
        opening = _open(door, credentials, path, own_twiml=own_twiml, one_way=one_way, track=track, rest=opened, rules=rules)
        yield await stack.enter_async_context(opening)


def listen(
    door: FrontDoor,
    *,
    credentials: Credentials | None = None,
    auth_token: Secret | None = None,
    path: str = "/twilio",
    own_twiml: bool = False,
    one_way: bool = False,
    track: Literal["inbound", "outbound", "both"] = "inbound",
    verify: bool = True,
    rest: TwilioAccount | None = None,
    rules: DialRules | None = None,
) -> Callable[[], AbstractAsyncContextManager[TwilioListener]]:
    """The same for a program: ``await serve(twilio.listen(door, auth_token=...), handle_call)``.

    Args:
        door: where it is offered.
        credentials: the tokens of each account, where there are several.
        auth_token: the token, where there is one account; read from ``TWILIO_AUTH_TOKEN`` when neither is given.
        path: where the webhooks begin.
        own_twiml: take streams too that TwiML of your own opens.
        one_way, track: those streams only listen, and to which side.
        rest: Twilio's REST interface (``twilio.open_account``), to dial and to end calls of your own TwiML.
        rules: whom it may dial, and how often.
        verify: False believes everybody, which the front door allows on this machine only.

    Raises:
        OptionError: there is no token.
    """
    if verify and credentials is None:
        token = auth_token or Secret.from_environment("TWILIO_AUTH_TOKEN")
        credentials = partial(_one_account, [token])
    return partial(
        _open,
        door,
        credentials if verify else None,
        path,
        own_twiml=own_twiml,
        one_way=one_way,
        track=track,
        rest=rest,
        rules=rules,
    )


def _one_account(tokens: Sequence[Secret], sid: str) -> Sequence[Secret]:
    return tokens
