"""What Gemini says while it answers, read into events: it has no ids and few marks, so answers, items and their ends are made out here.

Theory of operation. An answer begins with the first content after the last one was over, and moves along this table:

    idle --content--> speaking --generationComplete--> said --turnComplete--> idle
                      speaking, said --interrupted--> interrupted --turnComplete--> idle
                      speaking, said --toolCall--> idle (the turn goes on: what follows is another answer)

``turnComplete`` comes late, for the server waits for as long as it takes to hear what it said; so audio is done when it is
generated, and so are its words, for a call may be over before the turn is. What comes of an interrupted answer goes nowhere. Words arrive
as pieces in no order with the rest: they belong to the answer that is being made, or was just left for a tool, and those that come late are
told apart; words before any answer belong to the next one.

Source: Gemini Live API reference (``BidiGenerateContentServerContent``), read 2026-11.
"""

from __future__ import annotations

import itertools
from typing import Literal, TypeAlias

from ..._errors import FormatError, RemoteProtocolError
from ..._model_events import (
    AudioDelta,
    AudioDone,
    ModelEvent,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    SessionError,
    TextDelta,
    TextDone,
    Usage,
)
from ...audio import PCM16_24K, Frame
from .._json import MAX_TEXT, Message, part, parts, text
from .gate import QuestionGate

State: TypeAlias = Literal["idle", "speaking", "said", "interrupted"]

FINE_REASONS = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
"""Reasons for the end of a turn that mean that nothing is wrong."""
_AUDIO, _USUAL = "audio/pcm", "audio/pcm;rate=24000"


class AnswerReader:
    """Reads what belongs to answers; ``gate`` is told what begins and ends, and ids begin with ``prefix``."""

    def __init__(self, gate: QuestionGate, prefix: str = "") -> None:
        self.state: State = "idle"
        self.late_audio = 0
        """Pieces of audio that came too late."""
        self.skipped = 0
        """Parts of answers that are neither sound nor words."""
        self.usage: Usage | None = None
        """What the answer that is being made has cost so far."""
        self._gate, self._prefix = gate, prefix
        self._responses, self._items = itertools.count(1), itertools.count(1)
        self._response_id = self._item_id = ""
        self._received = 0
        self._sounds = self._turn_open = False
        self._words = self._early_words = self._text = ""

    @property
    def response_id(self) -> str:
        """The answer that is being made, or was made last."""
        return self._response_id

    def begin(self) -> list[ModelEvent]:
        """An answer begins, unless one is being made."""
        if self.state != "idle":
            return []
        late = self._all_words()
        self.state, self._response_id = "speaking", f"{self._prefix}resp_{next(self._responses)}"
        self._next_item()
        created = ResponseCreated(self._response_id, self._gate.begun())
        self._turn_open = True
        early, self._early_words = self._early_words, ""
        return [*late, created, *(self._more_words(early) if early else ())]

    def content(self, turn: Message) -> list[ModelEvent]:
        """A ``modelTurn``: audio, text, and what is neither."""
        return [event for each in parts(turn, "parts") for event in self._part(each)]

    def words(self, transcription: Message) -> list[ModelEvent]:
        """Some of what is said, in words."""
        words = text(transcription, "text", "")
        if self.state == "idle" and not self._turn_open:
            self._early_words = (self._early_words + words)[:MAX_TEXT]
            return []
        return self._more_words(words) if words else []

    def generated(self) -> list[ModelEvent]:
        """All of the answer has been sent."""
        if self.state != "speaking":
            return []
        self.state = "said"
        return [*self._audio_over(), *self._all_words()]

    def interrupted(self) -> list[ModelEvent]:
        """The caller spoke into the answer, or into what is still heard of the last one."""
        if self.state == "interrupted":
            return []
        if self.state == "idle":
            return [ResponseInterrupted(None)]
        self.state = "interrupted"
        return [ResponseInterrupted(self._response_id), *self._audio_over()]

    def turn_complete(self, reason: str) -> list[ModelEvent]:
        """The answer is over, and as far as the server knows it has been heard.

        A question that was answered with nothing is answered by that; the end of a turn that went on in a tool is no answer.
        """
        went_on, self._turn_open = self._turn_open, False
        if self.state == "idle":
            late = self._all_words()
            if went_on or not self._gate.expected:
                return [*late, *_complaint(reason)]
            return [*late, *self.begin(), *self._over(reason)]
        return self._over(reason)

    def called(self, calls: list[ModelEvent]) -> list[ModelEvent]:
        """The answer ends in calls of tools."""
        if self.state == "interrupted":
            return calls
        over = self._over("")
        self._turn_open = True
        return [*over[:-1], *calls, *over[-1:]]

    def _over(self, reason: str) -> list[ModelEvent]:
        interrupted = self.state == "interrupted"
        complaint = [] if interrupted else _complaint(reason)
        status: Literal["completed", "interrupted", "failed"] = "interrupted" if interrupted else "failed" if complaint else "completed"
        events = [*self._audio_over(), *self._all_text(), *self._all_words(), *complaint]
        self.state, self._turn_open = "idle", False
        self._gate.done()
        usage, self.usage = self.usage, None
        return [*events, ResponseDone(self._response_id, status, usage)]

    # ---- what it is made of

    def _part(self, each: Message) -> list[ModelEvent]:
        if "inlineData" in each:
            return self._blob(part(each, "inlineData"))
        if each.get("thought") or not isinstance(each.get("text"), str):
            self.skipped += 1
            return []
        return self._more_text(text(each, "text"))

    def _blob(self, blob: Message) -> list[ModelEvent]:
        kind = text(blob, "mimeType", "")
        if not kind.startswith(_AUDIO):
            self.skipped += 1
            return []
        if self.state == "interrupted":
            self.late_audio += 1
            return []
        begun = self.begin()
        if self.state == "said":  # that was not all, after all
            self.state = "speaking"
            self._next_item()
        frame = _frame(text(blob, "data", ""), kind, self._received)
        if not frame.num_samples:
            return begun
        self._sounds = True
        self._received += frame.num_samples
        return [*begun, AudioDelta(self._item_id, frame, self._response_id)]

    def _next_item(self) -> None:
        self._item_id, self._received, self._sounds = f"{self._prefix}item_{next(self._items)}", 0, False

    def _audio_over(self) -> list[ModelEvent]:
        sounds, self._sounds = self._sounds, False
        return [AudioDone(self._item_id)] if sounds else []

    def _more_words(self, words: str) -> list[ModelEvent]:
        self._words = (self._words + words)[:MAX_TEXT]
        return [OutputTranscriptDelta(self._item_id, words)]

    def _all_words(self) -> list[ModelEvent]:
        words, self._words = self._words.strip(), ""
        return [OutputTranscript(self._item_id, words)] if words else []

    def _more_text(self, words: str) -> list[ModelEvent]:
        if self.state == "interrupted" or not words:
            return []
        begun = self.begin()
        self._text = (self._text + words)[:MAX_TEXT]
        return [*begun, TextDelta(self._item_id, words)]

    def _all_text(self) -> list[ModelEvent]:
        words, self._text = self._text, ""
        return [TextDone(self._item_id, words)] if words else []


def _frame(data: str, kind: str, begin: int) -> Frame:
    if kind != _USUAL:
        _require_rate(kind)
    try:
        return Frame.from_base64(data, PCM16_24K, begin)
    except (FormatError, ValueError) as exc:
        raise RemoteProtocolError(f"the audio of an answer is unusable: {exc}") from None


def _require_rate(kind: str) -> None:
    """The rate that a ``mimeType`` says must be the one that is understood here; where it says none, it is."""
    rates = [value.strip() for name, _, value in (each.partition("=") for each in kind.split(";")[1:]) if name.strip().lower() == "rate"]
    if rates and rates[0] != str(PCM16_24K.rate):
        raise RemoteProtocolError(f"the server speaks {kind[:40]!r}; {PCM16_24K.rate} Hz were expected, and all else would be noise")


def _complaint(reason: str) -> list[ModelEvent]:
    if reason in FINE_REASONS:
        return []
    return [SessionError(reason[:100], f"Gemini ended its turn early: {reason[:100]}")]
