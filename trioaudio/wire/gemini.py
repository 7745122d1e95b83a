"""The client's side of the Gemini Live protocol, without I/O: what to send, and what it means that was received.

Theory of operation. One setup, once; the session exists when the server says ``setupComplete``:

    connecting --setup()--> configuring --setupComplete--> ready

Messages have no type: what they are is said by their keys, of which one message may have several. Answers and items have no ids,
which are made here. There is no way to stop an answer, nor to say how much of it was heard: the server reckons that by itself. Whoever
asks it something while it answers cuts that answer short, so questions wait in a gate.

Where turns are manual, an utterance begins with the first audio after the last one, and ends with `GeminiWire.commit`.

Source: Gemini Live API reference (``BidiGenerateContent``) and the typed models of google-genai 3.4, read 2026-11.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._agent import Agent
from .._errors import FormatError, LocalProtocolError
from .._history import HistoryItem
from .._model_events import (
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    InputTranscriptDelta,
    ModelEvent,
    SessionCreated,
    SessionExpiring,
)
from ..audio import PCM16_16K, PCM16_24K, AudioFormat, Frame
from ._gemini.answer import AnswerReader
from ._gemini.closing import is_final
from ._gemini.gate import QuestionGate
from ._gemini.history import written_history
from ._gemini.setup import GeminiOptions as GeminiOptions
from ._gemini.setup import setup_object
from ._gemini.tools import CallBook
from ._gemini.usage import usage_untrusted
from ._json import MAX_TEXT, Message, name_or_none, object_untrusted, part, text, written

Phase: TypeAlias = Literal["connecting", "configuring", "ready"]

INPUT_FORMATS: tuple[AudioFormat, ...] = (PCM16_16K, AudioFormat("pcm16", 8_000))
"""What the model can be sent, the best one first; it hears 16 kHz, and takes what a telephone has."""
OUTPUT_FORMATS: tuple[AudioFormat, ...] = (PCM16_24K,)
"""What it speaks."""
MAX_TOKEN = 16_384
"""The longest handle of a session that is kept, in characters."""
GO_ON = "."
"""The least that can be asked: a question must have a text."""
_SECONDS = re.compile(r"(\d{1,12}(\.\d{1,12})?)s")


@dataclass(frozen=True, slots=True)
class GeminiCounts:
    """What a connection did that nobody else sees.

    ``unknown`` are messages and parts of them that are not known here; ``late_audio`` are pieces of audio of interrupted
    answers; ``needless`` are things that were asked for and not sent, because they would have changed nothing.
    """

    unknown: int
    late_audio: int
    needless: int


class GeminiWire:
    """One connection's memory.

    Args:
        model: its name.
        options: how the session is to be.
        prefix: how the ids begin that are made here; another for each connection, for one session may have several.
    """

    def __init__(self, model: str, options: GeminiOptions | None = None, prefix: str = "") -> None:
        self.model: str = model
        self.options: GeminiOptions = options or GeminiOptions()
        self.phase: Phase = "connecting"
        self.session_id: str | None = None
        self.resume_token: str | None = None
        """The handle with which another connection can go on where this one is, once the server has given one."""
        self._resuming = self._manual = self._in_utterance = False
        self._takes_turns = self.options.takes_turns(model)
        self._input_format = PCM16_16K
        self._gate = QuestionGate()
        self._answer = AnswerReader(self._gate, prefix)
        self._calls = CallBook(prefix)
        self._utterances = (f"{prefix}heard_{number}" for number in itertools.count(1))
        self._heard_item, self._heard, self._heard_before = next(self._utterances), "", 0
        self._caller_speaks = self._is_told_of_speech = False
        self._unknown = self._needless = 0

    @property
    def counts(self) -> GeminiCounts:
        """What was skipped and spared so far."""
        return GeminiCounts(self._unknown + self._answer.skipped, self._answer.late_audio, self._needless)

    @property
    def responding(self) -> bool:
        """Whether an answer is being made or awaited."""
        return self._gate.active or self._gate.expected > 0

    # ---- what one wants; each method returns the messages to send, in order

    def setup(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat, resume_token: str | None = None) -> list[str]:
        """Begin the session, or go on with the one that had this handle.

        Raises:
            FormatError: the protocol does not know a format.
            OptionError: the agent has provider options that there are not.
            LocalProtocolError: it was begun already.
        """
        if self.phase != "connecting":
            raise LocalProtocolError("a session is set up once, before anything else")
        for format, known in ((input_format, INPUT_FORMATS), (output_format, OUTPUT_FORMATS)):
            if format not in known:
                raise FormatError(f"Gemini does not speak {format} in this direction; choose one of {', '.join(map(str, known))}")
        self.options = self.options.overridden(agent.provider_options)
        self._takes_turns = self.options.takes_turns(self.model)
        self._manual, self._resuming = agent.turn_detection.mode == "manual", resume_token is not None
        self._input_format, self.phase = input_format, "configuring"
        return [written({"setup": setup_object(self.model, agent, self.options, resume_token)})]

    def seed(self, history: Sequence[HistoryItem]) -> list[str]:
        """Tell of a conversation that went before; nothing is answered.

        Where text is no turn of the conversation, a history is, once and first, and then it is complete.
        """
        turns = written_history(history)
        return [_client_content(turns, complete=not self._takes_turns)] if turns else self._spared()

    def append(self, frame: Frame) -> list[str]:
        """Let the model hear a frame, without decoding what came as base64; where turns are manual, it may begin an utterance.

        The last message is the frame; what is before it must be sent, even if the frame cannot be.

        Raises:
            FormatError: the frame is not in the input format.
        """
        if frame.format != self._input_format:
            raise FormatError(f"this session hears {self._input_format}, the frame is {frame.format}; convert it first (audio.Converter)")
        rate = self._input_format.rate
        audio = f'{{"realtimeInput":{{"audio":{{"data":"{frame.base64}","mimeType":"audio/pcm;rate={rate}"}}}}}}'
        if self._manual and not self._in_utterance:
            self._in_utterance = True
            return [written({"realtimeInput": {"activityStart": {}}}), audio]
        return [audio]

    def commit(self) -> list[str]:
        """The caller's utterance is complete: answer it. Where the server finds its end by itself, it is told that nothing follows."""
        if not self._manual:
            return [written({"realtimeInput": {"audioStreamEnd": True}})]
        if not self._in_utterance:
            return self._spared()
        self._in_utterance = False
        return [written({"realtimeInput": {"activityEnd": {}}})]

    def respond(self, instructions: str | None = None) -> list[str]:
        """Let the model answer: with what its tools found, if it waits for that, else now or when its turn comes.

        Raises:
            LocalProtocolError: too many answers are waited for already.
        """
        results = self._calls.take_results() if instructions is None else []
        if results:
            self._gate.expect()
            return [written({"toolResponse": {"functionResponses": results}})]
        return self.send_text(GO_ON if instructions is None else instructions)

    def send_text(self, words: str) -> list[str]:
        """Say something on the caller's behalf, now or when its turn comes; it is answered. Errors as for `respond`."""
        turns = [{"role": "user", "parts": [{"text": words}]}]
        whole: Message = {"clientContent": {"turns": turns, "turnComplete": True}}
        self._gate.ask(whole if self._takes_turns else {"realtimeInput": {"text": words}})
        return self.owed()

    def tool_result(self, call_id: str, output: str, *, error: bool = False) -> list[str]:
        """What came of a call; it is told with the next `respond`, for the server answers it by itself."""
        return [] if self._calls.returned(call_id, output, error=error) else self._spared()

    def owed(self) -> list[str]:
        """What has become due to be sent by what was received; asked for after each `receive_untrusted`."""
        return [written(question) for question in self._gate.release()]

    def is_final(self, code: int | None, reason: str) -> bool:
        """Whether the server's close frame means that another connection would end in the same way."""
        return is_final(code, reason, ready=self.phase == "ready", resuming=self._resuming)

    def _spared(self) -> list[str]:
        self._needless += 1
        return []

    # ---- what was received

    def receive_untrusted(self, data: str | bytes) -> list[ModelEvent]:
        """What a message means, in order; most often one event, or none.

        Raises:
            RemoteProtocolError: it is no message of this protocol. The connection cannot be trusted any more.
        """
        message = object_untrusted(data)
        self._unknown += sum(key not in _KNOWN for key in message)
        return [event for key, take in _TAKERS if key in message for event in take(self, part(message, key))]

    def _setup_complete(self, done: Message) -> list[ModelEvent]:
        if self.phase != "configuring":
            return []
        self.phase, self.session_id = "ready", name_or_none(done, "sessionId")
        return [SessionCreated(self.session_id)]

    def _usage(self, usage: Message) -> list[ModelEvent]:
        self._answer.usage = usage_untrusted(usage)
        return []

    def _resumption(self, update: Message) -> list[ModelEvent]:
        """While the server says that it cannot be resumed, the last handle is still the best there is."""
        handle = text(update, "newHandle", "")
        if update.get("resumable") is True and 0 < len(handle) <= MAX_TOKEN:
            self.resume_token = handle
        return []

    def _go_away(self, notice: Message) -> list[ModelEvent]:
        return [SessionExpiring(_seconds(notice, "timeLeft") or 0.0)]

    def _content(self, content: Message) -> list[ModelEvent]:
        """What was said, by both; its marks come after it, and after calls."""
        events = self._heard_words(part(content, "inputTranscription"))
        if turn := part(content, "modelTurn"):
            events += self._answered(self._answer.content(turn))
        words = part(content, "outputTranscription")
        return [*events, *self._answer.words(words)] if words else events

    def _marks(self, content: Message) -> list[ModelEvent]:
        events: list[ModelEvent] = []
        if content.get("interrupted") is True:
            events += self._interrupted()
        if content.get("generationComplete") is True:
            events += [*self._all_heard(), *self._answer.generated()]
        if content.get("turnComplete") is True:
            heard = [] if self._answer.state == "interrupted" else self._all_heard()
            events += [*heard, *self._answer.turn_complete(text(content, "turnCompleteReason", ""))]
        return events

    def _tool_call(self, message: Message) -> list[ModelEvent]:
        begun = self._answered(self._answer.begin())
        calls = self._calls.called(message, self._answer.response_id)
        return [*self._all_heard(), *begun, *self._answer.called(calls)]

    def _tool_cancelled(self, message: Message) -> list[ModelEvent]:
        return self._calls.cancelled(message)

    # ---- the caller

    def _heard_words(self, transcription: Message) -> list[ModelEvent]:
        words = text(transcription, "text", "")
        self._heard = (self._heard + words)[:MAX_TEXT]
        events: list[ModelEvent] = [InputTranscriptDelta(self._heard_item, words)] if words else []
        return [*events, *self._all_heard()] if transcription.get("finished") is True else events

    def _all_heard(self) -> list[ModelEvent]:
        return self._heard_up_to(len(self._heard))

    def _heard_up_to(self, end: int) -> list[ModelEvent]:
        words, self._heard, self._heard_before = self._heard[:end].strip(), self._heard[end:], 0
        if not words:
            return []
        item_id, self._heard_item = self._heard_item, next(self._utterances)
        return [InputTranscript(item_id, words)]

    def _answered(self, events: list[ModelEvent]) -> list[ModelEvent]:
        """The caller has stopped, if an answer begins with these; what was heard until now is what it answers."""
        if not self._gate.active or not events or self._answer.state != "speaking":
            return events
        self._heard_before = self._heard_before or len(self._heard)
        return [*self._speech_over(), *events] if not self._is_told_of_speech else events

    def _interrupted(self) -> list[ModelEvent]:
        """The only sign that the caller speaks, where there is no other; what was heard since the answer began is what they say."""
        heard = self._heard_up_to(self._heard_before) if self._answer.state == "speaking" else []
        return [*heard, *([] if self._is_told_of_speech else self._speech_begun(None)), *self._answer.interrupted()]

    def _voice_activity(self, activity: Message) -> list[ModelEvent]:
        self._is_told_of_speech = True
        at = _seconds(activity, "audioOffset")
        match text(activity, "voiceActivityType", ""):
            case "ACTIVITY_START":
                return self._speech_begun(at)
            case "ACTIVITY_END":
                return self._speech_over(at)
            case _:
                return []

    def _speech_begun(self, at: float | None) -> list[ModelEvent]:
        if self._caller_speaks:
            return []
        self._caller_speaks = True
        return [InputSpeechStarted(None if at is None else at * 1000)]

    def _speech_over(self, at: float | None = None) -> list[ModelEvent]:
        if not self._caller_speaks:
            return []
        self._caller_speaks = False
        return [InputSpeechStopped(None if at is None else at * 1000)]


_TAKERS: tuple[tuple[str, Callable[[GeminiWire, Message], list[ModelEvent]]], ...] = (
    ("setupComplete", GeminiWire._setup_complete),
    ("usageMetadata", GeminiWire._usage),
    ("sessionResumptionUpdate", GeminiWire._resumption),
    ("voiceActivity", GeminiWire._voice_activity),
    ("serverContent", GeminiWire._content),
    ("toolCall", GeminiWire._tool_call),
    ("toolCallCancellation", GeminiWire._tool_cancelled),
    ("serverContent", GeminiWire._marks),
    ("goAway", GeminiWire._go_away),
)
"""What to make of a message's keys, in this order: what ends an answer comes after what is part of it."""
_KNOWN = {key for key, _ in _TAKERS}


def _client_content(turns: list[Message], *, complete: bool) -> str:
    return written({"clientContent": {"turns": turns, "turnComplete": complete}})


def _seconds(message: Message, key: str) -> float | None:
    """A duration, as JSON writes them for protocol buffers: ``"9.5s"``."""
    found = _SECONDS.fullmatch(text(message, key, ""))
    return float(found[1]) if found else None
