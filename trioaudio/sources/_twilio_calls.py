"""Streams of Twilio's that somebody's own TwiML opens."""

from __future__ import annotations

import logging
from abc import ABC
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio

from .._errors import RestError
from ..abc import Invitation, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, Source, SourceCapability
from ._twilio_account import TwilioAccount

log: logging.Logger = logging.getLogger("trioaudio.twilio")


class TwilioDesk(ABC):
    """Where streams come from, as they see it."""

    exchange: PhoneExchange
    """Its media websockets."""
    rest: TwilioAccount | None
    """Twilio's REST interface, if it was opened."""


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
        assert self._desk.rest is not None
        await self._desk.rest.transfer(self._stream.start.call, target)
        self._handed_over = True
