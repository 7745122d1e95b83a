"""Who spoke when, of a model that does not say: a full-duplex model's stream, told in the vocabulary of all models.

What the agent says is found by energy: an utterance is an answer of its own. Words come without beginnings and ends; those
of one side belong together until it has been silent for 0.8 s, and no more words have come for as long.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Literal

from .._model_events import (
    AudioDelta,
    AudioDone,
    InputTranscript,
    InputTranscriptDelta,
    ModelEvent,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
)
from ..audio import AudioFormat, Frame
from ..audio._utterances import PAUSE, Stretch, Utterances


class Words:
    """Pieces of what one side says, until nothing more has come for a while."""

    def __init__(self) -> None:
        self.item_id: str | None = None
        self._pieces: list[str] = []
        self._since = -math.inf

    @property
    def complete_at(self) -> float:
        """When they are taken for complete, if no more come; ``inf`` while there are none."""
        return self._since + PAUSE if self._pieces else math.inf

    def add(self, text: str, item_id: str | None, now: float) -> None:
        """One more piece."""
        if not self._pieces:
            self.item_id = item_id
        self._pieces.append(text)
        self._since = now

    def take(self) -> str:
        """All of them; the next ones begin anew."""
        text, self._pieces = "".join(self._pieces).strip(), []
        return text


class InferredTurns:
    """Takes what a full-duplex model sends, and what it is sent; gives the events that a model with turns would have sent.

    Args:
        input_format, output_format: what the model hears and says.
    """

    def __init__(self, input_format: AudioFormat, output_format: AudioFormat) -> None:
        self._caller, self._agent = Utterances(input_format), Utterances(output_format)
        self._caller_words, self._agent_words = Words(), Words()
        self._numbers = itertools.count(1)
        self._item = "utterance-0"
        self._open = False  # an answer has begun, and not ended
        self._quiet_since = -math.inf  # the caller

    @property
    def due(self) -> float:
        """When `pass_time` has something to tell."""
        agent = math.inf if self._open else self._agent_words.complete_at
        caller = math.inf if self._caller.speaking else self._caller_words.complete_at
        return min(agent, caller)

    def hear(self, frame: Frame) -> None:
        """What the caller says, or silence."""
        self._caller.push(frame)

    def take(self, event: ModelEvent, now: float) -> Iterator[ModelEvent]:
        """What the model sends."""
        match event:
            case AudioDelta(frame=frame):
                for stretch in self._agent.push(frame):
                    yield from self._said(stretch)
            case OutputTranscriptDelta(text=text):
                self._agent_words.add(text, self._item, now)
                yield OutputTranscriptDelta(self._item, text)
            case InputTranscriptDelta(text=text):
                self._caller_words.add(text, None, now)
                yield event
            case _:
                yield event
        yield from self.pass_time(now)

    def _said(self, stretch: Stretch) -> Iterator[ModelEvent]:
        if stretch.begins:
            self._item, self._open = f"utterance-{next(self._numbers)}", True
            yield ResponseCreated(self._item)
        if self._open:
            yield AudioDelta(self._item, stretch.frame, self._item, live=True)
            if stretch.ends:
                yield from self.end("completed")

    def end(self, status: Literal["completed", "cancelled"]) -> Iterator[ModelEvent]:
        """The agent's utterance is over, or nobody wants to hear the rest of it."""
        if self._open:
            self._open = False
            yield AudioDone(self._item)
            yield from self._agent_said()
            yield ResponseDone(self._item, status)

    def pass_time(self, now: float) -> Iterator[ModelEvent]:
        """Tell of words to which no more will come."""
        if not self._caller.speaking and now >= self._caller_words.complete_at:
            yield from self._caller_said()
        if not self._open and now >= self._agent_words.complete_at:
            yield from self._agent_said()

    def finish(self) -> Iterator[ModelEvent]:
        """Nothing more will come."""
        yield from self._caller_said()
        yield from self.end("completed")
        yield from self._agent_said()

    def _caller_said(self) -> Iterator[ModelEvent]:
        if text := self._caller_words.take():
            yield InputTranscript(None, text)

    def _agent_said(self) -> Iterator[ModelEvent]:
        item_id = self._agent_words.item_id or self._item
        if text := self._agent_words.take():
            yield OutputTranscript(item_id, text)
