"""The caller's audio that another connection would have to hear: of a gap, and of an utterance that nobody has understood yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .._model_events import AudioDelta, InputCommitted, InputSpeechStarted, InputTranscript, ModelEvent
from ..audio import Frame

PREROLL = 1.0
"""What is always kept, in seconds: a model says that somebody speaks when they have for a while."""
UNTOLD = 5.0
"""What is kept for a model that never says it."""


@dataclass(slots=True)
class _Mark:
    """Where an utterance begins that has not been understood."""

    item_id: str | None
    number: int
    committed: bool = False
    end: int = 0


class CallerAudio:
    """Keeps frames, which are numbered in the order in which they came in.

    Args:
        bound: the most that is kept, in seconds; past that the oldest goes.
        manual: utterances have no beginning that a model would tell of; what has not been answered is one.
    """

    def __init__(self, bound: float, *, manual: bool = False) -> None:
        self._bound, self._manual = bound, manual
        self._frames: deque[Frame] = deque()
        self._first = self._taken = 0  # numbers: of the oldest frame; of the oldest that no model has taken
        self._settled = 0  # of the oldest after the utterances that need not be heard again
        self._kept = self._untaken = 0.0
        self._marks: deque[_Mark] = deque()
        self._tells = manual  # the model tells when somebody speaks
        self._answer: str | None = None  # the item of the agent that sounded last
        self._mark_manual()
        self.dropped_ms = 0.0
        """What no model has heard, nor will."""

    @property
    def _next(self) -> int:
        return self._first + len(self._frames)

    @property
    def waiting(self) -> bool:
        """Whether there is audio that no model has taken."""
        return self._taken < self._next

    @property
    def committed(self) -> bool:
        """Whether there is an utterance that is complete, and of which nobody knows the words."""
        return any(mark.committed for mark in self._marks)

    def keep(self, frame: Frame, *, taken: bool) -> None:
        """Another frame; ``taken``: by the model, and all before it."""
        self._frames.append(frame)
        self._kept += frame.duration
        self._untaken += frame.duration
        if taken:
            self.take_all()
        else:
            self._trim()

    def take_all(self) -> None:
        """Everything has been taken."""
        self._taken, self._untaken = self._next, 0.0
        self._trim()

    def frame(self, number: int) -> tuple[int, Frame] | None:
        """The frame of this number, or the oldest after it that is still there, with its number; None: all have been seen."""
        number = max(number, self._first)
        return (number, self._frames[number - self._first]) if number < self._next else None

    @property
    def beginning(self) -> int:
        """The number from which on another connection has to hear: what others have understood is settled, half an utterance is not."""
        return max(self._first, self._settled)

    # ---- what the model says of it

    def observe(self, event: ModelEvent) -> None:
        """What the model says."""
        match event:
            case AudioDelta(item_id=item_id):
                self.answered(begins=item_id != self._answer)
                self._answer = item_id
            case InputSpeechStarted(item_id=item_id):
                self.speech_started(item_id)
            case InputCommitted(item_id=item_id):
                self.utterance_complete(item_id)
            case InputTranscript(item_id=item_id):
                self.understood(item_id)
            case _:
                pass

    def speech_started(self, item_id: str | None) -> None:
        """Somebody has begun to speak, perhaps a moment ago."""
        self._tells = True
        if not self._manual:
            self._marks.append(_Mark(item_id, self.beginning if not self._marks else self._next))

    def utterance_complete(self, item_id: str | None) -> None:
        """What was said is an item of the conversation."""
        self._tells = True
        if not self._marks:
            self._marks.append(_Mark(item_id, self.beginning))
        self._marks[-1].committed, self._marks[-1].end = True, self._next

    def understood(self, item_id: str | None) -> None:
        """The words are known of the utterance with this name, or else of all that are complete."""
        known = next((i for i, mark in enumerate(self._marks) if item_id is not None and mark.item_id == item_id), None)
        self._forget(known + 1 if known is not None else sum(mark.committed for mark in self._marks))
        self._settle_untold()

    def answered(self, *, begins: bool) -> None:
        """There is an answer to what is complete; ``begins``: it is the first of it."""
        self._forget(sum(mark.committed for mark in self._marks))
        if begins:
            self._settle_untold()

    def _settle_untold(self) -> None:
        """A model that never says when somebody speaks has understood all that it has taken."""
        if not self._tells:
            self._settled = self._taken

    def _forget(self, marks: int) -> None:
        for _ in range(marks):
            self._settled = max(self._settled, min(self._marks.popleft().end, self._taken))
        self._mark_manual()
        self._trim()

    def _mark_manual(self) -> None:
        if self._manual and not self._marks:
            self._marks.append(_Mark(None, self._next))

    def _trim(self) -> None:
        """Keep what may be needed, and no more than the bound."""
        preroll = PREROLL if self._tells else UNTOLD
        needed = min(self._marks[0].number if self._marks else self._next, self._taken)
        while self._frames:
            number, oldest = self._first, self._frames[0]
            over = self._kept > self._bound
            if not over and not (number < needed and self._kept - self._untaken - oldest.duration >= preroll):
                return
            if number >= self._taken:
                self.dropped_ms += oldest.duration * 1000
                self._taken, self._untaken = number + 1, self._untaken - oldest.duration
            self._frames.popleft()
            self._first += 1
            self._kept = self._kept - oldest.duration if self._frames else 0.0
