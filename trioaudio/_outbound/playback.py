"""The one task that touches a source's output: it hands over what is due, and makes the far end forget on interruption.

The order of its acts is what laws 2 and 3 rest on:

- The *door* is the epoch's ``over``, tested in the same synchronous step as the hand-over and after every emitted event. The
  cancel scope only wakes the task; it never decides.
- A wait may be cancelled, a write never: it is shielded and has a deadline of its own, after which the source is broken.
- The flush sits in a ``finally``: interrupt and close in the same instant must not lose it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import enable_ki_protection

from .._ticker import shared_ticker
from ..abc import Source
from ..audio import PTIME, Frame
from .epoch import Epoch
from .pause import Suspension
from .playout import Playout
from .turn import Turn

if TYPE_CHECKING:
    from ..audio._mix import Loop


class Playback:
    """Plays the epochs of a `Playout` to a source, one after the other, until it is told to finish."""

    __slots__ = (
        *("_backdrop", "_deadline", "_epoch", "_filler", "_finish", "_lineup", "_live_lead", "_patience", "_playout"),
        *("_sound", "_source"),
    )

    def __init__(self, source: Source, playout: Playout) -> None:
        self._source, self._playout = source, playout
        self._lineup, self._backdrop = playout.lineup, playout.backdrop  # both are looked at for every frame
        self._live_lead = max(PTIME, playout.far_end.live_lead)
        self._epoch = playout.epoch  # the next one to play; it may be over before we begin, and somebody waits for its settlement
        self._deadline = math.inf
        self._patience: trio.CancelScope | None = None
        self._finish = False
        self._sound: Frame | None = None  # held, and mixed with the background: a source that is full takes it later
        self._filler: Frame | None = None  # what fills the silence, and has not been taken yet

    def finish(self, deadline: float) -> None:
        """End after the flush; whatever the far end is being waited for, not past ``deadline``."""
        self._finish, self._deadline = True, deadline
        if self._patience is not None:
            self._patience.deadline = min(self._patience.deadline, deadline)

    async def run(self) -> None:
        """Until `finish`.

        Raises:
            trio.BrokenResourceError: the far end did not take a frame or a clear in time, or its connection failed.
        """
        while True:
            self._sound = None
            with self._epoch.scope:
                try:
                    if self._epoch.suspension is not None:
                        await self._wait_decided(self._epoch, self._epoch.suspension)
                    await self._play(self._epoch)
                finally:
                    await self._flush(self._epoch)  # noqa: ASYNC102 - shields itself, with a deadline
            if self._finish:
                return
            self._epoch = self._playout.epoch

    async def _wait_decided(self, epoch: Epoch, suspension: Suspension) -> None:
        """Until the far end has said what it had heard of what is paused, and it has been decided that it goes on."""
        playout, patience = self._playout, trio.current_time() + self._playout.timeouts.settle
        playout.pauses.pass_time(suspension, patience)
        while not epoch.over and (deadline := suspension.deadline(patience)) > -math.inf:
            background = math.inf if self._backdrop.loop is None else self._fill(epoch)
            if background is None:
                await self._write_filler(epoch)
                continue
            due = self._lineup.next_end(epoch) if suspension.answered else math.inf
            with trio.CancelScope(deadline=min(deadline, due, background)):
                await suspension.changed.park()
            playout.pauses.pass_time(suspension, patience)
        if epoch.over:  # in the instant in which it would have gone on
            await trio.lowlevel.checkpoint()
        playout.pauses.resume(suspension)

    async def _play(self, epoch: Epoch) -> None:
        while True:
            with trio.CancelScope() as waiting:  # not one for each wait: a scope costs as much as a frame
                await self._play_until_end(epoch, waiting)

    async def _play_until_end(self, epoch: Epoch, waiting: trio.CancelScope) -> None:
        """Play, until the deadline of ``waiting`` passes in a wait for more audio: a turn has been heard to its end."""
        while True:
            due = self._step()
            if due is not None:
                await shared_ticker().drive(self._step, due)
            elif epoch.over:
                await trio.lowlevel.checkpoint()  # interrupted by a listener, in our own step: raises Cancelled
            elif epoch.held is not None:
                await self._write(epoch)
            elif self._filler is not None:
                await self._write_filler(epoch)
            else:
                await self._wait_for_audio(epoch, waiting)

    async def _wait_for_audio(self, epoch: Epoch, waiting: trio.CancelScope) -> None:
        self._playout.dry = waiting
        self._playout.retime()
        try:
            await epoch.outbox.wait()
        finally:
            self._playout.dry = None
        if waiting.deadline != math.inf:
            waiting.deadline = math.inf

    @enable_ki_protection
    def _step(self) -> float | None:
        """Hand over all that is due, and tell of turns that have been heard to their end; never waits.

        Returns when to come again; None when there is nothing to hand over, when interrupted, or when the source would block.
        """
        playout, epoch = self._playout, self._epoch
        playhead, now = epoch.playhead, trio.current_time()
        while not epoch.over:
            due = playhead.due
            if due <= now and epoch.held is None:
                epoch.held = epoch.outbox.take()
            if epoch.held is not None and epoch.held[0].live:  # hardly a lead: what waits at the far end cannot be dropped
                due = playhead.horizon - self._live_lead
            if due > now or epoch.held is None:
                end = self._lineup.next_end(epoch)
                if end <= now:
                    self._lineup.announce()
                    continue
                if due > now:
                    return min(due, end)
                again = None if self._backdrop.loop is None else self._fill(epoch)
                if again == math.inf:  # the background has just ended
                    continue
                return None if again is None else min(again, end)
            turn, frame = epoch.held
            if not turn._started:
                playout.begin(turn)
            if epoch.over:  # THE DOOR: one synchronous step with the hand-over
                return None
            wire = self._wire(turn, frame)
            sound = wire
            if self._backdrop.loop is not None:
                sound = self._mixed(wire, self._backdrop.loop)
            try:
                if wire.num_samples:
                    self._source.send_nowait(sound)
            except trio.WouldBlock:
                return None
            if sound is not wire:
                self._sound = None
            playout.handed_over(epoch, turn, 0 if frame is None else frame.num_samples, wire, now, sound)
        return None

    def _wire(self, turn: Turn, frame: Frame | None) -> Frame:
        """What goes to the far end for the held frame; None stands for what the turn's converter still holds back."""
        if turn._converter is None or turn._again:
            assert frame is not None
            return frame
        if turn._wire is None:
            tail = turn._converter.flush() if frame is None else turn._converter.convert(frame)
            turn._wire = tail or Frame(b"", self._playout.format)
        return turn._wire

    async def _write(self, epoch: Epoch) -> None:
        """The slow way: the source is full, or has no ``send_nowait``."""
        assert epoch.held is not None
        turn, frame = epoch.held
        wire, background = self._wire(turn, frame), self._backdrop.loop
        sound, self._sound = wire if background is None else self._mixed(wire, background), None
        self._playout.handed_over(epoch, turn, frame.num_samples if frame else 0, wire, trio.current_time(), sound)
        with self._patient(self._playout.timeouts.write, "take a frame"):
            await self._source.send(sound)

    def _mixed(self, wire: Frame, background: Loop) -> Frame:
        """What is said with what sounds under it; once, though the source may not take it at once."""
        if self._sound is None:
            self._sound = background.under(wire)
        return self._sound

    def _fill(self, epoch: Epoch) -> float | None:
        """Give the far end so much of the background that it lasts a frame; when to come again, None if the source would block."""
        playhead = epoch.playhead
        while self._backdrop.loop is not None and playhead.horizon - PTIME <= (now := trio.current_time()):
            if self._filler is None:
                self._filler = self._backdrop.filler()
            try:
                self._source.send_nowait(self._filler)
            except trio.WouldBlock:
                return None
            self._backdrop.filled(epoch, self._filler, now)
            self._filler = None
        return math.inf if self._backdrop.loop is None else playhead.horizon - PTIME

    async def _write_filler(self, epoch: Epoch) -> None:
        frame, self._filler = self._filler, None
        assert frame is not None
        self._backdrop.filled(epoch, frame, trio.current_time())
        with self._patient(self._playout.timeouts.write, "take a frame"):
            await self._source.send(frame)

    async def _flush(self, epoch: Epoch) -> None:
        try:
            if epoch.closing is not None:
                with self._patient(self._playout.timeouts.write, "take a frame"):
                    await self._source.send(epoch.closing)
            if epoch.must_clear:
                self._playout.cleared()
                with self._patient(self._playout.timeouts.clear, "clear"):
                    await self._source.clear()
        finally:
            self._playout.interruptions.flushed()

    @contextmanager
    def _patient(self, seconds: float, what: str) -> Iterator[None]:
        """Not to be cancelled, but not for ever."""
        deadline = min(trio.current_time() + seconds, self._deadline)
        with trio.CancelScope(deadline=deadline, shield=True) as self._patience:
            yield
        late, self._patience = self._patience.cancelled_caught, None
        if late:
            raise trio.BrokenResourceError(f"the far end did not {what} in time ({seconds} s, Timeouts)")
