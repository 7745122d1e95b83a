"""xAI's voice agents, which speak OpenAI's protocol in a way of their own.

The connection is the one that OpenAI's models have; what is different is `trioaudio.wire.xai`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

import trio

from .._errors import OptionError
from .._limits import Limits
from .._model_events import SessionExpiring
from .._secret import Secret
from ..abc import Capability, Model, Option, WebSocket, model_plugin, open_socket, require_private
from ..audio import AudioFormat
from ..wire.openai import SessionOptions
from ..wire.xai import FORMATS, XaiDialect, XaiWire
from ._openai_connection import OpenAIModel

KEY = "XAI_API_KEY"
URL = "wss://api.x.ai/v1"
LONGEST_SESSION = 3_600.0
"""How long a session lasts, in seconds; the server does not say it."""
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in; the server may send items with all their audio."""


@model_plugin("xai")
@asynccontextmanager
async def open_xai(
    model: str = "grok-voice-latest",
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    insecure: bool = False,
    prefix_ms: int | None = None,
    idle_timeout_ms: int | None = None,
    language: str | None = None,
    speed: float | None = None,
    reasoning: Literal["high", "none"] | None = None,
    web_search: bool = False,
    x_search: bool = False,
) -> AsyncGenerator[Model, None]:
    """A voice agent of xAI. Checkpoint: yes.

    Args:
        model: its name, such as grok-voice-latest.
        base_url: the server; the path /realtime is added.
        key: the API key; by default the variable XAI_API_KEY, or the file that XAI_API_KEY_FILE names. A server on this machine needs
            none.
        insecure: let the key travel unencrypted to another machine.
        prefix_ms: what from before the start of speech belongs to it, in milliseconds.
        idle_timeout_ms: after so many milliseconds without a word of the caller's the model speaks again, 5000 to 30000.
        language: the caller's language, a hint for writing down what is said, such as en.
        speed: how fast it speaks, 0.7 to 1.5.
        reasoning: whether it thinks before it speaks.
        web_search: it may search the web by itself.
        x_search: it may search X by itself.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    if speed is not None and not 0.7 <= speed <= 1.5:
        raise OptionError(f"xai: speed={speed!r} is not a number from 0.7 to 1.5")
    options = SessionOptions(prefix_ms=prefix_ms, idle_timeout_ms=idle_timeout_ms, language=language, speed=speed)
    searches = (*(["web_search"] if web_search else []), *(["x_search"] if x_search else []))
    dialect = XaiDialect(reasoning=reasoning, searches=searches)
    url = _url(base_url, model)
    require_private(url, insecure=insecure)
    used = key or _key_for(url)
    headers: dict[str, str | Secret] = {} if used is None else {"Authorization": used.prefixed("Bearer ")}
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with (
        open_socket(url, headers=headers, insecure=insecure, limits=limits) as websocket,
        open_xai_over(websocket, options, dialect) as opened,
    ):
        yield opened


@asynccontextmanager
async def open_xai_over(
    websocket: WebSocket, options: SessionOptions | None = None, dialect: XaiDialect | None = None
) -> AsyncGenerator[Model, None]:
    """The voice agent at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    model = XaiModel(websocket, XaiWire(options, dialect))
    try:
        yield model
    finally:
        model.close()


def _url(base_url: str, model: str) -> str:
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError("xai: base_url is no URL of a websocket server; write it like wss://api.x.ai/v1")
    return parts._replace(scheme=scheme, path=f"{parts.path.rstrip('/')}/realtime", query=f"model={quote(model, safe='')}").geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    try:
        return Secret.from_environment(KEY)
    except OptionError:
        if urlsplit(url).scheme == "wss":
            raise
        return None


class XaiModel(OpenAIModel):
    """One connection; made by the plugin."""

    name: str = "xai"
    key: str = KEY
    input_formats: tuple[AudioFormat, ...] = FORMATS
    output_formats: tuple[AudioFormat, ...] = FORMATS
    capabilities: frozenset[Capability] = frozenset({
        "commit", "cancel", "truncate", "text", "say", "respond", "tools", "history", "clear", "items", "update"
    })  # fmt: skip

    def __init__(self, websocket: WebSocket, wire: XaiWire) -> None:
        super().__init__(websocket, wire)
        self.wire: XaiWire = wire
        self._told_end = False

    def _note_expiry(self) -> None:
        """Say when the session ends, once it exists."""
        super()._note_expiry()
        if not self._told_end and self.wire.phase == "created":
            self._told_end = True
            self._events.append(SessionExpiring(LONGEST_SESSION))

    async def say(self, text: str) -> None:
        """As `Model.say`."""
        await self._line.send(self.wire.say(text))

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """It cannot; raises `CapabilityError`."""
        raise self._cannot("images")

    async def aside(self, instructions: str) -> str:
        """It cannot; raises `CapabilityError`."""
        raise self._cannot("aside")
