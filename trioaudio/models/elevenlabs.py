"""Agents of ElevenLabs, which live at the provider: a call is a conversation with one of them.

What is sent and what it means is `trioaudio.wire.elevenlabs`; here it meets a websocket, through a `trioaudio.abc.MessageLine`, and
the Trio clock: the protocol does not say where an answer ends, so the wire has to be told when time has passed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote, urlsplit

import trio

from .._agent import Agent
from .._errors import ModelRefused, OptionError, RemoteProtocolError, RestError
from .._history import Called, HistoryItem, Returned, Said
from .._limits import Limits
from .._model_events import ModelEvent
from .._secret import Secret
from ..abc import Capability, MessageLine, Model, Option, WebSocket, model_plugin, open_rest, open_socket, require_private
from ..audio import AudioFormat, Frame
from ..wire.elevenlabs import ConversationOptions, ElevenLabsWire

KEY = "ELEVENLABS_API_KEY"
URL = "wss://api.elevenlabs.io"
PATH = "/v1/convai/conversation"
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in: an answer may come in one piece, with the time of each letter."""
PHASE = 6e-6
"""This model's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""
BROKEN = 1006
"""The code of a connection that ended without a word."""
NOT_YOURS = (401, 403, 404, 422)
"""How the provider says that there is no such agent for this key."""

_Format: TypeAlias = Literal["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]


@model_plugin("elevenlabs")
@asynccontextmanager
async def open_elevenlabs(
    agent_id: str,
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    public: bool = False,
    insecure: bool = False,
    input_format: _Format = "pcm_16000",
    output_format: _Format = "pcm_16000",
    language: str | None = None,
    user_id: str | None = None,
    speed: float | None = None,
    stability: float | None = None,
    all_events: bool = False,
) -> AsyncGenerator[Model, None]:
    """A conversation with an agent of ElevenLabs. Checkpoint: yes.

    Args:
        agent_id: the agent's id, as the provider shows it.
        base_url: the server; wss://api.eu.residency.elevenlabs.io for one, or one of your own.
        key: the API key; by default the variable ELEVENLABS_API_KEY, or the file that ELEVENLABS_API_KEY_FILE names. It is exchanged
            for a signed address (extra "rest"). A public agent needs none, nor does a server on this machine.
        public: the agent may be talked to by everybody, so no key is used.
        insecure: let the key travel unencrypted to another machine.
        input_format: what the agent is set to hear; no conversation can change it, and a wrong one is refused.
        output_format: what the agent is set to speak, likewise.
        language: what it speaks and expects, such as en.
        user_id: who talks with it, for the provider's records.
        speed: how fast it speaks, 0.7 to 1.2.
        stability: how even its voice is, 0 to 1.
        all_events: ask for all events that a session understands, whatever the agent's settings say.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        MissingExtraError: there is a key, and the extra "rest" is not installed.
        InsecureConnectionError: the key would travel unencrypted.
        ModelRefused: there is no such agent for this key.
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    options = ConversationOptions(
        input_format=input_format,
        output_format=output_format,
        language=language,
        user_id=user_id,
        speed=speed,
        stability=stability,
        all_events=all_events,
    )
    url = conversation_url(base_url, agent_id)
    require_private(url, insecure=insecure)
    used = None if public else key or _key_for(url)
    address = url if used is None else await _signed_address(base_url, agent_id, used, insecure=insecure)
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with open_socket(address, insecure=insecure, limits=limits) as websocket, open_elevenlabs_over(websocket, options) as opened:
        yield opened


@asynccontextmanager
async def open_elevenlabs_over(websocket: WebSocket, options: ConversationOptions | None = None) -> AsyncGenerator[Model, None]:
    """The agent at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    model = ElevenLabsModel(websocket, ElevenLabsWire(options))
    try:
        yield model
    finally:
        model._line.close()


def conversation_url(base_url: str, agent_id: str) -> str:
    """Where a conversation with a public agent is opened: ``wss://api.elevenlabs.io/v1/convai/conversation?agent_id=...``.

    Raises:
        OptionError: the URL is none.
    """
    return f"{_base(base_url, http=False)}{PATH}?agent_id={quote(agent_id, safe='')}"


def _base(base_url: str, *, http: bool) -> str:
    parts = urlsplit(base_url)
    schemes = {"ws": "http", "wss": "https"} if http else {"http": "ws", "https": "wss"}
    scheme = schemes.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss", "http", "https") or not parts.hostname or parts.query:
        raise OptionError("elevenlabs: base_url is no URL of a server; write it like wss://api.elevenlabs.io")
    return parts._replace(scheme=scheme, path=parts.path.rstrip("/")).geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    try:
        return Secret.from_environment(KEY)
    except OptionError as exc:
        if urlsplit(url).scheme == "wss":
            raise OptionError(f"{exc}; an agent that everybody may talk to needs none: elevenlabs:AGENT_ID?public=true") from None
        return None


async def _signed_address(base_url: str, agent_id: str, key: Secret, *, insecure: bool) -> Secret:
    """Exchange the key for an address that this conversation may be opened at within 15 minutes. It is a secret itself."""
    async with open_rest(_base(base_url, http=True), headers={"xi-api-key": key}, insecure=insecure) as rest:
        try:
            answer = await rest.request("GET", f"{PATH}/get-signed-url", query={"agent_id": agent_id})
        except RestError as exc:
            if exc.status in NOT_YOURS:
                raise ModelRefused(f"no conversation with the agent {agent_id!r}: {exc}") from None
            raise trio.BrokenResourceError(str(exc)) from None
    found = answer.json()
    signed = found.get("signed_url") if isinstance(found, dict) else None
    if not isinstance(signed, str) or not signed.isprintable() or not signed.startswith(("ws://", "wss://")):
        raise RemoteProtocolError("the server was asked for a signed address, and answered without one")
    return Secret(signed)


class ElevenLabsModel(Model):
    """One conversation with an agent; made by the plugin."""

    name: str = "elevenlabs"
    capabilities: frozenset[Capability] = frozenset({"cancel", "text", "respond", "tools", "greeting", "history"})

    def __init__(self, websocket: WebSocket, wire: ElevenLabsWire) -> None:
        self.wire: ElevenLabsWire = wire
        """What is known of the conversation; its ``counts`` tell what was skipped and spared."""
        self.input_formats: tuple[AudioFormat, ...] = (wire.input_format,)
        self.output_formats: tuple[AudioFormat, ...] = (wire.output_format,)
        self._line = MessageLine(websocket)
        self._events: deque[ModelEvent] = deque()
        self._waiting: trio.CancelScope | None = None

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; returns when the agent has said what it hears and speaks, and that is what was declared.

        Raises:
            OptionError: the agent has provider options that there are not.
            ModelRefused: it hears or speaks something else, or does not let itself be changed in this way.
            trio.BrokenResourceError: the connection failed.
        """
        with suppress(trio.BrokenResourceError):  # what is read next says why
            await self._line.send(self.wire.initiate(agent, input_format, output_format))
        while self.wire.phase == "initiating":
            try:
                await self._read()
            except trio.EndOfChannel:
                raise trio.BrokenResourceError("the agent ended the conversation before it began") from None
        if self.wire.refusal is not None:
            raise ModelRefused(self.wire.refusal)

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """As `Model.seed`; the protocol has no history, so the agent is told of it in words, which it does not answer."""
        if not (said := "\n".join(filter(None, map(_in_words, history)))):
            await trio.lowlevel.checkpoint()
            return
        await self._line.send(self.wire.update_context(f"This conversation goes on after an interruption. Until now:\n{said}"))

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
        while not self._events:
            await self._read()
        return self._events.popleft()

    async def _read(self) -> None:
        """Take the next message, or let the time pass, whichever comes first."""
        with trio.CancelScope(deadline=self._due()) as self._waiting:
            self._take(await self._received())
            return
        self._events.extend(self.wire.advance(trio.current_time()))
        self._post_owed()

    async def _received(self) -> str | bytes:
        try:
            return await self._line.receive()
        except trio.BrokenResourceError as exc:
            code, reason = self._line.end
            if (refusal := self.wire.refused(code, reason)) is not None:
                raise ModelRefused(refusal) from None
            if code not in (None, BROKEN) and not isinstance(exc, RemoteProtocolError):
                raise trio.BrokenResourceError(self.wire.broken(code, reason)) from None
            raise

    def _take(self, data: str | bytes) -> None:
        try:
            self._events.extend(self.wire.receive_untrusted(data, trio.current_time()))
        except RemoteProtocolError as exc:
            raise trio.BrokenResourceError(f"the server breaks the protocol: {exc}") from exc
        self._post_owed()

    def _post_owed(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the next one to receive is told
            self._line.post(self.wire.owed(trio.current_time()))

    def _due(self) -> float:
        return self.wire.due + PHASE

    def _mind_the_time(self) -> None:
        """What was just done may be due earlier than whoever receives now expects."""
        if self._waiting is not None:
            self._waiting.deadline = self._due()

    async def append(self, frame: Frame) -> None:
        """As `Model.append`; the agent hears pieces of 20 to 100 ms, so that a shorter frame goes with the next one."""
        await self._line.send(self.wire.append(frame))

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`."""
        self._line.post(())
        if self._line.waiting:
            raise trio.WouldBlock
        self._line.post(self.wire.append(frame))

    async def cancel(self) -> None:
        """As `Model.cancel`, on this side: nothing more is heard of the answer. The agent cannot be told, and believes it was heard."""
        self._events.extend(self.wire.cancel(trio.current_time()))
        if self._waiting is not None and self._events:
            self._waiting.deadline = -math.inf
        await trio.lowlevel.checkpoint()

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`; it waits until the agent has finished, which it would interrupt."""
        await self._ask(self.wire.send_text(text, trio.current_time()))

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`: the agent is told in words, as if by the caller, for the protocol knows no other way.

        Results of tools are sent now, and are what it answers.
        """
        await self._ask(self.wire.respond(instructions, trio.current_time()))

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`; the agent would answer it unasked, so it is kept until `respond`."""
        await self._line.send(self.wire.tool_result(call_id, output, error=error))

    async def update_context(self, text: str) -> None:
        """Let the agent know something, such as what the caller looks at; it neither answers nor stops. Errors as for `Model.commit`."""
        await self._line.send(self.wire.update_context(text))

    async def user_activity(self) -> None:
        """The caller is busy in another way, such as typing: the agent does not speak for a moment. Errors as for `Model.commit`."""
        await self._line.send(self.wire.user_activity())

    async def _ask(self, messages: list[str]) -> None:
        self._mind_the_time()
        await self._line.send(messages)


def _in_words(item: HistoryItem) -> str:
    match item:
        case Said(speaker, text):
            return f"{'The caller' if speaker == 'caller' else 'You'}: {text}"
        case Called(_, tool, arguments):
            return f"You called {tool} with {arguments}."
        case Returned(_, output, error):
            return f"It {'failed' if error else 'returned'}: {output}"
