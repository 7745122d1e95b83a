"""Messages in line for a websocket: what a model's plugin writes through, so that no message is lost, doubled or cut.

Theory of operation. Messages that belong together are put in line in one step, and go at once as far as the socket takes them.
What is left goes before whatever is sent next: so whoever receives never waits for room to send (law 6), and whoever is cancelled
takes nothing out of the line (law 3). The line is bounded (law 5): a far end that takes nothing for so long is broken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import trio

from ._socket import WebSocket

NORMAL = 1000
"""The code of a close frame that means that all is well."""
LONGEST_LINE = 1_024
"""Messages that may wait; a call makes a few a second beside its audio, which waits by itself."""


class MessageLine:
    """The messages on their way to the far end of ``websocket``, and the one place to receive from it.

    One task receives, any number of tasks send.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._waiting: deque[str | bytes] = deque()
        self._flushing = trio.Lock()
        self._closed = False
        self._overflown: str | None = None

    @property
    def waiting(self) -> int:
        """Messages that are in line."""
        return len(self._waiting)

    def post(self, messages: Iterable[str | bytes]) -> None:
        """Put messages in line, in one step, and send at once what the socket takes. Never waits.

        Raises:
            trio.BrokenResourceError: the connection is over, or the line too long.
            trio.ClosedResourceError: the line is closed.
        """
        self._require_open()
        self._waiting.extend(messages)
        if len(self._waiting) > LONGEST_LINE:
            self._overflown = f"the far end took nothing of the last {LONGEST_LINE} messages"
            self._require_open()
        with suppress(trio.WouldBlock):
            while self._waiting and not self._flushing.locked():
                self._websocket.send_nowait(self._waiting[0])
                self._waiting.popleft()

    async def flush(self) -> None:
        """Wait until all that is in line has been taken.

        Checkpoint: yes. On cancel: what is left stays in line.

        Raises:
            trio.BrokenResourceError: the connection is over.
            trio.ClosedResourceError: the line is closed.
        """
        async with self._flushing:
            self._require_open()
            while self._waiting:
                await self._websocket.send(self._waiting[0])
                self._waiting.popleft()

    async def send(self, messages: Iterable[str | bytes]) -> None:
        """Put messages in line and wait until they have been taken.

        Checkpoint: yes. On cancel: they stay in line, and go before whatever is sent next. Errors as for `flush`.
        """
        self.post(messages)
        await self.flush()

    def send_nowait(self, message: str | bytes) -> None:
        """Send one message at once, or not at all: for audio, of which the next piece follows soon.

        Raises:
            trio.WouldBlock: others are in line, or the socket has no room: nothing was sent.
            trio.BrokenResourceError, trio.ClosedResourceError: as `post`.
        """
        self._require_open()
        if self._waiting:
            self.post(())
        if self._waiting or self._flushing.locked():
            raise trio.WouldBlock
        self._websocket.send_nowait(message)

    async def receive(self) -> str | bytes:
        """The next message of the far end.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the far end closed the connection, and all is well.
            trio.BrokenResourceError: it closed it for another reason, named with its code; or the connection broke.
            RemoteProtocolError: what came is no websocket message; also a `trio.BrokenResourceError`.
        """
        if self._overflown is not None:
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError(self._overflown)
        try:
            return await self._websocket.receive()
        except trio.EndOfChannel:
            raise self._ended() from None

    def take_received(self) -> list[str | bytes]:
        """As `WebSocket.take_received`."""
        return self._websocket.take_received()

    def close(self) -> None:
        """Nothing is sent any more; what is in line is lost. The websocket stays as it is."""
        self._closed = True
        self._waiting.clear()

    @property
    def end(self) -> tuple[int | None, str]:
        """Code and reason of the close frame that ended the connection; the code is None while it is open."""
        return self._websocket.close_code, self._websocket.close_reason

    def _ended(self) -> Exception:
        code, reason = self.end
        if code in (None, NORMAL):
            return trio.EndOfChannel()
        return trio.BrokenResourceError(f"the server closed the connection: {code}{f' ({reason})' if reason else ''}")

    def _require_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this model's block has ended")
        if self._overflown is not None:
            raise trio.BrokenResourceError(self._overflown)
