"""What a model says and what a session makes of it: state first, emit last; never waits (law 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from .._events import SpeechStarted, SpeechStopped
from .._model_events import (
    AsideDone,
    AudioDelta,
    AudioDone,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    ToolCall,
    ToolCancelled,
    Usage,
)
from .session_end import SessionEnd

if TYPE_CHECKING:
    from .session import Session


class Reader:
    """Reads a session's model for as long as the session lives."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._channel, self._answers, self._mouth = session.channel, session._answers, session._mouth
        self._referee, self._toolbox = session._referee, session._toolbox
        self._answer_begun_at = float("-inf")

    async def run(self) -> None:
        """Take one event after the other, until the model has no more."""
        while True:
            self._take(await self._session._model.receive())

    def has_begun_before(self, time: float) -> bool:
        """Whether the newest answer had begun at this time, perhaps without a sound yet."""
        return self._answer_begun_at < time

    def _take(self, event: ModelEvent) -> None:
        match event:
            case AudioDelta():
                self._answers.sounds(event.response_id or self._answers.current)
                self._speak(event)
            case AudioDone(item_id=item_id):
                self._mouth.end(item_id)
            case InputSpeechStarted():
                self._referee.tell(partial(self._referee.policy.speech_started, "model"))
                self._channel.emit(SpeechStarted())
            case InputSpeechStopped():
                self._referee.tell(partial(self._referee.policy.speech_stopped, "model"))
                self._channel.emit(SpeechStopped())
            case InputCommitted():
                self._referee.tell(self._referee.policy.evidence)
            case ResponseCreated():
                self._response_begun(event)
            case ToolCall():
                self._toolbox.take(event, self._answers.current)
            case ToolCancelled(call_id=call_id):
                self._toolbox.take_back(call_id)
            case ResponseInterrupted() | ResponseDone():
                self._response_over(event)
            case AsideDone(usage=Usage() as usage):
                self._session.usage += usage
            case InputTranscript(item_id=item_id, text=text):
                if any(map(str.isalnum, text)):
                    self._referee.tell(self._referee.policy.evidence)
                self._session._said("caller", text, item_id)
            case OutputTranscript(item_id=item_id, text=text, corrected=True):
                self._session._correct(text, item_id)
            case OutputTranscript(item_id=item_id, text=text):
                self._session._said("agent", text, item_id)
        self._session._recovery.observe(event)
        self._session._dispatch.emit(event)

    def _response_begun(self, event: ResponseCreated) -> None:
        self._answer_begun_at = trio.current_time()
        asked = self._answers.begun(event)
        self._mouth.begin_response(event.response_id, protected=asked is not None and asked.protected)
        if asked is not None and asked.words is not None:
            self._session._recovery.wrote(asked.words)
        self._toolbox.answer_begun(event.response_id)

    def _response_over(self, event: ResponseInterrupted | ResponseDone) -> None:
        if isinstance(event, ResponseDone) and event.usage is not None:
            self._session.usage += event.usage
        cancelled = isinstance(event, ResponseInterrupted) or event.status in ("cancelled", "interrupted")
        current = self._answers.current
        if event.response_id is None or event.response_id == current:
            self._answers.over(current)
            if cancelled and not self._session.protected and not self._referee.decides:  # else the session decides, not the model
                if current is not None:
                    self._mouth.silence_response(current)
                self._channel.interrupt()
        if (response_id := event.response_id or current) is not None:
            self._mouth.end_response(response_id)
            self._toolbox.answer_over(response_id)

    def _speak(self, event: AudioDelta) -> None:
        try:
            self._mouth.say(event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._session._finish(SessionEnd("channel"))
