"""What the server says while it answers: responses, their items, their audio and their words, read into events.

It keeps the ledger of received audio, and knows which answers are over for us: their audio may still come, and goes nowhere.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Literal, TypeAlias

from ..._errors import FormatError, RemoteProtocolError
from ..._model_events import (
    AudioDelta,
    AudioDone,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
    SessionError,
    TextDelta,
    TextDone,
)
from ...audio import PCM16_24K, AudioFormat, Frame
from .._json import MAX_TEXT, Message, count, name_or_none, number_or_none, part, parts, text
from .errors import error_untrusted
from .gate import ResponseGate, tag_untrusted
from .ledger import AudioLedger, Cut
from .memory import Remembered
from .tools import CallReader
from .usage import usage_untrusted

Status: TypeAlias = Literal["completed", "interrupted", "cancelled", "failed", "incomplete"]


class AnswerReader:
    """Reads the events of responses; ``gate`` is told what begins and ends."""

    def __init__(self, gate: ResponseGate) -> None:
        self.late_audio = 0
        """Pieces of audio that came too late."""
        self.has_spoken = False
        """Whether there was any audio."""
        self._gate = gate
        self.speak(PCM16_24K)
        self._silenced: Remembered[None] = Remembered()
        self._items: Remembered[str] = Remembered()
        self._words: Remembered[str] = Remembered()
        self._odd: Remembered[bytes] = Remembered()
        self._calls = CallReader()
        self._unnamed = 0

    def speak(self, format: AudioFormat) -> None:
        """All audio is in this format; said before there is any."""
        self._format, self._ledger = format, AudioLedger(format.rate)

    def silence(self, response_id: str) -> bool:
        """What still comes of this response's audio goes nowhere; whether that is news."""
        is_news = response_id not in self._silenced
        self._silenced[response_id] = None
        return is_news

    def cut(self, item_id: str, heard: int) -> list[Cut]:
        """As `AudioLedger.cut`; what still comes of the item's audio goes nowhere."""
        return self._ledger.cut(item_id, heard)

    def response_created(self, message: Message) -> list[ModelEvent]:
        """A response begins; one that never ended ends with it."""
        replaced = self._gate.response_id if self._gate.state == "active" else None
        response = part(message, "response")
        response_id = name_or_none(response, "id") or self._a_name()
        if response_id == replaced:
            return []
        asked = self._gate.created(response_id, tag_untrusted(response))
        ended: list[ModelEvent] = [ResponseDone(replaced, "incomplete")] if replaced is not None else []
        return [*ended, ResponseCreated(response_id, asked)]

    def response_done(self, message: Message) -> list[ModelEvent]:
        """A response is over, however it ended."""
        response = part(message, "response")
        response_id = name_or_none(response, "id") or self._gate.response_id or "response"
        self._gate.done(response_id)
        for item in parts(response, "output"):
            self._ledger.complete(name_or_none(item, "id") or "")
        status = _status(response)
        calls = self._calls.response_done(response, response_id, completed=status == "completed")
        interrupted: list[ModelEvent] = [ResponseInterrupted(response_id)] if status == "interrupted" else []
        failed = _failure(response) if status == "failed" else []
        return [*calls, *interrupted, *failed, ResponseDone(response_id, status, usage_untrusted(response))]

    def item_added(self, message: Message) -> list[ModelEvent]:
        """An item joins a response: what follows without an id is about it. It may be the start of a call."""
        item, response_id = part(message, "item"), self._response_of(message)
        item_id = name_or_none(item, "id")
        if item_id is not None:
            self._items[response_id] = item_id
        return self._calls.begun(item, response_id)

    def arguments(self, message: Message) -> list[ModelEvent]:
        """Some of the arguments of a call."""
        return self._calls.arguments(message)

    def item_done(self, message: Message) -> list[ModelEvent]:
        """An item is done; if it is the call of a tool that was not cut short, this is the call."""
        return self._calls.item_done(part(message, "item"), self._response_of(message))

    def arguments_done(self, message: Message) -> list[ModelEvent]:
        """The arguments of a call are known, and not yet whether it is meant."""
        self._calls.announced(message, self._response_of(message))
        return []

    def answered(self, call_id: str) -> bool:
        """As `CallReader.answered`."""
        return self._calls.answered(call_id)

    def audio(self, message: Message) -> list[ModelEvent]:
        """A piece of audio; none if it is late or empty."""
        item_id, response_id = self._item_of(message), self._response_of(message)
        frame = self._frame(message, item_id)
        if response_id in self._silenced or self._ledger.is_cut(item_id):
            self.late_audio += 1
            self._ledger.drop(item_id)
            return []
        if not frame.num_samples:
            return []
        self.has_spoken = True
        self._ledger.add(item_id, count(message, "content_index"), frame.num_samples)
        return [AudioDelta(item_id, frame, response_id)]

    def audio_done(self, message: Message) -> list[ModelEvent]:
        """All audio of a part of an item was sent."""
        item_id = self._item_of(message)
        self._ledger.complete(item_id)
        return [AudioDone(item_id)]

    def words(self, message: Message) -> list[ModelEvent]:
        """Some of what is said, in words."""
        return [OutputTranscriptDelta(*self._more_words(message))]

    def all_words(self, message: Message) -> list[ModelEvent]:
        """All that is said, in words."""
        return [OutputTranscript(*self._whole_words(message, "transcript"))]

    def text(self, message: Message) -> list[ModelEvent]:
        """Some of an answer in text."""
        return [TextDelta(*self._more_words(message))]

    def all_text(self, message: Message) -> list[ModelEvent]:
        """All of an answer in text."""
        return [TextDone(*self._whole_words(message, "text"))]

    def truncated(self, message: Message) -> list[ModelEvent]:
        """The server has taken note of what was heard."""
        return [ItemTruncated(self._item_of(message), number_or_none(message, "audio_end_ms") or 0.0)]

    def _frame(self, message: Message, item_id: str) -> Frame:
        """The audio of a message, undecoded unless it, or what came before, ends in the middle of a sample."""
        delta, begin, odd = text(message, "delta", ""), self._ledger.received(item_id), self._odd.pop(item_id, b"")
        try:
            if not odd and len(delta) % 4 == 0 and (len(delta) // 4 * 3 - delta.count("=", -2)) % self._format.sample_bytes == 0:
                return Frame.from_base64(delta, self._format, begin)
            data = odd + binascii.a2b_base64(delta, strict_mode=True)
        except (FormatError, ValueError) as exc:
            raise RemoteProtocolError(f"the audio of item {item_id[:60]!r} is unusable: {exc}") from None
        whole = len(data) - len(data) % self._format.sample_bytes
        if whole < len(data):
            self._odd[item_id] = data[whole:]
        return Frame(data[:whole], self._format, begin)

    def _more_words(self, message: Message) -> tuple[str, str]:
        item_id, delta = self._item_of(message), text(message, "delta", "")
        self._words[item_id] = (self._words.get(item_id, "") + delta)[:MAX_TEXT]
        return item_id, delta

    def _whole_words(self, message: Message, key: str) -> tuple[str, str]:
        """Servers that send no whole have sent its pieces."""
        item_id = self._item_of(message)
        return item_id, text(message, key, self._words.pop(item_id, ""))

    def _response_of(self, message: Message) -> str:
        return name_or_none(message, "response_id") or self._gate.response_id or "response"

    def _item_of(self, message: Message) -> str:
        """The item a message is about; servers that do not say mean the one they added last."""
        response_id = self._response_of(message)
        return name_or_none(message, "item_id") or self._items.get(response_id) or f"item-of-{response_id}"

    def _a_name(self) -> str:
        self._unnamed += 1
        return f"response-{self._unnamed}"


def _details(response: Message) -> Message:
    """Some compatible servers have a bare text there."""
    details = response.get("status_details")
    return details if isinstance(details, dict) else {"reason": details if isinstance(details, str) else None}


def _status(response: Message) -> Status:
    """How a response ended, in the words of the vocabulary."""
    match text(response, "status", "completed"), text(_details(response), "reason", ""):
        case "cancelled", "turn_detected":
            return "interrupted"
        case "cancelled", _:
            return "cancelled"
        case "failed", _:
            return "failed"
        case "incomplete", _:
            return "incomplete"
        case _:
            return "completed"


def _failure(response: Message) -> list[ModelEvent]:
    error = error_untrusted(_details(response))
    return [SessionError(error.code, error.message or "the response failed, and the server does not say why")]


ANSWERS: dict[str, Callable[[AnswerReader, Message], list[ModelEvent]]] = {
    "response.done": AnswerReader.response_done,
    "response.output_item.added": AnswerReader.item_added,
    "response.output_item.done": AnswerReader.item_done,
    "response.function_call_arguments.delta": AnswerReader.arguments,
    "response.function_call_arguments.done": AnswerReader.arguments_done,
    "response.output_audio.delta": AnswerReader.audio,
    "response.output_audio.done": AnswerReader.audio_done,
    "response.output_audio_transcript.delta": AnswerReader.words,
    "response.output_audio_transcript.done": AnswerReader.all_words,
    "response.output_text.delta": AnswerReader.text,
    "response.output_text.done": AnswerReader.all_text,
    "conversation.item.truncated": AnswerReader.truncated,
}
"""The events that are read here, by their names."""
