"""An epoch: everything a channel accepts between two interruptions; telephony calls its number the generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from ..audio._playhead import Playhead
from .outbox import Held, Outbox

if TYPE_CHECKING:
    from ..audio import Frame
    from .pause import Suspension
    from .turn import Turn


class Epoch:
    """One outbox, one cancel scope around its playback, one playhead.

    Audio taken from the outbox and not yet handed over is *held*: still queued. What was handed over and may be unheard is *kept*,
    if the far end can be made to forget it: a pause takes it back.
    """

    __slots__ = ("base", "closing", "held", "kept", "must_clear", "number", "outbox", "over", "playhead", "scope", "suspension")

    def __init__(self, number: int, outbox: Outbox, playhead: Playhead, kept: list[tuple[int, Turn, Frame]] | None) -> None:
        self.number: int = number
        self.outbox: Outbox = outbox
        self.held: Held | None = None
        self.scope: trio.CancelScope = trio.CancelScope()
        self.over: bool = False  # interrupted: the door is shut
        self.must_clear: bool = False  # over, and something of it may still sound at the far end
        self.closing: Frame | None = None  # over, and this is still to be handed over: it counts as sent
        self.playhead: Playhead = playhead
        self.base: int | None = None  # samples handed over since the last clear, before the first of this epoch
        self.kept: list[tuple[int, Turn, Frame]] | None = kept  # with the playhead's position at the end of each
        self.suspension: Suspension | None = None  # not to be played before it is decided

    def put_back(self) -> None:
        """What was taken, and perhaps converted, waits again, before everything else."""
        if self.held is None:
            return
        (turn, frame), self.held = self.held, None
        if turn._wire is not None:
            turn._again += turn._wire.num_samples
            turn._again_own += 0 if frame is None else frame.num_samples
            frame, turn._wire = turn._wire, None
        self.outbox.put_back(turn, frame)

    def end(self) -> None:
        """Shut the door and wake the playback task."""
        self.over = True
        self.scope.cancel("interrupted")  # before close: a parked receiver must get Cancelled, not ClosedResourceError
        self.outbox.close()
        self.held = None
        self.kept = None  # nobody takes it back, and a turn that is over is remembered for a while

    def pass_on(self, playhead: Playhead, number: int) -> Epoch:
        """Shut the door and wake the playback task, but let what waits go on in the epoch that is returned."""
        self.over = True
        self.scope.cancel("paused")
        if playhead is not self.playhead:
            return Epoch(number, self.outbox, playhead, None if self.kept is None else [])
        following = Epoch(number, self.outbox, playhead, self.kept)
        following.base = self.base
        return following
