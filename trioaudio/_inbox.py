"""Where the far party's audio waits for its one reader: bounded in milliseconds, the oldest goes first (law 5)."""

from __future__ import annotations

import math
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio

from ._limits import Limits
from .audio import Frame


class InboundAudio:
    """The far party's audio, frame by frame; what ``async for frame in channel`` iterates.

    It ends when the channel was closed or the far party hung up, after what has come; it raises
    `trio.BrokenResourceError` then, if the connection broke.
    """

    def __init__(self, inbox: Inbox, reader: str) -> None:
        self._inbox = inbox
        self.reader: str = reader
        self.closed: bool = False
        """Whether it is read no more."""

    def __aiter__(self) -> InboundAudio:
        return self

    def __anext__(self) -> Awaitable[Frame]:
        if self.closed:
            raise trio.ClosedResourceError("this reader of the channel's audio was closed; iterate over the channel again")
        return self._inbox.receive()

    @contextmanager
    def tapped(self, take: Callable[[Frame], bool]) -> Iterator[None]:
        """Let frames be taken in the very step in which they come, as long as none waits to be read: that spares a task switch for each.

        Args:
            take: is given a frame, and returns whether it took it; if not, the frame waits to be read. It must raise nothing.
        """
        self._inbox.tap = take
        try:
            yield
        finally:
            self._inbox.tap = None

    def close(self) -> None:
        """Read no more, so that somebody else may; closing again is harmless."""
        self.closed = True


class Inbox:
    """One unbounded memory channel whose owner counts samples.

    Args:
        limits: ``preroll`` bounds it until somebody reads, ``inbound`` from then on, or once a reader has caught up who was given more.
        on_drop: told of the seconds dropped, for each frame; ``first`` when a reader has just begun to fall behind.
    """

    def __init__(self, limits: Limits, on_drop: Callable[[float, bool], None]) -> None:
        self._limits, self._on_drop = limits, on_drop
        self._frames_send, self._frames_receive = trio.open_memory_channel[Frame](math.inf)
        self._samples = 0
        self._bound = limits.preroll
        self._patient = False
        self._dropping = False
        self._reader: weakref.ref[InboundAudio] | None = None
        self._failure: Callable[[], Exception] | None = None
        self.tap: Callable[[Frame], bool] | None = None
        """Takes what comes while nothing waits, if it can; see `InboundAudio.tapped`."""

    def put(self, frame: Frame) -> None:
        """Keep a frame; drop the oldest ones past the bound."""
        if self.tap is not None and not self._samples and self.tap(frame):
            self._caught_up()
            return
        self._samples += frame.num_samples
        self._frames_send.send_nowait(frame)
        bound = self._bound * frame.format.rate
        while self._samples > bound and self._frames_receive.statistics().current_buffer_used > 1:
            self._drop(self._frames_receive.receive_nowait())

    def _drop(self, frame: Frame) -> None:
        self._samples -= frame.num_samples
        if self._reader is not None:
            first, self._dropping = not self._dropping, True
            self._on_drop(frame.duration, first)

    @property
    def excess(self) -> str:
        """What it means that something is dropped now."""
        return f"its reader is {self._bound:g} s behind (Limits.{'start_audio' if self._patient else 'inbound'})"

    def iterate(self, start_audio: float | None = None) -> InboundAudio:
        """The one reader's iterator.

        Args:
            start_audio: seconds kept until the reader, who takes time to begin, has caught up.

        Raises:
            trio.BusyResourceError: there is a reader already; the message names its task.
        """
        first = self._reader() if self._reader is not None else None
        if first is not None and not first.closed:
            raise trio.BusyResourceError(
                f"the audio of this channel is being read by the task {first.reader!r}; subscribe to 'audio' instead"
            )
        iterator = InboundAudio(self, trio.lowlevel.current_task().name)
        self._reader, self._patient = weakref.ref(iterator), start_audio is not None
        self._bound = self._limits.inbound if start_audio is None else start_audio
        return iterator

    async def receive(self) -> Frame:
        """The oldest frame, for the iterator. Checkpoint: yes. On cancel: nothing is lost."""
        try:
            frame = await self._frames_receive.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration if self._failure is None else self._failure() from None
        self._samples -= frame.num_samples
        self._dropping = False
        if self._patient and self._samples <= self._limits.inbound * frame.format.rate:
            self._caught_up()
        return frame

    def _caught_up(self) -> None:
        self._dropping = self._patient = False
        self._bound = self._limits.inbound

    def close(self, failure: Callable[[], Exception] | None = None) -> None:
        """Nothing more comes; the reader ends after what has, with ``failure`` if there is one."""
        self._failure = failure
        self._frames_send.close()
