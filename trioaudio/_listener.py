"""The contract of a listener: where calls come from, and what a call offers before it is answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Literal, TypeAlias

import trio

from ._errors import CapabilityError
from ._source import Source

Direction: TypeAlias = Literal["inbound", "outbound"]
"""Who dialled: the far party (``inbound``), or we did and they have picked up (``outbound``)."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_UNCOUNTED: Mapping[str, int] = MappingProxyType({})


class Invitation(ABC):
    """A call as a listener plugin offers it: somebody is there, and nobody has answered yet.

    The server asks for exactly one of `answer`, `reject` and `redirect`, once, from one task; what one of them raises, or takes
    for ever to do, harms this call alone. Users see a `Call`, which is made of this.
    """

    direction: Direction = "inbound"
    """Who dialled."""
    caller: str | None = None
    """Number, address or name of the far party, as far as it is known; nothing that may be relied on unless the plugin says so."""
    called: str | None = None
    """What was dialled."""
    account: str | None = None
    """Whose call it is, where a listener serves several customers."""
    parameters: Mapping[str, str] = _NOTHING
    """What came with the call by name: query, custom parameters of the carrier; typed by `Call.parameter`."""
    headers: Mapping[str, str] = _NOTHING
    """What the protocol carried beside it, names in lower case."""

    @abstractmethod
    def answer(self) -> AbstractAsyncContextManager[Source]:
        """Pick up: an ``@asynccontextmanager`` method that yields the call's `Source` when both sides are connected.

        Entering it is bounded by `Timeouts.answer`. Its exit ends the call, if it has not ended before.

        Raises, while it is entered:
            trio.EndOfChannel: the far party hung up before.
            trio.BrokenResourceError: the connection failed.
        """

    @abstractmethod
    async def reject(self, reason: str) -> None:
        """Refuse the call politely, in the far end's own way: never a bare error, never silence.

        Args:
            reason: one word. The server's own are ``busy`` (a limit is reached), ``declined`` (nobody took it) and ``unavailable``
                (we are going away, or failed); others are the user's. What a protocol has no word for is ``declined`` there.

        Checkpoint: yes. May raise `trio.BrokenResourceError`: then nobody is there to be refused.
        """

    async def redirect(self, target: str) -> None:
        """Send the far party elsewhere, unanswered: a number or an address, as the protocol understands it.

        Checkpoint: yes.

        Raises:
            CapabilityError: this kind of call cannot be redirected.
            trio.BrokenResourceError: the connection failed.
        """
        await trio.lowlevel.checkpoint()
        raise CapabilityError(f"{type(self).__name__} cannot redirect a call; accept it or reject it")


class Listener(ABC):
    """Where calls come from, as a plugin offers it; its life is an ``open_*`` context manager, so there is no ``aclose``.

    The server calls `receive` from one task, at once again after each call, and never waits for a call's handler meanwhile.
    """

    name: str = "listener"
    """What logs and statistics call it."""
    where: str = ""
    """Where calls reach it, for whoever has started it: an address. Empty if that is the front door, which names all it offers."""

    @property
    def counters(self) -> Mapping[str, int]:
        """What it has counted beside calls, by names of its own: those whom it has turned away, say. Metrics show them."""
        return _UNCOUNTED

    @abstractmethod
    async def receive(self) -> Invitation:
        """The next call.

        Checkpoint: yes. On cancel: nothing is lost; the next call returns what this one would have.

        Raises:
            trio.EndOfChannel: no more calls will come, and that is as it should be.
            trio.BrokenResourceError: it has failed; so does the server.
        """

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Invitation:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
