"""One connection with a model that speaks the OpenAI Realtime protocol: the wire's machine meets a websocket.

What is sent and what it means is `trioaudio.wire.openai`; it goes through a `trioaudio.abc.MessageLine`. Plugins whose servers speak
a dialect of it make one of these, with their own wire.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import trio

from .._agent import Agent
from .._errors import ModelRefused, RemoteProtocolError, ResponseFailedError
from .._history import HistoryItem
from .._model_events import ModelEvent, SessionExpiring
from ..abc import Capability, MessageLine, Model, WebSocket
from ..audio import PCM16_24K, AudioFormat, Frame
from ..wire._openai.formats import FORMATS
from ..wire.openai import AsideEnd, OpenAIWire

KEY = "OPENAI_API_KEY"
LONGEST_ASIDE = 120.0
"""Seconds that an answer aside is waited for; a server that does not know how to make one may never say so."""


class OpenAIModel(Model):
    """One connection; ``acknowledged_within`` seconds the server's word is waited for before it is believed without, if not for ever."""

    name: str = "openai"
    key: str = KEY
    """The variable that the key is in, to be named where it is refused."""
    input_formats: tuple[AudioFormat, ...] = FORMATS
    output_formats: tuple[AudioFormat, ...] = FORMATS
    capabilities: frozenset[Capability] = frozenset({
        "commit", "cancel", "truncate", "text", "respond", "tools", "history", "clear", "images", "aside", "items", "update"
    })  # fmt: skip

    def __init__(self, websocket: WebSocket, wire: OpenAIWire, *, acknowledged_within: float = math.inf) -> None:
        self.wire: OpenAIWire = wire
        """What is known of the session; its ``counts`` tell what was skipped and swallowed."""
        self._line = MessageLine(websocket)
        self._patience = acknowledged_within
        self._events: deque[ModelEvent] = deque()
        self._expires_at: float | None = None
        self._asides: dict[str, _Aside] = {}
        self._formats = PCM16_24K, PCM16_24K

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; returns when the server has agreed to the configuration, formats and all.

        Raises:
            OptionError: the agent has provider options that there are not.
            ModelRefused: the server will never take this: the key, the model, no quota.
            trio.BrokenResourceError: the server refused, or set other formats; the message says what it said.
        """
        self._formats = input_format, output_format
        await self._read_while("connecting")
        with suppress(trio.BrokenResourceError):  # what is read next says why
            await self._line.send(self.wire.session_update(agent, input_format, output_format))
        await self._read_while("configuring")

    async def _read_while(self, phase: str) -> None:
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(self._patience) as waiting:
            while self.wire.phase == phase:
                try:
                    await self._read()
                except trio.EndOfChannel:
                    raise trio.BrokenResourceError("the server ended the session before it began") from None
        if waiting.cancelled_caught:
            self._events.extend(self.wire.assume())
        if (refusal := self.wire.refusal) is not None:
            kind = ModelRefused if refusal.meaning == "fatal" else trio.BrokenResourceError
            raise kind(f"the server refused the session: {refusal.message} ({refusal.code}){self._hint(refusal.code)}")

    def _hint(self, code: str) -> str:
        """What to do about a refusal."""
        return {"invalid_api_key": f"; check the key in the variable {self.key}", "invalid_model": "; check the name of the model"}.get(
            code, ""
        )

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
        while not self._events:
            await self._read()
        return self._events.popleft()

    async def _read(self) -> None:
        try:
            self._events.extend(self.wire.receive_untrusted(await self._line.receive()))
        except (trio.EndOfChannel, trio.BrokenResourceError) as exc:
            self._give_up_asides()
            if (refusal := self.wire.refused_by(*self._line.end)) is not None:
                raise ModelRefused(f"the server refused the session: {refusal}") from exc
            if isinstance(exc, RemoteProtocolError):
                raise trio.BrokenResourceError(f"the server breaks the protocol: {exc}") from exc
            raise
        self._note_expiry()
        self._tell_asides()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the next one to receive is told
            self._line.post(self.wire.owed())

    def _note_expiry(self) -> None:
        """Say when the session ends, as soon as the server has said it: it gives no other warning.

        The server says it in the time of the world's clocks, which is turned into seconds from now here and nowhere else.
        """
        expires_at = self.wire.expires_at
        if expires_at is not None and expires_at != self._expires_at:
            self._expires_at = expires_at
            if (seconds := expires_at - time.time()) > 0:
                self._events.append(SessionExpiring(seconds))

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        await self._line.send([self.wire.append(frame)])

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`."""
        message = self.wire.append(frame)
        try:
            self._line.send_nowait(message)
        except trio.WouldBlock:
            self.wire.not_appended(frame)
            raise

    async def commit(self) -> None:
        """As `Model.commit`."""
        await self._line.send(self.wire.commit())

    async def cancel(self) -> None:
        """As `Model.cancel`."""
        await self._line.send(self.wire.cancel())

    async def truncate(self, item_id: str, heard: int) -> None:
        """As `Model.truncate`."""
        await self._line.send(self.wire.truncate(item_id, heard))

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`."""
        await self._line.send(self.wire.send_text(text))

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`."""
        await self._line.send(self.wire.respond(instructions))

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`; the protocol does not tell errors from results, so the output says it."""
        await self._line.send(self.wire.tool_result(call_id, output))

    async def clear(self) -> None:
        """As `Model.clear`."""
        await self._line.send(self.wire.clear())

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """As `Model.send_image`; PNG and JPEG, up to 10 MiB."""
        await self._line.send(self.wire.send_image(data, media_type, text))

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """As `Model.seed`; what the agent said goes as text, so the model knows what was heard and not how it sounded."""
        await self._line.send(self.wire.seed(history))

    async def create_item(self, item: HistoryItem) -> None:
        """As `Model.create_item`."""
        await self._line.send(self.wire.seed([item]))

    async def delete_item(self, item_id: str) -> None:
        """As `Model.delete_item`; an item that there is not is a `SessionError`."""
        await self._line.send(self.wire.delete_item(item_id))

    async def update(self, agent: Agent) -> None:
        """As `Model.update`; what the server refuses of it is a `SessionError`, and then nothing has changed."""
        await self._line.send(self.wire.session_update(agent, *self._formats))

    async def aside(self, instructions: str) -> str:
        """As `Model.aside`; a server that makes none is given two minutes."""
        key, messages = self.wire.aside(instructions)
        waiting = self._asides[key] = _Aside()
        try:
            await self._line.send(messages)
            with trio.move_on_after(LONGEST_ASIDE):
                await waiting.over.wait()
        finally:
            del self._asides[key]
            self.wire.forget_aside(key)
        return waiting.text()

    def _tell_asides(self) -> None:
        for end in self.wire.asides_ended:
            if (waiting := self._asides.get(end.key)) is not None:
                waiting.end = end
                waiting.over.set()
        self.wire.asides_ended.clear()

    def _give_up_asides(self) -> None:
        for waiting in self._asides.values():
            waiting.is_lost = True
            waiting.over.set()

    def close(self) -> None:
        """The block of this model has ended: whoever waits for it learns that."""
        self._line.close()
        self._give_up_asides()


class _Aside:
    """Somebody who waits for an answer beside the conversation."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.end: AsideEnd | None = None
        self.is_lost = False

    def text(self) -> str:
        if self.end is None and self.is_lost:
            raise trio.BrokenResourceError("the connection ended before the answer came")
        if self.end is None:
            raise ResponseFailedError("no_answer", f"the server did not answer within {LONGEST_ASIDE:g} s")
        if self.end.error is not None:
            raise ResponseFailedError(self.end.error.code, self.end.error.message or "the server does not say why")
        return self.end.text
