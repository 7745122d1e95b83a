"""What tools have of their session: tasks, who calls them, and somebody who tells the model what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._events import Event
from .call_context import CallContext
from .toolbox import Call

if TYPE_CHECKING:
    from .session import Session


class ToolDesk:
    """A session, as its toolbox sees it (`Desk`)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start_call(self, call: Call, title: str) -> None:
        """Run a call in a task."""
        assert self._session._start_task is not None
        self._session._start_task(call, title)

    def context_for(self, call_id: str, response_id: str | None) -> CallContext:
        """What a tool is given that wants to know who calls it."""
        session, mouth = self._session, self._session._mouth
        return CallContext(session, session.channel, session.call, session.dependencies, call_id, lambda: mouth.cut_short(response_id))

    def tell_result(self, call_id: str, output: str, failed: bool, conversation: int) -> None:
        """Let the model know of a result."""
        self._session._recovery.returned(call_id, output, failed, conversation)

    def ask_reply(self, response_id: str | None, told: bool) -> None:
        """Let the model go on after its tools, if it was told of any; an answer that hung up and said something is the goodbye already."""
        session = self._session
        session._answers.changed.unpark_all()
        if told and not (session._parting.has_begun and session._answers.has_sounded(response_id)):
            session._recovery.ask_reply()

    def emit(self, event: Event) -> None:
        """Tell those who listen."""
        self._session._dispatch.emit(event)
