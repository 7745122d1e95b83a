"""The verbs of a pause: fall silent so that it can be taken back, pass the time until it is decided, and go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio.lowlevel import enable_ki_protection

from .._events import TurnPaused, TurnResumed
from ..abc import Played
from .pause import Pause, Suspension

if TYPE_CHECKING:
    from ..audio import Frame
    from .playout import Playout
    from .turn import Turn


class Pauses:
    """Pauses of one `Playout`; at most one at a time, its `Suspension`."""

    __slots__ = ("_playout", "suspension")

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self.suspension: Suspension | None = None

    def pause(self, resume_after: float) -> Pause:
        """Fall silent, but so that it can be taken back; see `Channel.pause`."""
        now, current = trio.current_time(), None if self.suspension is None else self.suspension.pause
        if current is not None and current.outcome is None:
            return current
        played = self._playout.lineup.take_played()
        pause = self._suspend(now, now + resume_after)
        self._playout.lineup.tell_played(played)
        if current is None:
            for receipt in pause.turns:
                self._playout.emit(TurnPaused(receipt, now))
        return pause

    @enable_ki_protection
    def _suspend(self, now: float, resume_at: float) -> Pause:
        playout, interruptions = self._playout, self._playout.interruptions
        old, turns = playout.epoch, [turn for turn in playout.lineup if turn._started]
        if self.suspension is not None:  # rejected, but it has not gone on yet
            turns = self.suspension.turns
        interruptions.fade_out(old, now)
        pause = Pause(playout, tuple(turn.receipt for turn in turns), now, resume_at)
        if playout.closed_by is not None:
            pause.outcome = "confirmed"
        elif self.suspension is not None:
            self.suspension.pause = pause
        else:
            old.must_clear = interruptions.must_clear(old, interruptions.silent_since(now))
            generation = playout.clears if old.must_clear else None
            suspension = Suspension(pause, old, turns, generation, reports=playout.far_end.reports)
            if old.must_clear:
                suspension.take_back(old.playhead.heard(now))
            self._move_on(suspension, now)
        return pause

    def _move_on(self, suspension: Suspension, now: float) -> None:
        """Let everything that waits, and everybody who says more, go on in an epoch that is not played yet."""
        suspension.epoch.put_back()
        self._playout.pass_on(now)
        self._playout.epoch.suspension = self.suspension = suspension
        self._playout.positions.moved()

    def reject(self, pause: Pause) -> None:
        """Let it go on; deciding twice is the same as once."""
        if pause.outcome is None:
            pause.outcome = "rejected"
            self.wake()

    def go_on(self) -> None:
        """Whatever is paused goes on."""
        if self.suspension is not None:
            self.reject(self.suspension.pause)

    def wake(self) -> None:
        """Something that a paused playback task waits for has changed."""
        if self.suspension is not None:
            self.suspension.changed.unpark_all()

    def take(self) -> Suspension | None:
        """What is paused, and is no longer: it is being interrupted."""
        suspension, self.suspension = self.suspension, None
        return suspension

    def pass_time(self, suspension: Suspension, patience: float) -> None:
        """What happens by itself while it is paused: turns are heard to their end, the far end's time to answer is over, the pause too."""
        now = trio.current_time()
        suspension.answered = suspension.answered or now >= patience
        if suspension.answered:
            self._cut_short(suspension)
            self._playout.lineup.announce()
        if now >= suspension.pause.resume_at:
            self.reject(suspension.pause)

    def _cut_short(self, suspension: Suspension) -> None:
        if suspension.generation is not None and not suspension.cut:
            suspension.cut = True
            self._playout.tell_cut(suspension.epoch, suspension.position)

    def report(self, played: Played) -> bool:
        """Whether the far end's report is about what is paused; then it counts for that."""
        if self.suspension is None or self.suspension.generation != played.clears:
            return False
        self.suspension.report(played.samples, final=played.final)
        return True

    @enable_ki_protection
    def _go_on(self, suspension: Suspension) -> list[Turn]:
        outbox = self._playout.epoch.outbox
        self.suspension = self._playout.epoch.suspension = None
        again: dict[Turn, Frame] = {}
        for turn, wire in suspension.unheard():
            again[turn] = again[turn].joined(wire) if turn in again else wire
        for position in suspension.positions:
            if (turn := position.turn) in again and turn._converter is not None:
                turn._again += again[turn].num_samples
                turn._again_own += position.sent - turn._sent
        for turn, wire in reversed(again.items()):
            outbox.put_back(turn, wire)
        self._playout.positions.moved()
        resumed = [turn for turn in suspension.turns if not turn._told]
        if resumed and self._playout.limits.fade:
            outbox.fade_in(self._playout.limits.fade)
        return resumed

    def resume(self, suspension: Suspension) -> None:
        """It has been decided, and it is known what was heard: go on from there."""
        turns, now = self._go_on(suspension), trio.current_time()
        for turn in turns:
            self._playout.emit(TurnResumed(turn.receipt, suspension.pause.paused_at, now))
