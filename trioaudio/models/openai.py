"""OpenAI's realtime models, and every server that speaks their protocol.

What is sent and what it means is `trioaudio.wire.openai`; here it meets a websocket, through a `trioaudio.abc.MessageLine`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote, urlsplit

import trio

from .._agent import Agent
from .._errors import ModelRefused, OptionError, RemoteProtocolError, ResponseFailedError
from .._history import HistoryItem
from .._limits import Limits
from .._model_events import ModelEvent, SessionExpiring
from .._secret import Secret
from ..abc import Capability, MessageLine, Model, Option, WebSocket, model_plugin, open_socket, require_private
from ..audio import PCM16_24K, AudioFormat, Frame
from ..wire._openai_formats import FORMATS
from ..wire.openai import AsideEnd, OpenAIWire, SessionOptions

KEY = "OPENAI_API_KEY"
URL = "wss://api.openai.com/v1"
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in; the server may send items with all their audio."""
LONGEST_ASIDE = 120.0
"""Seconds that an answer aside is waited for; a server that does not know how to make one may never say so."""

_Header: TypeAlias = Literal["bearer", "api-key"]


@model_plugin("openai")
@asynccontextmanager
async def open_openai(
    model: str,
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    header: _Header = "bearer",
    insecure: bool = False,
    answers: bool = True,
    prefix_ms: int | None = None,
    idle_timeout_ms: int | None = None,
    transcriber: str = "gpt-4o-mini-transcribe",
    language: str | None = None,
    noise: Literal["near_field", "far_field"] | None = None,
    output: Literal["audio", "text"] = "audio",
    speed: float | None = None,
    max_output_tokens: int | None = None,
    reasoning: Literal["minimal", "low", "medium", "high"] | None = None,
) -> AsyncGenerator[Model, None]:
    """A realtime model of OpenAI, or of a server that speaks its protocol. Checkpoint: yes.

    Args:
        model: its name, such as gpt-realtime-2.1.
        base_url: the server; the path /realtime is added.
        key: the API key; by default the variable OPENAI_API_KEY, or the file that OPENAI_API_KEY_FILE names. A server on this machine
            needs none.
        header: how the key is sent; "api-key" is Azure's way.
        insecure: let the key travel unencrypted to another machine.
        answers: the server answers each utterance by itself; if not, the app lets it (`Session.respond`).
        prefix_ms: what from before the start of speech belongs to it, in milliseconds.
        idle_timeout_ms: after so many milliseconds without a word of the caller's the model speaks again, 5000 to 30000.
        transcriber: the model that writes down what the caller says.
        language: the caller's language for that, such as en.
        noise: noise reduction for a microphone near or far.
        output: the model answers in speech, or in text alone.
        speed: how fast it speaks, 0.25 to 1.5.
        max_output_tokens: the longest answer, 1 to 4096 tokens.
        reasoning: effort of models that reason.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    options = SessionOptions(
        answers=answers,
        prefix_ms=prefix_ms,
        idle_timeout_ms=idle_timeout_ms,
        transcriber=transcriber,
        language=language,
        noise=noise,
        output=output,
        speed=speed,
        max_output_tokens=max_output_tokens,
        reasoning=reasoning,
    )
    url = realtime_url(base_url, model)
    require_private(url, insecure=insecure)
    headers = _authorisation(key or _key_for(url), header)
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with (
        open_socket(url, headers=headers, insecure=insecure, limits=limits) as websocket,
        open_openai_over(websocket, options) as opened,
    ):
        yield opened


@asynccontextmanager
async def open_openai_over(websocket: WebSocket, options: SessionOptions | None = None) -> AsyncGenerator[Model, None]:
    """The model at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    model = OpenAIModel(websocket, OpenAIWire(options))
    try:
        yield model
    finally:
        model._close()


def realtime_url(base_url: str, model: str) -> str:
    """Where a model is: ``wss://api.openai.com/v1`` and ``gpt-realtime`` are ``wss://api.openai.com/v1/realtime?model=gpt-realtime``.

    Raises:
        OptionError: the URL is none.
    """
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError("openai: base_url is no URL of a websocket server; write it like wss://api.openai.com/v1")
    query = "&".join(filter(None, (parts.query, f"model={quote(model, safe='')}")))
    return parts._replace(scheme=scheme, path=f"{parts.path.rstrip('/')}/realtime", query=query).geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    try:
        return Secret.from_environment(KEY)
    except OptionError:
        if urlsplit(url).scheme == "wss":
            raise
        return None


def _authorisation(key: Secret | None, header: _Header) -> dict[str, str | Secret]:
    """The key stays a secret until its header is written."""
    if key is None:
        return {}
    return {"api-key": key} if header == "api-key" else {"Authorization": key.prefixed("Bearer ")}


class OpenAIModel(Model):
    """One connection; made by `open_openai` and `open_openai_over`."""

    name: str = "openai"
    input_formats: tuple[AudioFormat, ...] = FORMATS
    output_formats: tuple[AudioFormat, ...] = FORMATS
    capabilities: frozenset[Capability] = frozenset({
        "commit", "cancel", "truncate", "text", "respond", "tools", "history", "clear", "images", "aside", "items", "update"
    })  # fmt: skip

    def __init__(self, websocket: WebSocket, wire: OpenAIWire) -> None:
        self.wire: OpenAIWire = wire
        """What is known of the session; its ``counts`` tell what was skipped and swallowed."""
        self._line = MessageLine(websocket)
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
        while self.wire.phase == phase:
            try:
                await self._read()
            except trio.EndOfChannel:
                raise trio.BrokenResourceError("the server ended the session before it began") from None
        if (refusal := self.wire.refusal) is not None:
            kind = ModelRefused if refusal.meaning == "fatal" else trio.BrokenResourceError
            raise kind(f"the server refused the session: {refusal.message} ({refusal.code}){_HINTS.get(refusal.code, '')}")

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

    def _close(self) -> None:
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


_HINTS = {"invalid_api_key": f"; check the key in the variable {KEY}", "invalid_model": "; check the name of the model"}
"""What to do about a refusal."""
