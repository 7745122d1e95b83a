"""What is said: turns, their audio on its way out, and what an interruption makes of it.

Theory of operation (laws 1 to 5). Audio is accepted into the memory channel of the current *epoch* and stays *queued* until
the playback task (`_outbound.playback`) hands it to the source: then it is *sent*. One number of the epoch's playhead, the horizon,
says what of it has been heard. `interrupt` ends the epoch in one synchronous step: it records the positions of all its
turns, shuts the door, drops what is queued, and opens the next epoch. The playback task then makes the far end forget
what it has not played, before it touches the new epoch; a settlement waits for the far end's last word.

All of this is synchronous and belongs to no task. Who waits is woken through two parking lots: ``space`` (producers) and
``settle`` (whoever waits for audio to be heard).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import ParkingLot, enable_ki_protection

from .._errors import CapabilityError
from .._events import AudioDropped, Event, TurnInterrupted, TurnPaused, TurnPlayed, TurnResumed, TurnStarted
from .._instruments import Instruments
from .._limits import Limits, Timeouts
from ..abc import FarEnd, Paced, Played, Source
from ..audio import PTIME, AudioFormat, Frame
from ..audio._fade import fade_out
from ..audio._filled_playhead import FilledPlayhead
from ..audio._playhead import Playhead
from .counters import Counters
from .epoch import Epoch
from .outbox import Outbox
from .pause import Pause, Suspension
from .settlement import Interruption, Settlement
from .turn import Turn

if TYPE_CHECKING:
    from ..audio._mix import Loop

BUFFERED_CHUNK = 0.4
"""Seconds: longer chunks are cut for a buffering far end, so that it is never given much more than its lead."""
STALE = 1.0
"""Seconds: past the estimated end of its audio, a far end is not cleared any more (RTT and jitter of a bad phone line)."""


class Playout:
    """The outbound half of a channel, without its task.

    Args:
        source: the far end.
        limits, timeouts: bounds and deadlines.
        emit: delivers an event; called last, when the state is in order.
        instruments: who watches.
    """

    __slots__ = (
        "_chunk",
        "_closed_by",
        "_current",
        "_cut",
        "_emit",
        "_handed",
        "_implicit",
        "_instruments",
        "_keeps",
        "_lead",
        "_live",
        "_num_blocked",
        "_oldest",
        "_past",
        "_reach",
        "_settlements",
        "_suspension",
        "_watched",
        "background",
        "clears",
        "dry",
        "epoch",
        "far_end",
        "far_end_gone",
        "format",
        "last_sent_at",
        "limits",
        "settle",
        "settle_later",
        "space",
        "timeouts",
    )  # a thousand of them are walked through every 20 ms

    def __init__(
        self, source: Source, limits: Limits, timeouts: Timeouts, emit: Callable[[Event], object], instruments: Instruments
    ) -> None:
        self.format: AudioFormat = source.output_format
        self.far_end: FarEnd = source.far_end
        self.limits: Limits = limits
        self.timeouts: Timeouts = timeouts
        self._emit, self._instruments = emit, instruments
        self._watched = bool(instruments.watching)
        self._lead = max(self.far_end.lead, PTIME)
        self._cut = isinstance(self.far_end, Paced) or not self.far_end.can_clear
        self._chunk = PTIME if self._cut else BUFFERED_CHUNK
        self._keeps = self.far_end.can_clear
        self._reach = math.ceil((self._lead + (STALE if self.far_end.reports else 0)) * self.format.rate)
        self.space: ParkingLot = ParkingLot()
        self._num_blocked = 0  # producers that wait; a number, since it is looked at for every frame
        self.settle: ParkingLot = ParkingLot()
        self.background: Loop | None = None
        self.epoch: Epoch = self._new_epoch(0, trio.current_time())
        self._live: list[Turn] = []  # begun, and not known to be heard
        self._oldest: Turn | None = None  # the first of them, which is looked at for every frame
        self._current: Turn | None = None
        self._implicit: Turn | None = None
        self._settlements: list[Settlement] = []
        self._suspension: Suspension | None = None
        self.clears: int = 0
        self._handed = 0  # samples handed over since the last clear, in epochs that are over
        self.last_sent_at: float | None = None
        self.dry: trio.CancelScope | None = None  # around the playback task's wait for more audio
        self.settle_later: Callable[[Settlement], None] = self.settle_now
        self._closed_by: Callable[[], Exception] | None = None
        self.far_end_gone: bool = False
        self._past = Counters()
        if limits.fade and not self.far_end.can_clear:
            fade_out(Frame.silence(1, self.format))  # loads what a fade needs: at the first interruption, all calls would wait for that

    def _new_epoch(self, number: int, horizon: float) -> Epoch:
        outbox = Outbox(self.chunk_samples(self.format), joins=self._cut)
        return Epoch(number, outbox, self._new_playhead(horizon), [] if self._keeps else None)

    def _new_playhead(self, horizon: float) -> Playhead:
        playhead = Playhead(self.format.rate, self._lead, horizon)
        return playhead if self.background is None else FilledPlayhead(playhead)

    # ---- what producers do

    def turn(self, item_id: str | None, format: AudioFormat | None) -> Turn:
        """Begin a turn; the one before it ends.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: the channel is closed or broken.
            FormatError: the far end's format cannot be made from ``format``.
        """
        if self._closed_by is not None:
            raise self._closed_by()
        converter = self._converter(format)
        if self._current is not None:
            self._current.end()
        self._current = Turn(self, self.epoch, item_id, format or self.format, converter)
        self._live.append(self._current)
        self._oldest = self._live[0]
        self._past.turns += 1
        return self._current

    def _converter(self, format: AudioFormat | None):  # type: ignore[no-untyped-def]  # Converter needs numpy: imported when used
        if format is None or format == self.format:
            return None
        from ..audio import Converter

        return Converter(format, self.format)

    def implicit_turn(self) -> Turn:
        """The turn of audio that came without one; never somebody's explicit turn."""
        if self._implicit is None or self._implicit.ended:  # an explicit one has ended it
            self._implicit = self.turn(None, None)
        return self._implicit

    def queued_seconds(self) -> float:
        """Accepted audio that waits to be handed over."""
        return sum(turn._queued / turn.format.rate for turn in self._live)

    def has_room(self) -> bool:
        """Whether a frame is admitted: whole, while there is any room."""
        return self.queued_seconds() < self.limits.outbound

    async def wait_for_room(self) -> None:
        """Wait until there may be room for a frame. Checkpoint: yes."""
        self._num_blocked += 1
        try:
            await self.space.park()
        finally:
            self._num_blocked -= 1

    def pass_baton(self) -> None:
        """Wake the next producer, if there is room for it."""
        if self.space and self.has_room():
            self.space.unpark()

    def chunk_samples(self, format: AudioFormat) -> int:
        """What the far end takes at a time, in samples of ``format``."""
        return round(self._chunk * format.rate)

    def turn_ended(self, turn: Turn, epoch: Epoch) -> None:
        """No more will come for this turn: let its converter's tail out."""
        if turn._converter is not None and turn._accepted:
            epoch.outbox.put(turn, None)
        self.space.unpark_all()
        self.settle.unpark_all()
        self.retime()

    def late(self, seconds: float) -> None:
        """Count audio that came after its turn was over (law 4)."""
        self._past.late += seconds

    def refused(self, seconds: float, *, report: bool) -> None:
        """Count audio past ``max_turn``, and report it once for each turn."""
        self._past.refused += seconds
        if report:
            self._emit(AudioDropped("outbound", seconds * 1000, f"a turn has {self.limits.max_turn} s waiting (Limits.max_turn)"))

    # ---- what the playback task does

    def begin(self, turn: Turn) -> None:
        """The first audio of a turn is about to be handed over. A listener may interrupt: so before the door, never after it."""
        turn._started = True
        self._emit(TurnStarted(turn.item_id))

    @enable_ki_protection
    def handed_over(self, epoch: Epoch, turn: Turn, num_samples: int, wire: Frame, now: float, sound: Frame | None = None) -> None:
        """Count what the source has taken: ``num_samples`` of the turn, as ``wire`` in the far end's format; ``sound``, if it is mixed."""
        if epoch.base is None:
            epoch.base = self._handed
        if turn._first is None:
            turn._first = epoch.playhead.sent
        wire_samples = wire.num_samples
        if (kept := epoch.kept) is not None:
            self._keep(kept, epoch.playhead.sent, turn, wire)
        if turn._again:
            num_samples = turn._take_again(wire_samples)
        start = epoch.playhead.hand_over(wire_samples, now)
        epoch.held = turn._wire = None
        turn._sent += num_samples
        turn._queued -= num_samples
        turn._wire_sent += wire_samples
        self.last_sent_at = now
        if self._watched:
            self._instruments.agent_sent(wire if sound is None else sound, start, epoch.number)
        if self._num_blocked:
            self.pass_baton()
        if turn._sent >= turn._awaited:
            turn._awaited = math.inf
            self.settle.unpark_all()

    # ---- a background

    def check_background(self) -> None:
        """Whether the far end can have a background.

        Raises:
            CapabilityError: it buffers.
        """
        if not isinstance(self.far_end, Paced):
            raise CapabilityError(f"only a paced far end can have a background: its silence is filled in time; this is {self.far_end}")

    def set_background(self, loop: Loop | None) -> None:
        """Let this sound under all that is said, and in the silence; None: no more."""
        if loop is None and self.background is not None:
            self.background.end()
        if loop is None or self._closed_by is not None:
            return
        if self.background is not None:
            loop.follow(self.background)
        self.background = loop
        if not isinstance(self.epoch.playhead, FilledPlayhead):
            self.epoch.playhead = FilledPlayhead(self.epoch.playhead)
        if self.dry is not None:
            self.dry.deadline = -math.inf
        if self._suspension is not None:
            self._suspension.changed.unpark_all()

    def filler(self) -> Frame:
        """What fills 20 ms of silence."""
        assert self.background is not None
        return self.background.silence(self.format.frame_samples)

    @enable_ki_protection
    def filled(self, epoch: Epoch, frame: Frame, now: float) -> None:
        """Count what the source has taken to fill the silence: nobody's samples."""
        assert isinstance(epoch.playhead, FilledPlayhead)
        if epoch.base is None:
            epoch.base = self._handed
        start = epoch.playhead.fill(frame.num_samples, now)
        if self._watched:
            self._instruments.agent_sent(frame, start, epoch.number)
        if self.background is not None and self.background.over:
            self.background = None

    def _rewind(self, epoch: Epoch, now: float) -> None:
        """What the far end forgets of the background comes again, or it would jump."""
        if epoch.must_clear and self.background is not None and isinstance(epoch.playhead, FilledPlayhead):
            self.background.go_back(epoch.playhead.ahead(now))

    def _keep(self, kept: list[tuple[int, Turn, Frame]], sent: int, turn: Turn, wire: Frame) -> None:
        """What is handed over now may be taken back as long as it is unheard; what came a lead before it is not."""
        while kept and kept[0][0] < sent - self._reach:
            del kept[0]
        kept.append((sent + wire.num_samples, turn, wire))

    def next_end(self, epoch: Epoch) -> float:
        """When the next turn will have been heard to its end; ``inf`` while nobody knows."""
        turn = self._oldest
        if turn is None or turn._queued:
            return math.inf
        if turn._ended:
            return -math.inf if turn._first is None else epoch.playhead.time_of(turn._first + turn._wire_sent)
        return epoch.playhead.silent_at + self.timeouts.implicit_turn if turn is self._implicit else math.inf

    def retime(self) -> None:
        """The end of speech has moved: let the playback task wait for the new one."""
        if self._suspension is not None:
            self._suspension.changed.unpark_all()
        if self.dry is not None and self.dry.deadline != (end := self.next_end(self.epoch)):
            self.dry.deadline = end

    def announce(self) -> None:
        """Tell of the turns that have been heard to their end; end an implicit one that has been dry for long."""
        self._tell_played(self._take_played())

    def _take_played(self) -> list[Turn]:
        now = trio.current_time()
        implicit = self._implicit
        if implicit and not implicit.ended and not implicit._queued and now >= self.epoch.playhead.silent_at + self.timeouts.implicit_turn:
            implicit.end()
        played = []
        while self._oldest is not None and self._oldest._settled:
            played.append(self._live.pop(0))
            self._oldest = self._live[0] if self._live else None
        self._retire(played)
        if not self._live and self.epoch.kept:
            self.epoch.kept.clear()
        return played

    def _tell_played(self, played: list[Turn]) -> None:
        for turn in played:
            if turn._accepted:
                self._emit(TurnPlayed(turn.receipt))

    def _retire(self, turns: Iterable[Turn]) -> None:
        for turn in turns:
            turn._told = True
            self._past.add(turn)
            if self._current is turn:
                self._current = None

    # ---- interruption

    def interrupt(self) -> Interruption:
        """Stop everything that is being said, now; see `Channel.interrupt`."""
        now, played = trio.current_time(), self._take_played()
        settlement = self._stop(now, now if self.far_end.ear else now - STALE)
        self._tell_played(played)  # state first, emit last: what a listener says now is not part of what was interrupted
        if settlement is None:
            return Interruption((), now, self.last_sent_at)
        self._past.interruptions += bool(settlement.turns)
        return self._interruption(settlement)

    def _interruption(self, settlement: Settlement) -> Interruption:
        receipts = tuple(turn.receipt for turn in settlement.turns)
        return Interruption(receipts, settlement.decided_at, self.last_sent_at, settlement)

    @enable_ki_protection
    def _stop(self, now: float, silent_since: float) -> Settlement | None:
        old, stopped = self.epoch, [turn for turn in self._live if not turn._settled]
        self._fade_out(old, now)
        must_clear = self._must_clear(old, silent_since)
        if not stopped and not must_clear and self._suspension is None:
            return None
        for turn in stopped:  # first the position, of all of them
            turn._flushed = turn._sent - turn._heard() if self.far_end.can_clear or self.far_end_gone else 0
        for turn in stopped:  # then the door
            self._shut(turn)
        suspension, self._suspension = self._suspension, None
        settlement = (
            Settlement(old, stopped, now, self.clears) if suspension is None else suspension.confirmed(old, stopped, now, self.clears)
        )
        old.must_clear = must_clear
        self._handed += old.playhead.given
        self._rewind(old, now)
        silent_from = now if must_clear else max(now, old.playhead.horizon)  # what is not cleared plays on
        self.epoch, self._current = self._new_epoch(old.number + 1, silent_from), None
        old.end()
        self._live.clear()
        self._oldest = None
        self._settlements.append(settlement)
        if suspension is not None and suspension.pause.outcome is None:
            suspension.pause.outcome, suspension.pause._interruption = "confirmed", self._interruption(settlement)
        self.space.unpark_all()
        self.settle.unpark_all()
        return settlement

    def _fade_out(self, epoch: Epoch, now: float) -> None:
        """What follows on what cannot be taken back is ours: it closes with a fade, which counts as sent from now on."""
        ours = not (self.far_end.can_clear or self.far_end_gone) and self._suspension is None  # paused, it is silent already
        if not ours or not self.limits.fade or epoch.playhead.silent_at <= now or self.dry is not None:  # dry: nothing follows
            return
        self._put_back(epoch)
        turn, frame = epoch.outbox.take() or (None, None)
        if turn is None:
            return
        length = round(self.limits.fade * frame.format.rate) if frame is not None and turn._sent else 0
        if frame is None or length < frame.num_samples:
            epoch.outbox.put_back(turn, frame and frame.cut(length, frame.num_samples))
        if frame is not None and length:
            head = frame.cut(0, length)
            wire = fade_out(turn._to_wire(head))
            epoch.closing = wire if self.background is None else self.background.under(wire)
            self.handed_over(epoch, turn, head.num_samples, wire, now, epoch.closing)

    def _shut(self, turn: Turn) -> None:
        turn._over = True
        turn._dropped += turn._queued
        turn._queued = turn._again = turn._again_own = 0
        turn._wire = None
        turn._scope.cancel("the turn was interrupted")

    def _must_clear(self, epoch: Epoch, silent_since: float) -> bool:
        """Whether something may still sound over there: surely before the horizon, perhaps a little after an estimated one."""
        can = self.far_end.can_clear and not self.far_end_gone
        return can and epoch.playhead.sent > 0 and epoch.playhead.silent_at > silent_since

    def cleared(self) -> None:
        """A clear is being sent: what is handed over from now on is of a new generation."""
        self.clears += 1
        self._handed = 0

    def flushed(self) -> None:
        """The far end has taken the clear (or needs none): settle, or wait for its word."""
        for settlement in [s for s in self._settlements if not s.begun]:
            settlement.begun = True
            answers = self.far_end.reports and settlement.epoch.must_clear and not self.far_end_gone
            if answers and settlement.turns and not settlement.final:
                self.settle_later(settlement)
            else:
                self.settle_now(settlement)

    def settle_now(self, settlement: Settlement) -> None:
        """The figures of an interruption are final: tell everybody. Settling twice is the same as once."""
        if settlement not in self._settlements:
            return
        self._settlements.remove(settlement)
        self._retire(settlement.turns)
        epoch = settlement.epoch
        if self._instruments.watching and (self.far_end.can_clear or self.far_end_gone):
            self._instruments.agent_cut(epoch.playhead.time_of(settlement.heard_to), epoch.number)
        settlement.done.set()
        now = trio.current_time()
        for turn in settlement.turns:
            self._emit(TurnInterrupted(turn.receipt, settlement.decided_at, now))

    # ---- a pause

    def pause(self, resume_after: float) -> Pause:
        """Fall silent, but so that it can be taken back; see `Channel.pause`."""
        now, current = trio.current_time(), None if self._suspension is None else self._suspension.pause
        if current is not None and current.outcome is None:
            return current
        played = self._take_played()
        pause = self._suspend(now, now + resume_after)
        self._tell_played(played)
        if current is None:
            for receipt in pause.turns:
                self._emit(TurnPaused(receipt, now))
        return pause

    @enable_ki_protection
    def _suspend(self, now: float, resume_at: float) -> Pause:
        old, turns = self.epoch, [turn for turn in self._live if turn._started]
        if self._suspension is not None:  # rejected, but it has not gone on yet
            turns = self._suspension.turns
        self._fade_out(old, now)
        pause = Pause(self, tuple(turn.receipt for turn in turns), now, resume_at)
        if self._closed_by is not None:
            pause.outcome = "confirmed"
        elif self._suspension is not None:
            self._suspension.pause = pause
        else:
            old.must_clear = self._must_clear(old, now if self.far_end.ear else now - STALE)
            generation = self.clears if old.must_clear else None
            suspension = Suspension(pause, old, turns, generation, reports=self.far_end.reports)
            if old.must_clear:
                suspension.take_back(old.playhead.heard(now))
            self._move_on(suspension, now)
        return pause

    def _move_on(self, suspension: Suspension, now: float) -> None:
        """Let everything that waits, and everybody who says more, go on in an epoch that is not played yet."""
        old = suspension.epoch
        self._put_back(old)
        if old.must_clear:
            self._handed += old.playhead.given
            self._rewind(old, now)
            self.epoch = old.pass_on(self._new_playhead(now), old.number + 1)
        else:
            self.epoch = old.pass_on(old.playhead, old.number)
        for turn in self._live:
            turn._epoch = self.epoch
        self.epoch.suspension = self._suspension = suspension
        self.settle.unpark_all()

    def _put_back(self, epoch: Epoch) -> None:
        """What was taken, and perhaps converted, waits again, before everything else."""
        if epoch.held is None:
            return
        (turn, frame), epoch.held = epoch.held, None
        if turn._wire is not None:
            turn._again += turn._wire.num_samples
            turn._again_own += 0 if frame is None else frame.num_samples
            frame, turn._wire = turn._wire, None
        epoch.outbox.put_back(turn, frame)

    def reject(self, pause: Pause) -> None:
        """Let it go on; deciding twice is the same as once."""
        if pause.outcome is None:
            pause.outcome = "rejected"
            if self._suspension is not None:
                self._suspension.changed.unpark_all()

    def go_on(self) -> None:
        """Whatever is paused goes on."""
        if self._suspension is not None:
            self.reject(self._suspension.pause)

    def pass_time(self, suspension: Suspension, patience: float) -> None:
        """What happens by itself while it is paused: turns are heard to their end, the far end's time to answer is over, the pause too."""
        now = trio.current_time()
        suspension.answered = suspension.answered or now >= patience
        if suspension.answered:
            self._cut_short(suspension)
            self.announce()
        if now >= suspension.pause.resume_at:
            self.reject(suspension.pause)

    def _cut_short(self, suspension: Suspension) -> None:
        if self._instruments.watching and suspension.generation is not None and not suspension.cut:
            suspension.cut = True
            self._instruments.agent_cut(suspension.epoch.playhead.time_of(suspension.position), suspension.epoch.number)

    @enable_ki_protection
    def _go_on(self, suspension: Suspension) -> list[Turn]:
        self._suspension = self.epoch.suspension = None
        again: dict[Turn, Frame] = {}
        for turn, wire in suspension.unheard():
            again[turn] = again[turn].joined(wire) if turn in again else wire
        for position in suspension.positions:
            if (turn := position.turn) in again and turn._converter is not None:
                turn._again += again[turn].num_samples
                turn._again_own += position.sent - turn._sent
        for turn, wire in reversed(again.items()):
            self.epoch.outbox.put_back(turn, wire)
        self.settle.unpark_all()
        resumed = [turn for turn in suspension.turns if not turn._told]
        if resumed and self.limits.fade:
            self.epoch.outbox.fade_in(self.limits.fade)
        return resumed

    def resume(self, suspension: Suspension) -> None:
        """It has been decided, and it is known what was heard: go on from there."""
        turns, now = self._go_on(suspension), trio.current_time()
        for turn in turns:
            self._emit(TurnResumed(turn.receipt, suspension.pause.paused_at, now))

    # ---- position

    def report(self, played: Played) -> None:
        """The far end says what it has played; a report of audio that was flushed and settled is counted and ignored."""
        if self._suspension is not None and self._suspension.generation == played.clears:
            self._suspension.report(played.samples, final=played.final)
            self.settle.unpark_all()
            return
        for settlement in self._settlements:
            if settlement.generation == played.clears and settlement.epoch.playhead.given:
                settlement.report(played.samples, final=played.final)
                if settlement.final and settlement.begun:
                    self.settle_now(settlement)
                return
        if played.clears != self.clears:
            self._past.late_reports += 1
        elif self.epoch.base is not None:
            self.epoch.playhead.report(played.samples - self.epoch.base, trio.current_time())
            self.settle.unpark_all()
            self.retime()

    def is_exact(self, turn: Turn) -> bool:
        """Whether what is known of this turn is known from the far end itself."""
        if self.far_end.ear:
            return True
        if turn._guessed or turn._first is None:
            return not turn._guessed
        return not turn._flushed and turn._epoch.playhead.reported >= turn._first + turn._wire_sent

    def current_turn(self) -> Turn | None:
        """The turn that is being heard, or will be next."""
        return self._oldest

    def live_turns(self) -> list[Turn]:
        """The turns that are not known to be heard."""
        return list(self._live)

    async def wait_played(self, turns: list[Turn]) -> None:
        """Until every sample of ``turns`` accepted before this call has been heard or lost."""
        marks = [(turn, turn._accepted) for turn in turns]
        await trio.lowlevel.checkpoint()
        while pending := [(turn, mark) for turn, mark in marks if not turn._over and turn._heard() < mark]:
            with trio.CancelScope(deadline=max(self._reached(turn, mark) for turn, mark in pending)):
                await self.settle.park()

    def _reached(self, turn: Turn, mark: int) -> float:
        if turn._sent < mark:
            turn._awaited = min(turn._awaited, mark)
            return math.inf  # whoever hands it over wakes us
        return turn._epoch.playhead.time_of(turn._position_of(mark))

    async def wait_acknowledged(self) -> None:
        """Until a far end that reports has said itself that it has played all it was given; others are believed to have."""
        await trio.lowlevel.checkpoint()
        while not self._acknowledged():
            await self.settle.park()

    def _acknowledged(self) -> bool:
        silent = self._closed_by is not None or not self.far_end.reports  # nobody will say so
        return silent or self.epoch.playhead.reported >= self.epoch.playhead.sent

    # ---- the end

    def close(self, why: Callable[[], Exception], *, far_end_gone: bool) -> None:
        """Accept nothing more; what is unheard is lost. ``why`` makes what producers get from now on."""
        if self._closed_by is not None:
            return
        self._closed_by, self.far_end_gone = why, far_end_gone
        now, played = trio.current_time(), self._take_played()
        for turn in self._live:
            turn._closed_by = why
        self._stop(now, now)
        self.epoch.end()  # nothing is accepted into it; wakes the playback task, if nothing else has
        self.settle.unpark_all()
        self._tell_played(played)

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

    def counters(self) -> Counters:
        """What became of all audio so far."""
        return self._past.with_turns([*self._live, *(turn for settlement in self._settlements for turn in settlement.turns)])
