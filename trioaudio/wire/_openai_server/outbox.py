"""What an OpenAI Realtime server has to say, written down in order, in the dialect that it speaks."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

from .._json import Message, written
from .beta import BETA_OMITS, beta_event
from .options import OpenAIServerOptions
from .xai import xai_event

LENIENT_OMITS = frozenset({
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "conversation.item.done",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "response.content_part.added",
    "response.content_part.done",
    "rate_limits.updated",
})  # fmt: skip
"""What compatible servers leave out: one this, the other that; here all of it."""
_LENIENT_LACKS = ("event_id", "response_id", "audio_start_ms", "audio_end_ms")
_OF_OTHERS = {"server_error": "server_error", "session_expired": "invalid_request_error", "insufficient_quota": "insufficient_quota"}
OBFUSCATION = "aYmq3X"


class Outbox:
    """Messages on their way out, and the ids of everything that is said."""

    def __init__(self, options: OpenAIServerOptions) -> None:
        self.errors: list[str] = []
        """Codes of the errors that were said, in order."""
        self.said: Counter[str] = Counter()
        """How many events of each type were said, by their names of today."""
        self._options = options
        self._old_names = options.beta_names or options.lenient or options.dialect == "beta"
        self._omit = options.omit | (LENIENT_OMITS if options.lenient else set()) | (BETA_OMITS if self._old_names else set())
        self._messages: list[str] = []
        self._counts: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))

    def __len__(self) -> int:
        return len(self._messages)

    def take(self) -> list[str]:
        """The messages to send, in order."""
        taken, self._messages = self._messages, []
        return taken

    def new_id(self, kind: str) -> str:
        """The next id of a kind."""
        return f"{kind}_{next(self._counts[kind])}"

    def say(self, kind: str, **fields: object) -> None:
        """Say an event, by its name of today."""
        if kind in self._omit:
            return
        self.said[kind] += 1
        extra = {"obfuscation": OBFUSCATION} if self._options.extras and kind.endswith(".delta") else {}
        message: Message = {"type": kind, "event_id": self.new_id("event"), **fields, **extra}
        text = written(self._spoken(message))
        self._messages += [text] * (2 if kind in self._options.repeats else 1)

    def sound(self, about: Message, base64: str) -> None:
        """Say a piece of audio; by far the longest messages, whose audio needs no escapes."""
        kind = "response.output_audio.delta"
        if self._options.extras or self._old_names or kind in self._omit or kind in self._options.repeats:
            self.say(kind, **about, delta=base64)
            return
        self.said[kind] += 1
        head = written({"type": kind, "event_id": self.new_id("event"), **about})
        self._messages.append(f'{head[:-1]},"delta":"{base64}"}}')

    def err(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> None:
        """Say that something went wrong; ``event_id`` is of the client's event that was wrong."""
        self.errors.append(code)
        kind = _OF_OTHERS.get(code, "invalid_request_error")
        self.say("error", error={"type": kind, "code": code, "message": message, "param": param, "event_id": event_id})

    def _spoken(self, message: Message) -> Message:
        """The message in the dialect that is spoken."""
        if self._old_names:
            message = beta_event(message, flat=self._options.dialect == "beta")
        if self._options.dialect == "xai":
            message = xai_event(message)
        if self._options.lenient:
            message = {name: value for name, value in message.items() if name not in _LENIENT_LACKS}
        return message
