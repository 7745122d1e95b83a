"""The caller speaks while the agent does: feeds the policy that decides who has the floor, and does what it decides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from .._events import Audio, Event, TurnStarted
from .._outbound.pause import Pause
from .barge_in_policy import BargeInPolicy
from .local_ear import LocalEar

if TYPE_CHECKING:
    from .session import Session


class Referee:
    """A `BargeInPolicy` (``policy``) at work in a session."""

    def __init__(self, session: Session) -> None:
        self._channel = session.channel
        self.policy: BargeInPolicy = BargeInPolicy(session.agent.barge_in, _Stage(session))
        self._told = trio.lowlevel.ParkingLot()

    @property
    def decides(self) -> bool:
        """Whether the session decides who interrupts, and not the model."""
        return self.policy.rules.guards

    def listeners(self) -> list[tuple[type[Event], Callable[..., object]]]:
        """What a policy must hear of, if it is to decide instead of the model."""
        if not self.decides:
            return []
        listeners: list[tuple[type[Event], Callable[..., object]]] = [(TurnStarted, lambda _: self.tell(self.policy.turn_started))]
        if self.policy.rules.listens:
            ear = LocalEar(self._channel.input_format, self.policy)
            listeners.append((Audio, lambda event: self.tell(lambda now: ear.hear(event))))
        return listeners

    def tell(self, what: Callable[[float], None]) -> None:
        """Let the policy know of something that happens now."""
        deadline = self.policy.deadline
        what(trio.current_time())
        if self.policy.deadline != deadline:
            self._told.unpark_all()

    async def keep_time(self) -> None:
        """Let the policy do in time what is due without a word from anybody."""
        while True:
            with trio.CancelScope(deadline=self.policy.deadline):
                await self._told.park()
            self.policy.pass_time(trio.current_time())


class _Stage:
    """What the agent says, as a `BargeInPolicy` sees and stops it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def heard(self) -> float | None:
        turn = self._session.channel.current_turn
        if turn is None:
            return None if self._session._answers.current is None else 0.0
        return turn.ledger.heard / turn.format.rate

    def protected(self) -> bool:
        return self._session.protected

    def stop(self) -> None:
        """A model that interrupts by itself is told only what it does not know: that of its answer nothing is to be heard."""
        interruption = self._session.channel.interrupt()
        if self._session._referee.decides or not interruption.turns:
            self._session._cancel_response()

    def pause(self) -> Pause:
        return self._session.channel.pause(resume_after=math.inf)
