"""A session of Genesys Cloud's, from its open to its end: what can be done about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import trio

from .._events import Dtmf
from ..abc import Invitation, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, Source, SourceCapability, see_off
from ..audio import PTIME

FAREWELL = 1.0
"""Seconds for Genesys to close a session that nobody takes."""


class GenesysCall(Invitation, PhoneControl):
    """A session that has begun, and which nobody has answered yet: Genesys waits 5 seconds for that."""

    capabilities: frozenset[SourceCapability] = frozenset({"transfer"})

    def __init__(self, exchange: PhoneExchange, stream: PhoneStream) -> None:
        self.caller: str | None = stream.start.caller
        self.called: str | None = stream.start.called
        self.account: str | None = stream.start.account or None
        self.parameters: Mapping[str, str] = stream.start.parameters
        self.headers: Mapping[str, str] = {"carrier": "genesys"}
        """Which carrier it is."""
        self.results: Mapping[str, str] = MappingProxyType({})
        """The output variables with which the session is ended."""
        self._exchange, self._stream = exchange, stream

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            early = await self._early()
            source = PhoneSource(self._stream.websocket, self._stream.wire, self)
            for key in early:
                source.tell(key)
            yield source
        finally:
            self._stream.over.set()

    async def _early(self) -> list[Dtmf]:
        """Keys that were pressed meanwhile; raises `trio.EndOfChannel` for whoever has hung up. No audio comes before it is opened."""
        wire, early = self._stream.wire, list[Dtmf]()
        with trio.move_on_after(PTIME):
            while wire.phase != "stopped":
                items = wire.receive_untrusted(await self._stream.websocket.receive(), trio.current_time())
                early += [item for item in items if isinstance(item, Dtmf)]
        if wire.phase == "stopped":
            await see_off(self._stream.websocket, wire, FAREWELL)
            raise trio.EndOfChannel
        return early

    async def reject(self, reason: str) -> None:
        await self._part({"rejected": reason})

    async def redirect(self, target: str) -> None:
        await self._part({"transfer": target})

    async def transfer(self, target: str) -> None:
        """The flow goes on, with the output variable ``transfer``: what that does is the flow's affair. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        self.results = {"transfer": target}

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._exchange.note(what)

    async def _part(self, results: Mapping[str, str]) -> None:
        try:
            wire = self._stream.wire
            for message in [*wire.owed(), *wire.goodbye(results)]:
                await self._stream.websocket.send(message)
            await see_off(self._stream.websocket, wire, FAREWELL)
        finally:
            self._stream.over.set()
