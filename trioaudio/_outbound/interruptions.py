"""Falling silent at once: what `Channel.interrupt` does in one synchronous step, and how the far end's last word settles it (law 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import enable_ki_protection

from .._events import TurnInterrupted
from ..abc import Played
from ..audio._fade import fade_out
from .settlement import Interruption, Settlement

if TYPE_CHECKING:
    from .epoch import Epoch
    from .playout import Playout
    from .turn import Turn

STALE = 1.0
"""Seconds: past the estimated end of its audio, a far end is not cleared any more (RTT and jitter of a bad phone line)."""


class Interruptions:
    """Stops what one `Playout` is saying, and settles what was heard of it."""

    __slots__ = ("_playout", "_settlements", "settle_later")

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self._settlements: list[Settlement] = []
        self.settle_later: Callable[[Settlement], None] = self.settle_now

    def interrupt(self) -> Interruption:
        """Stop everything that is being said, now; see `Channel.interrupt`."""
        playout, now = self._playout, trio.current_time()
        played = playout.lineup.take_played()
        settlement = self.stop(now, self.silent_since(now))
        playout.lineup.tell_played(played)  # state first, emit last: what a listener says now is not part of what was interrupted
        if settlement is None:
            return Interruption((), now, playout.last_sent_at)
        playout.past.interruptions += bool(settlement.turns)
        return self._interruption(settlement)

    def _interruption(self, settlement: Settlement) -> Interruption:
        receipts = tuple(turn.receipt for turn in settlement.turns)
        return Interruption(receipts, settlement.decided_at, self._playout.last_sent_at, settlement)

    @enable_ki_protection
    def stop(self, now: float, silent_since: float) -> Settlement | None:
        """End the epoch, with all its turns; None if there was nothing to end."""
        playout = self._playout
        old, stopped = playout.epoch, [turn for turn in playout.lineup if not turn._settled]
        self.fade_out(old, now)
        must_clear = self.must_clear(old, silent_since)
        if not stopped and not must_clear and playout.pauses.suspension is None:
            return None
        can_forget = playout.far_end.can_clear or playout.far_end_gone
        for turn in stopped:  # first the position, of all of them
            turn._flushed = turn._sent - turn._heard() if can_forget else 0
        for turn in stopped:  # then the door
            turn._shut()
        suspension = playout.pauses.take()
        settlement = (
            Settlement(old, stopped, now, playout.clears) if suspension is None else suspension.confirmed(old, stopped, now, playout.clears)
        )
        old.must_clear = must_clear
        playout.begin_next_epoch(now)
        self._settlements.append(settlement)
        if suspension is not None and suspension.pause.outcome is None:
            suspension.pause.outcome, suspension.pause._interruption = "confirmed", self._interruption(settlement)
        playout.room.wake_all()
        playout.positions.moved()
        return settlement

    def fade_out(self, epoch: Epoch, now: float) -> None:
        """What follows on what cannot be taken back is ours: it closes with a fade, which counts as sent from now on."""
        playout = self._playout
        paused = playout.pauses.suspension is not None  # it is silent already
        ours = not (playout.far_end.can_clear or playout.far_end_gone or paused)
        fade = playout.limits.fade
        if not ours or not fade or epoch.playhead.silent_at <= now or playout.dry is not None:  # dry: nothing follows
            return
        epoch.put_back()
        turn, frame = epoch.outbox.take() or (None, None)
        if turn is None:
            return
        length = round(fade * frame.format.rate) if frame is not None and turn._sent else 0
        if frame is None or length < frame.num_samples:
            epoch.outbox.put_back(turn, frame and frame.cut(length, frame.num_samples))
        if frame is not None and length:
            head = frame.cut(0, length)
            wire, background = fade_out(turn._to_wire(head)), playout.backdrop.loop
            epoch.closing = wire if background is None else background.under(wire)
            playout.handed_over(epoch, turn, head.num_samples, wire, now, epoch.closing)

    def silent_since(self, now: float) -> float:
        """A far end that has been silent from here on needs no clear: one whose ear we are not may be later than we think."""
        return now if self._playout.far_end.ear else now - STALE

    def must_clear(self, epoch: Epoch, silent_since: float) -> bool:
        """Whether something may still sound over there: surely before the horizon, perhaps a little after an estimated one."""
        can = self._playout.far_end.can_clear and not self._playout.far_end_gone
        return can and epoch.playhead.sent > 0 and epoch.playhead.silent_at > silent_since

    # ---- the far end's last word

    def flushed(self) -> None:
        """The far end has taken the clear (or needs none): settle, or wait for its word."""
        far_end, gone = self._playout.far_end, self._playout.far_end_gone
        for settlement in [s for s in self._settlements if not s.begun]:
            settlement.begun = True
            answers = far_end.reports and settlement.epoch.must_clear and not gone
            if answers and settlement.turns and not settlement.final:
                self.settle_later(settlement)
            else:
                self.settle_now(settlement)

    def report(self, played: Played) -> bool:
        """Whether the far end's report is about something that was interrupted; then it counts for that."""
        for settlement in self._settlements:
            if settlement.generation == played.clears and settlement.epoch.playhead.given:
                settlement.report(played.samples, final=played.final)
                if settlement.final and settlement.begun:
                    self.settle_now(settlement)
                return True
        return False

    def settle_now(self, settlement: Settlement) -> None:
        """The figures of an interruption are final: tell everybody. Settling twice is the same as once."""
        if settlement not in self._settlements:
            return
        self._settlements.remove(settlement)
        self._playout.lineup.retire(settlement.turns)
        epoch = settlement.epoch
        if self._playout.far_end.can_clear or self._playout.far_end_gone:
            self._playout.tell_cut(epoch, settlement.heard_to)
        settlement.done.set()
        now = trio.current_time()
        for turn in settlement.turns:
            self._playout.emit(TurnInterrupted(turn.receipt, settlement.decided_at, now))

    async def wait_settled(self) -> None:
        """Until the far end has said its last word on all interruptions so far, or its time to say it is over."""
        for settlement in list(self._settlements):
            await settlement.done.wait()

    def settle_unflushed(self) -> None:
        """The playback task has failed: nobody will flush any more, so the estimates stand."""
        for settlement in [s for s in self._settlements if not s.begun]:
            self.settle_now(settlement)

    def settle_all(self) -> None:
        """The channel ends: the estimates stand."""
        for settlement in list(self._settlements):
            self.settle_now(settlement)

    def turns(self) -> list[Turn]:
        """Those that wait for the far end's last word."""
        return [turn for settlement in self._settlements for turn in settlement.turns]
