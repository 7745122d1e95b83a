"""From HTTP to a websocket: the handshake, and the decision of whoever serves the path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from .._errors import LocalProtocolError, RemoteProtocolError
from .._front_door import Request, Response, Upgrade, UpgradeHandler
from .._socket import WebSocket
from .handshake import accept_token
from .http_request import Asked, Refused, offered_subprotocols, refusal, websocket_key_untrusted
from .lean_socket import LeanSocket
from .routes import Entry


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client offers."""

    key: str
    subprotocols: tuple[str, ...]

    def answer(self, subprotocol: str | None) -> list[tuple[str, str]]:
        """The headers that accept it."""
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_token(self.key))]
        return headers if subprotocol is None else [*headers, ("Sec-WebSocket-Protocol", subprotocol)]


def handshake_untrusted(asked: Asked) -> Handshake:
    """The handshake in a request.

    Raises:
        RemoteProtocolError: there is none, or it has a body.
        Refused: it is of another version.
    """
    if asked.headers.get("sec-websocket-version") != "13":
        raise Refused(426, "websockets are spoken in version 13 here", {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"})
    if not asked.bodiless:
        raise RemoteProtocolError("the handshake of a websocket has no body")
    return Handshake(websocket_key_untrusted(asked), offered_subprotocols(asked.headers))


@dataclass(eq=False)
class Switch:
    """The point at which a connection becomes a websocket, or does not."""

    handshake: Handshake
    open: Callable[[list[tuple[str, str]], str | None], Awaitable[LeanSocket]]
    respond: Callable[[Response], Awaitable[None]]
    deciding: trio.CancelScope = field(default_factory=trio.CancelScope)
    decided: bool = False
    failed: bool = False
    websocket: LeanSocket | None = None

    async def accept(self, subprotocol: str | None) -> WebSocket:
        """Become one."""
        if subprotocol is not None and subprotocol not in self.handshake.subprotocols:
            offered = ", ".join(self.handshake.subprotocols) or "none"
            raise LocalProtocolError(f"the client did not offer the subprotocol {subprotocol!r} (it offered {offered})")
        self._decide()
        self.websocket = await self.open(self.handshake.answer(subprotocol), subprotocol)
        return self.websocket

    async def reject(self, status: int, reason: str) -> None:
        """Become none."""
        if not 400 <= status <= 599:
            raise LocalProtocolError(f"a websocket is rejected with a status from 400 to 599, not {status}")
        self._decide()
        await self.respond(refusal(status, reason or "this websocket is not opened"))

    def _decide(self) -> None:
        if self.decided:
            raise LocalProtocolError("this websocket has been accepted or rejected already")
        self.decided = True
        self.deciding.deadline = float("inf")


class HttpUpgrade(Upgrade):
    """What a handler sees of it."""

    def __init__(self, request: Request, switch: Switch) -> None:
        self.request, self.subprotocols = request, switch.handshake.subprotocols
        self._switch = switch

    async def accept(self, subprotocol: str | None = None) -> WebSocket:
        return await self._switch.accept(subprotocol)

    async def reject(self, status: int = 403, reason: str = "") -> None:
        await self._switch.reject(status, reason)


async def decide(entry: Entry, upgrade: Upgrade) -> None:
    """Let the handler have it; that the websocket ends is not its mistake, also when it lets that out."""
    handler: UpgradeHandler = entry.handler  # type: ignore[assignment]  # it is that of a websocket
    try:
        await handler(upgrade)
    except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
        await trio.lowlevel.checkpoint()
