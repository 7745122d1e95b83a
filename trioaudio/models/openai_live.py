"""OpenAI's full-duplex models: GPT-Live.

What is sent and what it means is `trioaudio.wire.openai_live`; here it meets a websocket.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import trio

from .._agent import Agent
from .._errors import ModelRefused, OptionError, RemoteProtocolError, UpgradeRefusedError
from .._limits import Limits
from .._model_events import AudioDelta, ModelEvent, SessionExpiring
from .._secret import Secret
from ..abc import Capability, MessageLine, Model, Option, WebSocket, model_plugin, open_socket, require_private
from ..audio import AudioFormat, Converter, Frame
from ..wire.openai_live import FORMATS, OpenAILiveOptions, OpenAILiveWire

KEY = "OPENAI_API_KEY"
URL = "wss://api.openai.com/v1"
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in."""
REFUSED = (401, 403)
"""HTTP statuses that mean the key."""
DRAIN = 10.0
"""Seconds that the server may take to put a session away."""


@model_plugin("openai-live")
@asynccontextmanager
async def open_openai_live(
    model: str,
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    insecure: bool = False,
    delegate: str = "delegate",
    acknowledgement_ms: int | None = None,
    store: bool | None = None,
    safety_identifier: str | None = None,
    drain: float = DRAIN,
) -> AsyncGenerator[Model, None]:
    """A full-duplex model of OpenAI: GPT-Live. Checkpoint: yes.

    Args:
        model: its name, such as gpt-live-1.
        base_url: the server; the path /live/sessions is added.
        key: the API key; by default the variable OPENAI_API_KEY, or the file that OPENAI_API_KEY_FILE names. A server on this machine
            needs none.
        insecure: let the key travel unencrypted to another machine.
        delegate: the agent's tool that is called for whatever the model delegates; without arguments, for the protocol has none.
        acknowledgement_ms: how long after that the model may say that it is busy, in milliseconds.
        store: let OpenAI keep the session.
        safety_identifier: stands for the caller where OpenAI looks for abuse.
        drain: seconds that the server may take, at the end, to put the session away.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        ModelRefused: the server accepts no such key (HTTP status 401 or 403).
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    options = OpenAILiveOptions(delegate, acknowledgement_ms, store, safety_identifier)
    url = live_sessions_url(base_url)
    require_private(url, insecure=insecure)
    key = key or _key_for(url)
    headers: dict[str, str | Secret] = {} if key is None else {"Authorization": key.prefixed("Bearer ")}
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with AsyncExitStack() as stack:
        try:
            websocket = await stack.enter_async_context(open_socket(url, headers=headers, insecure=insecure, limits=limits))
        except UpgradeRefusedError as exc:
            if exc.status in REFUSED:
                raise ModelRefused(f"{exc}; check the key in the variable {KEY}") from exc
            raise
        yield await stack.enter_async_context(open_openai_live_over(websocket, model, options, drain=drain))


@asynccontextmanager
async def open_openai_live_over(
    websocket: WebSocket, model: str, options: OpenAILiveOptions | None = None, *, drain: float = DRAIN
) -> AsyncGenerator[Model, None]:
    """The model of this name at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    opened = OpenAILiveModel(websocket, OpenAILiveWire(model, options))
    try:
        yield opened
    finally:
        with trio.move_on_after(drain, shield=True):
            await opened._put_away()
        opened._line.close()


def live_sessions_url(base_url: str) -> str:
    """Where sessions are: ``wss://api.openai.com/v1`` is ``wss://api.openai.com/v1/live/sessions``.

    Raises:
        OptionError: the URL is none.
    """
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError(f"openai-live: base_url is no URL of a websocket server; write it like {URL}")
    return parts._replace(scheme=scheme, path=f"{parts.path.rstrip('/')}/live/sessions").geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    try:
        return Secret.from_environment(KEY)
    except OptionError:
        if urlsplit(url).scheme == "wss":
            raise
        return None


class OpenAILiveModel(Model):
    """One connection; made by `open_openai_live` and `open_openai_live_over`."""

    name: str = "openai-live"
    live: bool = True
    input_formats: tuple[AudioFormat, ...] = FORMATS
    output_formats: tuple[AudioFormat, ...] = FORMATS
    capabilities: frozenset[Capability] = frozenset({"respond", "tools"})

    def __init__(self, websocket: WebSocket, wire: OpenAILiveWire) -> None:
        self.wire: OpenAILiveWire = wire
        """What is known of the session; its ``counts`` tell what was skipped."""
        self._line = MessageLine(websocket)
        self._events: deque[ModelEvent] = deque()
        self._converter: Converter | None = None

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`. The service has one format for both directions: what differs is converted here.

        Raises:
            OptionError: the agent has provider options that there are not.
            ModelRefused: the server will never take this: a bad key, say.
            trio.BrokenResourceError: the server refused; the message says what it said.
        """
        if input_format != output_format:
            self._converter = Converter(input_format, output_format)
        with suppress(trio.BrokenResourceError):  # what is read next says why
            await self._line.send(self.wire.start(agent, input_format))
        while self.wire.phase == "starting" and self.wire.refusal is None:
            try:
                await self._read()
            except trio.EndOfChannel:
                raise trio.BrokenResourceError("the server ended the session before it began") from None
        self._check_refused()
        if (expires_at := self.wire.expires_at) is not None and (seconds := expires_at - time.time()) > 0:
            self._events.append(SessionExpiring(seconds))

    def _check_refused(self) -> None:
        if (refusal := self.wire.refusal) is not None:
            kind = ModelRefused if refusal.meaning == "fatal" else trio.BrokenResourceError
            raise kind(f"the server refused the session: {refusal.message} ({refusal.code})")

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
        while not self._events:
            self._check_over()
            await self._read()
        return self._events.popleft()

    def _check_over(self) -> None:
        self._check_refused()
        match self.wire.ended:
            case None:
                return
            case "close_requested" | "remote_hangup":
                raise trio.EndOfChannel
            case reason:
                raise trio.BrokenResourceError(f"the server ended the session: {reason}")

    async def _read(self) -> None:
        try:
            events = self.wire.receive_untrusted(await self._line.receive())
        except RemoteProtocolError as exc:
            raise trio.BrokenResourceError(f"the server breaks the protocol: {exc}") from exc
        self._events.extend(events if self._converter is None else map(self._converted, events))

    def _converted(self, event: ModelEvent) -> ModelEvent:
        if isinstance(event, AudioDelta) and self._converter is not None:
            return replace(event, frame=self._converter.convert(event.frame))
        return event

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        await self._line.send([self.wire.append(frame)])

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`."""
        self._line.send_nowait(self.wire.append(frame))

    async def respond(self, instructions: str | None = None) -> None:
        """Give the model something to speak about; it speaks when it thinks fit. As `Model.respond`."""
        await self._line.send(self.wire.respond(instructions))

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`; the protocol does not tell errors from results, so the output says it."""
        await self._line.send(self.wire.tool_result(call_id, output))

    async def _put_away(self) -> None:
        """Let the server end the session in order, if it can still be told."""
        await trio.lowlevel.checkpoint()
        with suppress(trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            if messages := self.wire.close():
                await self._line.send(messages)
            while self.wire.phase == "closing":
                await self._read()
                self._events.clear()
