"""The server's side of the OpenAI Realtime protocol, without I/O: what an emulator says, and when.

Theory of operation. Whoever runs it hands over what the client sent with the time it came (`receive_untrusted`), lets time pass
(`advance`, due at `due`), and sends what `take` returns, in order. When ``closing`` is set, that is the close frame which follows.
It speaks in the order of the live service, is as strict as the live service, and answers each misuse with the live service's own
error; the socket stays open then. What it says is decided by a function from a `OpenAIQuestion` to a `OpenAIReply`.

Source: OpenAI API reference, Realtime API (GA), and published captures of the live service, read 2026-11.
"""

from __future__ import annotations

import binascii
import itertools
import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple

from .._errors import RemoteProtocolError
from ..audio import AudioFormat, Frame
from ._json import Message, value_untrusted, written
from ._openai_names import BETA_NAMES
from ._openai_server_ears import Edge, InputBuffer
from ._openai_server_fields import MisuseError, check_event
from ._openai_server_items import Conversation
from ._openai_server_reply import OpenAIAnswer as OpenAIAnswer
from ._openai_server_reply import OpenAICall as OpenAICall
from ._openai_server_reply import OpenAIQuestion as OpenAIQuestion
from ._openai_server_reply import OpenAIReply as OpenAIReply
from ._openai_server_reply import parrot as parrot
from ._openai_server_reply import tone as tone
from ._openai_server_response import ResponseMaker, ResponsePlan
from ._openai_server_session import OpenAIServerOptions as OpenAIServerOptions
from ._openai_server_session import default_session, format_of, turn_detection, updated_session


class Closing(NamedTuple):
    """The close frame that ends the connection."""

    code: int
    reason: str


_OLD_NAMES = {new: old for old, new in BETA_NAMES.items()}
_EXPIRED = Closing(1001, "Your session hit the maximum duration of 60 minutes.")


class OpenAIServer:
    """One client's session.

    Args:
        answer: what it says to a question; `parrot` by default.
        options: how it behaves.
        now: the time its life begins, in seconds of any clock.
    """

    def __init__(self, answer: OpenAIAnswer | None = None, options: OpenAIServerOptions | None = None, now: float = 0.0) -> None:
        self.options: OpenAIServerOptions = options or OpenAIServerOptions()
        self.closing: Closing | None = None
        self.conversation: Conversation = Conversation()
        self.errors: list[str] = []
        """Codes of the errors it has answered with, in order."""
        self._answer = answer or parrot
        self._now, self._end = now, math.inf
        self._out: list[str] = []
        self._counts: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._session: Message = {}
        self._response: ResponseMaker | None = None
        self._beside: list[tuple[float, ResponseMaker]] = []
        self._step_due = math.inf
        self._owes = 0
        self._given: deque[OpenAIReply] = deque()
        self._transcripts: list[tuple[str, Frame]] = []
        self._heard: Frame | None = None
        self._words: str | None = None
        self._results: tuple[str, ...] = ()
        self._speech_item = ""
        self._buffer: InputBuffer | None = None

    # ---- whoever runs it

    def open(self, model: str | None, key: str | None, *, beta: bool = False, epoch: float = 0.0) -> None:
        """The websocket is open; ``epoch`` is the wall clock's time, in seconds. Key and model are judged now, as the live service does."""
        if beta:
            self._refuse("beta_api_shape_disabled", "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.")
        elif self.options.keys is not None and key not in self.options.keys:
            self._refuse("invalid_api_key", "Incorrect API key provided. You can find your API key in your account.", 3000)
        elif not model:
            self._refuse("missing_model", "You must provide a model parameter.")
        elif self.options.models is not None and model not in self.options.models:
            self._refuse("invalid_model", f'Model "{model}" is not supported in realtime mode.')
        else:
            self._session = default_session(self._new_id("sess"), model, int(epoch + self.options.lasts))
            self._end = self._now + self.options.lasts
            self._listen_anew(0)
            self._say("session.created", session=self._session)

    def take(self) -> list[str]:
        """The messages to send, in order."""
        taken, self._out = self._out, []
        return taken

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        return min(self._step_due, self._end, *(due for due, _ in self._beside), math.inf)

    def advance(self, now: float) -> None:
        """It is ``now``: do what has become due."""
        while self.due <= now and self.closing is None:
            self._now = max(self._now, self.due)
            if self._now >= self._end:
                self.closing = _EXPIRED
            elif self._step_due <= self._now:
                self._step()
            else:
                self._step_beside()
        self._now = max(self._now, now)

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """The client has sent a message; nothing that it sends raises."""
        self.advance(now)
        if self.closing is not None:
            return
        event_id = None
        try:
            message = _read(data)
            event_id = message["event_id"] if isinstance(message.get("event_id"), str) else None
            check_event(message)
            _TAKERS[message["type"]](self, message)
        except MisuseError as misuse:
            self._err(misuse.code, str(misuse), misuse.param, event_id)

    def say(self, reply: OpenAIReply) -> None:
        """Let it say something unasked, once it says nothing else."""
        self._given.append(reply)
        self._respond_when_free()

    def complain(self, code: str, message: str) -> None:
        """Say that something went wrong, for no reason the client could know."""
        self._err(code, message)

    def _say(self, kind: str, **fields: object) -> None:
        if kind in self.options.omit:
            return
        extra = {"obfuscation": "aYmq3X"} if self.options.extras and kind.endswith(".delta") else {}
        name = _OLD_NAMES.get(kind, kind) if self.options.beta_names else kind
        self._out.append(written({"type": name, "event_id": self._new_id("event"), **fields, **extra}))

    def _err(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> None:
        self.errors.append(code)
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": event_id}
        self._say("error", error=error)

    def _refuse(self, code: str, message: str, close: int = 4000) -> None:
        self._err(code, message)
        self.closing = Closing(close, f"invalid_request_error.{code}")

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{next(self._counts[kind])}"

    # ---- the session

    def _update(self, message: Message) -> None:
        before, self._session = self._session, updated_session(self._session, message["session"])
        heard = ("format", "turn_detection")
        if any(before["audio"]["input"][name] != self._session["audio"]["input"][name] for name in heard):
            self._listen_anew(self._listening.end_ms)
        self._say("session.updated", session=self._session)

    # ---- the caller

    @property
    def _listening(self) -> InputBuffer:
        assert self._buffer is not None
        return self._buffer

    def _listen_anew(self, begin_ms: int) -> None:
        self._buffer = InputBuffer(format_of(self._session, "input"), turn_detection(self._session), begin_ms)

    def _append(self, message: Message) -> None:
        data, format = binascii.a2b_base64(message["audio"]), format_of(self._session, "input")
        frame = Frame(data[: len(data) - len(data) % format.sample_bytes], format)
        for edge in self._listening.append(frame):
            self._turned(edge)

    def _turned(self, edge: Edge) -> None:
        detection = turn_detection(self._session)
        assert detection is not None
        if edge.speaking:
            self._speech_item = self._new_id("item")
            self._say("input_audio_buffer.speech_started", audio_start_ms=edge.ms, item_id=self._speech_item)
            if detection["interrupt_response"] and self._response is not None:
                self._interrupted(self._response)
            return
        self._say("input_audio_buffer.speech_stopped", audio_end_ms=edge.ms, item_id=self._speech_item)
        self._commit_utterance(self._speech_item, self._listening.detected(edge.ms))
        if detection["create_response"]:
            self._respond_when_free()
        self._write_down(always=not detection["create_response"])

    def _interrupted(self, response: ResponseMaker) -> None:
        if self.options.slips:
            response.step()
        if self._response is response:
            response.stop("turn_detected")
            self._over()

    def _commit(self, message: Message) -> None:
        utterance = self._listening.utterance()
        self._commit_utterance(self._speech_item or self._new_id("item"), utterance)
        self._listen_anew(self._listening.end_ms)

    def _commit_utterance(self, item_id: str, utterance: Frame) -> None:
        self._speech_item = ""
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user", "content": content}
        previous = self.conversation.add(item)
        self._say("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._say("conversation.item.added", previous_item_id=previous, item=item)
        self._say("conversation.item.done", previous_item_id=previous, item=item)
        self._heard = utterance
        if self._session["audio"]["input"]["transcription"] is not None:
            self._transcripts.append((item_id, utterance))
            self._write_down(always=self.options.transcribed == "before")

    def _write_down(self, *, always: bool) -> None:
        """Say what the caller said, once its moment has come, or ``always``."""
        moment = self.options.transcribed == "amid" and self._response is not None and self._response.sounding
        if not (always or moment):
            return
        for item_id, utterance in self._transcripts:
            words = f"({utterance.duration:.1f} s of speech)"
            about = {"item_id": item_id, "content_index": 0}
            self._say("conversation.item.input_audio_transcription.delta", **about, delta=words)
            usage = {"type": "duration", "seconds": utterance.duration}
            self._say("conversation.item.input_audio_transcription.completed", **about, transcript=words, usage=usage)
        self._transcripts.clear()

    def _clear(self, message: Message) -> None:
        self._listen_anew(self._listening.end_ms)
        self._speech_item = ""
        self._say("input_audio_buffer.cleared")

    # ---- the conversation

    def _create_item(self, message: Message) -> None:
        item, previous = message["item"], message.get("previous_item_id")
        self.conversation.check(item, previous)
        item = {"id": self._new_id("item"), "object": "realtime.item", **_without_audio(item), "status": "completed"}
        before = self.conversation.add(item, previous)
        self._say("conversation.item.added", previous_item_id=before, item=item)
        self._say("conversation.item.done", previous_item_id=before, item=item)
        if item["type"] == "function_call_output":
            self._results = (*self._results, item["output"])
        elif item["type"] == "message" and item["role"] == "user":
            self._words = " ".join(part["text"] for part in item["content"] if part["type"] == "input_text")

    def _retrieve_item(self, message: Message) -> None:
        kept = self.conversation.find(message["item_id"], "item_retrieve_invalid_item_id")
        self._say("conversation.item.retrieved", item=kept.item)

    def _delete_item(self, message: Message) -> None:
        self.conversation.delete(message["item_id"])
        self._say("conversation.item.deleted", item_id=message["item_id"])

    def _truncate_item(self, message: Message) -> None:
        where = {name: message[name] for name in ("item_id", "content_index", "audio_end_ms")}
        self.conversation.truncate(*where.values())
        self._say("conversation.item.truncated", **where)

    # ---- responses

    def _create_response(self, message: Message) -> None:
        wanted = message.get("response") or {}
        if wanted.get("conversation") == "none":
            self._beside.append((self._now, self._maker(wanted)))
        elif self._response is not None:
            active = self._response.plan.response_id
            words = f"Conversation already has an active response in progress: {active}."
            raise MisuseError("conversation_already_has_active_response", f"{words} Wait until the response is finished.")
        else:
            self._begin(wanted)

    def _respond_when_free(self) -> None:
        if self._response is None:
            self._begin({})
        else:
            self._owes += 1

    def _begin(self, wanted: Message) -> None:
        self._response, self._step_due = self._maker(wanted), self._now
        self._step()

    def _maker(self, wanted: Message) -> ResponseMaker:
        output = {**self._session["audio"]["output"], **wanted.get("audio", {}).get("output", {})}
        session = {**self._session, "audio": {**self._session["audio"], "output": output}}
        settings = {**session, **{name: value for name, value in wanted.items() if name not in ("audio", "metadata", "input")}}
        format = format_of(session, "output")
        in_conversation = wanted.get("conversation") != "none"
        plan = ResponsePlan(
            response_id=self._new_id("resp"),
            reply=self._reply(settings, format, in_conversation),
            modality=settings["output_modalities"][0],
            format=format,
            format_name=output["format"],
            voice=output["voice"],
            metadata=wanted.get("metadata"),
            in_conversation=in_conversation,
            max_output_tokens=settings["max_output_tokens"],
            speed=self.options.speed,
            delta_ms=self.options.delta_ms,
        )
        return ResponseMaker(plan, self.conversation, self._say, self._new_id)

    def _reply(self, settings: Message, format: AudioFormat, in_conversation: bool) -> OpenAIReply:
        if self._given:
            return self._given.popleft()
        tools = tuple(tool["name"] for tool in settings["tools"] if tool["type"] == "function")
        question = OpenAIQuestion(settings["instructions"], format, self._heard, self._words, self._results, tools)
        if in_conversation:
            self._heard, self._words, self._results = None, None, ()
        return self._answer(question)

    def _step(self) -> None:
        assert self._response is not None
        wait = self._response.step()
        self._write_down(always=False)
        if wait is None:
            self._over()
        else:
            self._step_due = self._now + wait

    def _step_beside(self) -> None:
        due, maker = min(self._beside, key=lambda each: each[0])
        self._beside.remove((due, maker))
        wait = maker.step()
        if wait is not None:
            self._beside.append((self._now + wait, maker))

    def _over(self) -> None:
        self._response, self._step_due = None, math.inf
        self._write_down(always=True)
        if self.options.extras:
            self._say("response.afterthought", thought="no document knows this event")
        if self._owes:
            self._owes -= 1
            self._begin({})

    def _cancel_response(self, message: Message) -> None:
        response, wanted = self._response, message.get("response_id")
        if response is None or wanted not in (None, response.plan.response_id):
            raise MisuseError("response_cancel_not_active", "Cancellation failed: no active response found")
        response.stop("client_cancelled")
        self._over()


_TAKERS: dict[str, Callable[[OpenAIServer, Message], None]] = {
    "session.update": OpenAIServer._update,
    "input_audio_buffer.append": OpenAIServer._append,
    "input_audio_buffer.commit": OpenAIServer._commit,
    "input_audio_buffer.clear": OpenAIServer._clear,
    "conversation.item.create": OpenAIServer._create_item,
    "conversation.item.retrieve": OpenAIServer._retrieve_item,
    "conversation.item.delete": OpenAIServer._delete_item,
    "conversation.item.truncate": OpenAIServer._truncate_item,
    "response.create": OpenAIServer._create_response,
    "response.cancel": OpenAIServer._cancel_response,
}


def _read(data: str | bytes) -> Message:
    if isinstance(data, bytes):
        raise MisuseError("invalid_event", "Binary messages are not supported.")
    try:
        value = value_untrusted(data)
    except RemoteProtocolError as exc:
        raise MisuseError("invalid_json", f"We could not parse the JSON body of your message: {exc}") from None
    if not isinstance(value, dict):
        raise MisuseError("invalid_event", "The event must be an object with a string 'type'.")
    return value


def _without_audio(item: Message) -> Message:
    """An item as the server shows it."""
    if item["type"] != "message":
        return item
    return {**item, "content": [{name: value for name, value in part.items() if name != "audio"} for part in item["content"]]}
