"""An epoch: everything a channel accepts between two interruptions; telephony calls its number the generation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import trio

from .audio import Frame
from .audio._playhead import Playhead

if TYPE_CHECKING:
    from ._turn import Turn

Held: TypeAlias = "tuple[Turn, Frame | None]"
"""Audio of a turn on its way out; None stands for what the turn's converter still holds back."""


class Epoch:
    """One outbound memory channel, one cancel scope around its playback, one playhead.

    The memory channel is unbounded for Trio; its bound is in seconds of audio, and `Playout` counts them (law 5). A frame
    taken from it and not yet handed over is *held*: still queued.
    """

    __slots__ = ("base", "frames_receive", "frames_send", "held", "must_clear", "number", "over", "playhead", "scope")

    def __init__(self, number: int, playhead: Playhead) -> None:
        self.number: int = number
        self.frames_send: trio.MemorySendChannel[Held]
        self.frames_receive: trio.MemoryReceiveChannel[Held]
        self.frames_send, self.frames_receive = trio.open_memory_channel[Held](math.inf)
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
        self.frames_receive.close()
        self.frames_send.close()
