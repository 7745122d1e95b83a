"""An epoch: everything a channel accepts between two interruptions; telephony calls its number the generation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from .audio import Frame
from .audio._playhead import Playhead

if TYPE_CHECKING:
    from ._turn import Turn


class Epoch:
    """One outbound memory channel, one cancel scope around its playback, one playhead.

    The memory channel is unbounded for Trio; its bound is in seconds of audio, and `Playout` counts them (law 5). A frame
    taken from it and not yet handed over is *held*: still queued.
    """

    __slots__ = ("base", "frames_receive", "frames_send", "held", "must_clear", "number", "over", "playhead", "scope")

    def __init__(self, number: int, rate: int, lead: float) -> None:
        self.number = number
        self.frames_send, self.frames_receive = trio.open_memory_channel["tuple[Turn, Frame | None]"](math.inf)
        self.held: tuple[Turn, Frame | None] | None = None
        self.scope = trio.CancelScope()
        self.over = False  # interrupted: the door is shut
        self.must_clear = False  # over, and something of it may still sound at the far end
        self.playhead = Playhead(rate, lead, trio.current_time())
        self.base: int | None = None  # samples handed over since the last clear, before the first of this epoch

    def take_nowait(self) -> tuple[Turn, Frame | None]:
        """The frame to hand over next; it is held until `Playout` counts it as sent."""
        if self.held is None:
            self.held = self.frames_receive.receive_nowait()
        return self.held

    def end(self) -> None:
        """Shut the door and wake the playback task."""
        self.over = True
        self.scope.cancel("interrupted")  # before close: a parked receiver must get Cancelled, not ClosedResourceError
        self.frames_receive.close()
        self.frames_send.close()
