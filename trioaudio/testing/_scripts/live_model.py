"""A scripted model that is full-duplex: it streams in real time, silence too, for as long as it is sent audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import trio

from ... import Agent, AudioDelta, InputTranscript, InputTranscriptDelta, ModelEvent, OutputTranscriptDelta, ToolCall
from ...audio import AudioFormat, Frame
from .._stamps import Utterance
from .model import ScriptedModel

if TYPE_CHECKING:
    from .script import Script

DELTA = 0.1
"""Seconds of audio in each piece."""


class LiveScriptedModel(ScriptedModel):
    """One connection; made by calling a script that is ``live``."""

    live: bool = True

    def __init__(self, script: Script, number: int = 1) -> None:
        super().__init__(script, number)
        self._to_say: deque[tuple[Frame, str]] = deque()  # with words to be told before it
        self._unanswered = 0.0  # seconds that it was sent, and has not answered with as many

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await super().start(agent, input_format, output_format)
        self._next_at = trio.current_time()

    def emit(self, event: ModelEvent, after: float = 0.0) -> None:
        """Let an event be received; of the caller's turns it tells nothing."""
        if isinstance(event, InputTranscript):
            event = InputTranscriptDelta(None, event.text)
        if event.name not in ("speech.started", "speech.stopped", "audio.input.committed"):
            super().emit(event, after)

    def _hear(self, frame: Frame) -> None:
        super()._hear(frame)
        self._unanswered += frame.duration
        while self._unanswered >= DELTA - 1e-9:
            self._unanswered -= DELTA
            for event in self._next():
                super().emit(event)

    def _next(self) -> Iterable[ModelEvent]:
        frame, words = self._to_say.popleft() if self._to_say else (None, "")
        if words:
            yield OutputTranscriptDelta("", words)
        yield AudioDelta("", frame or Frame.silence(round(DELTA * self._output_format.rate), self._output_format))

    def _answer(self, utterance: Utterance | None, tool_calls: Iterable[ToolCall]) -> None:
        words = utterance.transcript if utterance else ""
        for frame in self._converted(utterance) if utterance else ():
            self._to_say.append((frame, words))
            words = ""
        for call in tool_calls:
            self.emit(call)
