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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._agent import Agent
from .._history import HistoryItem
from .._model_events import AsideDone, ModelEvent, RateLimitsUpdated, ResponseCreated, ResponseDone, SessionError
from ..audio import AudioFormat, Frame
from ._json import Message, object_untrusted, part, text, written
from ._openai.answer import ANSWERS, AnswerReader
from ._openai.asides import AsideEnd as AsideEnd
from ._openai.asides import AsideReader
from ._openai.beta import BETA as BETA
from ._openai.dialect import GA as GA
from ._openai.dialect import Dialect as Dialect
from ._openai.errors import WireError, error_untrusted
from ._openai.gate import ResponseGate
from ._openai.input import INPUTS, InputReader
from ._openai.items import ITEMS, ItemReader, history_item, image, result_item, user_item, words
from ._openai.life import LIFE, SessionLife
from ._openai.life import Phase as Phase
from ._openai.names import UNUSED_EVENTS
from ._openai.session import SessionOptions as SessionOptions
from ._openai.usage import limits_untrusted, usage_untrusted
from ._openai.writer import Writer


@dataclass(frozen=True, slots=True)
class WireCounts:
    """What a connection did that nobody else sees.

    ``unknown_events`` are of a type that is not known here; ``races`` are errors that meant only that two messages had crossed;
    ``late_audio`` are pieces of audio of answers that were over for us; ``needless`` are things that were asked for and not
    sent, because they would have changed nothing; ``assumed`` are words of the server that never came and were waited for.
    """

    unknown_events: int
    races: int
    late_audio: int
    needless: int
    assumed: int = 0


class OpenAIWire:
    """One connection's memory; ``options`` say how the session is to be, ``dialect`` how the server speaks."""

    def __init__(self, options: SessionOptions | None = None, dialect: Dialect = GA) -> None:
        self.options: SessionOptions = options or SessionOptions()
        self.dialect: Dialect = dialect
        self.asides_ended: list[AsideEnd] = []
        """Answers aside that have come, or will not; whoever takes them empties the list."""
        self._writer = Writer()
        self._gate = ResponseGate(self._writer.new_id, correlates=dialect.correlates)
        self._answer = AnswerReader(self._gate)
        self._input = InputReader(self._writer, self._answer, self._gate)
        self._items, self._asides = ItemReader(), AsideReader()
        self._life = SessionLife(self.options, dialect)
        self._cancels_unborn = False
        self._unknown = self._races = self._needless = 0

    @property
    def counts(self) -> WireCounts:
        """What was skipped, swallowed and spared so far."""
        return WireCounts(self._unknown, self._races, self._answer.late_audio, self._needless, self._life.assumed)

    @property
    def phase(self) -> Phase:
        """Where the session stands."""
        return self._life.phase

    @property
    def refusal(self) -> WireError | None:
        """Why the server does not want this session, in phase ``refused``."""
        return self._life.refusal

    @property
    def session_id(self) -> str | None:
        """The server's name for the session."""
        return self._life.session_id

    @property
    def expires_at(self) -> float | None:
        """When the server will end the session, in seconds of the epoch, if it says so."""
        return self._life.expires_at

    @property
    def responding(self) -> bool:
        """Whether a response is being made or asked for."""
        return self._gate.state != "free"

    def refused_by(self, code: int | None, reason: str) -> str | None:
        """Why connecting again will not help, now that the connection has ended with this close frame; None: it may.

        The live service ends a connection that it refuses for good with code 3000 or 4000, and the error as the reason.
        """
        return self._life.refused_by(code, reason)

    def assume(self) -> list[ModelEvent]:
        """The server says nothing: go on as if it had said what is waited for, that the session exists or how it is."""
        return self._life.assume()

    # ---- what one wants; each method returns the messages to send, in order

    def session_update(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> list[str]:
        """Configure the session: once it exists, and again whenever the agent changes; the formats stay.

        Raises:
            FormatError: the protocol does not know a format.
            OptionError: the agent has provider options that there are not.
            LocalProtocolError: the server has not said yet that the session exists, or its configuration is under way.
        """
        update_id, life = self._writer.new_id(), self._life
        state = {"spoken": self._answer.has_spoken, "speaking": self.responding}
        session = life.configure(agent, input_format, output_format, update_id, **state)
        if life.phase == "configuring":
            self._answer.speak(output_format)
        self._input.configure(agent, life.input_format, answered=life.options.answers)
        return [written({"type": "session.update", "event_id": update_id, "session": session})]

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
        both = "\n\n".join(filter(None, (self._life.agent.instructions, instructions)))  # the server would take one for the other
        self._gate.ask({} if instructions is None else {"instructions": both})
        return self.owed()

    def send_text(self, text: str, *, answer: bool = True) -> list[str]:
        """Say something on the caller's behalf; ``answer`` it, now or when its turn comes."""
        message = self._item(user_item(words(text)))
        return [message, *(self.respond() if answer else ())]

    def send_image(self, data: bytes, media_type: str, text: str | None = None) -> list[str]:
        """Show the model a PNG or JPEG, with words about it; nothing is answered yet.

        Raises:
            LocalProtocolError: it is neither, or too big.
        """
        return [self._item(user_item(*([words(text)] if text else []), image(data, media_type)))]

    def tool_result(self, call_id: str, output: str) -> list[str]:
        """What came of a call; nothing is sent for one that is unknown or has its result. Nothing is answered yet."""
        return [self._item(result_item(call_id, output))] if self._answer.answered(call_id) else self._spared()

    def seed(self, history: Sequence[HistoryItem]) -> list[str]:
        """Put a conversation that went before at the end of this one; nothing is answered."""
        return [self._item(history_item(item)) for item in history]

    def delete_item(self, item_id: str) -> list[str]:
        """Take an item out of the conversation."""
        return [self._writer.message("conversation.item.delete", item_id=item_id)]

    def aside(self, instructions: str) -> tuple[str, list[str]]:
        """Ask for an answer in text beside the conversation; the key by which it is found in ``asides_ended``.

        Raises:
            LocalProtocolError: too many are waited for already.
        """
        key = self._writer.new_id()
        parameters = self.dialect.response(self._asides.ask(key, instructions))
        return key, [written({"type": "response.create", "event_id": key, "response": parameters})]

    def forget_aside(self, key: str) -> None:
        """Nobody waits for this answer any more; whatever comes of it goes nowhere."""
        self._asides.forget(key)

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
        return [written(self.dialect.asked(message)) for message in self._gate.release()]

    def _item(self, item: Message) -> str:
        return self._writer.item(self.dialect.item(item))

    def _spared(self) -> list[str]:
        self._needless += 1
        return []

    # ---- what was received

    def receive_untrusted(self, data: str | bytes) -> list[ModelEvent]:
        """What a message means, in order; most often one event, or none.

        Raises:
            RemoteProtocolError: it is no message of this protocol. The connection cannot be trusted any more.
        """
        message = self.dialect.heard(object_untrusted(data))
        if message is None:
            return []
        kind = self.dialect.event_name(text(message, "type"))
        if not self._asides.idle and self._asides.is_about(kind, message):
            return self._of_aside(kind, message)
        if kind in ANSWERS:
            return ANSWERS[kind](self._answer, message)
        if kind in INPUTS:
            return INPUTS[kind](self._input, message)
        if kind in ITEMS:
            return ITEMS[kind](self._items, message)
        if kind in LIFE:
            return LIFE[kind](self._life, message)
        if kind in _TAKERS:
            return _TAKERS[kind](self, message)
        self._unknown += kind not in UNUSED_EVENTS
        return []

    def _of_aside(self, kind: str, message: Message) -> list[ModelEvent]:
        self.asides_ended.extend(self._asides.read(kind, message))
        return [AsideDone(usage_untrusted(part(message, "response")))] if kind == "response.done" else []

    def _error(self, message: Message) -> list[ModelEvent]:
        error = error_untrusted(message)
        if (end := self._asides.refused(error)) is not None:
            self.asides_ended.append(end)
            return []
        was_free = self._gate.state == "free"
        request = self._gate.refused(error)
        if request is None:
            self._gate.nothing_expected()
        if error.code == "input_audio_buffer_commit_empty":
            self._input.nothing_to_commit()
        if not self._life.failed(error) and error.meaning == "race":
            self._races += 1
            return []
        failed = self._failed() if request and request.asked and self._gate.state == "free" and not was_free else []
        return [SessionError(error.code, error.message), *failed]

    def _failed(self) -> list[ModelEvent]:
        """An answer that was asked for and refused: whoever waits for it learns that it will not come."""
        response_id = f"refused_{self._writer.new_id()}"
        return [ResponseCreated(response_id, requested=True), ResponseDone(response_id, "failed")]

    def _response_created(self, message: Message) -> list[ModelEvent]:
        self._life.answered()
        events = self._answer.response_created(message)
        if self._cancels_unborn and self._gate.response_id is not None:
            self._cancels_unborn = False
            self._answer.silence(self._gate.response_id)
        return events

    def _limits(self, message: Message) -> list[ModelEvent]:
        return [RateLimitsUpdated(limits_untrusted(message))]


_TAKERS: dict[str, Callable[[OpenAIWire, Message], list[ModelEvent]]] = {
    "error": OpenAIWire._error,
    "rate_limits.updated": OpenAIWire._limits,
    "response.created": OpenAIWire._response_created,
}
