"""A websocket of trio-websocket's, as the contract has it: for programs that have one open already."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn

import trio

from .._errors import RemoteProtocolError
from .._limits import Timeouts
from .._socket import WebSocket
from .service_nursery import open_service_nursery

if TYPE_CHECKING:
    from trio_websocket import WebSocketConnection

BROKEN_PROTOCOL = (1002, 1007, 1009)
ABNORMAL = 1006


@asynccontextmanager
async def adopt_socket(connection: WebSocketConnection, *, timeouts: Timeouts | None = None) -> AsyncGenerator[WebSocket, None]:
    """Use a connection of trio-websocket's, of a server's or a client's, as a `WebSocket`; it is closed when the block ends.

    From now on it is used through the `WebSocket` only. The longest message is what the connection was opened with (``max_message_size``).
    """
    async with open_service_nursery() as nursery:
        websocket = _LibrarySocket(connection, timeouts or Timeouts())
        nursery.start_soon(websocket.keep_alive)
        try:
            yield websocket
        finally:
            await websocket.aclose()  # noqa: ASYNC102 - cancelled, it closes without waiting


class _LibrarySocket(WebSocket):
    """Waits where it may be cancelled; writes where it may not, and not for long."""

    def __init__(self, connection: WebSocketConnection, timeouts: Timeouts) -> None:
        self.subprotocol, self.close_code, self.close_reason = connection.subprotocol, None, ""
        self._connection, self._timeouts = connection, timeouts
        self._writing = trio.StrictFIFOLock()
        self._closed = self._receiving = self._told = False
        self._error: trio.BrokenResourceError | None = None
        self._received = 0
        self._open = trio.CancelScope()

    async def receive(self) -> str | bytes:
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this websocket")
        self._receiving = True
        try:
            message = await self._receive()
        finally:
            self._receiving = False
        self._received += 1
        return message

    async def _receive(self) -> str | bytes:
        from trio_websocket import ConnectionClosed  # loaded already: there is a connection

        if self._closed or self._error is not None:
            await trio.lowlevel.checkpoint()
            self._raise_ended()
        try:
            return await self._connection.get_message()
        except ConnectionClosed:
            self._note_end()
            self._raise_ended(receiving=True)

    async def send(self, data: str | bytes) -> None:
        async with self._writing:  # may be cancelled here
            if self._connection.closed is not None:
                self._note_end()
            if self._closed or self._error is not None or self._told:
                self._raise_ended()
            if self._connection.closed is None:  # else it crosses a goodbye, of which whoever receives is told first
                await self._write(data)

    async def _write(self, data: str | bytes) -> None:
        from trio_websocket import ConnectionClosed

        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._timeouts.write) as scope:  # but not here
            try:
                await self._connection.send_message(data)
            except ConnectionClosed:
                self._note_end()
                if self._error is not None or self._told:
                    self._raise_ended()
        if scope.cancelled_caught:
            self._break(trio.BrokenResourceError(f"the far end took nothing for {self._timeouts.write:g} s"))
            await self._close_at_once()
            self._raise_ended()

    async def keep_alive(self) -> None:
        """Ask a silent far end whether it is there; ends with the websocket."""
        from trio_websocket import ConnectionClosed

        with self._open:
            while True:
                received = self._received
                await trio.sleep(self._timeouts.keepalive)
                if received == self._received:
                    try:
                        await self._ask()
                    except ConnectionClosed:
                        return

    async def _ask(self) -> None:
        with trio.move_on_after(self._timeouts.keepalive) as scope:
            await self._connection.ping()
        if scope.cancelled_caught and self._receiving:  # nobody who reads: then its answer cannot be seen either
            self._break(trio.BrokenResourceError(f"the far end did not answer a ping for {self._timeouts.keepalive:g} s"))
            await self._close_at_once()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self._connection.closed is not None:
            self._note_end()
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._closed = True
        self._open.cancel()
        with trio.move_on_after(self._timeouts.close) as scope:
            await self._connection.aclose(code, reason or None)
        if scope.cancelled_caught:
            await trio.lowlevel.checkpoint()

    async def _close_at_once(self) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await self._connection.aclose()

    def _note_end(self) -> None:
        ended = self._connection.closed
        if ended is None or self.close_code is not None:
            return
        self.close_code, self.close_reason = ended.code, ended.reason or ""
        if ended.code in BROKEN_PROTOCOL:
            self._error = RemoteProtocolError(f"the far end breaks the websocket protocol: {ended.code} {ended.reason or ''}".rstrip())
        elif ended.code == ABNORMAL:
            self._error = trio.BrokenResourceError("the far end went away without a goodbye")

    def _break(self, error: trio.BrokenResourceError) -> None:
        if self._error is None:
            self._error = error
            self.close_code, self.close_reason = ABNORMAL, str(error)

    def _raise_ended(self, *, receiving: bool = False) -> NoReturn:
        if self._closed:
            raise trio.ClosedResourceError("this websocket was closed here")
        if self._error is not None:
            raise type(self._error)(*self._error.args)
        if receiving:
            self._told = True
            raise trio.EndOfChannel
        raise trio.BrokenResourceError(f"the far end has closed this websocket: {self.close_code} {self.close_reason}".rstrip())
