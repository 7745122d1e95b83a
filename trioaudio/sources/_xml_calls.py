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

from .._errors import CapabilityError
from ..abc import Direction, PhoneExchange, Request, Source
from ._streamed_call import REJOIN_WITHIN, REJOINS, StreamedCall

Fate: TypeAlias = Literal["ringing", "answered", "rejected", "redirected", "gone"]

DECIDE_WITHIN = 12.0
"""Seconds a carrier is kept waiting for a decision; Twilio gives up after 15."""
SECONDS_A_KEY = 0.6


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


class XmlCall(StreamedCall):
    """A call that a carrier asks about, from its webhook to its end."""

    def __init__(self, desk: XmlDesk, request: Request, sid: str, account: str) -> None:
        super().__init__(desk.exchange)
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
        self._keys = ""  # to be pressed before the next stream

    # ---- what the server decides

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        self._require_there()
        try:
            self._decide("answered", self._connect())
            while self._stream is None:
                await self._changed.park()
                self._require_there()
            yield self._begin(self._stream)
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
        return self._desk.connect_document(self._account, self._expect(self.sid, account), *before)

    def _finish(self) -> None:
        """Nobody answers any more: the websocket ends, and the carrier hears what is next."""
        self._forget()
        self._end_stream()
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
        if not self._waits_for_a_stream or (self._rejoins >= REJOINS and not self._keys):
            return self._xml.response(self.next)
        keys, self._keys = self._keys, ""
        self._rejoins += not keys
        return self._connect(*([self._xml.play_digits(keys)] if keys else []))

    def gone(self) -> None:
        """The carrier says that the call is over."""
        if self.fate in ("ringing", "answered") and self._stream is None:
            self.fate = "gone"
            self._changed.unpark_all()

    # ---- what the source asks

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
