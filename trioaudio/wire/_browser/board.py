"""What a page is shown beside audio: who says what, how the conversation fares, what became of an interruption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from ..._events import Event, Mute, Status, TurnInterrupted, TurnPlayed, TurnStarted
from ..._model_events import (
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
)
from .._json import written

Who: TypeAlias = Literal["caller", "agent"]

SHOWN: tuple[type[Event], ...] = (
    Mute,
    Status,
    TurnStarted,
    TurnPlayed,
    TurnInterrupted,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
)
"""The events of which a page is shown something."""
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "connecting": "connecting",
        "connected": "connected",
        "reconnecting": "the connection with the model was lost; it is being made again",
        "closed": "the conversation is over",
        "listening": "listening",
        "thinking": "thinking",
        "speaking": "speaking",
    }
)
"""What is said of each state: nothing of the details, which are no business of whoever is at the page."""
MOST_OPEN = 16
"""Utterances whose words come in pieces at a time."""
LONGEST = 20_000
"""Characters of an utterance that are shown."""


class Board:
    """Makes messages of events.

    Args:
        words: whether the page wants to be shown what is said.
    """

    def __init__(self, *, words: bool) -> None:
        self._words = words
        self._open: dict[tuple[Who, str], str] = {}
        self._state = ""
        self._speaking = 0

    def show(self, event: Event, turn: int) -> list[str]:
        """The messages that show an event; ``turn`` is the number of the turn that was interrupted last."""
        match event:
            case TurnInterrupted():
                return [_receipt(event, turn), *self._spoken()]
            case InputTranscriptDelta(item_id, text):
                return self._piece("caller", item_id or "", text)
            case OutputTranscriptDelta(item_id, text):
                return self._piece("agent", item_id, text)
            case InputTranscript(item_id, text):
                return self._whole("caller", item_id or "", text)
            case OutputTranscript(item_id, text):
                return self._whole("agent", item_id, text)
            case _:
                act = _ACTS.get(type(event))
                return [] if act is None else act(self, event)

    # ---- how it fares

    def _status(self, event: Event) -> list[str]:
        assert isinstance(event, Status)
        return self._enter(event.status)

    def _started(self, event: Event) -> list[str]:
        self._speaking += 1
        return self._enter("speaking")

    def _spoken(self, event: Event | None = None) -> list[str]:
        self._speaking = max(0, self._speaking - 1)
        return [] if self._speaking else self._enter("listening")

    def _hears(self, event: Event) -> list[str]:
        return [] if self._speaking else self._enter("listening")

    def _thinks(self, event: Event) -> list[str]:
        return [] if self._speaking else self._enter("thinking")

    def _answered(self, event: Event) -> list[str]:
        return self._enter("listening") if self._state == "thinking" else []

    def _enter(self, state: str) -> list[str]:
        if state == self._state or self._state == "closed":
            return []
        self._state = state
        return [written({"t": "status", "state": state, "words": WORDS[state]})]

    # ---- what is said

    def _piece(self, who: Who, id: str, text: str) -> list[str]:
        so_far = (self._open.pop((who, id), "") + text)[:LONGEST]
        self._open[who, id] = so_far
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        return self._line(who, id, so_far, final=False)

    def _whole(self, who: Who, id: str, text: str) -> list[str]:
        self._open.pop((who, id), None)
        return self._line(who, id, text[:LONGEST], final=True)

    def _line(self, who: Who, id: str, text: str, *, final: bool) -> list[str]:
        if not self._words:
            return []
        return [written({"t": "transcript", "who": who, "id": id, "text": text, "final": final})]


def _receipt(event: TurnInterrupted, turn: int) -> str:
    receipt = event.receipt
    return written(
        {
            "t": "receipt",
            "turn": turn,
            "heard_ms": round(receipt.heard_ms, 1),
            "dropped_ms": round(receipt.lost_ms, 1),
            "latency_ms": round((event.flushed_at - event.decided_at) * 1000, 1),
            "reason": "interrupted",
            "evidence": receipt.evidence,
        }
    )


_ACTS: dict[type[Event], Callable[[Board, Event], list[str]]] = {
    Status: Board._status,
    TurnStarted: Board._started,
    TurnPlayed: Board._spoken,
    InputSpeechStarted: Board._hears,
    InputSpeechStopped: Board._thinks,
    InputCommitted: Board._thinks,
    ResponseCreated: Board._thinks,
    ResponseDone: Board._answered,
}
