"""Google's realtime models: Gemini Live.

What is sent and what it means is `trioaudio.wire.gemini`; here it meets a websocket.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import trio

from .._agent import Agent
from .._errors import ModelRefused, OptionError, RemoteProtocolError, UpgradeRefusedError
from .._history import HistoryItem
from .._limits import Limits
from .._model_events import ModelEvent
from .._secret import Secret
from ..abc import Capability, MessageLine, Model, Option, WebSocket, model_plugin, open_socket, require_private
from ..audio import AudioFormat, Frame
from ..wire.gemini import INPUT_FORMATS, OUTPUT_FORMATS, GeminiOptions, GeminiWire

KEY = "GEMINI_API_KEY"
OTHER_KEY = "GOOGLE_API_KEY"
URL = "wss://generativelanguage.googleapis.com"
METHOD = "BidiGenerateContent"
TOKEN = "auth_tokens/"
"""How ephemeral tokens begin."""
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in."""

REFUSED = (400, 401, 403, 404)
"""HTTP statuses that mean that key, model or address will never be accepted."""

_connections = itertools.count(1)

_Header: TypeAlias = Literal["auto", "key", "token", "bearer"]


@model_plugin("gemini")
@asynccontextmanager
async def open_gemini(
    model: str,
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    header: _Header = "auto",
    insecure: bool = False,
    content: Literal["auto", "turns", "realtime"] = "auto",
    language: str | None = None,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
    prefix_ms: int | None = None,
    resumption: bool = True,
    history: bool = True,
    compress: bool = False,
    voice_activity: bool = False,
    search: bool = False,
) -> AsyncGenerator[Model, None]:
    """A realtime model of Google: Gemini Live. Checkpoint: yes.

    Args:
        model: its name, such as gemini-3.8-live; for Vertex AI its whole path, projects/...
        base_url: the server; the method's path is added unless it is there, as it must be for Vertex AI.
        key: the API key or ephemeral token; by default the variable GEMINI_API_KEY, or the file that GEMINI_API_KEY_FILE names, or
            the same of GOOGLE_API_KEY. A server on this machine needs none.
        header: how the key is sent: "key" in x-goog-api-key, "token" for ephemeral tokens, "bearer" for Vertex AI; "auto" tells
            keys from tokens.
        insecure: let the key travel unencrypted to another machine.
        content: how text reaches the model: "turns" as Gemini 2 takes it, "realtime" as Gemini 3 does; by its name, unless told.
        language: the language it speaks, such as en-US.
        temperature: 0 to 2.
        max_output_tokens: the longest answer.
        prefix_ms: how much speech it takes until an utterance has begun, in milliseconds.
        resumption: ask for handles with which another connection can go on.
        history: let this connection be told of a conversation that went before.
        compress: let the beginning of a long conversation be forgotten; without it, a call may last 15 minutes.
        voice_activity: ask for news of the caller's speech (Vertex AI only).
        search: let the model search the web.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        ModelRefused: the server accepts no such key, or knows no such address (HTTP 400, 401, 403, 404).
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    options = GeminiOptions(
        content=content,
        language=language,
        temperature=temperature,
        max_output_tokens=max_output_tokens,
        prefix_ms=prefix_ms,
        resumption=resumption,
        history=history,
        compress=compress,
        voice_activity=voice_activity,
        search=search,
    )
    key = key or _key_for(base_url)
    by_token = header == "token" or (header == "auto" and key is not None and key.reveal().startswith(TOKEN))
    url = live_url(base_url, by_token=by_token)
    require_private(url, insecure=insecure)
    headers = _authorisation(key, "token" if by_token else header)
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with AsyncExitStack() as stack:
        try:
            websocket = await stack.enter_async_context(open_socket(url, headers=headers, insecure=insecure, limits=limits))
        except UpgradeRefusedError as exc:
            if exc.status in REFUSED:
                raise ModelRefused(f"{exc}; check the key, the option header and base_url") from exc
            raise
        yield await stack.enter_async_context(open_gemini_over(websocket, model, options))


@asynccontextmanager
async def open_gemini_over(websocket: WebSocket, model: str, options: GeminiOptions | None = None) -> AsyncGenerator[Model, None]:
    """The model of this name at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    opened = GeminiModel(websocket, GeminiWire(model, options, f"gemini{next(_connections)}_"))
    try:
        yield opened
    finally:
        opened._line.close()


def live_url(base_url: str, *, by_token: bool = False) -> str:
    """Where the Live API is; a URL that names the method already stays as it is.

    Args:
        by_token: the method for ephemeral tokens, which only the alpha version of the API has.

    Raises:
        OptionError: the URL is none.
    """
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError(f"gemini: base_url is no URL of a websocket server; write it like {URL}")
    version, method = ("v1alpha", f"{METHOD}Constrained") if by_token else ("v1beta", METHOD)
    path = parts.path.rstrip("/")
    if METHOD not in path:
        path = f"{path}/ws/google.ai.generativelanguage.{version}.GenerativeService.{method}"
    return parts._replace(scheme=scheme, path=path).geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    for name in (KEY, OTHER_KEY):
        with suppress(OptionError):
            return Secret.from_environment(name)
    return Secret.from_environment(KEY) if urlsplit(url).scheme in ("wss", "https") else None


def _authorisation(key: Secret | None, header: _Header) -> dict[str, str | Secret]:
    """The key stays a secret until its header is written."""
    if key is None:
        return {}
    if header in ("token", "bearer"):
        return {"Authorization": key.prefixed("Token " if header == "token" else "Bearer ")}
    return {"x-goog-api-key": key}


class GeminiModel(Model):
    """One connection; made by `open_gemini` and `open_gemini_over`.

    It can neither stop an answer nor be told how much of it was heard: the server reckons that, and a session drops what still comes.
    """

    name: str = "gemini"
    input_formats: tuple[AudioFormat, ...] = INPUT_FORMATS
    output_formats: tuple[AudioFormat, ...] = OUTPUT_FORMATS
    capabilities: frozenset[Capability] = frozenset({"commit", "text", "respond", "tools", "history", "resume"})
    resumes_while_open: bool = False

    def __init__(self, websocket: WebSocket, wire: GeminiWire) -> None:
        self.wire: GeminiWire = wire
        """What is known of the session; its ``counts`` tell what was skipped and spared."""
        self.resume_token: str | None = None
        self._line = MessageLine(websocket)
        self._events: deque[ModelEvent] = deque()
        self._resumes: str | None = None
        if not wire.options.history:
            self.capabilities = self.capabilities - {"history"}

    def resume(self, token: str) -> None:
        """As `Model.resume`; the server takes the connection's handle only once the old connection is closed."""
        self._resumes = token

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; returns when the server has said that the setup is complete.

        Raises:
            OptionError: the agent has provider options that there are not.
            ModelRefused: it will never take this; the message says what it said.
            trio.BrokenResourceError: it refused, or the connection failed.
        """
        await trio.lowlevel.checkpoint()
        setup = self.wire.setup(agent, input_format, output_format, self._resumes)
        with suppress(trio.BrokenResourceError):  # what is read next says why
            await self._line.send(setup)
        while self.wire.phase == "configuring":
            try:
                await self._read()
            except trio.EndOfChannel:
                raise trio.BrokenResourceError("the server ended the session before it began") from None

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """As `Model.seed`."""
        if "history" not in self.capabilities:
            raise self._cannot("history")
        await self._line.send(self.wire.seed(history))

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
        while not self._events:
            await self._read()
        return self._events.popleft()

    async def _read(self) -> None:
        try:
            self._events.extend(self.wire.receive_untrusted(await self._received()))
        except RemoteProtocolError as exc:
            raise trio.BrokenResourceError(f"the server breaks the protocol: {exc}") from exc
        self.resume_token = self.wire.resume_token
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the next one to receive is told
            self._line.post(self.wire.owed())

    async def _received(self) -> str | bytes:
        try:
            return await self._line.receive()
        except trio.BrokenResourceError as exc:
            if self.wire.is_final(*self._line.end):
                raise ModelRefused(str(exc)) from None
            raise

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        await self._line.send(self.wire.append(frame))

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`."""
        *before, audio = self.wire.append(frame)
        self._line.post(before)
        self._line.send_nowait(audio)

    async def commit(self) -> None:
        """As `Model.commit`."""
        await self._line.send(self.wire.commit())

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`."""
        await self._line.send(self.wire.send_text(text))

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`."""
        await self._line.send(self.wire.respond(instructions))

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`; the server is told with the next `respond`, for it answers a result by itself."""
        await self._line.send(self.wire.tool_result(call_id, output, error=error))
