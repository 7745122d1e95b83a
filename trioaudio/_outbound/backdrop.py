"""What sounds under all that is said, and in the silence: the background of a channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trio.lowlevel import enable_ki_protection

from .._errors import CapabilityError
from ..abc import Paced
from ..audio import Frame
from ..audio._filled_playhead import FilledPlayhead

if TYPE_CHECKING:
    from ..audio._mix import Loop
    from .epoch import Epoch
    from .playout import Playout


class Backdrop:
    """The background of one `Playout`; nobody's samples, so no ledger counts them."""

    __slots__ = ("_playout", "loop")

    def __init__(self, playout: Playout) -> None:
        self._playout = playout
        self.loop: Loop | None = None

    def check(self) -> None:
        """Whether the far end can have a background.

        Raises:
            CapabilityError: it buffers.
        """
        if not isinstance(far_end := self._playout.far_end, Paced):
            raise CapabilityError(f"only a paced far end can have a background: its silence is filled in time; this is {far_end}")

    def set(self, loop: Loop | None) -> None:
        """Let this sound under all that is said, and in the silence; None: no more."""
        if loop is None and self.loop is not None:
            self.loop.end()
        playout = self._playout
        if loop is None or playout.closed_by is not None:
            return
        if self.loop is not None:
            loop.follow(self.loop)
        self.loop = loop
        if not isinstance(playout.epoch.playhead, FilledPlayhead):
            playout.epoch.playhead = FilledPlayhead(playout.epoch.playhead)
        if playout.dry is not None:
            playout.dry.deadline = -math.inf
        playout.pauses.wake()

    def filler(self) -> Frame:
        """What fills 20 ms of silence."""
        assert self.loop is not None
        return self.loop.silence(self._playout.format.frame_samples)

    @enable_ki_protection
    def filled(self, epoch: Epoch, frame: Frame, now: float) -> None:
        """Count what the source has taken to fill the silence: nobody's samples."""
        assert isinstance(epoch.playhead, FilledPlayhead)
        self._playout.begin_epoch(epoch)
        start = epoch.playhead.fill(frame.num_samples, now)
        self._playout.tell_sent(frame, start, epoch)
        if self.loop is not None and self.loop.over:
            self.loop = None

    def rewind(self, epoch: Epoch, now: float) -> None:
        """What the far end forgets of the background comes again, or it would jump."""
        if epoch.must_clear and self.loop is not None and isinstance(epoch.playhead, FilledPlayhead):
            self.loop.go_back(epoch.playhead.ahead(now))
