"""Plivo's webhooks and media websockets at the front door.

The answer URL of an application is ``PUBLIC-URL/plivo/voice``, its hang-up URL ``PUBLIC-URL/plivo/status``. What is asked is told in
XML, as with Twilio; a media websocket shows in its address a token that is good once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from .._secret import Secret
from ..abc import Fields, FrontDoor, PhoneExchange, PhoneStream, Request, Response, SourceCapability
from ..wire import plivo_rest, plivo_xml
from ..wire.phone import PhoneDialect
from ..wire.plivo_signature import HEADER, NONCE_HEADER, is_signed
from ._carrier_streams import TOKEN, StreamCall, key_route
from ._dialling import DialRules, no_rest
from ._plivo_account import PlivoAccount, open_plivo_account
from ._xml_calls import CallXml
from ._xml_listener import MOST_WAITING, Refused, TokenListener, document, offered

log: logging.Logger = logging.getLogger("trioaudio.plivo")

MOST_NONCES = 4_000
_OUTCOMES = {"timeout": "no-answer", "cancel": "canceled"}


class PlivoListener(TokenListener):
    """Calls of Plivo's; made by `open_plivo_calls`."""

    name = "plivo"
    xml: CallXml = plivo_xml
    capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
    """What it can do about streams of the user's own XML, with Plivo's REST interface."""

    def __init__(
        self,
        door: FrontDoor,
        path: str,
        account: str,
        tokens: Sequence[Secret],
        dialect: PhoneDialect,
        *,
        rest: PlivoAccount | None = None,
        rules: DialRules | None = None,
        own_streams: bool = False,
    ) -> None:
        unannounced = self._take_unannounced if own_streams else None
        super().__init__(door, path, PhoneExchange("plivo", dialect, TOKEN, unannounced=unannounced), rules)
        self.rest: PlivoAccount | None = rest
        """Plivo's REST interface, if it was opened."""
        self._account, self._tokens = account, tokens
        self._nonces: deque[str] = deque(maxlen=MOST_NONCES)
        self._call_of: OrderedDict[str, str] = OrderedDict()  # by the request that dialled it
        self._sent_on: OrderedDict[str, str] = OrderedDict()  # what a call that was handed over is told

    # ---- dialling

    def check_can_dial(self) -> None:
        """As `Dialler.check_can_dial`."""
        if self.rest is None:
            raise no_rest("Plivo")

    async def place(self, to: str, caller: str, *, ring: int, longest: int | None, detect_machine: bool) -> str:
        """As `Dialler.place`."""
        assert self.rest is not None
        body = plivo_rest.dial_body(
            to, caller, self.url("voice"), self.url("status"), ring=ring, longest=longest, detect_machine=detect_machine
        )
        return await self.rest.dial(body)

    async def end_dialled(self, call: str) -> None:
        """As `Dialler.end_dialled`."""
        assert self.rest is not None
        if call in self._call_of:
            await self.rest.hang_up(self._call_of[call])
        else:
            await self.rest.cancel(call)

    # ---- at the door

    def identify(self, form: Fields) -> tuple[str, str]:
        """As `XmlListener.identify`: Plivo's webhooks do not name the account."""
        return form.get("CallUUID", ""), self._account

    def is_signed(self, request: Request, account: str, form: Fields) -> bool:
        """As `XmlListener.is_signed`."""
        tokens = [token.reveal() for token in self._tokens]
        nonce, claimed = request.headers.get(NONCE_HEADER), request.headers.get(HEADER)
        return is_signed(request.url, form.pairs, nonce, tokens, claimed)

    def check_new(self, request: Request) -> None:
        """As `XmlListener.check_new`: whoever shows a nonce again has overheard it."""
        nonce = request.headers[NONCE_HEADER]
        if nonce in self._nonces:
            self.exchange.note("reused_nonce")
            raise Refused
        self._nonces.append(nonce)
        form = request.form()
        _remember(self._call_of, form.get("RequestUUID", ""), form["CallUUID"])

    async def next(self, request: Request) -> Response:
        """As `XmlListener.next`; a call of the user's own XML that is handed over asks here too."""
        answer = await super().next(request)
        sent_on = self._sent_on.pop(request.form()["CallUUID"], None)
        return answer if sent_on is None else document(sent_on)

    def outcome(self, form: Fields) -> str:
        """As `XmlListener.outcome`."""
        if form.get("Event") in ("StartStream", "StopStream", "DroppedStream", "DegradedStream") or "Machine" in form:
            return ""
        status = form.get("CallStatus", "")
        return super().outcome(Fields([("CallStatus", _OUTCOMES.get(status, status))]))

    def note_final(self, call: str, status: str) -> None:
        """As `Dialler.note_final`: also by the name that `dial` gave the call."""
        super().note_final(call, status)
        for request, each in self._call_of.items():
            if each == call:
                super().note_final(request, status)

    def answered_by(self, form: Fields) -> str:
        """As `XmlListener.answered_by`."""
        return {"true": "machine", "false": "human"}.get(form.get("Machine", "").lower(), "")

    def stream_told(self, form: Fields) -> None:
        """As `XmlListener.stream_told`."""
        _remember(self._call_of, form.get("RequestUUID", ""), form["CallUUID"])
        if form.get("Event") in ("DroppedStream", "DegradedStream"):
            self.exchange.note("stream_error")

    # ---- inside

    def connect_document(self, account: str, token: str, *before: str) -> str:
        """The XML that joins a call to its stream."""
        stream = plivo_xml.connect_stream(self.url(f"media/{token}", websocket=True), self.url("status"))
        return plivo_xml.response(*before, stream, plivo_xml.redirect(self.url("next")))

    async def press_now(self, call: str, digits: str) -> bool:
        """As `XmlDesk.press_now`."""
        if self.rest is None:
            return await super().press_now(call, digits)
        await self.rest.send_digits(call, digits)
        return True

    # ---- streams of the user's own XML

    def _take_unannounced(self, stream: PhoneStream) -> None:
        if not self.ring(StreamCall(self.exchange, stream, commands=self if self.rest is not None else None)):
            stream.over.set()

    async def hang_up(self, call: str) -> None:
        """As `PlivoAccount.hang_up`."""
        assert self.rest is not None
        await self.rest.hang_up(call)

    async def transfer(self, call: str, target: str) -> None:
        """Hand a call over: it asks us what is next. Checkpoint: yes."""
        assert self.rest is not None
        _remember(self._sent_on, call, plivo_xml.response(plivo_xml.dial(target)))
        await self.rest.redirect(call, self.url("next"))

    async def send_digits(self, call: str, digits: str) -> float:
        """As `PhoneControl.send_digits`."""
        assert self.rest is not None
        await self.rest.send_digits(call, digits)
        return 0


def _remember(memory: OrderedDict[str, str], name: str, value: str) -> None:
    if name:
        memory[name] = value
        if len(memory) > MOST_WAITING:
            memory.popitem(last=False)


@asynccontextmanager
async def open_plivo_calls(
    door: FrontDoor,
    path: str,
    account: str,
    tokens: Sequence[Secret],
    dialect: PhoneDialect,
    *,
    stream_key: Secret | None = None,
    rest_url: str | None = None,
    rules: DialRules | None = None,
) -> AsyncGenerator[PlivoListener, None]:
    """Take the calls of numbers whose application asks at ``PUBLIC-URL/plivo/voice``.

    Args:
        door, path: where.
        account: the auth id.
        tokens: the auth tokens that are accepted; the first one is the newest.
        dialect: of the streams.
        stream_key: take streams of the user's own XML too, at ``PUBLIC-URL/plivo/KEY``.
        rest_url: where Plivo's REST interface is; None does without.
        rules: whom it may dial.
    """
    path = path.rstrip("/")
    async with AsyncExitStack() as stack:
        rest = None
        if rest_url is not None:
            rest = await stack.enter_async_context(open_plivo_account(account, tokens[0], base_url=rest_url))
        listener = PlivoListener(door, path, account, tokens, dialect, rest=rest, rules=rules, own_streams=stream_key is not None)
        if not door.public_url("/").startswith("https://"):
            log.warning("Plivo opens media websockets by wss:// only: say with --public-url how it reaches this server")
        stack.enter_context(offered(door, path, listener, "{token}", "token"))
        if stream_key is not None:
            stack.enter_context(key_route(door, path, stream_key, listener.exchange))
        yield listener
