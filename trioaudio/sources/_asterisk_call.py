"""One call from Asterisk: what is heard and said on its media websocket, and how it is answered."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from .._events import Event, Fault
from .._limits import Timeouts
from ..abc import Buffering, FarEnd, Invitation, MessageLine, Played, Source
from ..audio import PTIME, AudioFormat, Frame
from ..wire.asterisk_websocket import AsteriskMedia, MediaItem, MediaPlayed, MediaStarted, MediaTrouble

log: logging.Logger = logging.getLogger("trioaudio.asterisk")

GOING_AWAY = 1001
"""The close code of an Asterisk that is being stopped."""
PHASE = 1e-6
"""Seconds: what is due because time has passed comes just after what is due by the ticker of paced channels."""


class AsteriskSource(Source):
    """One call. Asterisk plays on its own clock from what it is fed ahead, and says exactly what it has played.

    Args:
        line: to Asterisk.
        media: what has been said on it; it has been started.
        items: what was received and has not been returned yet.
        lead: how far ahead of real time Asterisk is fed, in seconds.
    """

    def __init__(self, line: MessageLine, media: AsteriskMedia, items: deque[MediaItem], lead: float = 1.5) -> None:
        assert media.started is not None
        self.input_format: AudioFormat = media.started.format
        self.output_format: AudioFormat = media.started.format
        self.far_end: FarEnd = Buffering(lead=lead, can_clear=True, reports=True)
        self._line, self._media, self._items = line, media, items
        self._waiting = trio.CancelScope()
        self._ready = trio.lowlevel.ParkingLot()
        self._end: Exception | None = None

    async def receive(self) -> Frame | Event:
        await trio.lowlevel.checkpoint()
        while self._end is None:
            while self._items:
                if (event := self._event(self._items.popleft())) is not None:
                    return event
            await self._read()
        raise type(self._end)(*self._end.args)

    def _event(self, item: MediaItem) -> Frame | Event | None:
        if isinstance(item, MediaPlayed):
            return Played(item.samples, item.clears, item.final)
        if isinstance(item, MediaTrouble):
            log.warning("Asterisk could not do what it was told to: %s", item.what)
            return Fault(trio.BrokenResourceError(item.what), "Asterisk could not do what it was told to")
        return None if isinstance(item, MediaStarted) else item

    async def _read(self) -> None:
        """The next message, or what is due meanwhile."""
        try:
            with trio.CancelScope(deadline=self._media.due + PHASE) as self._waiting:
                self._items += self._media.receive_untrusted(await self._line.receive(), trio.current_time())
            if self._waiting.cancelled_caught:
                self._line.post(self._media.advance(trio.current_time()))
        except (trio.EndOfChannel, trio.BrokenResourceError) as exc:
            self._end = trio.EndOfChannel() if self._line.end[0] == GOING_AWAY else exc
        if self._media.ready or self._end is not None:
            self._ready.unpark_all()

    def send_nowait(self, frame: Frame) -> None:
        self._require_open()
        self._line.post(())
        if not self._media.ready or self._line.waiting:
            raise trio.WouldBlock
        self._play(frame)

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        while not self._media.ready and self._end is None:
            await self._ready.park()
        self._require_open()
        await self._line.flush()
        self._play(frame)

    def _play(self, frame: Frame) -> None:
        self._line.post(self._media.play(frame, trio.current_time()))
        self._waiting.deadline = min(self._waiting.deadline, self._media.due + PHASE)

    async def clear(self) -> None:
        self._require_open()
        await self._line.send(self._media.clear(trio.current_time()))

    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._end is None:
            await self._line.send(self._media.hang_up())

    def _require_open(self) -> None:
        if self._end is not None:
            raise trio.BrokenResourceError("the call is over") from self._end


async def begun(line: MessageLine, timeouts: Timeouts) -> tuple[AsteriskMedia, deque[MediaItem]]:
    """The call that begins on a websocket. Checkpoint: yes.

    Raises:
        RemoteProtocolError: what comes is not Asterisk's media.
        trio.EndOfChannel, trio.BrokenResourceError: it ends before, or says nothing within `Timeouts.start`.
    """
    media, items = AsteriskMedia(), deque[MediaItem]()
    with trio.move_on_after(timeouts.start):
        while media.started is None:
            items += media.receive_untrusted(await line.receive(), trio.current_time())
        return media, items
    raise trio.BrokenResourceError(f"Asterisk has not begun the call within {timeouts.start:g} s (Timeouts.start)")


class AsteriskCall(Invitation):
    """A call whose websocket is open, and which nobody has answered yet."""

    def __init__(self, line: MessageLine, media: AsteriskMedia, items: deque[MediaItem], lead: float) -> None:
        self._line, self._media, self._items, self._lead = line, media, items, lead
        self.over: trio.Event = trio.Event()
        """Set once it has been decided, or is over."""

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            with trio.move_on_after(PTIME):  # whoever has hung up meanwhile has said so
                while True:
                    self._items += self._media.receive_untrusted(await self._line.receive(), trio.current_time())
            await self._line.send(self._media.answer())
            yield AsteriskSource(self._line, self._media, self._items, self._lead)
        finally:
            self.over.set()

    async def reject(self, reason: str) -> None:
        try:
            await self._line.send(self._media.hang_up())
        finally:
            self.over.set()
