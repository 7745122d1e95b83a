"""The model's audio on its way to the channel: which item is which turn, and which of them must not be said any more."""

from __future__ import annotations

import trio

from .._channel import Channel
from .._errors import TurnInterruptedError
from .._model_events import AudioDelta
from .._outbound.turn import Turn
from ..audio import AudioFormat, Frame

REMEMBERED = 64
"""Items and responses remembered; late audio of older ones would have to be minutes late."""


class Mouth:
    """Says what a model sends, item by item; never waits (law 6).

    Audio of items and responses that were interrupted goes nowhere and is counted (law 4).

    Args:
        channel: where it is said.
        format: what the model sends.
    """

    def __init__(self, channel: Channel, format: AudioFormat) -> None:
        self._channel, self._format = channel, format
        self._turns: dict[str, Turn] = {}
        self._response_of: dict[str, str] = {}  # of items that have a turn
        self._silenced: dict[str | None, None] = {}  # items and responses, the newest last
        self._protected: str | None = None  # the response that is being made, if it must not be interrupted
        self._protected_turns: list[Turn] = []  # begun in such a response
        self._settled = trio.lowlevel.ParkingLot()
        self.late_ms = 0.0
        """Audio that came too late to be said."""

    def say(self, delta: AudioDelta) -> None:
        """Queue a piece of an item.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: the channel is closed, or its far party is gone.
        """
        turn = self._turns.get(delta.item_id)
        silenced = delta.item_id in self._silenced or delta.response_id in self._silenced
        if silenced or (turn is not None and turn.interrupted):
            self._count_late(delta.frame)
            return
        if turn is None or turn.ended:
            turn = self._begin(delta.item_id, live=delta.live)
            if delta.response_id is not None:
                self._response_of[delta.item_id] = delta.response_id
            if self._protected is not None and delta.response_id in (None, self._protected):
                self._protected_turns.append(turn)
        try:
            turn.send_nowait(delta.frame)
        except TurnInterruptedError:
            self._count_late(delta.frame)
        except trio.WouldBlock:
            pass  # past max_turn: the channel has counted and reported it

    def _begin(self, item_id: str, *, live: bool) -> Turn:
        self._turns = {name: turn for name, turn in self._turns.items() if turn.interrupted or not _is_played(turn)}
        while len(self._turns) >= REMEMBERED:
            del self._turns[next(iter(self._turns))]
        self._response_of = {item: response for item, response in self._response_of.items() if item in self._turns}
        turn = self._turns[item_id] = self._channel.turn(item_id, format=self._format, live=live)
        return turn

    def _count_late(self, frame: Frame) -> None:
        self.late_ms += frame.duration * 1000

    def end(self, item_id: str) -> None:
        """All audio of an item has come."""
        if turn := self._turns.get(item_id):
            turn.end()

    def lost(self) -> None:
        """Whoever speaks is gone: what has come plays on to its end, and names mean something else from now on."""
        self.end_all()
        self._turns, self._response_of, self._silenced = {}, {}, {}
        self._protected = None
        self._settled.unpark_all()

    def end_all(self) -> None:
        """No audio of any item will come: what has come plays on to its end."""
        for turn in self._turns.values():
            turn.end()

    async def wait_settled(self) -> None:
        """Wait until it is known of every interrupted item what was heard of it. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while any(turn.interrupted for turn in self._turns.values()):
            await self._settled.park()

    @property
    def protected(self) -> bool:
        """Whether something is being made or heard that must not be interrupted."""
        self._protected_turns = [turn for turn in self._protected_turns if not turn.interrupted and turn.receipt.lost]
        return self._protected is not None or bool(self._protected_turns)

    def begin_response(self, response_id: str, *, protected: bool) -> None:
        """What is said from now on belongs to this response; ``protected``: it must not be interrupted until it has been heard."""
        self._protected = response_id if protected else None

    def end_response(self, response_id: str) -> None:
        """All of a response has come."""
        if self._protected == response_id:
            self._protected = None

    def cut_short(self, response_id: str | None) -> bool:
        """Whether something of this response was interrupted."""
        of_it = [turn for item, turn in self._turns.items() if self._response_of.get(item) == response_id]
        return response_id in self._silenced or (response_id is not None and any(turn.interrupted for turn in of_it))

    def silence_response(self, response_id: str) -> None:
        """Let nothing more of this response be said."""
        self._silence(response_id)

    def response_of(self, item_id: str | None) -> str | None:
        """The response to which an item belongs that is being said; None if nobody has said."""
        return None if item_id is None else self._response_of.get(item_id)

    def interrupted(self, item_id: str | None) -> bool:
        """An item was interrupted: let nothing more of it be said. Whether it was ours, and not known to be interrupted yet."""
        if item_id is None or self._turns.pop(item_id, None) is None:
            return False
        self._settled.unpark_all()
        self._silence(item_id)
        if (response_id := self._response_of.pop(item_id, None)) is not None:
            self._silence(response_id)
        return True

    def _silence(self, name: str) -> None:
        self._silenced[name] = None
        if len(self._silenced) > REMEMBERED:
            del self._silenced[next(iter(self._silenced))]


def _is_played(turn: Turn) -> bool:
    return turn.ended and not turn.receipt.lost
