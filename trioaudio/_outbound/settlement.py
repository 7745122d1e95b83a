"""What `interrupt` returns at once, and how its final figure arrives later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import trio

from .._receipts import TurnReceipt

if TYPE_CHECKING:
    from .epoch import Epoch
    from .turn import Turn


class Settlement:
    """Interrupted turns that wait for the far end's word on what was heard."""

    def __init__(self, epoch: Epoch, turns: list[Turn], decided_at: float, generation: int) -> None:
        self.epoch: Epoch = epoch
        self.turns: list[Turn] = turns
        self.decided_at: float = decided_at
        self.generation: int = generation  # clears sent before the one that ends it
        self.begun: bool = False  # the clear has been sent
        self.final: bool = False  # the far end has said its last word
        self.done: trio.Event = trio.Event()

    @property
    def heard_to(self) -> int:
        """The playhead's position at which the epoch ended in the ear."""
        begun = [turn for turn in self.turns if turn._first is not None]
        heard = [turn._position_of(turn._heard()) for turn in begun if turn._heard()]
        return max(heard, default=min((turn._first or 0 for turn in begun), default=self.epoch.playhead.sent))

    def report(self, samples: int, *, final: bool) -> None:
        """The far end has heard ``samples`` of this generation; a final report is exact evidence and corrects the estimate."""
        position = self.epoch.playhead.position_at(samples - (self.epoch.base or 0))
        self.final = self.final or final
        for turn in self.turns:
            if turn._first is not None and (final or turn._heard_of(position) > turn._heard()):
                turn._flushed = turn._sent - turn._heard_of(position)
                turn._exact = turn._exact or (final and not turn._guessed)


@dataclass(frozen=True, slots=True)
class Interruption:
    """What an interruption stopped: a receipt for each turn, as known when it was decided. Falsy when nothing was unheard.

    Times are of the Trio clock, in seconds.
    """

    turns: tuple[TurnReceipt, ...] = ()
    decided_at: float = 0.0
    last_sent_at: float | None = None
    """When the last audio was handed to the source; None if none ever was."""
    _settlement: Settlement | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return any(receipt.lost for receipt in self.turns)

    async def settled(self) -> Interruption:
        """The same with the final figures, once the far end has answered the flush or its time to answer is over.

        Checkpoint: yes.
        """
        if self._settlement is None:
            await trio.lowlevel.checkpoint()
            return self
        await self._settlement.done.wait()
        return replace(self, turns=tuple(turn.receipt for turn in self._settlement.turns))
