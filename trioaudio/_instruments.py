"""What may watch a channel without disturbing it: recorder, timeline, an app's own meter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .audio import Frame


class Instrument(Protocol):
    """Watches the audio of one channel; called synchronously on the audio path, so it must be quick and never waits.

    Whatever it raises removes it from the channel and is reported as a `Fault`; the call goes on. Times are of the
    Trio clock, in seconds.
    """

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the far party arrived at ``now``, in the channel's input format; muted audio arrives as silence."""

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """A frame, in the source's output format, was handed over; its first sample will be heard at ``start``."""

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing of this epoch is heard from ``at`` on: it was interrupted. The final word; follows within a second or two."""


class Instruments:
    """The instruments of one channel; one that raises is removed, and ``on_fault`` is told."""

    def __init__(self, instruments: Sequence[Instrument], on_fault: Callable[[Exception, Instrument], None]) -> None:
        self.watching: list[Instrument] = list(instruments)
        self._on_fault = on_fault

    def caller_heard(self, frame: Frame, now: float) -> None:
        """Tell all."""
        self._tell(lambda instrument: instrument.caller_heard(frame, now))

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """Tell all."""
        self._tell(lambda instrument: instrument.agent_sent(frame, start, epoch))

    def agent_cut(self, at: float, epoch: int) -> None:
        """Tell all."""
        self._tell(lambda instrument: instrument.agent_cut(at, epoch))

    def _tell(self, what: Callable[[Instrument], None]) -> None:
        for instrument in tuple(self.watching):
            try:
                what(instrument)
            except Exception as exc:  # noqa: BLE001 - an instrument only watches: it never breaks a call
                self.watching.remove(instrument)
                self._on_fault(exc, instrument)
