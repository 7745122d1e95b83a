"""A response of an OpenAI Realtime server in the making: every event in the order of the live service, one step at a time.

Theory of operation. A plain generator says the events and yields how long to wait before it goes on, so that whoever drives it
decides what time is. A response that is stopped closes what it has open, from the inside out, and its item is incomplete.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from ...audio import AudioFormat, Frame
from .._json import Message
from .items import Conversation
from .outbox import Outbox
from .reply import OpenAICall, OpenAIReply


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """Everything that is known of a response when it begins; waits are ``1 / speed`` of what is heard.

    ``spoken``: its words are spoken by somebody else, who is waited for.
    """

    response_id: str
    reply: OpenAIReply
    modality: str
    format: AudioFormat
    format_name: Message
    voice: object
    metadata: Message | None
    in_conversation: bool
    max_output_tokens: int | str
    speed: float
    delta_ms: int
    burst_ms: int
    spoken: bool


_LIMITS = [
    {"name": name, "limit": limit, "remaining": limit - 1, "reset_seconds": 0.06}
    for name, limit in (("requests", 1_000), ("tokens", 50_000))
]


@dataclass(slots=True)
class _Open:
    """The item that is being said: what of it was sent."""

    item: Message
    index: int
    words: str = ""
    num_samples: int = 0
    has_part: bool = False


class ResponseMaker:
    """Makes one response."""

    def __init__(self, plan: ResponsePlan, conversation: Conversation, outbox: Outbox) -> None:
        self.plan: ResponsePlan = plan
        self.sounding: bool = False
        """Whether audio of it was sent."""
        self.seconds: float = 0.0
        """How much audio of it was sent."""
        self._conversation, self._outbox = conversation, outbox
        self._audio: Frame | None = None if plan.spoken else plan.reply.audio or Frame.silence(0, plan.format)
        self._output: list[Message] = []
        self._open: _Open | None = None
        self._steps = self._all()

    @property
    def waits_for_voice(self) -> bool:
        """Whether its words have not been spoken yet."""
        return self._audio is None

    def voice(self, audio: Frame) -> None:
        """Its words have been spoken."""
        self._audio = audio

    def silence(self, code: str) -> None:
        """Its words cannot be spoken: it fails with this code."""
        self._audio = Frame.silence(0, self.plan.format)
        self.plan = replace(self.plan, reply=replace(self.plan.reply, fails=code))

    def step(self) -> float | None:
        """Say what is next; how many seconds to wait then, or None when it is over."""
        return next(self._steps, None)

    def stop(self, reason: str) -> None:
        """Make no more of it: ``turn_detected`` or ``client_cancelled``."""
        self._steps.close()
        if self._open is not None:
            self._close("incomplete")
        self._done("cancelled", {"type": "cancelled", "reason": reason})

    # ---- from the outside in

    def _all(self) -> Generator[float, None, None]:
        self._outbox.say("response.created", response=self._response("in_progress", None))
        yield 0.0
        if self.plan.reply.text or self.plan.reply.audio:
            yield from self._message()
        for call in self.plan.reply.calls:
            yield from self._call(call)
        if (code := self.plan.reply.fails) is not None:
            self.fail(code)
        elif (reason := self.plan.reply.incomplete) is not None:
            self._done("incomplete", {"type": "incomplete", "reason": reason})
        else:
            self._done("completed", None)

    def fail(self, code: str) -> None:
        """It cannot be made."""
        if self._open is not None:
            self._close("incomplete")
        error = {"type": "server_error", "code": code, "message": "The response failed, as it was told to."}
        self._done("failed", {"type": "failed", "error": error})

    def _message(self) -> Iterator[float]:
        self._begin({"type": "message", "role": "assistant", "content": []})
        part = {"type": "audio", "transcript": ""} if self.plan.modality == "audio" else {"type": "text", "text": ""}
        self._say_of_item("response.content_part.added", content_index=0, part=part)
        self._opened.has_part = True
        yield 0.0
        yield from (self._spoken() if self.plan.modality == "audio" else self._written())
        self._close("incomplete" if self.plan.reply.incomplete or self.plan.reply.fails else "completed")

    def _spoken(self) -> Iterator[float]:
        while self._audio is None:
            yield math.inf
        pieces = self._audio.split(max(1, self.plan.format.rate * self.plan.delta_ms // 1000))
        held = 0.0
        for index, some in enumerate(_shares(self.plan.reply.text, max(1, len(pieces)))):
            if some:
                self._opened.words += some
                self._say_of_item("response.output_audio_transcript.delta", content_index=0, delta=some)
            if index < len(pieces):
                self._sound(pieces[index])
                held += pieces[index].duration
                if held * 1000 >= self.plan.burst_ms:
                    yield held / self.plan.speed
                    held = 0.0

    def _sound(self, piece: Frame) -> None:
        opened = self._opened
        opened.num_samples += piece.num_samples
        self.seconds += piece.duration
        self._outbox.sound(
            {
                "response_id": self.plan.response_id,
                "item_id": opened.item["id"],
                "output_index": opened.index,
                "content_index": 0,
            },
            piece.base64,
        )
        self.sounding = True
        if self.plan.in_conversation and opened.item["id"] in self._conversation:
            sent = opened.num_samples * 1000 // self.plan.format.rate
            self._conversation[opened.item["id"]].sent_ms[0] = sent

    def _written(self) -> Iterator[float]:
        for some in _shares(self.plan.reply.text, 4):
            if some:
                self._opened.words += some
                self._say_of_item("response.output_text.delta", content_index=0, delta=some)
                yield 0.02 / self.plan.speed

    def _call(self, call: OpenAICall) -> Iterator[float]:
        call_id = self._outbox.new_id("call")
        self._begin({"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""})
        yield 0.0
        for some in filter(None, _shares(call.arguments, 2)):
            self._opened.words += some
            self._say_of_item("response.function_call_arguments.delta", call_id=call_id, delta=some)
            yield 0.0
        self._close("completed")

    # ---- one item

    @property
    def _opened(self) -> _Open:
        assert self._open is not None
        return self._open

    def _begin(self, item: Message) -> None:
        item = {"id": self._outbox.new_id("item"), "object": "realtime.item", "status": "in_progress", **item}
        self._open = _Open(item, len(self._output))
        self._outbox.say("response.output_item.added", response_id=self.plan.response_id, output_index=self._open.index, item=dict(item))
        if self.plan.in_conversation:
            previous = self._conversation.add(item)
            self._outbox.say("conversation.item.added", previous_item_id=previous, item=dict(item))

    def _close(self, status: str) -> None:
        """Say that everything of the open item is done, from the inside out."""
        opened = self._opened
        if opened.item["type"] == "function_call":
            self._close_call(opened, status)
        elif opened.has_part:
            self._close_part(opened)
        opened.item["status"] = status
        if self.plan.in_conversation:
            self._outbox.say("conversation.item.done", previous_item_id=None, item=dict(opened.item))
        self._outbox.say("response.output_item.done", response_id=self.plan.response_id, output_index=opened.index, item=dict(opened.item))
        if self._audio is not None and opened.num_samples and self.plan.in_conversation:
            self._conversation.keep(opened.item["id"], self._audio.cut(0, opened.num_samples))
        self._output.append(dict(opened.item))
        self._open = None

    def _close_call(self, opened: _Open, status: str) -> None:
        opened.item["arguments"] = opened.words
        if status == "completed":
            named = {"call_id": opened.item["call_id"], "name": opened.item["name"]}
            self._say_of_item("response.function_call_arguments.done", **named, arguments=opened.words)

    def _close_part(self, opened: _Open) -> None:
        if self.plan.modality == "audio":
            self._say_of_item("response.output_audio.done", content_index=0)
            self._say_of_item("response.output_audio_transcript.done", content_index=0, transcript=opened.words)
            part, content = {"type": "audio", "transcript": opened.words}, {"type": "output_audio", "transcript": opened.words}
        else:
            self._say_of_item("response.output_text.done", content_index=0, text=opened.words)
            part, content = {"type": "text", "text": opened.words}, {"type": "output_text", "text": opened.words}
        self._say_of_item("response.content_part.done", content_index=0, part=part)
        opened.item["content"] = [content]

    def _say_of_item(self, kind: str, **fields: object) -> None:
        opened = self._opened
        self._outbox.say(kind, response_id=self.plan.response_id, item_id=opened.item["id"], output_index=opened.index, **fields)

    # ---- the response itself

    def _done(self, status: str, details: Message | None) -> None:
        self._outbox.say("response.done", response=self._response(status, details, usage=self._usage()))
        self._outbox.say("rate_limits.updated", rate_limits=_LIMITS)

    def _response(self, status: str, details: Message | None, usage: Message | None = None) -> Message:
        return {
            "object": "realtime.response",
            "id": self.plan.response_id,
            "status": status,
            "status_details": details,
            "output": list(self._output),
            "conversation_id": "conv_1" if self.plan.in_conversation else None,
            "output_modalities": [self.plan.modality],
            "max_output_tokens": self.plan.max_output_tokens,
            "audio": {"output": {"format": self.plan.format_name, "voice": self.plan.voice}},
            "usage": usage,
            "metadata": self.plan.metadata,
        }

    def _usage(self) -> Message:
        """About what the live service would count: a token is four letters, or 50 ms of speech."""
        said = self.plan.reply
        words, sound = len(said.text) // 4 + 1, round(self.seconds * 20)
        return {
            "total_tokens": words + sound + 10,
            "input_tokens": 10,
            "output_tokens": words + sound,
            "input_token_details": {"text_tokens": 10, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": words, "audio_tokens": sound},
        }


def _shares(text: str, number: int) -> list[str]:
    """The text in so many pieces, some of them empty."""
    edges = [len(text) * index // number for index in range(number + 1)]
    return [text[begin:end] for begin, end in pairwise(edges)]
