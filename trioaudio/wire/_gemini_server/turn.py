"""One answer of an emulated Gemini on its way: piece by piece, faster than it sounds, and over when it would have been heard."""

from __future__ import annotations

import base64
import json
import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...audio import Frame
from .._json import Message
from .reply import GeminiReply, sound_of

State: TypeAlias = Literal["generating", "playing", "waiting", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiServerOptions:
    """How an emulated Gemini behaves.

    Args:
        keys: API keys and tokens it accepts; None accepts any.
        models: models it has; None has all.
        speed: how many times faster than it sounds an answer is sent.
        delta_ms: length of a piece of audio, in milliseconds.
        lasts: how long a connection may last, in seconds.
        warns: so many seconds before that it says so.
        waits: it says that a turn is complete when its audio would have been heard; if not, as soon as it is sent.
        blocks: a turn that calls a tool goes on when it has the result; if not, it ends, and the result begins another.
        tells_of_speech: it tells when the caller speaks.
    """

    keys: frozenset[str] | None = None
    models: frozenset[str] | None = None
    speed: float = 10.0
    delta_ms: int = 100
    lasts: float = 600.0
    warns: float = 60.0
    waits: bool = True
    blocks: bool = True
    tells_of_speech: bool = False


class GeminiTurn:
    """An answer that begins ``now``; with ``words`` where its transcript is wanted. Its calls get ids that begin with ``name``."""

    def __init__(self, reply: GeminiReply, options: GeminiServerOptions, now: float, name: str, *, words: bool) -> None:
        sound = sound_of(reply)
        self.state: State = "generating"
        self.due = now
        self.said = reply.text
        self.calls = {f"{name}_{number}": call for number, call in enumerate(reply.calls, 1)}
        """Calls without a result, by their ids."""
        self._options = options
        self._pieces = deque(_cut(sound, options.delta_ms)) if sound else deque()
        self._words = deque(_spread(reply.text, max(len(self._pieces), 1)) if words else ())
        self._heard_at = now + (sound.duration if sound else 0.0)
        self._tokens = round(25 * sound.duration) if sound else 1

    def advance(self) -> list[Message]:
        """Do what is due at ``due``."""
        if self.state == "playing":
            self.state, self.due = "over", math.inf
            return [{"serverContent": {"turnComplete": True}, "usageMetadata": self._usage()}]
        if self._pieces:
            piece = self._pieces.popleft()
            self.due += piece.duration / self._options.speed
            return [_audio(piece), *self._more_words()]
        return [*self._more_words(), *(self._call() if self.calls else self._generated())]

    def cut_short(self) -> list[Message]:
        """The caller has interrupted it."""
        taken_back = [{"toolCallCancellation": {"ids": list(self.calls)}}] if self.state == "waiting" else []
        self.state, self.due = "over", math.inf
        return [*taken_back, {"serverContent": {"interrupted": True}}, {"serverContent": {"turnComplete": True}}]

    def _more_words(self) -> list[Message]:
        words = self._words.popleft() if self._words else ""
        return [{"serverContent": {"outputTranscription": {"text": words}}}] if words else []

    def _generated(self) -> list[Message]:
        self.state = "playing"
        if self._options.waits:
            self.due = max(self.due, self._heard_at)
        return [{"serverContent": {"generationComplete": True}}]

    def _call(self) -> list[Message]:
        calls = [{"id": call_id, "name": call.name, "args": json.loads(call.arguments)} for call_id, call in self.calls.items()]
        self.state, self.due = "waiting", math.inf
        ends: list[Message] = [] if self._options.blocks else [{"serverContent": {"turnComplete": True}}]
        return [{"toolCall": {"functionCalls": calls}}, *ends]

    def _usage(self) -> Message:
        details = [{"modality": "AUDIO", "tokenCount": self._tokens}]
        counts = {"promptTokenCount": 50, "responseTokenCount": self._tokens, "totalTokenCount": 50 + self._tokens}
        return {**counts, "responseTokensDetails": details}


def _cut(sound: Frame, delta_ms: int) -> list[Frame]:
    return sound.split(sound.format.rate * delta_ms // 1000)


def _spread(text: str, count: int) -> list[str]:
    """The words of a text, spread over so many pieces."""
    words = [word + " " for word in text.split()]
    return ["".join(words[len(words) * each // count : len(words) * (each + 1) // count]) for each in range(count)]


def _audio(piece: Frame) -> Message:
    data = base64.b64encode(piece.data).decode()
    return {
        "serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]}}
    }
