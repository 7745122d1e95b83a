"""What is said: turns, their audio on its way out, and what an interruption makes of it.

Theory of operation (laws 1 to 5). Audio is accepted into the memory channel of the current *epoch* and stays *queued* until
the playback task (`_outbound.playback`) hands it to the source: then it is *sent*. One number of the epoch's playhead, the horizon,
says what of it has been heard. `Interruptions.interrupt` ends the epoch in one synchronous step: it records the positions of all its
turns, shuts the door, drops what is queued, and opens the next epoch. The playback task then makes the far end forget
what it has not played, before it touches the new epoch; a settlement waits for the far end's last word.

All of this is synchronous and belongs to no task. Who waits is woken through two parking lots: that of `Room` (producers) and
that of `Positions` (whoever waits for audio to be heard).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio
from trio.lowlevel import enable_ki_protection

from .._events import AudioDropped, Event, TurnStarted
from .._instruments import Instruments
from .._limits import Limits, Timeouts
from ..abc import FarEnd, Paced, Source
from ..audio import PTIME, AudioFormat, Frame
from ..audio._fade import fade_out
from ..audio._filled_playhead import FilledPlayhead
from ..audio._playhead import Playhead
from .backdrop import Backdrop
from .counters import Counters
from .epoch import Epoch
from .interruptions import STALE, Interruptions
from .lineup import Lineup
from .live_turn import LiveTurn
from .outbox import Outbox
from .pauses import Pauses
from .positions import Positions
from .room import Room
from .turn import Turn

BUFFERED_CHUNK = 0.4
"""Seconds: longer chunks are cut for a buffering far end, so that it is never given much more than its lead."""


class Playout:
    """The outbound half of a channel, without its task: its turns, and the epoch they are accepted into.

    Args:
        source: the far end.
        limits, timeouts: bounds and deadlines.
        emit: delivers an event; called last, when the state is in order.
        instruments: who watches.
    """

    __slots__ = (
        "_chunk",
        "_cut",
        "_handed",
        "_instruments",
        "_keeps",
        "_lead",
        "_reach",
        "_watched",
        "backdrop",
        "clears",
        "closed_by",
        "dry",
        "emit",
        "epoch",
        "far_end",
        "far_end_gone",
        "format",
        "interruptions",
        "last_sent_at",
        "limits",
        "lineup",
        "past",
        "pauses",
        "positions",
        "room",
        "timeouts",
    )  # a thousand of them are walked through every 20 ms

    def __init__(
        self, source: Source, limits: Limits, timeouts: Timeouts, emit: Callable[[Event], object], instruments: Instruments
    ) -> None:
        self.format: AudioFormat = source.output_format
        self.far_end: FarEnd = source.far_end
        self.limits: Limits = limits
        self.timeouts: Timeouts = timeouts
        self.emit: Callable[[Event], object] = emit
        self._instruments = instruments
        self._watched = bool(instruments.watching)
        self._lead = max(self.far_end.lead, PTIME)
        self._cut = isinstance(self.far_end, Paced) or not self.far_end.can_clear
        self._chunk = PTIME if self._cut else BUFFERED_CHUNK
        self._keeps = self.far_end.can_clear
        self._reach = math.ceil((self._lead + (STALE if self.far_end.reports else 0)) * self.format.rate)
        self.lineup: Lineup = Lineup(self)
        self.room: Room = Room(self, limits.outbound)
        self.positions: Positions = Positions(self)
        self.interruptions: Interruptions = Interruptions(self)
        self.pauses: Pauses = Pauses(self)
        self.backdrop: Backdrop = Backdrop(self)
        self.epoch: Epoch = self._new_epoch(0, trio.current_time())
        self.clears: int = 0
        self._handed = 0  # samples handed over since the last clear, in epochs that are over
        self.last_sent_at: float | None = None
        self.dry: trio.CancelScope | None = None  # around the playback task's wait for more audio
        self.closed_by: Callable[[], Exception] | None = None
        self.far_end_gone: bool = False
        self.past: Counters = Counters()
        if limits.fade and not self.far_end.can_clear:
            fade_out(Frame.silence(1, self.format))  # loads what a fade needs: at the first interruption, all calls would wait for that

    # ---- what producers do

    def turn(self, item_id: str | None, format: AudioFormat | None, *, live: bool = False) -> Turn:
        """Begin a turn; the one before it ends.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: the channel is closed or broken.
            FormatError: the far end's format cannot be made from ``format``.
        """
        if self.closed_by is not None:
            raise self.closed_by()
        converter = self._converter(format)
        turn = (LiveTurn if live else Turn)(self, self.epoch, item_id, format or self.format, converter)
        self.lineup.add(turn)
        self.past.turns += 1
        return turn

    def _converter(self, format: AudioFormat | None):  # type: ignore[no-untyped-def]  # Converter needs numpy: imported when used
        if format is None or format == self.format:
            return None
        from ..audio import Converter

        return Converter(format, self.format)

    def implicit_turn(self) -> Turn:
        """The turn of audio that came without one; never somebody's explicit turn."""
        if self.lineup.implicit is None or self.lineup.implicit.ended:  # an explicit one has ended it
            self.lineup.implicit = self.turn(None, None)
        return self.lineup.implicit

    def chunk_samples(self, format: AudioFormat) -> int:
        """What the far end takes at a time, in samples of ``format``."""
        return round(self._chunk * format.rate)

    def turn_ended(self, turn: Turn, epoch: Epoch) -> None:
        """No more will come for this turn: let its converter's tail out."""
        if turn._converter is not None and turn._accepted:
            epoch.outbox.put(turn, None)
        self.room.wake_all()
        self.positions.moved()
        self.retime()

    def late(self, seconds: float) -> None:
        """Count audio that came after its turn was over (law 4)."""
        self.past.late += seconds

    def refused(self, seconds: float, *, report: bool) -> None:
        """Count audio past ``max_turn``, and report it once for each turn."""
        self.past.refused += seconds
        if report:
            self.emit(AudioDropped("outbound", seconds * 1000, f"a turn has {self.limits.max_turn} s waiting (Limits.max_turn)"))

    def overtaken(self, seconds: float) -> None:
        """Report that speech of a live turn was dropped, for what came after it."""
        self.emit(AudioDropped("outbound", seconds * 1000, f"a live turn has {self.limits.live_audio} s waiting (Limits.live_audio)"))

    # ---- what the playback task does

    def begin(self, turn: Turn) -> None:
        """The first audio of a turn is about to be handed over. A listener may interrupt: so before the door, never after it."""
        turn._started = True
        self.emit(TurnStarted(turn.item_id))

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
            self.tell_sent(wire if sound is None else sound, start, epoch)
        if self.room.num_blocked:
            self.room.pass_baton()
        if turn._sent >= turn._awaited:
            turn._awaited = math.inf
            self.positions.moved()

    def _keep(self, kept: list[tuple[int, Turn, Frame]], sent: int, turn: Turn, wire: Frame) -> None:
        """What is handed over now may be taken back as long as it is unheard; what came a lead before it is not."""
        while kept and kept[0][0] < sent - self._reach:
            del kept[0]
        kept.append((sent + wire.num_samples, turn, wire))

    def retime(self) -> None:
        """The end of speech has moved: let the playback task wait for the new one."""
        self.pauses.wake()
        if self.dry is not None and self.dry.deadline != (end := self.lineup.next_end(self.epoch)):
            self.dry.deadline = end

    def tell_sent(self, frame: Frame, start: float, epoch: Epoch) -> None:
        """Tell instruments what the far end was given, and when it will be heard."""
        if self._watched:
            self._instruments.agent_sent(frame, start, epoch.number)

    def tell_cut(self, epoch: Epoch, position: int) -> None:
        """Tell instruments up to where an epoch was heard."""
        if self._instruments.watching:
            self._instruments.agent_cut(epoch.playhead.time_of(position), epoch.number)

    # ---- from one epoch to the next

    def _new_epoch(self, number: int, horizon: float) -> Epoch:
        outbox = Outbox(self.chunk_samples(self.format), joins=self._cut)
        return Epoch(number, outbox, self._new_playhead(horizon), [] if self._keeps else None)

    def _new_playhead(self, horizon: float) -> Playhead:
        playhead = Playhead(self.format.rate, self._lead, horizon)
        return playhead if self.backdrop.loop is None else FilledPlayhead(playhead)

    def begin_epoch(self, epoch: Epoch) -> None:
        """Something is handed over in it."""
        if epoch.base is None:
            epoch.base = self._handed

    def begin_next_epoch(self, now: float) -> None:
        """End the epoch that everything was accepted into, and all its turns with it."""
        old = self.epoch
        self._handed += old.playhead.given
        self.backdrop.rewind(old, now)
        silent_from = now if old.must_clear else max(now, old.playhead.horizon)  # what is not cleared plays on
        self.epoch = self._new_epoch(old.number + 1, silent_from)
        old.end()
        self.lineup.clear()

    def pass_on(self, now: float) -> None:
        """End the epoch, but let its turns, and what waits of them, go on in the next one."""
        old = self.epoch
        if old.must_clear:
            self._handed += old.playhead.given
            self.backdrop.rewind(old, now)
            self.epoch = old.pass_on(self._new_playhead(now), old.number + 1)
        else:
            self.epoch = old.pass_on(old.playhead, old.number)
        for turn in self.lineup:
            turn._epoch = self.epoch

    def cleared(self) -> None:
        """A clear is being sent: what is handed over from now on is of a new generation."""
        self.clears += 1
        self._handed = 0

    # ---- the end

    def close(self, why: Callable[[], Exception], *, far_end_gone: bool) -> None:
        """Accept nothing more; what is unheard is lost. ``why`` makes what producers get from now on."""
        if self.closed_by is not None:
            return
        self.closed_by, self.far_end_gone = why, far_end_gone
        now, played = trio.current_time(), self.lineup.take_played()
        for turn in self.lineup:
            turn._closed_by = why
        self.interruptions.stop(now, now)
        self.epoch.end()  # nothing is accepted into it; wakes the playback task, if nothing else has
        self.positions.moved()
        self.lineup.tell_played(played)

    def counters(self) -> Counters:
        """What became of all audio so far."""
        return self.past.with_turns([*self.lineup, *self.interruptions.turns()])
