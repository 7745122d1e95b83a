"""Calls from Asterisk over AudioSocket: the plain TCP connection that its dialplan opens for a call."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated
from uuid import UUID

import trio

from .._errors import FormatError, OptionError, RemoteProtocolError
from .._events import Event
from .._limits import Timeouts
from ..abc import AdminDoor, FarEnd, Invitation, Listener, Option, Paced, Pipe, Request, Response, Source, listener_plugin, open_tcp
from ..audio import PCM16_8K, PTIME, AudioFormat, Converter, Frame
from ..wire.audiosocket import GOODBYE, AudioSocketItem, AudioSocketReader, CallId, Failed, HungUp, written_audio
from ..wire.one_time_ids import OneTimeIds

log: logging.Logger = logging.getLogger("trioaudio.audiosocket")

NEW = "/audiosocket/new"
"""Where an id is to be had, on the admin port."""
FIRST_AUDIO = 0.5
"""Seconds for the first audio to come, which tells the rate of the call."""
GOODBYE_TIME = 1.0
"""Seconds for the other side to close the connection after a goodbye: closed earlier, it could take that with it."""
GONE = (ConnectionResetError, BrokenPipeError)
"""How it looks when Asterisk, which hangs up by closing, closes while audio is on its way to it."""


class AudioSocketSource(Source):
    """One call. Its far end plays what comes as it comes, so it is given 20 ms at a time, and can take nothing back.

    Args:
        pipe: the connection.
        reader: what has been read from it.
        items: what of that has not been received yet, if anything.
        format: of the audio, both ways; what comes in another one is converted.
    """

    def __init__(self, pipe: Pipe, reader: AudioSocketReader, items: deque[AudioSocketItem], format: AudioFormat) -> None:
        self.input_format: AudioFormat = format
        self.output_format: AudioFormat = format
        self.far_end: FarEnd = Paced(lead=PTIME)
        self._pipe, self._reader, self._items = pipe, reader, items
        self._position = 0
        self._converter: Converter | None = None
        self._unsent = b""
        self._end: type[Exception] | None = None
        self._why = ""

    async def receive(self) -> Frame | Event:
        await trio.lowlevel.checkpoint()
        while self._end is None:
            while self._items:
                if (item := self._received(self._items.popleft())) is not None:
                    return item
            if self._end is None:
                await self._read()
        raise self._end(self._why) if self._why else self._end()

    async def _read(self) -> None:
        try:
            self._items += await read_items(self._pipe, self._reader)
        except trio.EndOfChannel:
            self._end = trio.EndOfChannel
        except trio.BrokenResourceError as exc:
            self._end, self._why = type(exc), str(exc)
        except trio.ClosedResourceError:  # by the listener, which is going away
            self._end, self._why = trio.BrokenResourceError, "the connection was closed"

    def _received(self, item: AudioSocketItem) -> Frame | Event | None:
        if isinstance(item, Frame):
            return self._converted(item)
        if isinstance(item, HungUp) or (isinstance(item, Failed) and item.code == 1):
            self._end = trio.EndOfChannel
        elif isinstance(item, Failed):
            self._end, self._why = trio.BrokenResourceError, str(item)
        return item if isinstance(item, Event) else None

    def _converted(self, frame: Frame) -> Frame | None:
        if frame.format != self.input_format:
            if self._converter is None or self._converter.source != frame.format:
                self._converter = Converter(frame.format, self.input_format)
            frame = self._converter.convert(frame)
        placed = Frame(frame.data, self.input_format, self._position)
        self._position += placed.num_samples
        return placed if placed.num_samples else None

    def send_nowait(self, frame: Frame) -> None:
        data = self._checked(frame)
        self._push()
        if self._unsent:
            raise trio.WouldBlock
        self._unsent = data
        self._push()

    async def send(self, frame: Frame) -> None:
        data = self._checked(frame)
        await trio.lowlevel.checkpoint()
        await self._wait_pushed()
        self._unsent = data
        self._push()

    def _checked(self, frame: Frame) -> bytes:
        if frame.format != self.output_format:
            raise FormatError(f"this call hears {self.output_format}, the frame is {frame.format}")
        if self._end is not None:
            raise trio.BrokenResourceError(self._why or "the far party has hung up")
        return written_audio(frame)

    def _push(self) -> None:
        """Write what the connection takes. If it is gone, `receive` learns so first: that was a hang-up, not a broken line."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self._pipe.write_nowait(self._unsent) :]
            except trio.BrokenResourceError as exc:
                self._unsent = b""
                if not isinstance(exc.__cause__, GONE):
                    raise

    async def _wait_pushed(self) -> None:
        self._push()
        while self._unsent:
            try:
                await self._pipe.wait_room()
            except trio.ClosedResourceError as exc:  # by the listener, which is going away
                raise trio.BrokenResourceError("the connection was closed") from exc
            self._push()

    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._end is None:
            self._unsent += GOODBYE
            await self._wait_pushed()


async def read_items(pipe: Pipe, reader: AudioSocketReader) -> list[AudioSocketItem]:
    """What comes next. Checkpoint: yes. On cancel: nothing is lost.

    Raises:
        trio.EndOfChannel: the other side closed the connection, which is how Asterisk hangs up.
        trio.BrokenResourceError: the connection failed, or ended in the middle of a frame.
        RemoteProtocolError: this is no AudioSocket.
    """
    try:
        data = await pipe.read()
    except trio.BrokenResourceError as exc:
        if isinstance(exc.__cause__, GONE):
            raise trio.EndOfChannel from exc
        raise
    if not data:
        if reader.in_frame:
            raise trio.BrokenResourceError("the connection ended in the middle of a frame")
        raise trio.EndOfChannel
    return reader.receive_untrusted(data)


class AudioSocketCall(Invitation):
    """A call whose id is good, and which nobody has answered yet."""

    def __init__(self, pipe: Pipe, reader: AudioSocketReader, items: deque[AudioSocketItem], format: AudioFormat | None) -> None:
        self._pipe, self._reader, self._items, self._format = pipe, reader, items, format
        self.over: trio.Event = trio.Event()
        """Set once it has been decided, or is over."""

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            with trio.move_on_after(FIRST_AUDIO if self._format is None else PTIME):
                while not (heard := [item for item in self._items if isinstance(item, Frame)]):
                    self._items += await read_items(self._pipe, self._reader)
            format = self._format or (heard[0].format if heard else PCM16_8K)
            if format == PCM16_8K and heard and len(heard[0].data) == 160:
                log.warning("audio comes in pieces of 160 bytes: if it is noise, write Dial(AudioSocket/.../c(slin)) in the dialplan")
            yield AudioSocketSource(self._pipe, self._reader, self._items, format)
        finally:
            self.over.set()

    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        try:
            self._pipe.write_nowait(GOODBYE)
        finally:
            self.over.set()


class AudioSocketListener(Listener):
    """Calls by connections that begin with an id that was given out; made by ``open_audiosocket``.

    Args:
        ids: those that are good; none at first.
        format: of the audio; None for what the first audio of each call is in.
        timeouts: ``start`` counts: for an id to come.
    """

    name = "audiosocket"

    def __init__(self, ids: OneTimeIds | None = None, format: AudioFormat | None = None, timeouts: Timeouts | None = None) -> None:
        self.ids: OneTimeIds = ids or OneTimeIds()
        """Those that are good."""
        self._format, self._timeouts = format, timeouts or Timeouts()
        self._counts = Counter(dict.fromkeys(("unknown_id", "used_id", "no_id", "garbage", "left"), 0))
        self._came, self._calls = trio.open_memory_channel[Invitation](1_000)

    @property
    def counters(self) -> Mapping[str, int]:
        """Connections that were refused: ``unknown_id``, ``used_id``, ``no_id`` (in time), ``garbage``; and those that ``left`` before."""
        return dict(self._counts)

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    async def issue(self, request: Request) -> Response:
        """The admin port's handler: a new id, for a call with the parameters of the query. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        id = self.ids.issue(trio.current_time(), dict(request.query))
        if id is None:
            return Response("too many ids wait for their calls\n", 503)
        return Response(str(id), headers={"Cache-Control": "no-store"})

    async def take(self, pipe: Pipe, peer: str = "") -> None:
        """Be there for one connection until its call is over: what `open_tcp` is given. Checkpoint: yes."""
        reader = AudioSocketReader()
        call = await self._identified(pipe, reader)
        if isinstance(call, AudioSocketCall):
            await self._came.send(call)
            await call.over.wait()
        else:
            self._refuse(pipe, call)
        await _part(pipe)

    async def _identified(self, pipe: Pipe, reader: AudioSocketReader) -> AudioSocketCall | str:
        """The call, or why there is none."""
        try:
            with trio.move_on_after(self._timeouts.start):
                while not (items := deque(await read_items(pipe, reader))):
                    pass
                return self._expected(items, pipe, reader)
        except RemoteProtocolError:
            return "garbage"
        except (trio.EndOfChannel, trio.BrokenResourceError):
            return "left"
        return "no_id"

    def _expected(self, items: deque[AudioSocketItem], pipe: Pipe, reader: AudioSocketReader) -> AudioSocketCall | str:
        first = items.popleft()
        assert isinstance(first, CallId)  # the reader sees to that
        parameters = self.ids.take_untrusted(first.id, trio.current_time())
        if isinstance(parameters, str):
            return parameters
        call = AudioSocketCall(pipe, reader, items, self._format)
        call.parameters = {**parameters, "id": str(first.id)}
        call.caller, call.called = parameters.get("caller") or None, parameters.get("called") or None
        return call

    def _refuse(self, pipe: Pipe, why: str) -> None:
        self._counts[why] += 1
        log.warning("an AudioSocket connection was refused: %s", why)
        with suppress(trio.BrokenResourceError):
            pipe.write_nowait(GOODBYE)


async def _part(pipe: Pipe) -> None:
    """Let the goodbye arrive: what closes with unread bytes takes its last words with it."""
    pipe.end_writing()
    with trio.move_on_after(GOODBYE_TIME), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await pipe.read():
            pass


@listener_plugin("audiosocket")
@asynccontextmanager
async def open_audiosocket(
    id: Annotated[str, Option(secret=True)] = "",
    *,
    reuse: bool = False,
    host: str = "127.0.0.1",
    port: int = 9092,
    format: AudioFormat | None = None,
    admin: AdminDoor | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AudioSocketListener, None]:
    """Take calls from Asterisk over AudioSocket. Each connection begins with a UUID that was given out, by the admin port or by ``id``.

    Args:
        id: a UUID that the dialplan has, good for one call; several are parted by commas.
        reuse: let those be good for any number of calls: for a dialplan that has one written down.
        host: where to listen; whoever can connect and knows an id can speak, so let only Asterisk reach it.
        port: 0 is any that is free.
        format: of the audio, such as pcm16/24000; by default what the call begins with.
    """
    ids = OneTimeIds(reuse=reuse)
    for text in id.split(",") if id else ():
        ids.allow(_uuid(text))
    if admin is None and not id:
        raise OptionError(f"nobody could call: let ids be had from the admin port (--admin-port, {NEW}), or give one (--id)")
    listener = AudioSocketListener(ids, format, timeouts)
    async with open_tcp(host, port, listener.take) as addresses:
        listener.where = ", ".join(f"{name}:{number}" for name, number in addresses)
        if admin is None:
            yield listener
            return
        with admin.route("GET", NEW, listener.issue):
            listener.where += f"  (checks an id, which {admin.local_url(NEW)} gives out)"
            yield listener


def _uuid(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise OptionError("an id is a UUID, such as uuidgen writes; what was given is none") from None
