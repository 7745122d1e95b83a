"""What the caller says, on its way to an OpenAI Realtime server, and what the server says of it.

The server may detect turns itself; then it takes utterances and answers them, and the gate is told when that is to be expected.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._agent import Agent
from ..._errors import FormatError
from ..._model_events import (
    InputCleared,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    ModelEvent,
    SessionError,
)
from ...audio import PCM16_24K, AudioFormat, Frame
from .._json import Message, name_or_none, number_or_none, text
from .answer import AnswerReader
from .errors import error_untrusted
from .gate import ResponseGate
from .memory import Remembered
from .writer import Writer

SHORTEST_COMMIT_MS = 100
"""The server takes no utterance that is shorter."""


class InputReader:
    """Writes the caller's audio and reads what becomes of it; ``answer`` and ``gate`` are told what it means for the model's."""

    def __init__(self, writer: Writer, answer: AnswerReader, gate: ResponseGate) -> None:
        self._writer, self._answer, self._gate = writer, answer, gate
        self._format = PCM16_24K
        self._turns, self._answered = Agent().turn_detection, True
        self._uncommitted = 0
        self._stopped: Remembered[None] = Remembered()
        self._commits = False

    def configure(self, agent: Agent, format: AudioFormat, *, answered: bool) -> None:
        """How turns are taken from now on, and in which format is heard; ``answered``: the server answers by itself."""
        self._turns, self._format, self._answered = agent.turn_detection, format, answered

    # ---- what one wants

    def append(self, frame: Frame) -> str:
        """As `OpenAIWire.append`."""
        if frame.format is not self._format and frame.format != self._format:
            raise FormatError(f"this session hears {self._format}, the frame is {frame.format}; convert it first (audio.Converter)")
        self._uncommitted += frame.num_samples
        return f'{{"type":"input_audio_buffer.append","event_id":"{self._writer.new_id()}","audio":"{frame.base64}"}}'

    def not_appended(self, frame: Frame) -> None:
        """As `OpenAIWire.not_appended`."""
        self._uncommitted -= frame.num_samples

    def commit(self) -> list[str]:
        """The caller's utterance is complete; nothing is sent of one that is too short."""
        if self._uncommitted * 1000 < SHORTEST_COMMIT_MS * self._format.rate:
            return []
        self._uncommitted = 0
        if self._turns.mode == "manual":
            self._gate.ask({}, asked=False)
        else:
            self._commits = True
        return [self._writer.message("input_audio_buffer.commit")]

    def clear(self) -> list[str]:
        """Forget what was appended since the last utterance."""
        self._uncommitted = 0
        return [self._writer.message("input_audio_buffer.clear")]

    # ---- what was received

    def speech_started(self, message: Message) -> list[ModelEvent]:
        """The server stops its answer itself, if that was agreed; what it had sent before is late already."""
        self._gate.speech_started()
        if self._turns.interrupt and self._gate.response_id is not None:
            self._answer.silence(self._gate.response_id)
        return [InputSpeechStarted(number_or_none(message, "audio_start_ms"), name_or_none(message, "item_id"))]

    def speech_stopped(self, message: Message) -> list[ModelEvent]:
        """The caller is silent; the server may answer now."""
        item_id = name_or_none(message, "item_id")
        self._stopped[item_id or ""] = None
        self._gate.speech_stopped(self._answered)
        return [InputSpeechStopped(number_or_none(message, "audio_end_ms"), item_id)]

    def committed(self, message: Message) -> list[ModelEvent]:
        """An utterance was taken: the server's own, or one that was committed here and that nobody answers by himself."""
        item_id = name_or_none(message, "item_id")
        if self._commits and item_id not in self._stopped:
            self._commits = False
            self._gate.speech_stopped(answered=False)
            self._gate.ask({}, asked=False)
        self._uncommitted = 0
        return [InputCommitted(item_id)]

    def timed_out(self, message: Message) -> list[ModelEvent]:
        """The caller said nothing for so long that the server takes the silence for an utterance (``idle_timeout_ms``)."""
        self._stopped[name_or_none(message, "item_id") or ""] = None
        self._gate.speech_stopped(self._answered)
        return []

    def cleared(self, message: Message) -> list[ModelEvent]:
        """What was appended since the last utterance is forgotten."""
        return [InputCleared()]

    def nothing_to_commit(self) -> None:
        """The server had taken the utterance itself."""
        self._commits = False

    def words(self, message: Message) -> list[ModelEvent]:
        """Some of what the caller said, in words."""
        return [InputTranscriptDelta(name_or_none(message, "item_id"), text(message, "delta", ""))]

    def all_words(self, message: Message) -> list[ModelEvent]:
        """All that the caller said, in words."""
        self._gate.nothing_expected()
        return [InputTranscript(name_or_none(message, "item_id"), text(message, "transcript", ""))]

    def not_understood(self, message: Message) -> list[ModelEvent]:
        """There are no words of what the caller said."""
        self._gate.nothing_expected()
        error = error_untrusted(message)
        return [SessionError(error.code, f"what the caller said could not be written down: {error.message}")]


INPUTS: dict[str, Callable[[InputReader, Message], list[ModelEvent]]] = {
    "input_audio_buffer.speech_started": InputReader.speech_started,
    "input_audio_buffer.speech_stopped": InputReader.speech_stopped,
    "input_audio_buffer.committed": InputReader.committed,
    "input_audio_buffer.cleared": InputReader.cleared,
    "input_audio_buffer.timeout_triggered": InputReader.timed_out,
    "conversation.item.input_audio_transcription.delta": InputReader.words,
    "conversation.item.input_audio_transcription.completed": InputReader.all_words,
    "conversation.item.input_audio_transcription.failed": InputReader.not_understood,
}
"""The events that are read here, by their names."""
