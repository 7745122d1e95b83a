"""The live account of a call: who speaks, what happens when, what was heard and lost; the figures at the end."""

from __future__ import annotations

from pathlib import Path

from .._events import (
    AudioDropped,
    Dtmf,
    Event,
    Fault,
    Hangup,
    SpeechStarted,
    SpeechStopped,
    Status,
    ToolCalled,
    ToolReturned,
    TurnInterrupted,
    TurnPaused,
    TurnPlayed,
    TurnResumed,
    TurnStarted,
)
from .._model_events import InputTranscript, ItemTruncated, OutputTranscript, SessionError, TextDone
from .._receipts import ChannelStatistics, TurnReceipt
from ..audio import Frame
from .screen import Screen

TURNS = (TurnStarted, TurnPlayed, TurnInterrupted, TurnPaused, TurnResumed)
TOLD_BY_CHANNEL = (*TURNS, SpeechStarted, SpeechStopped, Dtmf, Hangup, AudioDropped, Fault)
TOLD_BY_SESSION = (InputTranscript, OutputTranscript, TextDone, ItemTruncated, SessionError, ToolCalled, ToolReturned, Fault, Status)


class Account:
    """Tells one call as it happens: an instrument of its channel, and an observer of its events.

    Args:
        screen: where it appears.
        began: when the call did; times are of the Trio clock, in seconds.
    """

    def __init__(self, screen: Screen, began: float) -> None:
        self._screen, self._began = screen, began
        self._heard = 0.0
        self._turns_playing = 0
        self._fault: Fault | None = None
        self._away_since: float | None = None

    def caller_heard(self, frame: Frame, now: float) -> None:
        """So far the call has come: see `Instrument`."""
        self._heard += frame.duration
        self._screen.progress(self._heard)

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """Nothing to tell: the turn's events do."""

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing to tell: the receipt of the interrupted turn does."""

    def observe(self, event: Event, now: float) -> None:
        """Tell an event of the channel or of the session that was emitted at ``now``."""
        if event is self._fault:  # a channel's, which its session has told already, or tells after it
            return
        if isinstance(event, Fault):
            self._fault = event
        elif isinstance(event, TurnStarted):
            self._turns_playing += 1
        elif isinstance(event, TurnPlayed | TurnInterrupted):
            self._turns_playing = max(0, self._turns_playing - 1)
        if isinstance(event, Status):
            self._tell_return(event, now)
        for who, what, style in (_of_caller(event, bool(self._turns_playing)), _of_agent(event), _of_model(event), _of_trouble(event)):
            if what:
                self.tell(now, who, what, style)

    def _tell_return(self, event: Status, now: float) -> None:
        if event.status == "reconnecting":
            self._away_since = now if self._away_since is None else self._away_since
        elif self._away_since is not None and event.status == "connected":
            self.tell(now, "model", f"is back, after {_ms((now - self._away_since) * 1000)}", "green")
            self._away_since = None

    def tell(self, now: float, who: str, what: str, style: str = "") -> None:
        """Tell one thing that happened at ``now``; ``who`` is the caller, the agent, the model, or nobody (empty)."""
        minutes, seconds = divmod(max(0.0, now - self._began), 60)
        self._screen.row(f"{int(minutes)}:{seconds:05.2f}", who, what, style)

    def sum_up(self, counted: ChannelStatistics, late_ms: float) -> None:
        """Tell the figures of the whole call.

        Args:
            counted: what its channel counted.
            late_ms: audio of interrupted answers that the session refused, in milliseconds.
        """
        heard, lost = counted.sent_ms - counted.flushed_ms, counted.dropped_ms + counted.flushed_ms
        self._screen.row(_ms(counted.received_ms), "caller", "was on the line")
        self._screen.row(_ms(counted.accepted_ms), "agent", f"had to say, in {_counted(counted.turns, 'turn')}")
        self._screen.row(_ms(heard), "agent", "was heard")
        self._screen.row(_ms(lost), "agent", f"lost to {_counted(counted.interruptions, 'interruption')}")
        for name, milliseconds in (
            ("made too late, after an interruption", counted.late_ms + late_ms),
            ("refused: more than one turn may hold", counted.refused_ms),
        ):
            if milliseconds:
                self._screen.row(_ms(milliseconds), "agent", name, "yellow")
        if counted.inbound_dropped_ms:
            self._screen.row(_ms(counted.inbound_dropped_ms), "caller", "dropped: the model did not keep up", "yellow")

    def name_file(self, path: Path, what: str) -> None:
        """Tell of a file that was left."""
        kilobytes = path.stat().st_size / 1000
        self._screen.row(f"{kilobytes:.0f} kB" if kilobytes < 10_000 else f"{kilobytes / 1000:.1f} MB", "", f"{path}: {what}")


_Row = tuple[str, str, str]
"""Who, what, style."""
_NOTHING = ("", "", "")


def _of_caller(event: Event, agent_speaks: bool) -> _Row:
    match event:
        case SpeechStarted():
            return "caller", "speaks, over the agent" if agent_speaks else "speaks", "cyan"
        case SpeechStopped():
            return "caller", "has finished", "cyan"
        case Dtmf(digit=digit):
            return "caller", f"presses {digit}", "cyan"
        case InputTranscript(text=text):
            return "caller", f'"{text}"', "italic"
        case Hangup(error=None):
            return "caller", "hangs up", "cyan"
        case Hangup(error=error):
            return "caller", f"is gone: {error}", "bold red"
    return _NOTHING


def _of_agent(event: Event) -> _Row:
    match event:
        case TurnStarted(item_id=item):
            return "agent", f"speaks: {item or 'audio'}", "green"
        case TurnPlayed(receipt=receipt):
            return "agent", f"has finished {_name(receipt)}: {_ms(receipt.heard_ms)} heard", "green"
        case TurnInterrupted(receipt=receipt):
            figures = f"{_ms(receipt.heard_ms)} heard, {_ms(receipt.lost_ms)} lost ({receipt.evidence})"
            return "agent", f"INTERRUPTED in {_name(receipt)}: {figures}", "bold red"
        case TurnPaused(receipt=receipt):
            return "agent", f"falls silent in {_name(receipt)}: {_ms(receipt.heard_ms)} heard", "yellow"
        case TurnResumed(receipt=receipt):
            return "agent", f"goes on in {_name(receipt)}", "green"
        case OutputTranscript(text=text) | TextDone(text=text):
            return "agent", f'"{text}"', "italic"
    return _NOTHING


def _of_model(event: Event) -> _Row:
    match event:
        case ItemTruncated(item_id=item, audio_ms=heard):
            return "model", f"knows that {_ms(heard)} of {item} were heard", "magenta"
        case Status(status="reconnecting", detail=detail):
            return "model", f"is lost ({detail}), and to be had back", "bold red"
        case SessionError(message=message):
            return "model", f"has a problem: {message}", "yellow"
        case ToolCalled(tool=tool):
            return "model", f"uses the tool {tool}", "magenta"
        case ToolReturned(tool=tool, failed=failed, seconds=seconds):
            return "model", f"{'gets an error from' if failed else 'has the answer of'} {tool}, after {_ms(seconds * 1000)}", "magenta"
    return _NOTHING


def _of_trouble(event: Event) -> _Row:
    match event:
        case AudioDropped(direction=direction, milliseconds=lost, reason=reason):
            return "", f"{direction} audio is being dropped ({_ms(lost)} so far): {reason}", "yellow"
        case Fault(error=error, what=what):
            return "", f"{what}: {error}", "yellow"
    return _NOTHING


def _name(receipt: TurnReceipt) -> str:
    return receipt.item_id or "audio"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
