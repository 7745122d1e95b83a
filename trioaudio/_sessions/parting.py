"""How a session ends from inside: a goodbye, the caller handed over, or no model any more; each once all has been heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._errors import ModelUnavailable
from .._limits import Timeouts
from .hold import Hold
from .session_end import SessionEnd

if TYPE_CHECKING:
    from .session import Session


class Parting:
    """The last that is heard in a session.

    Args:
        session: what ends.
        hold: what is heard when there will be no model.
        timeouts: `Timeouts.hang_up` counts here.
    """

    def __init__(self, session: Session, hold: Hold, timeouts: Timeouts) -> None:
        self._session, self._channel, self._hold, self._timeouts = session, session.channel, hold, timeouts
        self._leaving = trio.Event()
        self._without_model = False

    @property
    def has_begun(self) -> bool:
        """Whether the agent says goodbye, or has."""
        return self._leaving.is_set()

    def begin(self) -> None:
        """From now on the caller is not listened to, and can interrupt nothing."""
        self._leaving.set()
        self._session._referee.policy.spare()

    async def run(self) -> None:
        """Hang up once it has begun, and all that belongs to the goodbye has been heard."""
        await self._leaving.wait()
        with trio.move_on_after(self._timeouts.hang_up):
            await self._wait_goodbye()
        if self._channel._reason is None:  # else the far party was quicker, and `Caller.hear` says so
            self._end(SessionEnd("hung_up"))

    async def _wait_goodbye(self) -> None:
        toolbox, answers = self._session._toolbox, self._session._answers
        while not (toolbox.idle and answers.idle):
            await answers.changed.park()
        await self._channel.wait_heard()

    async def transfer(self, target: str) -> None:
        """Hand the caller over once what is being said has been heard. Checkpoint: yes. Errors as for `Channel.transfer`."""
        with trio.move_on_after(self._timeouts.hang_up):
            await self._session.wait_spoken()
        await self._channel.transfer(target)
        self._end(SessionEnd("transferred"))

    async def without_model(self, error: ModelUnavailable) -> None:
        """The model will not be back: say so, and do what the agent is to do then. Whoever comes second finds it being done."""
        if self._without_model:
            await trio.sleep_forever()
        self._without_model = True
        then = self._session.agent.reconnect.then
        await self._hold.part(trio.current_time() + self._timeouts.hang_up)
        self._end(SessionEnd("model", error), leave=then == "leave")

    def _end(self, end: SessionEnd, *, leave: bool = False) -> None:
        self._session._finish(end)
        if not leave:
            self._channel.close()
