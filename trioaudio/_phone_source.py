"""A call on a carrier's media websocket, as a source: what every carrier's plugin hands to the channel.

The protocol is `trioaudio.wire.phone`; here it meets a websocket and the Trio clock. When the websocket breaks and the carrier is
expected to open another one for the same call, the source waits for that, and what is said meanwhile is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import trio

from ._arrivals import Arrivals
from ._errors import CapabilityError, RemoteProtocolError
from ._events import Event, Interrupt
from ._message_line import MessageLine
from ._socket import WebSocket
from ._source import Buffering, FarEnd, Played, Source, SourceCapability
from .audio import AudioFormat, Frame
from .wire.phone import PhoneItem, PhonePlayed, PhoneWire, Started, Wire

REASON = 120
"""Bytes of a close frame's reason."""
FAREWELL = 1.0
"""Seconds for a carrier that is told goodbye to end the stream."""


class PhoneControl:
    """What can be done about a call beside its audio: a carrier's own. By default nothing can."""

    capabilities: frozenset[SourceCapability] = frozenset()
    rejoin_within: float = 0.0
    """Seconds in which the carrier opens another websocket for a call whose websocket broke; 0 if it never does."""
    results: Mapping[str, str] = MappingProxyType({})
    """What the carrier is told at the end to have come of the call, if it can be told anything."""

    def note(self, what: str) -> None:
        """Something happened that is counted, and logged: one word or two joined by ``_``, never of the caller's."""

    async def hang_up(self) -> None:
        """End the call; the websocket is closed after that. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        """Hand the far party over; the websocket is closed after that. As `Source.transfer`."""
        raise CapabilityError("this call cannot be transferred")

    async def send_digits(self, digits: str) -> float:
        """Press keys: 0 if that is all; else the websocket is closed then, and the carrier opens another one within so many seconds."""
        raise CapabilityError("no keys can be pressed in this call")


class PhoneSource(Source):
    """One call.

    Args:
        websocket: the carrier's; whoever gives it closes it in the end.
        wire: has read from it up to the start of the stream.
        control: what else can be done.
    """

    def __init__(self, websocket: WebSocket, wire: PhoneWire, control: PhoneControl | None = None) -> None:
        self.input_format: AudioFormat = wire.heard_format
        self.output_format: AudioFormat = wire.format
        self.far_end: FarEnd = Buffering(can_clear=not wire.one_way, reports=not wire.one_way)
        self.capabilities: frozenset[SourceCapability] = control.capabilities if control is not None else frozenset()
        self.wire: PhoneWire = wire
        """The protocol's memory: its ``start`` says who calls, its ``counts`` what was put up with."""
        self._control = control
        self._websocket, self._line = websocket, MessageLine(websocket)
        self._items = Arrivals()
        self._over: Exception | None = None
        self._lost_at: float | None = None
        self._rejoin_by = 0.0
        self._rejoined = trio.Event()
        self._waiting: trio.CancelScope | None = None
        self._left = False
        self._ended = trio.Event()
        self._post(wire.owed())

    # ---- in

    async def receive(self) -> Frame | Event:
        if self._items or self._over is not None:
            await trio.lowlevel.checkpoint()
        while not self._items:
            if self._over is not None:
                raise type(self._over)(*self._over.args)
            await (self._receive_more() if self._lost_at is None else self._wait_rejoined())
        return self._items.take()

    async def _receive_more(self) -> None:
        scope = self.receiving
        if scope is None:
            await self._receive_in_time()
            return
        if scope.deadline == math.inf:  # it is a new one, or nothing was due when it was
            self._lapse()
            scope.deadline = self.wire.due
        if self._items:
            await trio.lowlevel.checkpoint()
        else:
            await self._receive_message()

    async def _receive_in_time(self) -> None:
        """For whoever offers no scope."""
        try:
            with trio.CancelScope(deadline=self.wire.due) as self._waiting:
                await self._receive_message()
                return
        finally:
            self._waiting = None
        self._lapse()

    async def _receive_message(self) -> None:
        line = self._line
        try:
            data = await line.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            if self._lost_at is None and line is self._line:
                self._end(trio.EndOfChannel())
        except trio.BrokenResourceError as exc:
            if line is self._line:
                self._break(exc)
        else:
            await self._take(data)
            for data in line.take_received():
                if self._over is None:
                    await self._take(data)

    def _lapse(self) -> None:
        """Time has passed, and perhaps nothing has come."""
        now = trio.current_time()
        self._post(self.wire.tail(now))
        self._items.extend(map(_event, self.wire.news(now)))
        if not self._items and (silence := self.wire.lull(now)) is not None:
            self._items.add(silence)

    def _wake(self) -> None:
        """Something is to be received that did not come on the line."""
        scope = self._waiting or self.receiving
        if scope is not None:
            scope.cancel()

    async def _take(self, data: str | bytes) -> None:
        try:
            items = self.wire.receive_untrusted(data, trio.current_time())
        except RemoteProtocolError as exc:
            self._end(exc)
            self._note("protocol_error")
            self._post(self.wire.owed())
            await self._websocket.aclose(self.wire.close_code, str(exc)[:REASON])
            return
        self._items.extend(map(_event, items))
        self._post(self.wire.owed())
        if self.wire.phase == "stopped":
            self._end(trio.EndOfChannel())

    def _end(self, error: Exception) -> None:
        self._over = error
        self._ended.set()

    def tell(self, event: Event | Frame) -> None:
        """Let the channel have an event that came on another way, such as an answering machine's."""
        self._items.add(event)
        self._wake()

    # ---- when the line breaks

    def _break(self, error: trio.BrokenResourceError) -> None:
        if self._left:
            self._end(trio.EndOfChannel())
        elif self._control is None or not self._control.rejoin_within or isinstance(error, RemoteProtocolError):
            self._note("line_broken")
            self._end(error)
        else:
            self._note("line_broken")
            self._lose(self._control.rejoin_within)

    def _lose(self, within: float) -> None:
        """There is no line now, and there will be another one."""
        self._lost_at = trio.current_time()
        self._rejoin_by = self._lost_at + within
        self.wire.lose(self._lost_at)

    async def _wait_rejoined(self) -> None:
        with trio.CancelScope(deadline=self._rejoin_by) as waiting:
            await self._rejoined.wait()
        if waiting.cancelled_caught and self._lost_at is not None:
            self._end(trio.BrokenResourceError("the line broke, and the carrier opened no other one"))

    @property
    def waits_for_another_line(self) -> bool:
        """Whether `go_on` is of use."""
        return self._over is None and not self._left

    def go_on(self, websocket: WebSocket, started: Started) -> None:
        """The carrier has opened another websocket for this call, and its stream has started.

        Raises:
            RemoteProtocolError: in another format.
        """
        now = trio.current_time()
        if self._lost_at is None:
            self.wire.lose(now)
        cut = self.wire.go_on(started, now)
        self._websocket, self._line, self._lost_at = websocket, MessageLine(websocket), None
        self._note("rejoined")
        self._post(self.wire.owed())
        if cut:
            self._items.add(Interrupt())
        self._rejoined.set()
        self._rejoined = trio.Event()
        self._wake()

    def _note(self, what: str) -> None:
        if self._control is not None:
            self._control.note(what)

    # ---- out

    def send_nowait(self, frame: Frame) -> None:
        self._check_there()
        self._post(())
        if self._line.waiting:
            raise trio.WouldBlock
        self._play(frame)

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        self._check_there()
        await self._flush()
        self._play(frame)

    def _play(self, frame: Frame) -> None:
        self._post(self.wire.play(frame, trio.current_time()))
        scope = self._waiting or self.receiving
        if scope is not None and scope.deadline > (due := self.wire.due):
            scope.deadline = due

    async def clear(self) -> None:
        await trio.lowlevel.checkpoint()
        self._post(self.wire.clear(trio.current_time()))
        for item in self.wire.news(trio.current_time()):
            self.tell(_event(item))
        await self._flush()

    async def _flush(self) -> None:
        try:
            await self._line.flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()  # whoever receives is told, and tells; a goodbye is no failure

    def _post(self, messages: Sequence[Wire]) -> None:
        if not messages and not self._line.waiting:  # as for nearly every frame
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # whoever receives is told, and tells
            self._line.post(messages)

    def _check_there(self) -> None:
        if self._over is not None:
            raise trio.BrokenResourceError("the far party is gone") from self._over

    # ---- the end

    async def hang_up(self) -> None:
        if not self._left and self._control is not None:
            await self._control.hang_up()
        await self._leave()

    async def transfer(self, target: str) -> None:
        if self._control is None or "transfer" not in self.capabilities:
            raise self._cannot("transfer")
        await self._control.transfer(target)
        await self._leave()

    async def send_digits(self, digits: str) -> None:
        if self._control is None or "digits" not in self.capabilities:
            raise self._cannot("digits")
        self._check_there()
        rejoined, within = self._rejoined, await self._control.send_digits(digits)
        if not within:
            return
        self._lose(within)
        await self._websocket.aclose()
        with trio.move_on_after(within):
            await rejoined.wait()
            return
        raise trio.BrokenResourceError("the carrier has not come back from pressing keys")

    async def _leave(self) -> None:
        self._left = True
        goodbye = self.wire.goodbye(self._control.results if self._control is not None else None)
        if goodbye and self._over is None:
            self._post(goodbye)
            with trio.move_on_after(FAREWELL):
                await self._ended.wait()  # whoever receives answers what there is to answer
        await self._websocket.aclose()


def _event(item: PhoneItem) -> Frame | Event:
    return Played(item.samples, item.generation, item.final) if isinstance(item, PhonePlayed) else item
