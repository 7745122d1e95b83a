"""What a session does when its model is lost, and when it is back: who waits for what, what was heard, and who is to speak next.

Theory of operation. With a connection go its answers, its items and its names for them. What has come of an answer is played to its
end. Requests of which nothing has been heard are made again; they wait, as all commands do, for the next connection. When that is
there, and has been told what was heard, it is asked for an answer only if the caller would wait for one: see `_Owed`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

import trio

from .._events import AudioDropped, SpeechStopped, TurnInterrupted, TurnPlayed
from .._history import HistoryItem
from .._model_events import (
    AudioDelta,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ItemDeleted,
    ModelEvent,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ToolCall,
)
from .connection import Connection
from .history import History
from .hold import Hold

if TYPE_CHECKING:
    from .session import Session

GO_ON = (
    "You were cut off in the middle of what you were saying. Go on where you stopped, without a greeting and without repeating yourself."
)
PATIENCE = 5.0
"""Seconds after which nobody waits for an answer any more that was never asked for."""


class _Owed(Enum):
    """What the caller waits for when a connection is lost."""

    NOTHING = "the agent had answered, or nobody had said anything"
    ANSWER = "the caller had finished, and nothing of an answer has been heard"
    REST = "an answer has been heard in part"


class Recovery:
    """The session, as its link sees it (`Patron`)."""

    def __init__(self, session: Session, hold: Hold, history: int) -> None:
        self._session, self._hold = session, hold
        self._history = History(history)
        self._owed = _Owed.NOTHING
        self._awaited_since = float("-inf")  # an utterance was complete then, and no answer has begun
        self._awaits = self._caller_speaks = False
        self._dropped_ms = 0.0
        self._late: dict[str, str] = {}  # results of calls of which the present connection knows nothing

    # ---- what happens

    def observe(self, event: ModelEvent) -> None:
        """What the model says."""
        history = self._history
        match event:
            case AudioDelta(item_id=item_id, frame=frame):
                history.agent_spoke(item_id, frame.num_samples)
            case OutputTranscriptDelta(item_id=item_id, text=text):
                history.agent_says(item_id, text, whole=False)
            case OutputTranscript(item_id=item_id, text=text, corrected=True):
                history.agent_was_heard_to_say(item_id, text)
            case OutputTranscript(item_id=item_id, text=text):
                history.agent_says(item_id, text, whole=True)
            case InputSpeechStarted():
                self._caller_speaks = True
            case InputSpeechStopped():
                self._caller_speaks = False
            case InputCommitted(item_id=item_id):
                history.caller_spoke(item_id)
                self._awaits, self._awaited_since, self._caller_speaks = True, trio.current_time(), False
            case InputTranscript(item_id=item_id, text=text):
                history.caller_said(item_id, text)
            case ResponseCreated():
                self._awaits = False
            case ToolCall(call_id=call_id, tool=tool, arguments=arguments):
                history.called(call_id, tool, arguments)
            case ItemDeleted(item_id=item_id):
                history.deleted(item_id)
            case _:
                pass

    def heard(self, event: TurnPlayed | TurnInterrupted) -> None:
        """So much of what the agent says was heard."""
        self._history.agent_was_heard(event.receipt.item_id, event.receipt.heard)

    def wrote(self, text: str) -> None:
        """The model was told something in text, and answers."""
        self._history.caller_wrote(text)

    # ---- as the link asks for it

    def created(self, item: HistoryItem) -> None:
        """The app has put something into the conversation."""
        self._history.add(item)

    def history(self) -> list[HistoryItem]:
        """The conversation so far, as it was heard."""
        return self._history.items()

    def quiet(self) -> bool:
        """Whether nobody speaks, and nothing is under way, as far as is known."""
        session = self._session
        awaited = self._awaits and trio.current_time() < self._awaited_since + PATIENCE
        waits = awaited or not (session._answers.idle and session._toolbox.idle and session._errands.idle)
        return not waits and not self._caller_speaks and session.channel.current_turn is None

    def lost(self, error: Exception) -> None:
        """There is no connection any more."""
        session, answers = self._session, self._session._answers
        self._owed = self._what_is_owed()
        again = answers.lost()
        self._forget_names()
        for asked in again:
            told = asked.begun and asked.words is not None  # the words are in the history
            session._errands.request(session._model.respond if told else asked.command, protected=asked.protected, words=asked.words)
        session._status("reconnecting", type(error).__name__, error)
        self._hold.begin()

    def connected(self, *, anew: bool) -> None:
        """There is another connection, which knows what went before."""
        session, link = self._session, self._session._model
        if link.outage is None and self._hold.is_on:
            self._hold.end()
        else:
            self._forget_names()  # nobody was lost: it took over in silence
        assert link.current is not None
        session._toolbox.go_on(link.current.conversation)
        session._status("connected", link.name)
        self._report_dropped()
        owed, self._owed, self._awaits = self._owed, _Owed.NOTHING, False
        if owed is _Owed.REST:
            self._request(partial(link.respond, GO_ON))
        elif owed is _Owed.ANSWER and anew and link.unheard_utterance:  # it has just heard it again
            if session.agent.turn_detection.mode == "manual":
                session.commit()
        elif owed is _Owed.ANSWER:
            self._request(link.respond)

    def _report_dropped(self) -> None:
        link = self._session._model
        if (dropped := link.dropped_ms - self._dropped_ms) > 0:
            self._dropped_ms = link.dropped_ms
            self._session.channel.emit(AudioDropped("inbound", dropped, "the model was away for too long (Limits.gap_audio)"))

    def _request(self, command: Callable[[], Awaitable[None]]) -> None:
        if "respond" in self._session._model.capabilities:
            self._session._errands.request(command)

    def _what_is_owed(self) -> _Owed:
        answers, current = self._session._answers, self._session._answers.current
        if current is None:
            return _Owed.ANSWER if self._awaits and answers.idle else _Owed.NOTHING
        if self._session._toolbox.has_calls(current) or answers.will_be_asked_again:
            return _Owed.NOTHING
        return _Owed.REST if answers.has_sounded(current) else _Owed.ANSWER

    def _forget_names(self) -> None:
        session = self._session
        session._mouth.lost()
        session._toolbox.lost()
        self._history.connection_lost()
        if self._caller_speaks:
            self._caller_speaks = False
            session._referee.tell(partial(session._referee.policy.speech_stopped, "model"))
            session.channel.emit(SpeechStopped())

    # ---- results of tools

    def returned(self, call_id: str, output: str, failed: bool, conversation: int) -> None:
        """A tool has returned: let whichever connection there is know of it, once."""
        self._history.returned(call_id, output, error=failed)

        async def tell(connection: Connection) -> None:
            if connection.conversation == conversation:
                await connection.model.send_tool_result(call_id, output, error=failed)
                return
            await trio.lowlevel.checkpoint()
            self._late[call_id] = output

        self._session._errands.tell(lambda: self._session._model.carry_out(tell))

    def ask_reply(self) -> None:
        """Let the model go on after its tools; one that does not know of the calls is told in words."""

        async def reply(connection: Connection) -> None:
            late = {call_id: output for call_id, output in self._late.items() if call_id not in connection.told}
            model, words = connection.model, "; ".join(late.values())
            if late and "text" in model.capabilities:
                await model.send_text(f"What you looked up before has come back: {words}")
            elif late:
                await model.respond(f"What you looked up before has come back: {words}")
            else:
                await model.respond()
            self._late.clear()

        self._session._errands.request(lambda: self._session._model.carry_out(reply))
