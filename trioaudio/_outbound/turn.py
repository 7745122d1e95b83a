"""A turn: one utterance being played out, and the ledger of its samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import trio
from trio.lowlevel import enable_ki_protection

from .._errors import FormatError, TurnInterruptedError
from .._receipts import Evidence, Ledger, TurnReceipt
from ..audio import AudioFormat, Frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from ..audio import Converter
    from .epoch import Epoch
    from .playout import Playout

    AudioInput: TypeAlias = "Frame | bytes | bytearray | memoryview | str | npt.NDArray[np.int16]"


def as_frame(audio: AudioInput, format: AudioFormat) -> Frame:
    """Audio in any of the accepted forms as a frame: base64 ``str``, ``bytes``, int16 ``ndarray`` (all in ``format``) or `Frame`.

    Raises:
        FormatError: a `Frame` in another format, bytes that are no whole number of samples, or something else altogether.
    """
    if isinstance(audio, Frame):
        if audio.format is not format and audio.format != format:
            raise FormatError(
                f"the frame is {audio.format}, the turn is {format}; open the turn with format={audio.format!s} or convert the frame"
            )
        return audio
    if isinstance(audio, str):
        return Frame.from_base64(audio, format)
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return Frame(bytes(audio), format)
    if not hasattr(audio, "dtype"):
        raise FormatError(f"a {type(audio).__name__} is no audio; give base64 text, bytes, an int16 array or a Frame")
    return Frame.from_samples(audio, format)


class Turn:
    """One utterance being played out; made by `Channel.turn`.

    As a ``with`` block its scope is cancelled by an interruption, so a producer that waits for speech synthesis stops too,
    and the block ends there, quietly. Leaving the block ends the turn: no more is accepted, and what was accepted plays on.
    """

    __slots__ = (
        "_accepted",
        "_again",
        "_again_own",
        "_awaited",
        "_chunk",
        "_closed_by",
        "_converter",
        "_dropped",
        "_ended",
        "_epoch",
        "_exact",
        "_first",
        "_flushed",
        "_guessed",
        "_late",
        "_max_queued",
        "_over",
        "_playout",
        "_queued",
        "_refused",
        "_scope",
        "_sent",
        "_started",
        "_told",
        "_wire",
        "_wire_sent",
        "format",
        "item_id",
    )  # as in `Playout`

    live: bool = False
    """Whether it is fed in real time and drops what is late; see `Channel.turn`."""

    def __init__(self, playout: Playout, epoch: Epoch, item_id: str | None, format: AudioFormat, converter: Converter | None) -> None:
        self._playout, self._epoch, self._converter = playout, epoch, converter
        self.item_id: str | None = item_id
        self.format: AudioFormat = format
        """Of the audio it is given, and of the samples its ledger and receipts count."""
        self._accepted = self._queued = self._sent = self._dropped = self._flushed = self._late = self._refused = 0
        self._chunk = playout.chunk_samples(format)
        self._max_queued = playout.limits.max_turn * format.rate
        self._wire: Frame | None = None  # held and converted, not handed over: a converter must not see a frame twice
        self._again = self._again_own = 0  # converted, and to be handed over again after a pause: samples of the far end and own ones
        self._first: int | None = None  # position in the epoch's playhead of its first sample
        self._wire_sent = 0
        self._awaited = math.inf  # samples at whose hand-over somebody wants to be woken
        self._started = self._ended = self._over = self._exact = False
        self._guessed = False  # what was heard when it was paused is only reckoned
        self._told = False  # its end has been told of: what was heard of it is a fact, whatever is reported later
        self._closed_by: Callable[[], Exception] | None = None
        self._scope = trio.CancelScope()

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short."""
        return self._over

    @property
    def ended(self) -> bool:
        """Whether it accepts no more."""
        return self._ended or self._over

    @property
    def ledger(self) -> Ledger:
        """What became of its samples so far."""
        return Ledger(self._accepted, self._queued, self._sent, self._dropped, self._heard(), self._flushed, self._late)

    @property
    def receipt(self) -> TurnReceipt:
        """What was heard of it so far; final once it is over or played."""
        heard = self._heard()
        evidence: Evidence = "exact" if self._exact or self._playout.positions.is_exact(self) else "estimated"
        return TurnReceipt(self.item_id, heard, self._accepted - heard, evidence, self.format.rate)

    def _heard(self) -> int:
        if self._over or self._told or self._first is None:
            return self._sent - self._flushed
        return self._heard_of(self._epoch.playhead.heard(trio.current_time()))

    def _heard_of(self, position: int) -> int:
        """Own samples heard when the playhead of the epoch is at ``position``."""
        wire = min(max(position - (self._first or 0), 0), self._wire_sent)
        if wire == self._wire_sent:
            return self._sent
        return min(self._sent, wire * self.format.rate // self._playout.format.rate)

    def _take_again(self, num_samples: int) -> int:
        """Own samples in the next ``num_samples`` that were converted before a pause, and are handed over after it."""
        own = self._again_own * num_samples // self._again
        self._again -= num_samples
        self._again_own -= own
        return own

    def _to_wire(self, frame: Frame) -> Frame:
        """A piece that was taken, in the far end's format."""
        return frame if self._converter is None or self._again else self._converter.convert(frame)

    def _position_of(self, mark: int) -> int:
        """The playhead's position when the first ``mark`` samples have been heard; all of them must have been sent."""
        wire = -(-mark * self._playout.format.rate // self.format.rate)
        return (self._first or 0) + min(wire, self._wire_sent)

    def _shut(self) -> None:
        """Cut it short: what is queued is lost."""
        self._over = True
        self._dropped += self._queued
        self._queued = self._again = self._again_own = 0
        self._wire = None
        self._scope.cancel("the turn was interrupted")

    @property
    def _settled(self) -> bool:
        return self._over or (self._ended and not self._queued and self._heard() == self._sent)

    async def send(self, audio: AudioInput) -> None:
        """Queue audio to be heard; waits while more than the bound is waiting already.

        Args:
            audio: a `Frame`, or base64 ``str``, ``bytes`` or int16 ``ndarray`` in the turn's format; empty audio is ignored.

        Checkpoint: yes. On cancel: all of it was accepted, or nothing.

        Raises:
            TurnInterruptedError: the turn was interrupted, now or while waiting.
            trio.ClosedResourceError: the turn has ended, or the channel was closed.
            trio.BrokenResourceError: the far party hung up, or its connection broke.
            FormatError: the audio is not in the turn's format.
        """
        frame = as_frame(audio, self.format)
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self.ended and not self._playout.room.is_left():
            await self._playout.room.wait()
        try:
            if self._over:
                await trio.lowlevel.checkpoint_if_cancelled()  # woken by the interruption in the turn's own block: it ends quietly
            self._accept(frame)
        finally:
            self._playout.room.pass_baton()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def send_nowait(self, audio: AudioInput) -> None:
        """Queue audio to be heard, for a reader that must never wait; bounded by `Limits.max_turn`.

        Raises:
            trio.WouldBlock: ``max_turn`` is full: this audio was refused, counted, and reported once as `AudioDropped`.
            TurnInterruptedError, trio.ClosedResourceError, trio.BrokenResourceError, FormatError: as for `send`.
        """
        frame = as_frame(audio, self.format)
        if not self.ended and self._queued + frame.num_samples > self._max_queued:
            self._refuse(frame)
        self._accept(frame)

    def _refuse(self, frame: Frame) -> None:
        first, self._refused = not self._refused, self._refused + frame.num_samples
        self._playout.refused(frame.duration, report=first)
        raise trio.WouldBlock(f"{self._playout.limits.max_turn} s of this turn are waiting already (Limits.max_turn)")

    @enable_ki_protection
    def _accept(self, frame: Frame) -> None:
        if self._over or self._ended:
            self._late += frame.num_samples
            self._playout.late(frame.duration)
            raise self._why_not()
        if num_samples := frame.num_samples:
            self._accepted += num_samples
            self._queued += num_samples
            self._epoch.outbox.put(self, frame)

    def _why_not(self) -> Exception:
        if self._closed_by is not None:
            return self._closed_by()
        if self._over:
            return TurnInterruptedError(f"the turn {self.item_id or '(implicit)'} was interrupted; begin a new one")
        return trio.ClosedResourceError(f"the turn {self.item_id or '(implicit)'} has ended; begin a new one")

    def end(self) -> None:
        """Accept no more; what was accepted plays on. Ending twice is the same as once."""
        if not self.ended:
            self._ended = True
            self._playout.turn_ended(self, self._epoch)

    async def wait_played(self) -> TurnReceipt:
        """Wait until all audio accepted before this call has been heard or lost; the receipt says which.

        Ends on an interruption, a hang-up and a close too, and never waits for the turn to end.

        Checkpoint: yes.
        """
        await self._playout.positions.wait_played([self])
        return self.receipt

    def __enter__(self) -> Turn:
        self._scope.__enter__()
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> bool | None:
        self.end()
        return self._scope.__exit__(exc_type, exc, traceback)  # interrupted: the block ends here, quietly

    def __repr__(self) -> str:
        return f"<Turn {self.item_id!r} {self.ledger}>"
