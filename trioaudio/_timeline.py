"""What a call looked like: loudness of both sides, turns, interruptions, outages and keys, collected as it goes, drawn at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING

from ._events import Dtmf, Event, Hangup, SpeechStarted, SpeechStopped, Status, TurnInterrupted, TurnPlayed, TurnStarted
from ._extras import require
from .audio import AudioFormat, Frame

if TYPE_CHECKING:
    from .audio._envelope import Envelope

MAX_LEAD = 5.0
"""The furthest that audio is handed over before it is heard, in seconds; only used to tell the time by an agent who talks alone."""
REDUCE_EVERY = 25
"""Frames between two reductions to an envelope: small enough that each costs a fraction of a millisecond."""


@dataclass(slots=True)
class TurnSpan:
    """When a turn was heard; times in seconds of the call."""

    item_id: str | None
    start: float
    end: float | None = None
    lost: float = 0.0
    """How much longer it would have been, in seconds, had it not been interrupted."""


@dataclass(frozen=True, slots=True)
class InterruptionMark:
    """When the agent was interrupted, in seconds of the call, and what of its turns was heard and lost by that, in milliseconds."""

    at: float
    heard_ms: float | None = None
    lost_ms: float | None = None


@dataclass(slots=True)
class Story:
    """All that is drawn; times in seconds of the call."""

    title: str
    caller: Envelope
    agent: Envelope
    end: float = 0.0
    turns: list[TurnSpan] = field(default_factory=list)
    interruptions: list[InterruptionMark] = field(default_factory=list)
    speech: list[tuple[float, float | None]] = field(default_factory=list)
    keys: list[tuple[float, str]] = field(default_factory=list)
    outages: list[tuple[float, float | None]] = field(default_factory=list)
    hangup: float | None = None


class Timeline:
    """An instrument that collects what a picture of the call needs: 400 bytes per second of call, whatever the formats.

    Feed it the audio as an `Instrument` of the channel, and the events through `observe` (or spans through `add_turn`);
    then `draw`. All times are of the Trio clock, in seconds. Its methods are plain functions, and none but `draw` is slow.

    Args:
        input_format: format of the far party's frames (``channel.input_format``).
        output_format: format of the frames the source is handed.
        started_at: when the call began; the left end of the picture.
        title: the headline of the picture.
    """

    def __init__(self, *, input_format: AudioFormat, output_format: AudioFormat, started_at: float, title: str = "Call") -> None:
        from .audio._envelope import CallEnvelope

        self._started_at = self._now = started_at
        self._envelope = CallEnvelope(input_format, output_format, started_at)
        self._story = Story(title, self._envelope.caller, self._envelope.agent)
        self._starting: list[TurnSpan] = []
        self._unreduced = 0
        self._finished = False

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the far party arrived at ``now``: see `Instrument`."""
        if not self._finished:
            self._envelope.caller_heard(frame, now)
            self._pass_time(now)

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """A frame of this epoch will be heard from ``start`` on: see `Instrument`."""
        if not self._finished:
            self._place_starting_turns(self._of_call(start))
            self._envelope.agent_sent(frame, start, epoch)
            self._pass_time(start - MAX_LEAD)

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing of this epoch is heard from ``at`` on: see `Instrument`."""
        self._envelope.agent_cut(at, epoch)

    def observe(self, event: Event, now: float) -> None:
        """Note what the channel or its session emitted at ``now``; events that have no place in the picture are ignored."""
        self._now = max(self._now, now)
        at = self._of_call(now)
        match event:
            case TurnStarted():
                self._turn_started(TurnSpan(event.item_id, at))
            case TurnPlayed():
                self._end_turn(event.receipt.item_id, at)
            case TurnInterrupted():
                self._turn_interrupted(event)
            case SpeechStarted():
                self._story.speech.append((at, None))
            case SpeechStopped():
                self._speech_stopped(at)
            case Dtmf():
                self._story.keys.append((at, event.digit))
            case Hangup():
                self._story.hangup = at
            case Status():
                self._model_is_away(at, event.status == "reconnecting")
            case _:
                pass

    def _model_is_away(self, at: float, away: bool) -> None:
        outages = self._story.outages
        if outages and outages[-1][1] is None:
            outages[-1] = (outages[-1][0], None if away else at)
        elif away:
            outages.append((at, None))

    def add_turn(self, item_id: str | None, start: float, end: float, interrupted_at: float | None = None) -> None:
        """Note a turn that was heard from ``start`` to ``end``, for those who keep the turns themselves."""
        self._story.turns.append(TurnSpan(item_id, self._of_call(start), self._of_call(end)))
        if interrupted_at is not None:
            self._story.interruptions.append(InterruptionMark(self._of_call(interrupted_at)))

    def finish(self, now: float) -> None:
        """The call ended at ``now``: nothing that would have been heard later is in the picture. Only the first time counts."""
        if not self._finished:
            self._finished, self._now = True, now
            self._story.end = self._envelope.finish(now)

    def draw(self, path: str | PathLike[str]) -> None:
        """Write the picture as a PNG of 1600 x 620 pixels, in one step (nobody sees half of it), with mode 0600.

        The same call gives the same bytes. Takes about 100 ms. When `finish` was not called, the call ends with the last
        thing that was noted.

        Raises:
            MissingExtraError: Pillow is not installed.
            AudioFileError: the file cannot be written.
        """
        require("PIL", "drawing the timeline", "demo")
        from ._timeline_picture import write_picture

        self.finish(self._now)
        write_picture(self._story, path)

    def _of_call(self, time: float) -> float:
        return time - self._started_at

    def _turn_started(self, turn: TurnSpan) -> None:
        self._story.turns.append(turn)
        self._starting.append(turn)  # it is heard when its first frame is, which follows

    def _place_starting_turns(self, start: float) -> None:
        for turn in self._starting:
            turn.start = start
        self._starting.clear()

    def _end_turn(self, item_id: str | None, at: float, lost: float = 0.0) -> None:
        for turn in reversed(self._story.turns):
            if turn.item_id == item_id and turn.end is None:
                turn.end, turn.lost = max(turn.start, at), lost
                return

    def _turn_interrupted(self, event: TurnInterrupted) -> None:
        at, heard, lost = self._of_call(event.decided_at), event.receipt.heard_ms, event.receipt.lost_ms
        self._end_turn(event.receipt.item_id, at, lost / 1000)
        if self._story.interruptions and self._story.interruptions[-1].at == at:  # several turns, one interruption
            before = self._story.interruptions.pop()
            heard, lost = heard + (before.heard_ms or 0.0), lost + (before.lost_ms or 0.0)
        self._story.interruptions.append(InterruptionMark(at, heard, lost))

    def _speech_stopped(self, at: float) -> None:
        if self._story.speech and self._story.speech[-1][1] is None:
            self._story.speech[-1] = self._story.speech[-1][0], at

    def _pass_time(self, now: float) -> None:
        self._now = max(self._now, now)
        self._unreduced += 1
        if self._unreduced >= REDUCE_EVERY:
            self._unreduced = 0
            self._envelope.settle(self._now)
