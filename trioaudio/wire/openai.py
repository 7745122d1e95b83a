"""The client's side of the OpenAI Realtime protocol, without I/O: what to send, and what it means that was received.

Theory of operation. A connection is worth nothing before the server has said so: key and model are checked after the websocket
has opened. So there are phases, and each message moves along this table or is refused:

    connecting --session.created--> created --session_update()--> configuring --session.updated, formats as asked--> ready
    connecting, configuring --error--> refused

In between, the gate lets one response through at a time, and the answer's reader keeps the ledger of what was received. Messages
cross on the wire, so some errors are nobody's fault; they are counted, not reported. What is unknown is counted and skipped, for
servers are ahead of their documents. Names of the beta, missing ids and missing acknowledgements are understood, for compatible
servers are behind.

Source: OpenAI API reference, Realtime API (GA), and published captures of the live service, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._agent import Agent
from .._errors import LocalProtocolError
from .._model_events import ModelEvent, RateLimitsUpdated, ResponseCreated, ResponseDone, SessionCreated, SessionError
from ..audio import PCM16_24K, AudioFormat, Frame
from ._json import Message, name_or_none, number_or_none, object_untrusted, part, text, written
from ._openai_answer import AnswerReader
from ._openai_dialect import GA as GA
from ._openai_dialect import Dialect as Dialect
from ._openai_errors import WireError, error_untrusted
from ._openai_gate import ResponseGate
from ._openai_input import InputReader
from ._openai_names import UNUSED_EVENTS
from ._openai_session import SessionOptions as SessionOptions
from ._openai_session import expect_formats
from ._openai_usage import limits_untrusted
from ._openai_writer import Writer

Phase: TypeAlias = Literal["connecting", "created", "configuring", "ready", "refused"]


@dataclass(frozen=True, slots=True)
class WireCounts:
    """What a connection did that nobody else sees.

    ``unknown_events`` are of a type that is not known here; ``races`` are errors that meant only that two messages had crossed;
    ``late_audio`` are pieces of audio of answers that were over for us; ``needless`` are things that were asked for and not
    sent, because they would have changed nothing.
    """

    unknown_events: int
    races: int
    late_audio: int
    needless: int


class OpenAIWire:
    """One connection's memory; ``options`` say how the session is to be, ``dialect`` how the server speaks."""

    def __init__(self, options: SessionOptions | None = None, dialect: Dialect = GA) -> None:
        self.options: SessionOptions = options or SessionOptions()
        self.dialect: Dialect = dialect
        self.phase: Phase = "connecting"
        self.refusal: WireError | None = None
        """Why the server does not want this session, in phase ``refused``."""
        self.session_id: str | None = None
        self.expires_at: float | None = None
        """When the server will end the session, in seconds of the epoch, if it says so."""
        self._agent = Agent()
        self._input_format = self._output_format = PCM16_24K
        self._writer = Writer()
        self._gate = ResponseGate(self._writer.new_id, correlates=dialect.correlates)
        self._answer = AnswerReader(self._gate)
        self._input = InputReader(self._writer, self._answer, self._gate)
        self._update_id = ""
        self._cancels_unborn = False
        self._unknown = self._races = self._needless = 0

    @property
    def counts(self) -> WireCounts:
        """What was skipped, swallowed and spared so far."""
        return WireCounts(self._unknown, self._races, self._answer.late_audio, self._needless)

    @property
    def responding(self) -> bool:
        """Whether a response is being made or asked for."""
        return self._gate.state != "free"

    # ---- what one wants; each method returns the messages to send, in order

    def session_update(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> list[str]:
        """Configure the session: once it exists, and again whenever the agent changes; the formats stay.

        Raises:
            FormatError: the protocol does not know a format.
            OptionError: the agent has provider options that there are not.
            LocalProtocolError: the server has not said yet that the session exists, or its configuration is under way.
        """
        if self.phase not in ("created", "ready"):
            raise LocalProtocolError(f"a session is configured once it has been created; this one is {self.phase}")
        options = self.options.overridden(agent.provider_options)
        session = self.dialect.session(agent, input_format, output_format, options)
        self._agent = agent
        if self.phase == "created":
            self._input_format, self._output_format = input_format, output_format
            self._answer.speak(output_format)
            self.phase = "configuring"
        self._input.configure(agent, self._input_format, answered=options.answers)
        self._update_id = self._writer.new_id()
        return [written({"type": "session.update", "event_id": self._update_id, "session": session})]

    def append(self, frame: Frame) -> str:
        """Let the model hear a frame; the one message is made without decoding what came as base64.

        Raises:
            FormatError: the frame is not in the input format.
        """
        return self._input.append(frame)

    def not_appended(self, frame: Frame) -> None:
        """The message of this frame was not sent after all; it will be made again, or never."""
        self._input.not_appended(frame)

    def commit(self) -> list[str]:
        """The caller's utterance is complete: answer it. An utterance too short to be taken is not sent.

        Where the server detects turns, it may have taken the utterance itself in the same moment: it is answered once the
        server says that this commit had something to take.
        """
        return [*messages, *self.owed()] if (messages := self._input.commit()) else self._spared()

    def clear(self) -> list[str]:
        """Forget what was appended since the last utterance."""
        return self._input.clear()

    def respond(self, instructions: str | None = None) -> list[str]:
        """Let the model answer, now or when its turn comes; ``instructions`` are for this one answer, beside the agent's own.

        Raises:
            LocalProtocolError: too many answers are waited for already.
        """
        both = "\n\n".join(filter(None, (self._agent.instructions, instructions)))  # the server would take one for the other
        self._gate.ask({} if instructions is None else {"instructions": both})
        return self.owed()

    def send_text(self, words: str, *, answer: bool = True) -> list[str]:
        """Say something on the caller's behalf; ``answer`` it, now or when its turn comes."""
        message = self._user_item([{"type": "input_text", "text": words}])
        return [message, *(self.respond() if answer else ())]

    def send_image(self, data_uri: str, words: str = "") -> list[str]:
        """Show the model an image (a ``data:`` URI of PNG or JPEG), with words about it; nothing is answered yet."""
        said = [{"type": "input_text", "text": words}] if words else []
        return [self._user_item([*said, {"type": "input_image", "image_url": data_uri}])]

    def tool_result(self, call_id: str, output: str) -> list[str]:
        """What came of a call; nothing is sent for one that is unknown or has its result. Nothing is answered yet."""
        if not self._answer.answered(call_id):
            return self._spared()
        return [self._writer.item({"type": "function_call_output", "call_id": call_id, "output": output})]

    def cancel(self) -> list[str]:
        """Stop the answer that is being made; nothing is sent if none is, or if it is being stopped already."""
        response_id = self._gate.response_id
        if self._gate.state == "free" or self._cancels_unborn:
            return self._spared()
        if response_id is None:
            self._cancels_unborn = True
            return [self._writer.message("response.cancel")]
        return [self._writer.message("response.cancel", response_id=response_id)] if self._answer.silence(response_id) else self._spared()

    def truncate(self, item_id: str, heard: int) -> list[str]:
        """Of this item ``heard`` samples were heard and the rest never will be; what still comes of it goes nowhere.

        ``heard`` is clamped to what was received. Nothing is sent for an item that is unknown, truncated already, or heard
        to its end.
        """
        cuts = self._answer.cut(item_id, heard)
        if not cuts:
            return self._spared()
        at = [{"content_index": cut.content_index, "audio_end_ms": cut.audio_ms} for cut in cuts]
        return [self._writer.message("conversation.item.truncate", item_id=item_id, **where) for where in at]

    def owed(self) -> list[str]:
        """What has become due to be sent by what was received; asked for after each `receive_untrusted`."""
        return [written({**message, **self._parameters(message)}) for message in self._gate.release()]

    def _parameters(self, create: Message) -> Message:
        return {"response": self.dialect.response(create["response"])} if "response" in create else {}

    def _user_item(self, content: list[Message]) -> str:
        return self._writer.item({"type": "message", "role": "user", "content": content})

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
        kind = self.dialect.event_name(text(message, "type"))
        if kind in _ANSWERS:
            return _ANSWERS[kind](self._answer, message)
        if kind in _INPUTS:
            return _INPUTS[kind](self._input, message)
        if kind in _TAKERS:
            return _TAKERS[kind](self, message)
        self._unknown += kind not in UNUSED_EVENTS
        return []

    def _session_created(self, message: Message) -> list[ModelEvent]:
        if self.phase != "connecting":
            return []
        session = part(message, "session")
        self.phase, self.session_id = "created", name_or_none(session, "id")
        self.expires_at = number_or_none(session, "expires_at")
        return [SessionCreated(self.session_id)]

    def _session_updated(self, message: Message) -> list[ModelEvent]:
        session = part(message, "session")
        self.expires_at = number_or_none(session, "expires_at") or self.expires_at
        if self.phase in ("configuring", "ready"):
            expect_formats(session, self._input_format, self._output_format)
            self.phase = "ready"
        return []

    def _error(self, message: Message) -> list[ModelEvent]:
        error = error_untrusted(message)
        was_free = self._gate.state == "free"
        request = self._gate.refused(error)
        if request is None:
            self._gate.nothing_expected()
        if error.code == "input_audio_buffer_commit_empty":
            self._input.nothing_to_commit()
        if self.phase == "connecting" or (self.phase == "configuring" and error.event_id in (None, self._update_id)):
            self.phase, self.refusal = "refused", error
        elif error.meaning == "race":
            self._races += 1
            return []
        failed = self._failed() if request and request.asked and self._gate.state == "free" and not was_free else []
        return [SessionError(error.code, error.message), *failed]

    def _failed(self) -> list[ModelEvent]:
        """An answer that was asked for and refused: whoever waits for it learns that it will not come."""
        response_id = f"refused_{self._writer.new_id()}"
        return [ResponseCreated(response_id, requested=True), ResponseDone(response_id, "failed")]

    def _response_created(self, message: Message) -> list[ModelEvent]:
        events = self._answer.response_created(message)
        if self._cancels_unborn and self._gate.response_id is not None:
            self._cancels_unborn = False
            self._answer.silence(self._gate.response_id)
        return events

    def _limits(self, message: Message) -> list[ModelEvent]:
        return [RateLimitsUpdated(limits_untrusted(message))]


_ANSWERS: dict[str, Callable[[AnswerReader, Message], list[ModelEvent]]] = {
    "response.done": AnswerReader.response_done,
    "response.output_item.added": AnswerReader.item_added,
    "response.output_item.done": AnswerReader.item_done,
    "response.function_call_arguments.done": AnswerReader.arguments_done,
    "response.output_audio.delta": AnswerReader.audio,
    "response.output_audio.done": AnswerReader.audio_done,
    "response.output_audio_transcript.delta": AnswerReader.words,
    "response.output_audio_transcript.done": AnswerReader.all_words,
    "response.output_text.delta": AnswerReader.text,
    "response.output_text.done": AnswerReader.all_text,
    "conversation.item.truncated": AnswerReader.truncated,
}

_TAKERS: dict[str, Callable[[OpenAIWire, Message], list[ModelEvent]]] = {
    "session.created": OpenAIWire._session_created,
    "session.updated": OpenAIWire._session_updated,
    "error": OpenAIWire._error,
    "rate_limits.updated": OpenAIWire._limits,
    "response.created": OpenAIWire._response_created,
}

_INPUTS: dict[str, Callable[[InputReader, Message], list[ModelEvent]]] = {
    "input_audio_buffer.speech_started": InputReader.speech_started,
    "input_audio_buffer.speech_stopped": InputReader.speech_stopped,
    "input_audio_buffer.committed": InputReader.committed,
    "conversation.item.input_audio_transcription.delta": InputReader.words,
    "conversation.item.input_audio_transcription.completed": InputReader.all_words,
    "conversation.item.input_audio_transcription.failed": InputReader.not_understood,
}
