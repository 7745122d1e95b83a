"""The life of a channel: the one nursery in which all its tasks live, from its first frame to its goodbye (law 8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import trio

from ._block import Block
from ._call_log import log_closed, log_opened
from ._dispatch import Dispatcher
from ._events import Closed, Event, Hangup
from ._hearing import Hearing
from ._limits import Timeouts
from ._outbound.playback import Playback
from ._outbound.playout import Playout
from ._outbound.settlement import Settlement
from ._receipts import ChannelStatistics, CloseReason
from ._recording import Recording
from .abc import Played, Source
from .audio import Frame


class Life:
    """The tasks of one channel, and why they end.

    Args:
        source: the far party.
        timeouts: deadlines, of its end above all.
        dispatch: to whom events go.
        hearing, playout: the two halves of the channel.
        recording: what writes it to a file, if anything does.
    """

    def __init__(
        self, source: Source, timeouts: Timeouts, dispatch: Dispatcher, hearing: Hearing, playout: Playout, recording: Recording | None
    ) -> None:
        self._source, self._timeouts, self._dispatch = source, timeouts, dispatch
        self._hearing, self._playout, self._recording = hearing, playout, recording
        self._playback = Playback(source, playout)
        self.block: Block = Block("the channel")
        self._service = trio.CancelScope(shield=True)  # the body ends first, its servants after it
        self._listening = trio.CancelScope()
        self._closing, self._spoken = trio.Event(), trio.Event()
        self.done: trio.Event = trio.Event()
        self.reason: CloseReason | None = None
        self._control_events = 0

    def close(self, reason: CloseReason) -> None:
        """Shut the door; the first reason counts."""
        if self.reason is not None:
            return
        self.reason = reason
        deadline = trio.current_time() + self._timeouts.close
        self._service.deadline = deadline
        self._playback.finish(deadline)
        gone = reason.kind in ("hangup", "broken")
        self._playout.close(partial(closed_error, reason), far_end_gone=gone)
        self._hearing.close(partial(closed_error, reason) if reason.kind == "broken" else None)
        self._closing.set()

    def fail(self, error: Exception) -> None:
        """Something that must not be lost: it leaves the block, and ends it."""
        self.block.fail(error)
        self.close(CloseReason("failed", error))

    def statistics(self) -> ChannelStatistics:
        """Counters, as of now."""
        outbound = self._playout.counters().as_statistics()
        return replace(
            outbound,
            received_ms=self._hearing.received * 1000,
            inbound_dropped_ms=self._hearing.lost * 1000,
            control_events=self._control_events,
            lagged_events=self._dispatch.lagged,
        )

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        """The whole life of the channel; ends within `Timeouts.close` of `close`, whatever the peer does."""
        log_opened(self._source, self._source.input_format, self._source.output_format)
        with self._service:
            async with trio.open_nursery() as nursery:
                self._playout.interruptions.settle_later = lambda settlement: nursery.start_soon(self._settle_later, settlement)
                self._dispatch.start(partial(_start_listener, nursery))
                nursery.start_soon(self._listen)
                nursery.start_soon(self._speak)
                if self._recording is not None:
                    nursery.start_soon(self._recording.run)
                task_status.started()
                await self._closing.wait()
                await self._say_goodbye()
                self._playout.interruptions.settle_all()
                if self._recording is not None:
                    await self._recording.finish(trio.current_time())
                self._finish()
        self._finish()

    async def _say_goodbye(self) -> None:
        await self._spoken.wait()
        if not self._playout.far_end_gone:
            await self._playout.interruptions.wait_settled()
            await self._served(self._source.hang_up)  # it may be gone already: then there is nobody to greet

    def _finish(self) -> None:
        """The last words: settle, tell, and let those who listen end. Listeners may still work on what they have."""
        if self.done.is_set():
            return
        self._listening.cancel("closed")
        self._playout.interruptions.settle_all()
        if self._recording is not None:
            self._recording.finish_now(trio.current_time())  # else finished already: the close timeout has passed
        assert self.reason is not None
        closed = Closed(self.reason, self.statistics())
        log_closed(closed.reason, closed.statistics)
        self._dispatch.emit(closed)
        self._dispatch.close()
        self.done.set()

    async def _settle_later(self, settlement: Settlement) -> None:
        with trio.move_on_after(self._timeouts.settle):
            await settlement.done.wait()
        self._playout.interruptions.settle_now(settlement)

    async def _speak(self) -> None:
        try:
            await self._served(self._playback.run)
        finally:
            self._playout.interruptions.settle_unflushed()
            self._spoken.set()

    async def _listen(self) -> None:
        with self._listening:
            await self._served(self._take_all)

    async def _served(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Run a servant: what the world does to it closes the channel, what a plugin does wrong is loud."""
        try:
            await serve()
        except trio.EndOfChannel:
            self._far_end_left(CloseReason("hangup"))
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as exc:
            self._far_end_left(CloseReason("broken", exc))
        except Exception as exc:  # noqa: BLE001 - a plugin's bug: kept, and leaves the block (law 9)
            self.fail(exc)

    def _far_end_left(self, reason: CloseReason) -> None:
        if self.reason is None:
            self.close(reason)
            self._dispatch.emit(Hangup(reason.error))

    async def _take_all(self) -> None:
        while True:
            with trio.CancelScope() as self._source.receiving:  # the source may end it: then it wants to be asked anew
                await self._take_each()

    async def _take_each(self) -> None:
        while True:
            item = await self._source.receive()
            if isinstance(item, Frame):
                self._hearing.take(item)
            elif isinstance(item, Played):
                self._playout.positions.report(item)
            else:
                self._take_event(item)

    def _take_event(self, event: Event) -> None:
        self._control_events += 1
        self._dispatch.emit(event)


def closed_error(reason: CloseReason) -> Exception:
    """What whoever uses a channel gets that is closed for this reason."""
    if reason.kind == "hangup":
        return trio.BrokenResourceError("the far party hung up")
    if reason.kind == "broken":
        error = trio.BrokenResourceError(f"the connection with the far party broke: {reason.error}")
        error.__cause__ = reason.error
        return error
    return trio.ClosedResourceError("this channel is closed")


def _start_listener(nursery: trio.Nursery, run: Callable[[], Awaitable[None]], title: str) -> None:
    nursery.start_soon(run, name=title)
