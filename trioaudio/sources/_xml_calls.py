"""A call of a carrier's that asks by webhook what to do, and is told in XML: from its first question to its end.

Twilio began it, SignalWire and Plivo do likewise: the carrier waits for a document, a document joins the call to a media websocket, and
when that has ended the carrier asks what is next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeAlias

import trio

from .._errors import CapabilityError, RemoteProtocolError
from .._events import AppEvent
from ..abc import Direction, Invitation, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, Request, Source, SourceCapability

Fate: TypeAlias = Literal["ringing", "answered", "rejected", "redirected", "gone"]

DECIDE_WITHIN = 12.0
"""Seconds a carrier is kept waiting for a decision; Twilio gives up after 15."""
REJOINS = 2
"""How often a call whose websocket broke gets another one."""
REJOIN_WITHIN = 8.0
SECONDS_A_KEY = 0.6
MOST_EARLY = 16


class CallXml(Protocol):
    """A carrier's words for what is to be done with a call; a module has them."""

    def response(self, *verbs: str) -> str:
        """A whole document."""

    def redirect(self, url: str) -> str:
        """Ask at this URL what is next."""

    def hang_up(self) -> str:
        """End the call."""

    def reject(self, *, busy: bool) -> str:
        """Refuse a call that has not been answered."""

    def dial(self, target: str) -> str:
        """Join the call to a number or an address; ValueError if it is neither."""

    def play_digits(self, digits: str) -> str:
        """Press keys."""


class XmlDesk(ABC):
    """Where calls come from, as they see it."""

    name: str
    """The carrier's name, with which the topics of its events begin."""
    exchange: PhoneExchange
    """Its media websockets."""
    xml: CallXml
    """Its words."""
    streams_say_account: bool = True
    """Streams name the account as webhooks do."""

    @abstractmethod
    def connect_document(self, account: str, token: str, *before: str) -> str:
        """The document that joins a call to its stream, after other verbs."""

    @abstractmethod
    def ended(self, call: XmlCall) -> None:
        """A call is over."""

    async def press_now(self, call: str, digits: str) -> bool:
        """Press keys while the stream goes on, if that can be done. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        return False


class XmlCall(Invitation, PhoneControl):
    """A call that a carrier asks about, from its webhook to its end."""

    capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
    rejoin_within: float = REJOIN_WITHIN

    def __init__(self, desk: XmlDesk, request: Request, sid: str, account: str) -> None:
        form = request.form()
        self.sid: str = sid
        """The carrier's name for the call."""
        self.account: str | None = account
        self.caller: str | None = form.get("From")
        self.called: str | None = form.get("To")
        self.direction: Direction = "outbound" if form.get("Direction", "").startswith("outbound") else "inbound"
        self.parameters: Mapping[str, str] = dict(request.query)
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in form.items()}
        self.fate: Fate = "ringing"
        """What has become of it."""
        self.next: str = desk.xml.hang_up()
        """What the carrier is told once the stream has ended."""
        self._desk, self._account, self._xml = desk, account, desk.xml
        self._document: str | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._stream: PhoneStream | None = None
        self._source: PhoneSource | None = None
        self._token: str | None = None
        self._rejoins = 0
        self._keys = ""  # to be pressed before the next stream
        self._early: list[AppEvent] = []  # what the carrier said before there was anybody to hear it

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
        self._decide("rejected", self._xml.response(self._xml.reject(busy=reason == "busy")))
        self._finish()

    async def redirect(self, target: str) -> None:
        await trio.lowlevel.checkpoint()
        try:
            verb = self._xml.redirect(target) if target.startswith("https://") else self._xml.dial(target)
        except ValueError as exc:
            raise CapabilityError(f"{exc}, or to the XML at an https:// URL") from None
        self._decide("redirected", self._xml.response(verb))
        self._finish()

    def _decide(self, fate: Fate, document: str) -> None:
        if self.fate != "gone":
            self.fate, self._document = fate, document
        self._changed.unpark_all()

    def _connect(self, *before: str) -> str:
        account = self._account if self._desk.streams_say_account else None
        self._token = self._desk.exchange.expect(self.sid, account, self._joined)
        return self._desk.connect_document(self._account, self._token, *before)

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
        """Nobody answers any more: the websocket ends, and the carrier hears what is next."""
        if self._token is not None:
            self._desk.exchange.forget(self._token)
        if self._stream is not None:
            self._stream.over.set()
        self._source = None
        self._desk.ended(self)

    # ---- what the carrier asks and says

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
        return self._xml.response(self._xml.reject(busy=True))

    def what_is_next(self) -> str:
        """The stream has ended: what now."""
        waits = self._source is not None and self._source.waits_for_another_line
        if not waits or (self._rejoins >= REJOINS and not self._keys):
            return self._xml.response(self.next)
        keys, self._keys = self._keys, ""
        self._rejoins += not keys
        return self._connect(*([self._xml.play_digits(keys)] if keys else []))

    def gone(self) -> None:
        """The carrier says that the call is over."""
        if self.fate in ("ringing", "answered") and self._stream is None:
            self.fate = "gone"
            self._changed.unpark_all()

    def tell(self, topic: str, value: str) -> None:
        """Let the channel know what the carrier found out about the call."""
        event = AppEvent(topic, (value,))
        if self._source is not None:
            self._source.tell(event)
        elif len(self._early) < MOST_EARLY:
            self._early.append(event)

    # ---- what the source asks

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._desk.exchange.note(what)

    async def hang_up(self) -> None:
        """Closing the websocket is enough: the carrier then asks what is next. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`: the carrier is told when it asks what is next."""
        await trio.lowlevel.checkpoint()
        self.next = self._xml.dial(target)

    async def send_digits(self, digits: str) -> float:
        """As `PhoneControl.send_digits`: where it cannot be done at once, between two streams. Checkpoint: yes."""
        if await self._desk.press_now(self.sid, digits):
            return 0
        self._keys = digits
        return REJOIN_WITHIN + SECONDS_A_KEY * len(digits)
