"""Phone calls through Twilio: its webhooks and media websockets at the front door.

How a call travels: Twilio posts a form to ``/twilio/voice``, and waits until somebody has decided about the call. Answered, it is told
to open a media websocket with a token that is good once, and to ask at ``/twilio/next`` when that has ended: a call that was hung up is
ended there, one that was handed over goes on to its number, and one whose websocket broke gets another one, at most twice. Every
request and every upgrade is signed with the account's auth token, over the URL as the outside world has it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, TypeAlias

from .._errors import OptionError
from .._limits import Timeouts
from .._secret import Secret
from ..abc import Auth, Fields, FrontDoor, Option, PhoneExchange, PhoneStream, Request, Upgrade, listener_plugin
from ..wire import twilio_rest, twiml
from ..wire.twilio import STREAM_ERRORS, TWILIO
from ..wire.twilio_signature import HEADER, is_signed
from ._dialling import DialRules as DialRules
from ._twilio_account import TwilioAccount as TwilioAccount
from ._twilio_account import open_account as open_account
from ._twilio_calls import TwilioDesk, Unannounced
from ._twilio_dialling import TwilioDialler
from ._xml_calls import CallXml
from ._xml_listener import offered

log: logging.Logger = logging.getLogger("trioaudio.twilio")

Credentials: TypeAlias = Callable[[str], Sequence[Secret]]
"""The auth tokens that are accepted of an account, by its SID; none of an account that is not served. It must not wait."""

TOKEN = "trioaudio-token"
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,64}", re.ASCII)


class TwilioListener(TwilioDialler, TwilioDesk):
    """Calls of Twilio's; made by `listen`, or opened by name."""

    name = "twilio"
    label = "Twilio"
    xml: CallXml = twiml

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
        unannounced = self._take_unannounced if own_twiml else None
        exchange = PhoneExchange("twilio", TWILIO, TOKEN, unannounced=unannounced, one_way=one_way, track=track)
        super().__init__(door, path, exchange, rules)
        self.rest = rest
        self._credentials = credentials

    # ---- at the door

    @property
    def auth(self) -> Auth:
        """How it makes sure who asks."""
        return "signature" if self._credentials is not None else "none"

    def identify(self, form: Fields) -> tuple[str, str]:
        """As `XmlListener.identify`."""
        sid, account = form.get("CallSid", ""), form.get("AccountSid", "")
        return (sid, account) if _SID.fullmatch(sid) and _SID.fullmatch(account) else ("", "")

    def is_signed(self, request: Request, account: str, form: Fields) -> bool:
        """As `XmlListener.is_signed`."""
        if self._credentials is None:
            return True
        tokens = [token.reveal() for token in self._credentials(account)]
        return is_signed(request.url, form.pairs, tokens, request.headers.get(HEADER))

    def stream_told(self, form: Fields) -> None:
        """As `XmlListener.stream_told`."""
        if form.get("StreamEvent") != "stream-error":
            return
        number = int(found[0]) if (found := re.search(r"\b31\d{3}\b", form.get("StreamError", ""))) else 0
        self.exchange.counters["stream_error"] += 1
        log.warning("Twilio had trouble with a stream: %s %s", number or "", STREAM_ERRORS.get(number, "for a reason not known here"))

    async def media(self, upgrade: Upgrade) -> None:
        """As `XmlListener.media`."""
        account = upgrade.request.values["account"]
        if not self.is_signed(upgrade.request, account, Fields()):
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
        stream = twiml.connect_stream(self.url(f"media/{account}", websocket=True), {TOKEN: token}, self.url("status"))
        return twiml.response(*before, stream, twiml.redirect(self.url("next")))

    def _take_unannounced(self, stream: PhoneStream) -> None:
        if not self.ring(Unannounced(self, stream)):
            stream.over.set()


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
    if listener.auth == "signature" and not door.public_url("/").startswith("https://"):
        log.warning("Twilio opens media websockets by wss:// only: say with --public-url how it reaches this server")
    with offered(door, path, listener, "{account}", listener.auth):
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
    timeouts: Timeouts | None = None,
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
    rules = DialRules.parsed(dial_allow, dials_a_minute)
    async with AsyncExitStack() as stack:
        opened = None
        if rest and account is not None:
            key = api_key if api_secret is not None else None
            opened = await stack.enter_async_context(open_account(account, api_secret or auth_token, key=key, base_url=rest_url))
        opening = _open(door, credentials, path, own_twiml=own_twiml, one_way=one_way, track=track, rest=opened, rules=rules)
        listener = await stack.enter_async_context(opening)
        listener.exchange.heed(timeouts)
        yield listener


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
