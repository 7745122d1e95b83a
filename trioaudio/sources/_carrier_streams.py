"""Media websockets of carriers whose calls are controlled elsewhere: a stream that comes is a call, and who knows the key may open one.

No webhook of ours announces these streams: XML, an NCCO, a flow or an API request of the user's own names our websocket. So the
address itself has the secret, since no carrier keeps back what stands in a path; and nothing can be done about a call but talk, unless
the carrier's call control was opened.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, TypeAlias

import trio

from .._errors import RestError
from .._secret import Secret
from ..abc import (
    FrontDoor,
    Invitation,
    Listener,
    PhoneControl,
    PhoneExchange,
    PhoneSource,
    PhoneStream,
    Request,
    Route,
    Source,
    SourceCapability,
    Upgrade,
)
from ..wire.phone import Detect, PhoneDialect

log: logging.Logger = logging.getLogger("trioaudio.phone")

TOKEN = "trioaudio-token"
MOST_WAITING = 1_000


class CallCommands(Protocol):
    """A carrier's call control."""

    capabilities: frozenset[SourceCapability]
    """What it can do about a call whose stream goes on."""

    async def hang_up(self, call: str) -> None:
        """End a call; that it has ended already is no error. RestError, trio.BrokenResourceError: that failed."""

    async def transfer(self, call: str, target: str) -> None:
        """Hand a call over."""

    async def send_digits(self, call: str, digits: str) -> float:
        """As `PhoneControl.send_digits`."""


class StreamCall(Invitation, PhoneControl):
    """A call whose stream has started, and which nobody has answered yet.

    Args:
        exchange: where it came.
        stream: of it.
        commands: the carrier's call control.
        closing_ends: it is over when its websocket is closed.
    """

    def __init__(
        self, exchange: PhoneExchange, stream: PhoneStream, *, commands: CallCommands | None = None, closing_ends: bool = False
    ) -> None:
        self.caller: str | None = stream.start.caller
        self.called: str | None = stream.start.called
        self.account: str | None = stream.start.account or None
        self.parameters: Mapping[str, str] = stream.start.parameters
        self.capabilities: frozenset[SourceCapability] = commands.capabilities if commands is not None else frozenset()
        self._exchange, self._stream, self._commands, self._closing_ends = exchange, stream, commands, closing_ends
        self._handed_over = False

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            if self._stream.websocket.close_code is not None:
                raise trio.EndOfChannel
            yield PhoneSource(self._stream.websocket, self._stream.wire, self)
        finally:
            self._stream.over.set()

    async def reject(self, reason: str) -> None:
        await self.hang_up()
        self._stream.over.set()

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._exchange.note(what)

    async def hang_up(self) -> None:
        """End the call if the carrier's call control was opened; else what the carrier does then is its own affair. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        if self._closing_ends or self._handed_over or self._stream.wire.phase != "started":
            return
        if self._commands is None:
            self.note("left_to_the_carrier")
            return
        try:
            await self._commands.hang_up(self._stream.start.call)
        except (RestError, trio.BrokenResourceError) as exc:
            self.note("command_failed")
            log.warning("a call could not be hung up: %s", type(exc).__name__)

    async def transfer(self, target: str) -> None:
        """As `Source.transfer`."""
        assert self._commands is not None
        await self._commands.transfer(self._stream.start.call, target)
        self._handed_over = True

    async def send_digits(self, digits: str) -> float:
        """As `PhoneControl.send_digits`."""
        assert self._commands is not None
        return await self._commands.send_digits(self._stream.start.call, digits)


async def serve_by_token(exchange: PhoneExchange, upgrade: Upgrade) -> None:
    """Serve a media websocket whose address has a token, if a call waits for that. One that is refused has used up nothing."""
    token = upgrade.request.values["token"]
    if exchange.awaits(token):
        await exchange.serve(await upgrade.accept(), token=token)
    else:
        exchange.note("unexpected_upgrade")
        await upgrade.reject(403, "no call waits for a stream")


class StreamListener(Listener):
    """Streams of one carrier's; made by `open_streams`.

    Args:
        name: of the carrier.
        dialect: its words; or what finds out whose they are, by the first messages of a stream.
        closing_ends: a call is over when its websocket is closed.
    """

    def __init__(self, name: str, dialect: PhoneDialect | Detect, *, closing_ends: bool = False) -> None:
        self.name: str = name
        self._closing_ends = closing_ends
        self._came, self._calls = trio.open_memory_channel[Invitation](MOST_WAITING)
        self.exchange: PhoneExchange = PhoneExchange(name, dialect, TOKEN, unannounced=self._take)
        """Its media websockets."""

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    @property
    def counters(self) -> Mapping[str, int]:
        return dict(self.exchange.counters)

    def call_of(self, stream: PhoneStream) -> Invitation:
        """The call of a stream that has started."""
        return StreamCall(self.exchange, stream, closing_ends=self._closing_ends)

    def _take(self, stream: PhoneStream) -> None:
        try:
            self._came.send_nowait(self.call_of(stream))
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            stream.over.set()


Admission: TypeAlias = Callable[[Request], str]
"""What is wrong with a request beside its key, to be counted; empty if nothing is."""


async def _media(key: Secret, exchange: PhoneExchange, admission: Admission | None, upgrade: Upgrade) -> None:
    if not key.matches(upgrade.request.values["key"]):
        exchange.note("wrong_key")
        await upgrade.reject(403, "the key in this address is not the one")
    elif admission is not None and (wrong := admission(upgrade.request)):
        exchange.note(wrong)
        await upgrade.reject(401, "this is not who it must be")
    else:
        await exchange.serve(await upgrade.accept())


def key_route(door: FrontDoor, path: str, key: Secret, exchange: PhoneExchange, admission: Admission | None = None) -> Route:
    """Let whoever knows the key open a media websocket at ``PUBLIC-URL/PATH/KEY``, unless something else is wrong with it."""
    return door.websocket(f"{path.rstrip('/')}/{{key}}", partial(_media, key, exchange, admission), auth="token")


@asynccontextmanager
async def open_streams(
    name: str,
    dialect: PhoneDialect,
    door: FrontDoor,
    key: Secret,
    path: str,
    *,
    closing_ends: bool = False,
    admission: Admission | None = None,
) -> AsyncGenerator[StreamListener, None]:
    """Take the streams that a carrier opens at ``PUBLIC-URL/PATH/KEY``."""
    listener = StreamListener(name, dialect, closing_ends=closing_ends)
    with key_route(door, path, key, listener.exchange, admission):
        yield listener
