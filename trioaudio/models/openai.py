"""OpenAI's realtime models, and every server that speaks their protocol.

What is sent and what it means is `trioaudio.wire.openai`; here it meets a websocket, through a `trioaudio.abc.MessageLine`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote, urlsplit

import trio

from .._agent import Agent
from .._errors import OptionError, RemoteProtocolError
from .._limits import Limits
from .._model_events import ModelEvent
from .._secret import Secret
from ..abc import Capability, MessageLine, Model, Option, WebSocket, model_plugin, open_socket, require_private
from ..audio import AudioFormat, Frame
from ..wire._openai_formats import FORMATS
from ..wire.openai import OpenAIWire, SessionOptions

KEY = "OPENAI_API_KEY"
URL = "wss://api.openai.com/v1"
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in; the server may send items with all their audio."""

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
        model._line.close()


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
    capabilities: frozenset[Capability] = frozenset({"commit", "cancel", "truncate", "text", "respond", "tools"})

    def __init__(self, websocket: WebSocket, wire: OpenAIWire) -> None:
        self.wire: OpenAIWire = wire
        """What is known of the session; its ``counts`` tell what was skipped and swallowed."""
        self._line = MessageLine(websocket)
        self._events: deque[ModelEvent] = deque()

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; returns when the server has agreed to the configuration, formats and all.

        Raises:
            OptionError: the agent has provider options that there are not.
            trio.BrokenResourceError: the server refused, or set other formats; the message says what it said.
        """
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
            raise trio.BrokenResourceError(f"the server refused the session: {refusal.message} ({refusal.code})")

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
        except RemoteProtocolError as exc:
            raise trio.BrokenResourceError(f"the server breaks the protocol: {exc}") from exc
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the next one to receive is told
            self._line.post(self.wire.owed())

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
