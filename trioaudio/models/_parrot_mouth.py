"""What the parrot says: at once, or in the time that it takes to make it."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import Literal

import trio

from .._model_events import AudioDelta, ModelEvent, ResponseCreated, ResponseDone, ResponseInterrupted

REMEMBERED = 64
"""Items whose length is remembered, for `Parrot.truncate`."""
PHASE = 3e-6
"""This model's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""


class Mouth:
    """What is said and has not been received yet; of an answer that takes time to make, also what is still to come."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._said: deque[ModelEvent] = deque()
        self._to_come: deque[tuple[float, ModelEvent]] = deque()
        self._response_id = ""
        self._sent: OrderedDict[str, int] = OrderedDict()
        self._wake = trio.lowlevel.ParkingLot()
        self._closed = False

    def say(self, *events: ModelEvent) -> None:
        """Let these be received."""
        self._said.extend(events)
        self._wake.unpark_all()

    def respond(self, response_id: str, events: list[ModelEvent]) -> None:
        """Make an answer of these events, after what is being made: at once, or each `AudioDelta` in the time it takes."""
        begin, events = ResponseCreated(response_id), [*events, ResponseDone(response_id)]
        if self._speed is None:
            self.say(begin, *events)
            return
        if self._to_come:
            due, events = self._to_come[-1][0], [begin, *events]
        else:
            self._response_id, due = response_id, trio.current_time() + PHASE
            self.say(begin)
        for event in events:
            due += event.frame.duration / self._speed if isinstance(event, AudioDelta) else 0.0
            self._to_come.append((due, event))

    def stop(self, status: Literal["interrupted", "cancelled"]) -> None:
        """Make no more of the answer that is being made, if there is one."""
        self._say_what_is_due()
        if not self._to_come:
            return
        while not isinstance(self._to_come.popleft()[1], ResponseDone):
            pass
        if self._to_come:  # it was told to say more: that moves up
            early = self._to_come[0][0] - trio.current_time() - PHASE
            self._to_come = deque((due - early, event) for due, event in self._to_come)
        if status == "interrupted":
            self.say(ResponseInterrupted(self._response_id))
        self.say(ResponseDone(self._response_id, status))

    def sent(self, item_id: str) -> int | None:
        """Samples of an item that were received so far; None if there were none, or too long ago."""
        return self._sent.get(item_id)

    async def receive(self) -> ModelEvent:
        """The next event."""
        await trio.lowlevel.checkpoint()
        while (event := self._next()) is None:
            with trio.CancelScope(deadline=self._to_come[0][0] if self._to_come else math.inf):
                await self._wake.park()
        return event

    def close(self) -> None:
        """Wake whoever waits in `receive`."""
        self._closed = True
        self._wake.unpark_all()

    def _next(self) -> ModelEvent | None:
        if self._closed:
            raise trio.ClosedResourceError("this parrot's block has ended")
        self._say_what_is_due()
        event = self._said.popleft() if self._said else None
        if isinstance(event, AudioDelta):
            self._count(event)
        return event

    def _say_what_is_due(self) -> None:
        while self._to_come and self._to_come[0][0] <= trio.current_time():
            event = self._to_come.popleft()[1]
            self._response_id = event.response_id if isinstance(event, ResponseCreated) else self._response_id
            self._said.append(event)

    def _count(self, delta: AudioDelta) -> None:
        self._sent[delta.item_id] = self._sent.get(delta.item_id, 0) + delta.frame.num_samples
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
