"""A live turn: what a full-duplex model says, which streams in real time for as long as the call lasts, silence too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio.lowlevel import enable_ki_protection

from ..audio import AudioFormat, Frame
from ..audio._live_queue import LiveQueue
from .turn import Turn, as_frame

if TYPE_CHECKING:
    from ..audio import Converter
    from .epoch import Epoch
    from .playout import Playout
    from .turn import AudioInput


class LiveTurn(Turn):
    """Accepts audio at any time, never refuses it and never waits; what is too late to be heard is dropped, and counted as such."""

    __slots__ = ("_line", "_reported")

    live = True

    def __init__(self, playout: Playout, epoch: Epoch, item_id: str | None, format: AudioFormat, converter: Converter | None) -> None:
        super().__init__(playout, epoch, item_id, format, converter)
        self._line: LiveQueue = LiveQueue(format, playout.limits.live_audio)
        self._reported = False

    async def send(self, audio: AudioInput) -> None:
        """As `send_nowait`: there is nothing to wait for. Checkpoint: yes. On cancel: nothing was accepted."""
        frame = as_frame(audio, self.format)
        await trio.lowlevel.checkpoint_if_cancelled()
        self._accept(frame)
        await trio.lowlevel.cancel_shielded_checkpoint()

    def send_nowait(self, audio: AudioInput) -> None:
        """Let audio be heard as soon as may be; past `Limits.live_audio` silence is dropped, then the oldest.

        Raises:
            TurnInterruptedError, trio.ClosedResourceError, trio.BrokenResourceError, FormatError: as for `Turn.send`.
        """
        self._accept(as_frame(audio, self.format))

    @enable_ki_protection
    def _accept(self, frame: Frame) -> None:
        if self._over or self._ended or not frame.num_samples:
            super()._accept(frame)
            return
        if not self._line.num_samples:
            self._epoch.outbox.put(self, self._line)  # it stands there until nothing of it waits
        silent, spoken = self._line.put(frame)
        self._accepted += frame.num_samples
        self._queued += frame.num_samples - silent - spoken
        self._dropped += silent + spoken
        if spoken:
            self._tell_dropped(spoken)

    def _tell_dropped(self, num_samples: int) -> None:
        first, self._reported = not self._reported, True
        if first:
            self._playout.overtaken(num_samples / self.format.rate)

    def has_passed(self, mark: int) -> bool:
        """Whether all of the first ``mark`` samples were handed over, or dropped."""
        held = self._queued - self._line.num_samples  # by the playback task, or put back after a pause: older than what waits
        return not held and self._line.front >= mark
