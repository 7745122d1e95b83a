"""What may watch a channel without disturbing it: recorder, timeline, an app's own meter."""

from __future__ import annotations

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
