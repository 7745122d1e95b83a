"""Calls from Asterisk over its media websocket: it connects to us, or we to it."""

from __future__ import annotations

import hmac
import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import trio

from .._errors import OptionError, RemoteProtocolError
from .._events import Event, Fault
from .._limits import Timeouts
from .._secret import Secret
from ..abc import (
    Buffering,
    FarEnd,
    FrontDoor,
    Invitation,
    Listener,
    MessageLine,
    Option,
    Played,
    Request,
    Source,
    Upgrade,
    WebSocket,
    basic,
    listener_plugin,
    open_socket,
    source_plugin,
)
from ..audio import PTIME, AudioFormat, Frame
from ..wire.asterisk_websocket import AsteriskMedia, MediaItem, MediaPlayed, MediaStarted, MediaTrouble
from ..wire.http_credentials import basic_untrusted

log: logging.Logger = logging.getLogger("trioaudio.asterisk")

PATH = "/asterisk/media"
SUBPROTOCOL = "media"
GOING_AWAY = 1001
"""The close code of an Asterisk that is being stopped."""
NO_PINGS = 86_400.0
"""Seconds: a ping hangs up the call of an Asterisk of before January 2026."""
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


class AsteriskListener(Listener):
    """Calls by websockets that Asterisk opens; made by ``open_asterisk_listener``.

    Args:
        user, password: what Asterisk must show (HTTP Basic); without a password nobody is asked.
        lead: how far ahead of real time Asterisk is fed, in seconds.
        timeouts: ``start`` counts: for a call to begin on an open websocket.
    """

    name = "asterisk"

    def __init__(self, user: str = "asterisk", password: Secret | None = None, lead: float = 1.5, timeouts: Timeouts | None = None) -> None:
        self._user, self._password, self._lead, self._timeouts = user, password, lead, timeouts or Timeouts()
        self._counts = Counter(dict.fromkeys(("unauthorized", "garbage", "no_start", "left"), 0))
        self._came, self._calls = trio.open_memory_channel[Invitation](1_000)

    @property
    def counters(self) -> Mapping[str, int]:
        """Who was refused: ``unauthorized``, ``garbage`` instead of a call, ``no_start`` in time; and who had ``left`` before it could."""
        return dict(self._counts)

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    async def take(self, upgrade: Upgrade) -> None:
        """The front door's handler. Checkpoint: yes."""
        if not self._lets_in(upgrade.request):
            self._count("unauthorized")
            await upgrade.reject(401, "the user or the password is wrong")
            return
        websocket = await upgrade.accept(SUBPROTOCOL if SUBPROTOCOL in upgrade.subprotocols else None)
        await self.serve(websocket, dict(upgrade.request.query))

    def _lets_in(self, request: Request) -> bool:
        if self._password is None:
            return True
        user, password = basic_untrusted(request.headers.get("authorization", ""))
        known = hmac.compare_digest(user.encode("utf-8", "replace"), self._user.encode())
        return self._password.matches(password) and known

    async def serve(self, websocket: WebSocket, parameters: Mapping[str, str] | None = None) -> None:
        """Be there for one websocket until its call is over. Checkpoint: yes.

        Args:
            parameters: of the call: what stood in the query of the address.
        """
        line = MessageLine(websocket)
        try:
            media, items = await begun(line, self._timeouts)
        except RemoteProtocolError as exc:
            self._count("garbage")
            await websocket.aclose(1002, str(exc))
        except (trio.EndOfChannel, trio.BrokenResourceError):
            self._count("left" if line.end[0] is not None else "no_start")
            await websocket.aclose(1008, "no call has begun")
        else:
            call = self._call(line, media, items, parameters or {})
            await self._came.send(call)
            await call.over.wait()
            await websocket.aclose()

    def _call(self, line: MessageLine, media: AsteriskMedia, items: deque[MediaItem], parameters: Mapping[str, str]) -> AsteriskCall:
        assert media.started is not None
        call = AsteriskCall(line, media, items, self._lead)
        names = {"channel": media.started.channel, "channel_id": media.started.channel_id}
        call.parameters = {**media.started.variables, **parameters, **names}
        call.caller, call.called = parameters.get("caller") or None, parameters.get("called") or None
        return call

    def _count(self, why: str) -> None:
        self._counts[why] += 1
        log.warning("a websocket was refused: %s", why)


@listener_plugin("asterisk")
@asynccontextmanager
async def open_asterisk_listener(
    door: FrontDoor,
    *,
    user: str = "asterisk",
    password: Annotated[Secret | None, Option(env="ASTERISK_PASSWORD")] = None,
    lead: float = 1.5,
    path: str = PATH,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AsteriskListener, None]:
    """Take calls that Asterisk connects to the front door: ``Dial(WebSocket/NAME/...)``, with NAME in its websocket_client.conf.

    Args:
        user: what Asterisk must call itself (username in websocket_client.conf).
        password: what it must show; needed where others than this machine can reach the front door.
        lead: how far ahead of real time Asterisk is fed, in seconds; at most 15.
        path: where it connects to.
    """
    listener = AsteriskListener(user, password, _checked(lead), timeouts)
    with door.websocket(path, listener.take, auth="none" if password is None else "token"):
        yield listener


@source_plugin("asterisk")
@asynccontextmanager
async def open_asterisk(
    url: Secret | str,
    *,
    user: str = "",
    password: Annotated[Secret | None, Option(env="ASTERISK_PASSWORD")] = None,
    insecure: bool = False,
    lead: float = 1.5,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AsteriskSource, None]:
    """Take a call that waits in an Asterisk: ``Dial(WebSocket/INCOMING/...)``, or an externalMedia channel of its REST interface.

    Args:
        url: ``ws://HOST:8088/media/ID``; the ID, in the variable MEDIA_WEBSOCKET_CONNECTION_ID, is all that protects the call.
        user: of what stands before that Asterisk and asks who comes.
        password: for that.
        insecure: allow ``ws://`` to other machines.
        lead: how far ahead of real time Asterisk is fed, in seconds; at most 15.

    Raises:
        trio.BrokenResourceError: there is no such call (Asterisk answers 404), somebody has taken it (409), or nobody is there.
        RemoteProtocolError: what is there is no Asterisk, or the call is in a codec that cannot be cut.
    """
    headers = {"Authorization": basic(user, password)} if password is not None else None
    url = Secret(url) if isinstance(url, str) else url
    lead, timeouts = _checked(lead), timeouts or Timeouts()
    quiet = replace(timeouts, keepalive=NO_PINGS)
    async with open_socket(url, headers=headers, subprotocols=[SUBPROTOCOL], insecure=insecure, timeouts=quiet) as websocket:
        line = MessageLine(websocket)
        media, items = await begun(line, timeouts)
        await line.send(media.answer())
        yield AsteriskSource(line, media, items, lead)


def _checked(lead: float) -> float:
    if not 0 <= lead <= 15:
        raise OptionError(f"lead={lead:g}; Asterisk keeps 18 s, so feed it at most 15 s ahead")
    return lead
