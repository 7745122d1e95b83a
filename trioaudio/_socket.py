"""The contract of a websocket, whatever carries it: whole messages, one writer, and an end that says why."""

from __future__ import annotations

from abc import ABC, abstractmethod

import trio


class WebSocket(ABC):
    """One open websocket; made by `Upgrade.accept`, `open_socket` or `adopt_socket`, whose block is its life.

    One task receives, any number of tasks send: a message goes to the wire whole, in the order in which it was taken. A message
    that was taken is never cancelled; a far end that does not take it within `Timeouts.write` breaks the socket. Pings are
    answered while somebody receives, and a far end that is silent is pinged every `Timeouts.keepalive` seconds.
    """

    subprotocol: str | None = None
    """What both sides agreed on in the handshake."""
    close_code: int | None = None
    """Why it ended, as RFC 6455 numbers it: that of the side that closed first; 1006 when the connection broke, None while it is open."""
    close_reason: str = ""
    """What the side that closed first said of it."""

    @abstractmethod
    async def receive(self) -> str | bytes:
        """The next message of the far end: text as ``str``, binary as ``bytes``; fragments are put together.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the far end closed the websocket.
            trio.BrokenResourceError: the connection broke, or did not answer.
            RemoteProtocolError: what came is no websocket message, or longer than `Limits.message`; also a `trio.BrokenResourceError`.
            trio.ClosedResourceError: it was closed here.
            trio.BusyResourceError: another task receives.
        """

    def take_received(self) -> list[str | bytes]:
        """Messages that came with the last one and can be had without waiting, the oldest first; often there is none.

        A fast way for a receiver who is behind, that a websocket need not have. Never the end: `receive` tells of that.
        """
        return []

    @abstractmethod
    async def send(self, data: str | bytes) -> None:
        """Send one message, after those that were sent before.

        Returns when the message has been taken, which is before the far end has it; one that crosses a goodbye of the far end is
        lost, and whoever receives is told of that first. Checkpoint: yes. On cancel: the message is not sent at all.

        Raises:
            trio.BrokenResourceError: the far end has closed the websocket, the connection broke, or took nothing for too long.
            trio.ClosedResourceError: it was closed here.
        """

    def send_nowait(self, data: str | bytes) -> None:
        """Send one message at once, whole; a fast way that a websocket need not have.

        Raises:
            trio.WouldBlock: a message before this one is still on its way, or there is no fast way: use `send`.
            trio.BrokenResourceError, trio.ClosedResourceError: as `send`.
        """
        raise trio.WouldBlock

    @abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close it: say goodbye, wait for the far end's, at most `Timeouts.close`. What was not received is lost.

        Closing twice is the same as once. Checkpoint: yes. On cancel: it is closed all the same, without waiting for an answer.

        Args:
            code: 1000 all done, 1001 going away, 1011 a mistake of ours, 3000 to 4999 as you like.
            reason: at most 123 bytes; the rest is cut off.
        """

    def abort(self) -> None:
        """Break the connection off at once, for both sides: no goodbye, and what was not sent is lost.

        For tests of the other side, and for far ends that deserve no better. A websocket of somebody else's library has no such way.

        Raises:
            NotImplementedError: it has none.
        """
        raise NotImplementedError(f"a {type(self).__name__} cannot be broken off; close it")

    def ping(self) -> None:  # noqa: B027 - a courtesy that nobody has to offer
        """Ask the far end now whether it is there, however much it says; on a websocket that is full or over, nothing happens.

        A silent far end is asked anyway (`Timeouts.keepalive`). A websocket of somebody else's library does nothing either.
        """

    def __aiter__(self) -> WebSocket:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
