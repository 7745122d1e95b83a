"""The live account of a call: who speaks, what happens when, what was heard and lost; the counters at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import trio

from ._channel import Channel
from ._cli_screen import Screen, open_screen
from ._events import (
    AudioDropped,
    Closed,
    Dtmf,
    Event,
    Fault,
    Hangup,
    SpeechStarted,
    SpeechStopped,
    TurnInterrupted,
    TurnPlayed,
    TurnStarted,
)
from ._model_events import InputTranscript, ItemTruncated, OutputTranscript, SessionError, TextDone
from ._receipts import ChannelStatistics
from ._session import Session
from ._timeline import Timeline
from .audio import Frame

PHASE = 5e-6
"""The command line's own moment among the timers of a call: on a virtual clock the caller's last frame comes first."""

Listeners = Mapping["str | type[Event]", Callable[..., object]]


class Account:
    """Watches one call as an instrument and as a listener; says when the agent has been quiet for long enough.

    Args:
        file: where the account goes.
        title: its first line.
        began: Trio time of the beginning.
        length: seconds the caller has to say, if known.
        timeline: told of the channel's events too.
    """

    def __init__(self, file: TextIO, title: str, began: float, length: float | None, timeline: Timeline | None) -> None:
        self._began, self._length, self._timeline = began, length, timeline
        self._screen: Screen = open_screen(file, length)
        self._heard = 0.0
        self._speaking = 0
        self._quiet_since = math.inf if length is None else began
        self._over = False
        self._changed = trio.lowlevel.ParkingLot()
        self._line("", title, "bold")

    # ---- what it watches

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the caller arrived: so far the call has come."""
        before, self._heard = self._heard, self._heard + frame.duration
        self._screen.progress(self._heard)
        if self._length is not None and before < self._length <= self._heard + 1e-9:
            self._quiet_since = max(self._quiet_since, now)
            self._changed.unpark_all()

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """The agent speaks; its turns say so."""

    def agent_cut(self, at: float, epoch: int) -> None:
        """The agent was cut short; its receipt says so."""

    def channel_listeners(self) -> Listeners:
        """What to add to the channel."""
        told = (TurnStarted, TurnPlayed, TurnInterrupted, SpeechStarted, SpeechStopped, Dtmf, Hangup, AudioDropped, Fault, Closed)
        return dict.fromkeys(told, self._channel_event)

    def session_listeners(self) -> Listeners:
        """What to add to the session."""
        told = (InputTranscript, OutputTranscript, TextDone, ItemTruncated, SessionError)
        return dict.fromkeys(told, self._model_event)

    def _channel_event(self, event: Event) -> None:
        if self._timeline is not None:
            self._timeline.observe(event, trio.current_time())
        match event:
            case TurnStarted(item_id=item):
                self._speaking += 1
                self._line("agent", f"speaks: {item or 'audio'}", "green")
            case TurnPlayed(receipt=receipt):
                self._agent_ended()
                self._line("agent", f"has finished {receipt.item_id or 'audio'}: {_ms(receipt.heard_ms)} heard", "green")
            case TurnInterrupted(receipt=receipt):
                self._agent_ended()
                figures = f"heard {_ms(receipt.heard_ms)}, lost {_ms(receipt.lost_ms)} ({receipt.evidence})"
                self._line("agent", f"INTERRUPTED in {receipt.item_id or 'audio'}: {figures}", "bold red")
            case SpeechStarted():
                self._line("caller", "speaks, while the agent does" if self._speaking else "speaks", "cyan")
            case SpeechStopped():
                self._line("caller", "has finished", "cyan")
            case Dtmf(digit=digit):
                self._line("caller", f"presses {digit}", "cyan")
            case Hangup(error=error):
                self._line("caller", "hangs up" if error is None else f"is gone: {error}", "cyan")
            case AudioDropped(direction=direction, milliseconds=lost, reason=reason):
                self._line("", f"{direction} audio dropped ({_ms(lost)} so far): {reason}", "yellow")
            case Fault(error=error, what=what):
                self._line("", f"{what}: {error}", "yellow")
            case Closed():
                self._over = True
                self._changed.unpark_all()

    def _agent_ended(self) -> None:
        self._speaking = max(0, self._speaking - 1)
        self._quiet_since = max(self._quiet_since, trio.current_time()) if self._quiet_since != math.inf else math.inf
        self._changed.unpark_all()

    def _model_event(self, event: Event) -> None:
        match event:
            case InputTranscript(text=text):
                self._line("", f"  caller: {text}", "dim")
            case OutputTranscript(text=text) | TextDone(text=text):
                self._line("", f"  agent: {text}", "dim")
            case ItemTruncated(item_id=item, audio_ms=heard):
                self._line("model", f"knows that {_ms(heard)} of {item} were heard", "magenta")
            case SessionError(message=message):
                self._line("model", f"says: {message}", "yellow")

    # ---- what it knows

    async def agent_quiet_for(self, seconds: float) -> None:
        """Until the caller has said all there is and the agent has been quiet for so long; or until the call is over.

        Checkpoint: yes.
        """
        await trio.lowlevel.checkpoint()
        while not self._over:
            quiet = self._heard_all() and not self._speaking
            deadline = self._quiet_since + seconds + PHASE if quiet else math.inf
            if trio.current_time() >= deadline:
                return
            with trio.CancelScope(deadline=deadline):
                await self._changed.park()

    def _heard_all(self) -> bool:
        return self._length is not None and self._heard + 1e-9 >= self._length

    # ---- what it says

    def _line(self, who: str, what: str, style: str = "", at: float | None = None) -> None:
        minutes, seconds = divmod(max(0.0, (trio.current_time() if at is None else at) - self._began), 60)
        self._screen.line(f"{int(minutes):2d}:{seconds:05.2f}  {who:6s}  {what}", style)

    def end(self, channel: Channel, session: Session | None, at: float) -> None:
        """The call ended at Trio time ``at``: the counters."""
        self._line("", "the call is over", "bold", at)
        for name, value in _counters(channel.statistics(), 0.0 if session is None else session.late_audio_ms):
            self._screen.line(f"          {name:28s} {value}")

    def close(self) -> None:
        """Leave the screen as it is."""
        self._screen.close()


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms"


def _counters(counted: ChannelStatistics, late_ms: float) -> list[tuple[str, str]]:
    heard = counted.sent_ms - counted.flushed_ms
    return [
        ("caller heard", _ms(counted.received_ms)),
        ("agent made", _ms(counted.accepted_ms)),
        ("agent heard", _ms(heard)),
        ("agent lost to interruptions", f"{_ms(counted.dropped_ms + counted.flushed_ms)} in {counted.interruptions}"),
        ("came after an interruption", _ms(counted.late_ms + late_ms)),
        ("turns", str(counted.turns)),
    ]


def say_files(file: TextIO, *paths: Path | None) -> None:
    """Name the files that were left."""
    left = [path for path in paths if path is not None and path.exists()]
    for path in left:
        print(f"          wrote {path} ({path.stat().st_size / 1000:.0f} kB)", file=file)
