"""An epoch: everything a channel accepts between two interruptions; telephony calls its number the generation."""

from __future__ import annotations

import trio

from ._outbox import Held, Outbox
from .audio._playhead import Playhead


class Epoch:
    """One outbox, one cancel scope around its playback, one playhead.

    Audio taken from the outbox and not yet handed over is *held*: still queued.
    """

    __slots__ = ("base", "held", "must_clear", "number", "outbox", "over", "playhead", "scope")

    def __init__(self, number: int, outbox: Outbox, playhead: Playhead) -> None:
        self.number: int = number
        self.outbox: Outbox = outbox
        self.held: Held | None = None
        self.scope: trio.CancelScope = trio.CancelScope()
        self.over: bool = False  # interrupted: the door is shut
        self.must_clear: bool = False  # over, and something of it may still sound at the far end
        self.playhead: Playhead = playhead
        self.base: int | None = None  # samples handed over since the last clear, before the first of this epoch

    def end(self) -> None:
        """Shut the door and wake the playback task."""
        self.over = True
        self.scope.cancel("interrupted")  # before close: a parked receiver must get Cancelled, not ClosedResourceError
        self.outbox.close()
        self.held = None
