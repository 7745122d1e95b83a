"""When the caller speaks and what they say, as the agent tells it: scores of speech, guesses of words, words."""

from __future__ import annotations

from ..._model_events import InputCommitted, InputSpeechStarted, InputSpeechStopped, InputTranscript, InputTranscriptDelta, ModelEvent
from .._json import Message, number_or_none, part, text

SPEAKING, SILENT = 0.6, 0.4
"""A ``vad_score`` above the one is speech, below the other none."""


class CallerTurns:
    """The caller's utterances; ``transcribe``: whether their words are wanted."""

    def __init__(self) -> None:
        self.transcribe: bool = True
        self._speaking = False
        self._utterances, self._tentative = 1, ""

    def started(self) -> list[ModelEvent]:
        """The caller speaks: news, or not."""
        started, self._speaking = not self._speaking, True
        return [InputSpeechStarted(item_id=self._item)] if started else []

    def stopped(self) -> list[ModelEvent]:
        """The caller is silent: news, or not."""
        stopped, self._speaking = self._speaking, False
        return [InputSpeechStopped(item_id=self._item)] if stopped else []

    def vad_score(self, message: Message, *, over_agent: bool) -> list[ModelEvent]:
        """How likely it is that somebody speaks; while the agent does, only an interruption says so."""
        score = number_or_none(part(message, "vad_score_event"), "vad_score")
        if score is not None and score < SILENT:
            return self.stopped()
        return self.started() if score is not None and score > SPEAKING and not over_agent else []

    def tentative_words(self, message: Message, *, over_agent: bool) -> list[ModelEvent]:
        """A guess that replaces the one before; what it only adds is news."""
        event = part(message, "tentative_user_transcription_event") or part(message, "tentative_user_transcript_event")
        said = text(event, "user_transcript", "")
        started = self.started() if said.strip() and not over_agent else []
        more = said.removeprefix(self._tentative) if said.startswith(self._tentative) else ""
        self._tentative = said
        return [*started, *([InputTranscriptDelta(self._item, more)] if more and self.transcribe else [])]

    def all_words(self, message: Message) -> list[ModelEvent]:
        """The utterance is complete; these were its words."""
        said = text(part(message, "user_transcription_event"), "user_transcript", "").strip()
        item, self._tentative = self._item, ""
        stopped = self.stopped()
        self._utterances += 1
        words = [InputTranscript(item, said)] if self.transcribe else []
        return [*stopped, InputCommitted(item), *words]

    @property
    def _item(self) -> str:
        return f"user-{self._utterances}"
