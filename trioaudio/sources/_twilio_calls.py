"""A call of Twilio's, from its webhook to its end."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import trio

from .._errors import CapabilityError, RemoteProtocolError, RestError
from .._events import AppEvent
from ..abc import Direction, Invitation, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, Request, Source, SourceCapability
from ..wire import twiml
from ._twilio_account import TwilioAccount

log: logging.Logger = logging.getLogger("trioaudio.twilio")

Fate: TypeAlias = Literal["ringing", "answered", "rejected", "redirected", "gone"]

DECIDE_WITHIN = 12.0
"""Seconds Twilio is kept waiting for a decision; it gives up after 15."""
REJOINS = 2
"""How often a call whose websocket broke gets another one."""
REJOIN_WITHIN = 8.0
SECONDS_A_KEY = 0.6
MOST_EARLY = 16


class TwilioDesk(ABC):
    """Where calls come from, as they see it."""

    exchange: PhoneExchange
    """Its media websockets."""
    rest: TwilioAccount | None
    """Twilio's REST interface, if it was opened."""

    @abstractmethod
    def connect_document(self, account: str, token: str, *before: str) -> str:
        """The TwiML that joins a call to its stream, after other verbs."""

    @abstractmethod
    def ended(self, call: TwilioCall) -> None:
        """A call is over."""


class TwilioCall(Invitation, PhoneControl):
    """A call that Twilio asks about, from its webhook to its end."""

    capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
    rejoin_within: float = REJOIN_WITHIN

    def __init__(self, desk: TwilioDesk, request: Request, sid: str, account: str) -> None:
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
        self._desk, self._account = desk, account
        self._document: str | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._stream: PhoneStream | None = None
        self._source: PhoneSource | None = None
        self._token: str | None = None
        self._rejoins = 0
        self._keys = ""  # to be pressed before the next stream
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

    def _connect(self, *before: str) -> str:
        self._token = self._desk.exchange.expect(self.sid, self._account, self._joined)
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
        """Nobody answers any more: the websocket ends, and Twilio hears what is next."""
        if self._token is not None:
            self._desk.exchange.forget(self._token)
        if self._stream is not None:
            self._stream.over.set()
        self._source = None
        self._desk.ended(self)

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
        waits = self._source is not None and self._source.waits_for_another_line
        if not waits or (self._rejoins >= REJOINS and not self._keys):
            return twiml.response(self.next)
        keys, self._keys = self._keys, ""
        self._rejoins += not keys
        return self._connect(*([twiml.play_digits(keys)] if keys else []))

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
        self._desk.exchange.note(what)

    async def hang_up(self) -> None:
        """Closing the websocket is enough: Twilio then asks what is next. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`: Twilio is told when it asks what is next."""
        await trio.lowlevel.checkpoint()
        self.next = twiml.dial(target)

    async def send_digits(self, digits: str) -> float:
        """As `PhoneControl.send_digits`: Twilio presses them between two streams. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        self._keys = digits
        return REJOIN_WITHIN + SECONDS_A_KEY * len(digits)


class Unannounced(Invitation, PhoneControl):
    """A stream that no webhook of ours announced: somebody's own TwiML names our websocket.

    Without Twilio's REST interface nothing can be done but talk.
    """

    def __init__(self, desk: TwilioDesk, stream: PhoneStream) -> None:
        self.parameters: Mapping[str, str] = stream.start.parameters
        self.account: str | None = stream.start.account or None
        self.capabilities: frozenset[SourceCapability] = frozenset({"transfer"} if desk.rest is not None else ())
        self._desk, self._stream, self._handed_over = desk, stream, False

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            if self._stream.websocket.close_code is not None:
                raise trio.EndOfChannel
            yield PhoneSource(self._stream.websocket, self._stream.wire, self)
        finally:
            self._stream.over.set()

    async def reject(self, reason: str) -> None:
        await self.hang_up()
        self._stream.over.set()

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._desk.exchange.note(what)

    async def hang_up(self) -> None:
        """End the call, if that is possible; else Twilio goes on with the TwiML that it has. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        if self._handed_over or self._stream.wire.phase != "started":
            return
        if self._desk.rest is None:
            self.note("left_to_its_twiml")
            return
        try:
            await self._desk.rest.hang_up(self._stream.start.call)
        except (RestError, trio.BrokenResourceError) as exc:
            log.warning("a call could not be hung up through Twilio's REST interface: %s", exc)

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`."""
        document = twiml.response(twiml.dial(target))
        assert self._desk.rest is not None
        await self._desk.rest.update(self._stream.start.call, document)
        self._handed_over = True
