"""Two ends in one process: what one says, the other hears; for tests, benches and programs that join channels."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from .._errors import PluginError
from .._events import Event
from ..abc import FarEnd, Paced, Source, source_plugin
from ..audio import PCM16_24K, AudioFormat, Frame


class MemorySource(Source):
    """The end that a channel is opened with; made by `memory_pair`. Its far end plays what it is given as it comes."""

    def __init__(self, format: AudioFormat, other: MemoryFarEnd, lead: float) -> None:
        self.input_format: AudioFormat = format
        self.output_format: AudioFormat = format
        self.far_end: FarEnd = Paced(lead=lead, can_clear=True)
        self._other = other
        self._gone = False

    async def receive(self) -> Frame | Event:
        try:
            return await self._other._said_receive.receive()
        except trio.EndOfChannel:
            self._gone = True
            raise

    def send_nowait(self, frame: Frame) -> None:
        try:
            self._other._heard_send.send_nowait(frame)
        except trio.BrokenResourceError:
            if self._gone:  # else the hang-up has not been received yet: it should be known as one, not as a failed write
                raise

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self.send_nowait(frame)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def clear(self) -> None:
        self._other._clear()
        await trio.lowlevel.checkpoint()

    async def hang_up(self) -> None:
        self._other._heard_send.close()
        await trio.lowlevel.checkpoint()


class MemoryFarEnd:
    """The other end: the far party's. Says frames and events, hears frames as they are handed over.

    Iterating it gives what it hears, until the channel says goodbye.
    """

    def __init__(self) -> None:
        self._said_send, self._said_receive = trio.open_memory_channel[Frame | Event](math.inf)
        self._heard_send, self._heard_receive = trio.open_memory_channel[Frame](math.inf)
        self.clears: int = 0
        """How often it was told to forget what it had not played; what it had not taken yet is gone then."""

    def say(self, item: Frame | Event) -> None:
        """Say a frame of audio, or an event; the channel's bounds apply, not mine.

        Raises:
            trio.ClosedResourceError: it hung up.
        """
        self._said_send.send_nowait(item)

    def hang_up(self) -> None:
        """Put the receiver down."""
        self._said_send.close()
        self._heard_receive.close()

    async def hear(self) -> Frame:
        """The next frame. Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the channel said goodbye.
        """
        return await self._heard_receive.receive()

    def hear_nowait(self) -> Frame:
        """The next frame, if there is one.

        Raises:
            trio.WouldBlock: there is none.
            trio.EndOfChannel: the channel said goodbye.
        """
        return self._heard_receive.receive_nowait()

    def __aiter__(self) -> MemoryFarEnd:
        return self

    async def __anext__(self) -> Frame:
        try:
            return await self.hear()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _clear(self) -> None:
        self.clears += 1
        try:
            while True:
                self._heard_receive.receive_nowait()
        except (trio.WouldBlock, trio.ClosedResourceError):
            pass


def memory_pair(format: AudioFormat = PCM16_24K, *, lead: float = 0.04) -> tuple[MemorySource, MemoryFarEnd]:
    """A source, and the far end it is connected with.

    Args:
        format: of the audio, both ways.
        lead: how far ahead of real time the far end is fed, in seconds.
    """
    far_end = MemoryFarEnd()
    return MemorySource(format, far_end, lead), far_end


_meeting: trio.lowlevel.RunVar[dict[str, MemoryFarEnd]] = trio.lowlevel.RunVar("trioaudio_memory_far_ends")


def _far_ends() -> dict[str, MemoryFarEnd]:
    try:
        return _meeting.get()
    except LookupError:
        far_ends: dict[str, MemoryFarEnd] = {}
        _meeting.set(far_ends)
        return far_ends


def memory_far_end(name: str) -> MemoryFarEnd:
    """The far end of the channel that was opened as ``memory:NAME`` in this run.

    Raises:
        PluginError: no such channel is open.
    """
    try:
        return _far_ends()[name]
    except KeyError:
        raise PluginError(f"no channel is open as 'memory:{name}'; open are {sorted(_far_ends()) or 'none'}") from None


@source_plugin("memory", virtual=True)
@asynccontextmanager
async def open_memory(name: str = "memory", *, format: AudioFormat = PCM16_24K, lead: float = 0.04) -> AsyncGenerator[MemorySource]:
    """A far end in this very process: the program takes it with `memory_far_end`.

    Args:
        name: under which the far end is found.
        format: of the audio, both ways.
        lead: how far ahead of real time the far end is fed, in seconds.
    """
    source, far_end = memory_pair(format, lead=lead)
    if name in _far_ends():
        raise PluginError(f"a channel is open as 'memory:{name}' already; give this one another name")
    _far_ends()[name] = far_end
    try:
        yield source
    finally:
        del _far_ends()[name]
