"""The server's side of the OpenAI Realtime protocol, without I/O: what an emulator says, and when.

Theory of operation. Whoever runs it hands over what the client sent with the time it came (`receive_untrusted`), lets time pass
(`advance`, due at `due`), and sends what `take` returns, in order. When ``closing`` is set, that is the close frame which follows.
It speaks in the order of the live service, is as strict as the live service, and answers each misuse with the live service's own
error; the socket stays open then. What it says is decided by a function from a `OpenAIQuestion` to a `OpenAIReply`. Where a reply
has words and no audio, and `speak_aloud` was called, whoever runs it takes them (`take_unspoken`) and brings back their sound (`voice`).

Source: OpenAI API reference, Realtime API (GA), and published captures of the live service, read 2026-11.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from .._errors import RemoteProtocolError
from ..audio import Frame
from ._json import Message, value_untrusted
from ._openai_server.answers import Answers
from ._openai_server.answers import Unspoken as Unspoken
from ._openai_server.beta import BETA_EVENTS, from_beta
from ._openai_server.caller import Caller
from ._openai_server.checks import MisuseError, decoded_audio
from ._openai_server.fields import CLIENT_EVENTS, check_event
from ._openai_server.items import Conversation, sound_of, without_audio
from ._openai_server.options import OpenAIServerOptions as OpenAIServerOptions
from ._openai_server.outbox import Outbox
from ._openai_server.reply import OpenAIAnswer as OpenAIAnswer
from ._openai_server.reply import OpenAICall as OpenAICall
from ._openai_server.reply import OpenAIQuestion as OpenAIQuestion
from ._openai_server.reply import OpenAIReply as OpenAIReply
from ._openai_server.reply import in_tones as in_tones
from ._openai_server.reply import in_words as in_words
from ._openai_server.reply import parrot as parrot
from ._openai_server.reply import tone as tone
from ._openai_server.secrets import ClientSecrets as ClientSecrets
from ._openai_server.session import ServerSession, default_session, format_of
from ._openai_server.transcripts import Transcripts
from ._openai_server.xai import XAI_EVENTS, from_xai, verbatim


class Closing(NamedTuple):
    """The close frame that ends the connection."""

    code: int
    reason: str


def _expired(minutes: float) -> Closing:
    return Closing(1001, f"Your session hit the maximum duration of {minutes:g} minute{'' if minutes == 1 else 's'}.")


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
        self.conversation: Conversation = Conversation(self.options.keeps)
        """Its items, what tools found, and what clients have truncated."""
        self.received: Counter[str] = Counter()
        """How many events of each type the client has sent."""
        self._now, self._end = now, math.inf
        self._outbox = Outbox(self.options)
        self._session = ServerSession(default_session("sess_1", "", 0))
        self._transcripts = Transcripts(self._outbox, self.options.transcribed)
        self._answers = Answers(answer or parrot, self.options, self._session, self.conversation, self._outbox, self._transcripts)
        self._caller = Caller(self._session, self.conversation, self._answers, self._outbox, self._transcripts, self.options.keeps)
        self._events = {"ga": CLIENT_EVENTS, "beta": BETA_EVENTS, "xai": XAI_EVENTS}[self.options.dialect]

    @property
    def errors(self) -> list[str]:
        """Codes of the errors it has answered with, in order."""
        return self._outbox.errors

    @property
    def sent(self) -> Counter[str]:
        """How many events of each type it has said, by their names of today."""
        return self._outbox.said

    @property
    def heard(self) -> deque[Frame]:
        """What the caller said last, utterance by utterance, as far as it is kept (``OpenAIServerOptions.keeps``)."""
        return self._caller.utterances

    @property
    def session(self) -> Message:
        """The session object as it is now, in the shape of today."""
        return self._session.fields

    # ---- whoever runs it

    def open(
        self, model: str | None, key: str | None, *, beta: bool = False, epoch: float = 0.0, secrets: ClientSecrets | None = None
    ) -> None:
        """The websocket is open. Key and model are judged now, as the live service does.

        Args:
            model: which the client asks for.
            key: which it has.
            beta: it says that it speaks the beta.
            epoch: the wall clock's time, in seconds.
            secrets: ephemeral keys that were given out.
        """
        secrets = secrets or ClientSecrets(self.options.keys)
        preset = secrets.session_of(key)
        model = model or preset.get("model")
        if beta and self.options.dialect != "beta":
            self._refuse("beta_api_shape_disabled", "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.")
        elif not secrets.accepts(key, epoch):
            self._refuse("invalid_api_key", "Incorrect API key provided. You can find your API key in your account.", 3000)
        elif not model:
            self._refuse("missing_model", "You must provide a model parameter.")
        elif self.options.models is not None and model not in self.options.models:
            self._refuse("invalid_model", f'Model "{model}" is not supported in realtime mode.')
        else:
            self._begin(model, epoch, preset)

    def _begin(self, model: str, epoch: float, preset: Message) -> None:
        self._session.fields = default_session(self._outbox.new_id("sess"), model, int(epoch + self.options.lasts))
        self._session.update(preset)
        self._end = self._now + self.options.lasts
        self._caller.listen_anew()
        conversation = {"id": "conv_1", "object": "realtime.conversation"}
        if self.options.dialect == "xai":
            self._outbox.say("conversation.created", conversation=conversation)
        self._outbox.say("session.created", session=self._session.fields)
        if self.options.dialect == "beta":
            self._outbox.say("conversation.created", conversation=conversation)

    def take(self) -> list[str]:
        """The messages to send, in order."""
        return self._outbox.take()

    @property
    def has_news(self) -> bool:
        """Whether there is something to send, to speak or to close."""
        return bool(len(self._outbox) or self._answers.unspoken) or self.closing is not None

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        return min(self._answers.due, self._end, self._caller.due)

    def advance(self, now: float) -> None:
        """It is ``now``: do what has become due."""
        while self.closing is None and (due := self.due) <= now:
            self._now = max(self._now, due)
            if self._now >= self._end:
                self.closing = _expired(self.options.lasts / 60)
            elif self._answers.due <= self._now:
                self._answers.advance(self._now)
            else:
                self._caller.lose_patience(self._now)
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
            self._take_untrusted(message)
        except MisuseError as misuse:
            self._outbox.err(misuse.code, str(misuse), misuse.param, event_id)

    def _take_untrusted(self, message: Message) -> None:
        if not _is_plain_append(message):  # of which there are fifty a second, and decoding checks them
            check_event(message, self._events)
        self.received[message["type"]] += 1
        if self.options.dialect == "beta":
            message = from_beta(message)
        elif self.options.dialect == "xai":
            if (said := verbatim(message)) is not None:
                self._answers.give(in_tones(OpenAIQuestion("", format_of(self.session, "output"), words=said)), self._now)
                return
            message = from_xai(message)
        _TAKERS[message["type"]](self, message)

    def say(self, reply: OpenAIReply) -> None:
        """Let it say something unasked, once it says nothing else."""
        self._answers.give(reply, self._now)

    def complain(self, code: str, message: str) -> None:
        """Say that something went wrong, for no reason the client could know."""
        self._outbox.err(code, message)

    def speak_aloud(self) -> None:
        """Words that have no audio are spoken by whoever runs it, from now on."""
        self._answers.has_voice = True

    def take_unspoken(self) -> list[Unspoken]:
        """Words that are to be spoken."""
        taken, self._answers.unspoken = self._answers.unspoken, []
        return taken

    def voice(self, response_id: str, audio: Frame | str, now: float) -> None:
        """Words have been spoken, or could not be: then the code of an error says why."""
        self.advance(now)
        self._answers.voice(response_id, audio, self._now)

    def _refuse(self, code: str, message: str, close: int = 4000) -> None:
        self._outbox.err(code, message)
        self.closing = Closing(close, f"invalid_request_error.{code}")

    # ---- what clients say

    def _update(self, message: Message) -> None:
        if self._session.update(message["session"]):
            self._caller.listen_anew()
        self._outbox.say("session.updated", session=self._session.fields)

    def _append(self, message: Message) -> None:
        self._caller.append(decoded_audio(message["audio"], "audio"), self._now)

    def _commit(self, message: Message) -> None:
        self._caller.commit()

    def _clear(self, message: Message) -> None:
        self._caller.listen_anew()
        self._outbox.say("input_audio_buffer.cleared")

    def _create_item(self, message: Message) -> None:
        item, previous = message["item"], message.get("previous_item_id")
        self.conversation.check(item, previous)
        shown = {"id": self._outbox.new_id("item"), "object": "realtime.item", **without_audio(item), "status": "completed"}
        if item["type"] == "function_call":
            shown.setdefault("call_id", self._outbox.new_id("call"))
        before = self.conversation.take_in(shown, sound_of(item, self._session.input_format), previous)
        self._outbox.say("conversation.item.added", previous_item_id=before, item=shown)
        self._outbox.say("conversation.item.done", previous_item_id=before, item=shown)

    def _retrieve_item(self, message: Message) -> None:
        self._outbox.say("conversation.item.retrieved", item=self.conversation.retrieved(message["item_id"]))

    def _delete_item(self, message: Message) -> None:
        self.conversation.delete(message["item_id"])
        self._outbox.say("conversation.item.deleted", item_id=message["item_id"])

    def _truncate_item(self, message: Message) -> None:
        where = {name: message[name] for name in ("item_id", "content_index", "audio_end_ms")}
        self.conversation.truncate(*where.values())
        self._outbox.say("conversation.item.truncated", **where)

    def _create_response(self, message: Message) -> None:
        self._answers.create(message.get("response") or {}, self._now)

    def _cancel_response(self, message: Message) -> None:
        self._answers.cancel(message.get("response_id"), self._now)


_APPEND = "input_audio_buffer.append"
_APPENDED = {"type", "event_id", "audio"}


def _is_plain_append(message: Message) -> bool:
    return (
        "audio" in message
        and message.get("type") == _APPEND
        and message.keys() <= _APPENDED
        and isinstance(message.get("event_id", ""), str)
    )


_TAKERS: dict[str, Callable[[OpenAIServer, Message], None]] = {
    "session.update": OpenAIServer._update,
    _APPEND: OpenAIServer._append,
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
