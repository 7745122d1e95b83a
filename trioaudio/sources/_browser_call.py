"""One call of a browser's: what is heard and said on its websocket, and how it is answered."""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import trio

from .._errors import RemoteProtocolError
from .._events import Event
from .._secret import Secret
from ..abc import Arrivals, Buffering, FarEnd, Invitation, MessageLine, Played, Source, WebSocket
from ..audio import AudioFormat, Frame
from ..wire.browser import CLOSE_CODES, RATE, SHOWN, TOKEN_PREFIX, BrowserItem, BrowserPlayed, BrowserWire, Hello, hello_untrusted

log: logging.Logger = logging.getLogger("trioaudio.browser")

HELLO_WITHIN = 5.0
"""Seconds a page has to introduce itself."""
LEAD = 1.5
"""Seconds that a page is fed ahead of real time."""
LIVE_LEAD = 0.4
"""The same for what streams in real time: a page behind a bad network keeps so much back, or it would fall silent amid words."""
SLACK = 1.0
"""Seconds of audio that may be on their way beside the lead: reports come every 100 ms, and over a network."""
CROWDED = 50
"""Messages that wait for a page that is slow; what would only be shown is left out then."""
PHASE = 1e-6
"""Seconds: what is due because time has passed comes just after what is due by the ticker of paced channels."""
GOODBYES = frozenset({1000, 1001, 1005})
"""Close codes of a page that was closed or left; 1005 stands for none."""
REASON = 120
"""Bytes of a close frame's reason."""


class Refusal(Exception):  # noqa: N818 - it says what happened
    """A client is turned away: with an error's code, and words for people."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code, words)
        self.code: str = code
        self.words: str = words


async def greeted(websocket: WebSocket, token: Secret | None, offered: Sequence[str] = ()) -> Hello:
    """The hello of a client that has opened a websocket, and may call. Checkpoint: yes.

    Args:
        token: what it must show, in its hello or in the handshake.
        offered: the subprotocols of the handshake.

    Raises:
        Refusal: it may not, did not say hello, or not in time.
        trio.EndOfChannel, trio.BrokenResourceError: it went away before.
    """
    with trio.move_on_after(HELLO_WITHIN):
        try:
            hello = hello_untrusted(await websocket.receive())
        except RemoteProtocolError as exc:
            raise Refusal("hello", str(exc)) from exc
        if token is not None and not any(token.matches(shown) for shown in _tokens(hello, offered)):
            raise Refusal("token", "the token is not the one")
        return hello
    raise Refusal("late", f"nobody said hello within {HELLO_WITHIN:g} s")


def _tokens(hello: Hello, offered: Sequence[str]) -> Iterable[str]:
    if hello.token is not None:
        yield hello.token
    for name in offered:
        if name.startswith(TOKEN_PREFIX):
            text = name.removeprefix(TOKEN_PREFIX)
            with suppress(binascii.Error, ValueError):
                yield base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True).decode()


async def turned_away(websocket: WebSocket, refusal: Refusal) -> None:
    """Say why, and close the websocket. Checkpoint: yes."""
    wire = BrowserWire(Hello(RATE))
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        for message in wire.refuse(refusal.code, refusal.words):
            await websocket.send(message)
    await websocket.aclose(CLOSE_CODES[refusal.code], refusal.words[:REASON])


class BrowserSource(Source):
    """One call. The page plays from what it is fed ahead, and reports what it has played, if it can.

    A page that takes nothing is not waited for: once what it was given and has not played is ``lead`` and a second more, sending
    waits, and the channel's `Timeouts.write` ends the call.

    Args:
        websocket: the page's, which has said hello; whoever gives it closes it in the end.
        wire: the protocol's memory.
        lead: how far ahead of real time the page is fed, in seconds.
    """

    shows = SHOWN

    def __init__(self, websocket: WebSocket, wire: BrowserWire, lead: float = LEAD) -> None:
        can = wire.hello.can
        self.input_format: AudioFormat = wire.input_format
        self.output_format: AudioFormat = wire.output_format
        self.far_end: FarEnd = Buffering(lead=lead, can_clear="clear" in can, reports="pos" in can, live_lead=LIVE_LEAD)
        self.wire: BrowserWire = wire
        """The protocol's memory; its ``counts`` say what was put up with."""
        self._websocket, self._line = websocket, MessageLine(websocket)
        self._most = lead + SLACK if "pos" in can else float("inf")
        self._items = Arrivals()
        self._waiting = trio.CancelScope()
        self._room = trio.lowlevel.ParkingLot()
        self._end: Exception | None = None
        self._post(wire.ready())

    # ---- in

    async def receive(self) -> Frame | Event:
        await trio.lowlevel.checkpoint()
        while not self._items:
            if self._end is not None:
                raise type(self._end)(*self._end.args)
            await self._read()
        return self._items.take()

    async def _read(self) -> None:
        """The next message, or what is due meanwhile."""
        try:
            with trio.CancelScope(deadline=self.wire.due + PHASE) as self._waiting:
                self._take(await self._line.receive())
                for data in self._line.take_received():
                    if self._end is None:
                        self._take(data)
            if self._waiting.cancelled_caught:
                items, messages = self.wire.advance(trio.current_time())
                self._items.extend(map(_event, items))
                self._post(messages)
        except RemoteProtocolError as exc:
            log.warning("a browser sent what makes no sense: %s", exc)
            self._end = exc
            await turned_away(self._websocket, Refusal("protocol", str(exc)))
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            self._end = trio.EndOfChannel() if self._line.end[0] in GOODBYES else _broken(exc)
        self._room.unpark_all()

    def _take(self, data: str | bytes) -> None:
        items = self.wire.receive_untrusted(data, trio.current_time())
        self._items.extend(map(_event, items))
        self._post(self.wire.owed())
        if self.wire.over:
            self._end = trio.EndOfChannel()

    # ---- out

    def send_nowait(self, frame: Frame) -> None:
        self._require_there()
        self._post(())
        if self._line.waiting or not self._has_room(frame):
            raise trio.WouldBlock
        self._play(frame)

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        while self._end is None and not self._has_room(frame):
            await self._room.park()
        self._require_there()
        await self._flush()
        self._play(frame)

    def _has_room(self, frame: Frame) -> bool:
        backlog = self.wire.backlog
        return not backlog or backlog + frame.duration <= self._most

    def _play(self, frame: Frame) -> None:
        self._post(self.wire.play(frame, trio.current_time()))
        self._waiting.deadline = min(self._waiting.deadline, self.wire.due + PHASE)

    async def clear(self) -> None:
        await trio.lowlevel.checkpoint()
        self._post(self.wire.clear(trio.current_time()))
        await self._flush()

    def show(self, event: Event) -> None:
        if self._line.waiting < CROWDED:
            self._post(self.wire.show(event))

    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._end is None:
            self._post(self.wire.bye("hung up"))
            await self._flush()
            await self._websocket.aclose()

    async def _flush(self) -> None:
        try:
            await self._line.flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()  # whoever receives is told, and tells; a goodbye is no failure

    def _post(self, messages: Iterable[str | bytes]) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # whoever receives is told, and tells
            self._line.post(messages)

    def _require_there(self) -> None:
        if self._end is not None:
            raise trio.BrokenResourceError("the browser is gone") from self._end


def _event(item: BrowserItem) -> Frame | Event:
    return Played(item.samples, item.clears, item.final) if isinstance(item, BrowserPlayed) else item


def _broken(error: Exception) -> trio.BrokenResourceError:
    return error if isinstance(error, trio.BrokenResourceError) else trio.BrokenResourceError(str(error))


class BrowserCall(Invitation):
    """A page that has said hello, and which nobody has answered yet."""

    def __init__(self, websocket: WebSocket, hello: Hello, *, rate: int, lead: float) -> None:
        self.id: str = secrets.token_hex(8)
        """What the page is told that the call is called."""
        self.over: trio.Event = trio.Event()
        """Set once it has been decided, or is over."""
        self._websocket, self._hello, self._rate, self._lead = websocket, hello, rate, lead

    def introduce(self, caller: str | None, parameters: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """Who calls, as far as it is known."""
        self.caller, self.parameters, self.headers = caller, parameters, headers

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            if self._websocket.close_code is not None:
                raise trio.EndOfChannel
            yield BrowserSource(self._websocket, BrowserWire(self._hello, self.id, rate=self._rate), self._lead)
        finally:
            self.over.set()

    async def reject(self, reason: str) -> None:
        code = reason if reason in ("busy", "unavailable") else "declined"
        words = {"busy": "all lines are busy; try again later", "unavailable": "nobody can answer now; try again later"}
        try:
            await turned_away(self._websocket, Refusal(code, words.get(code, "nobody takes this call")))
        finally:
            self.over.set()
