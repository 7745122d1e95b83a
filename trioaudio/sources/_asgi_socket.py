"""A websocket that an ASGI server has opened, as the contract of websockets has it (ASGI, Websocket Message Format, 2.4).

Servers do not say what becomes of a message whose reading or writing is cancelled. So two tasks of the socket's own read and write, and
whoever waits here waits for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import trio

from .._errors import RemoteProtocolError
from .._limits import Limits, Timeouts
from ..abc import WebSocket

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MOST_UNSENT = 2
"""Messages that wait for the server to take them; more wait where they come from."""
ABNORMAL, TOO_BIG = 1006, 1009


class AsgiWebSocket(WebSocket):
    """One websocket; made by `open_asgi_socket`."""

    def __init__(self, receive: Receive, send: Send, subprotocol: str | None, limits: Limits, timeouts: Timeouts) -> None:
        self.subprotocol: str | None = subprotocol
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._asgi_receive, self._asgi_send, self._limits, self._timeouts = receive, send, limits, timeouts
        self._came, self._messages = trio.open_memory_channel[str | bytes](1)
        self._unsent: deque[str | bytes] = deque()
        self._changed = trio.lowlevel.ParkingLot()
        self._closed = self._receiving = False
        self._error: trio.BrokenResourceError | None = None

    async def receive(self) -> str | bytes:
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this websocket")
        self._receiving = True
        try:
            return await self._messages.receive()
        except trio.EndOfChannel:
            raise self._ended(receiving=True) from None
        finally:
            self._receiving = False

    async def send(self, data: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        while len(self._unsent) >= MOST_UNSENT and self.close_code is None:
            await self._changed.park()
        self._put(data)

    def send_nowait(self, data: str | bytes) -> None:
        if len(self._unsent) >= MOST_UNSENT and self.close_code is None:
            raise trio.WouldBlock
        self._put(data)

    def _put(self, data: str | bytes) -> None:
        if self.close_code is not None:
            raise self._ended()
        self._unsent.append(data)
        self._changed.unpark_all()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()
        if self.close_code is not None:
            return
        self._closed, self.close_code, self.close_reason = True, code, reason
        with trio.move_on_after(self._timeouts.close, shield=True):
            while self._unsent and self._error is None:
                await self._changed.park()
            await self._tell({"type": "websocket.close", "code": code, "reason": reason})
        self._end()

    def _end(self, error: trio.BrokenResourceError | None = None) -> None:
        self._error = self._error or error
        self._came.close()
        self._changed.unpark_all()

    def _ended(self, *, receiving: bool = False) -> Exception:
        if self._closed:
            return trio.ClosedResourceError("this websocket was closed here")
        if self._error is not None:
            return type(self._error)(*self._error.args)
        if receiving:
            return trio.EndOfChannel()
        return trio.BrokenResourceError(f"the far end has closed the websocket: {self.close_code} {self.close_reason}".rstrip())

    # ---- its two tasks

    async def read(self) -> None:
        """Take what the server receives, one message at a time, until there is no more."""
        while self.close_code is None:
            try:
                message = await self._asgi_receive()
            except Exception as exc:  # noqa: BLE001 - whatever the server raises, there is no more
                self._left(ABNORMAL, str(exc), trio.BrokenResourceError(f"the server cannot receive any more: {exc!r}"))
                return
            if message["type"] != "websocket.receive":
                code = message.get("code") or 1005
                self._left(code, message.get("reason") or "", _error_of(code))
                return
            data = message.get("text") if message.get("text") is not None else message.get("bytes")
            await self._deliver(data or b"")

    async def _deliver(self, data: str | bytes) -> None:
        if len(data) > self._limits.message:
            what = f"a message of {len(data)} bytes; at most {self._limits.message} are taken (Limits.message)"
            await self._tell({"type": "websocket.close", "code": TOO_BIG, "reason": "the message is too long"})
            self._left(TOO_BIG, what, RemoteProtocolError(what))
            return
        try:
            await self._came.send(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            await trio.lowlevel.checkpoint()  # closed meanwhile

    def _left(self, code: int, reason: str, error: trio.BrokenResourceError | None) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._end(error)

    async def write(self) -> None:
        """Hand what is sent to the server, until it is over."""
        while self._error is None:
            while not self._unsent:
                await self._changed.park()
            data = self._unsent[0]
            key = "text" if isinstance(data, str) else "bytes"
            with trio.move_on_after(self._timeouts.write) as writing:
                await self._tell({"type": "websocket.send", key: data})
            if writing.cancelled_caught:
                what = f"the far end took nothing for {self._timeouts.write:g} s"
                self._left(ABNORMAL, what, trio.BrokenResourceError(what))
            self._unsent.popleft()
            self._changed.unpark_all()

    async def _tell(self, message: Message) -> None:
        try:
            await self._asgi_send(message)
        except Exception as exc:  # noqa: BLE001 - each server has errors of its own for a client that is gone
            self._left(ABNORMAL, "", trio.BrokenResourceError(f"the server cannot send any more: {exc!r}"))
            await trio.lowlevel.checkpoint()


def _error_of(code: int) -> trio.BrokenResourceError | None:
    return trio.BrokenResourceError("the far end went away without a goodbye") if code == ABNORMAL else None


@asynccontextmanager
async def open_asgi_socket(
    receive: Receive, send: Send, subprotocol: str | None, *, limits: Limits | None = None, timeouts: Timeouts | None = None
) -> AsyncGenerator[AsgiWebSocket, None]:
    """Accept a websocket that an ASGI server offers; it is closed when the block ends.

    Args:
        receive, send: the server's; ``websocket.connect`` has been received.
        subprotocol: that is agreed on.
        limits: ``message`` counts.
        timeouts: ``write`` and ``close`` count. Keeping a silent connection alive is the server's affair.
    """
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    websocket = AsgiWebSocket(receive, send, subprotocol, limits or Limits(), timeouts or Timeouts())
    body_error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(websocket.read)
        nursery.start_soon(websocket.write)
        try:
            yield websocket
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
            body_error = exc
        await websocket.aclose()
        nursery.cancel_scope.cancel("the block has ended")
    if body_error is not None:
        raise body_error
