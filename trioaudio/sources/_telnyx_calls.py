"""A call of Telnyx's, from its webhook to its end: what is to be done with it is told by its call control."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio

from .._errors import CapabilityError, RestError
from ..abc import Direction, PhoneExchange, PhoneStream, Source
from ..wire.telnyx_webhook import TelnyxEvent
from ._streamed_call import REJOINS, StreamedCall
from ._telnyx_account import TelnyxAccount

log: logging.Logger = logging.getLogger("trioaudio.telnyx")

HANG_UP_WITHIN = 5.0
"""Seconds for the last thing that is said about a call."""


class TelnyxDesk(ABC):
    """Where calls come from, as they see it."""

    exchange: PhoneExchange
    """Its media websockets."""
    account: TelnyxAccount
    """Its call control."""

    @abstractmethod
    def stream_body(self, token: str) -> dict[str, object]:
        """What joins a call to its stream."""

    @abstractmethod
    def ended(self, call: TelnyxCall) -> None:
        """A call is over."""


class TelnyxCall(StreamedCall):
    """A call that rings, or that somebody has picked up whom we have dialled."""

    def __init__(self, desk: TelnyxDesk, event: TelnyxEvent, *, outbound: bool) -> None:
        super().__init__(desk.exchange)
        self.id: str = event.call
        """Telnyx's name for it."""
        self.direction: Direction = "outbound" if outbound else "inbound"
        self.caller: str | None = event.caller or None
        self.called: str | None = event.called or None
        self.parameters: Mapping[str, str] = {}
        self._desk = desk
        self._over = False  # nothing is to be done about it any more
        self._failed = False

    # ---- what the server decides

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            stream = await self._connected()
            self.parameters = stream.start.parameters
            yield self._begin(stream)
        finally:
            self._forget()
            self._desk.ended(self)
            with trio.move_on_after(HANG_UP_WITHIN, shield=True):
                await self._finish()

    async def _connected(self) -> PhoneStream:
        self._require_there()
        await self._ask_for_stream("answer" if self.direction == "inbound" else "streaming_start")
        while self._stream is None:
            self._require_there()
            await self._changed.park()
        return self._stream

    def _require_there(self) -> None:
        if self._over:
            raise trio.EndOfChannel
        if self._failed:
            raise trio.BrokenResourceError("Telnyx could not open the media websocket")

    async def _ask_for_stream(self, command: str) -> None:
        """Let Telnyx open a media websocket, with a token that is good once."""
        token = self._expect(self.id, None)
        try:
            there = await self._desk.account.command(self.id, command, self._desk.stream_body(token))
        except RestError as error:
            self.note("command_refused")
            raise trio.BrokenResourceError(f"Telnyx refused {command}, with status {error.status}") from error
        if not there:
            self.gone()

    async def reject(self, reason: str) -> None:
        if self.direction == "outbound":
            await self._hang_up_now()
        else:
            cause = "USER_BUSY" if reason == "busy" else "CALL_REJECTED"
            await self._try("reject", {"cause": cause})
        self._over = True
        self._desk.ended(self)

    async def redirect(self, target: str) -> None:
        await trio.lowlevel.checkpoint()
        try:
            await self._desk.account.transfer(self.id, target)
        except ValueError as exc:
            raise CapabilityError(str(exc)) from None
        except RestError as error:
            raise trio.BrokenResourceError(f"Telnyx refused to send the call on, with status {error.status}") from error
        self._over = True
        self._desk.ended(self)

    async def _finish(self) -> None:
        """The call ends, unless it has been handed over, and so does its websocket."""
        try:
            await self._hang_up_now()
        finally:
            self._end_stream()

    async def _hang_up_now(self) -> None:
        if self._over:
            await trio.lowlevel.checkpoint()
            return
        self._over = True
        await self._try("hangup", {})

    async def _try(self, command: str, body: Mapping[str, object]) -> None:
        """Tell the call the last thing; where that fails, whoever has dialled hangs up."""
        try:
            await self._desk.account.command(self.id, command, body)
        except (RestError, trio.BrokenResourceError) as exc:
            self.note("command_failed")
            log.warning("a call could not be told %r: %s", command, type(exc).__name__)

    # ---- what Telnyx says

    def gone(self) -> None:
        """Telnyx says that the call is over."""
        self._over = True
        self._changed.unpark_all()

    async def stream_ended(self, *, failed: bool) -> None:
        """Telnyx says that a stream has ended, or could not begin: the call gets another one if it needs that. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        if failed and self._stream is None and not self._over:
            self.note("stream_failed")
            self._failed = True
            self._changed.unpark_all()
        elif self._waits_for_a_stream and not self._over and self._rejoins < REJOINS:
            self._rejoins += 1
            try:
                await self._ask_for_stream("streaming_start")
            except trio.BrokenResourceError:
                self.note("rejoin_failed")

    # ---- what the source asks

    async def hang_up(self) -> None:
        """End the call; closing the websocket alone would leave it up. Checkpoint: yes."""
        await self._hang_up_now()

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`."""
        await self._desk.account.transfer(self.id, target)
        self._over = True

    async def send_digits(self, digits: str) -> float:
        """As `PhoneControl.send_digits`: Telnyx presses them, and the stream goes on."""
        return await self._desk.account.send_digits(self.id, digits)
