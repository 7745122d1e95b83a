"""A websocket with as little between message and system call as can be: the driver of our own front door.

Whoever receives reads the socket, there is no reader task. Whoever sends writes to it, in the same step. Only what a full socket
does not take is left to a flusher, a task that lives until the socket has taken it: so a wait can be cancelled, a write never is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import trio

from .._errors import RemoteProtocolError
from .._limits import Timeouts
from .._socket import WebSocket
from .pipe import Pipe
from .websocket_codec import ABNORMAL, Asked, Item, Left, Malformed, WebSocketCodec

Spawn: TypeAlias = Callable[[Callable[[], Awaitable[None]]], object]
"""Starts a task in the nursery of whoever owns the socket; it must not end before the socket is closed."""

_State: TypeAlias = Literal["open", "closing", "left", "broken", "closed"]


class LeanSocket(WebSocket):
    """A websocket over a `Pipe`.

    Args:
        pipe: open, and the handshake is done.
        codec: what its bytes mean.
        spawn: for the flusher, and the task that keeps a silent connection alive.
        timeouts: ``write``, ``close`` and ``keepalive`` count.
        subprotocol: what was agreed on.
        first: bytes of the far end that were read behind the handshake.
    """

    def __init__(
        self,
        pipe: Pipe,
        codec: WebSocketCodec,
        spawn: Spawn,
        timeouts: Timeouts,
        *,
        subprotocol: str | None = None,
        first: bytes = b"",
    ) -> None:
        self.subprotocol, self.close_code, self.close_reason = subprotocol, None, ""
        self._pipe, self._codec, self._spawn, self._timeouts = pipe, codec, spawn, timeouts
        self._state: _State = "open"
        self._error: trio.BrokenResourceError | None = None
        self._received: deque[str | bytes | Left | Malformed] = deque()  # an end is heeded when its turn comes
        self._unsent = bytearray()  # bytes of taken messages, in order; the flusher's as long as there are any
        self._late_pong: Asked | None = None
        self._sent, self._over = trio.lowlevel.ParkingLot(), trio.Event()
        self._keeping = trio.CancelScope()
        self._receiving = self._reading = self._ended_there = False
        self._reads = 0
        if first:
            self._take(first)
        spawn(self._keep_alive)

    async def receive(self) -> str | bytes:
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this websocket")
        self._receiving = True
        try:
            if self._received or self._state != "open":
                await trio.lowlevel.checkpoint()
            while not self._received:
                await (self._read() if self._state == "open" else self._read_more())
            item = self._received.popleft()
        finally:
            self._receiving = False
        if isinstance(item, str | bytes):
            return item
        self._heed_end(item)
        raise self._end()  # with no checkpoint since it was read: a sender must not be told before us, and take it for a failure

    def take_received(self) -> list[str | bytes]:
        taken = list[str | bytes]()
        while self._received and isinstance(message := self._received[0], str | bytes):
            taken.append(message)
            self._received.popleft()
        return taken

    async def _read_more(self) -> None:
        """On a websocket that is not open any more."""
        if self._state == "closing" and self._reading:  # by the one who closes
            await self._over.wait()
        elif self._state == "closing" and not self._over.is_set():
            await self._read()
        if not self._received and self._over.is_set():
            raise self._end()

    def _end(self) -> Exception:
        """How a receiver is told of the end."""
        return trio.EndOfChannel() if self._state == "left" else self._ended()

    async def _read(self) -> None:
        self._reading = True
        try:
            data = await self._pipe.read()
        except trio.ClosedResourceError:  # somebody closed or broke it meanwhile
            return
        except trio.BrokenResourceError as exc:
            self._break(exc)
            return
        finally:
            self._reading = False
        self._reads += 1
        self._take(data)

    def _take(self, data: bytes) -> None:
        if not data:
            self._ended_there = True
            self._break(trio.BrokenResourceError("the far end went away without a goodbye"))
            return
        if self._state in ("open", "closing"):
            for item in self._codec.read_untrusted(data):
                self._take_item(item)

    def _take_item(self, item: Item) -> None:
        if isinstance(item, Asked):
            self._answer(item)
        elif self._state == "open":
            self._received.append(item)
        elif not isinstance(item, str | bytes):
            self._over.set()

    def _heed_end(self, item: Left | Malformed) -> None:
        if isinstance(item, Left):
            self._far_end_left(item)
        else:
            self._give_up(item)

    def _answer(self, asked: Asked) -> None:
        if self._unsent:
            self._late_pong = asked  # the last of many is enough, or a far end that reads nothing would fill our memory
        else:
            self._write(self._codec.pong(asked))

    def _give_up(self, malformed: Malformed) -> None:
        """Say why, and take nothing more; the pipe stays open until `aclose`, so that what we say arrives."""
        self._write(self._codec.goodbye(malformed.code, malformed.reason))
        self._state, self.close_code, self.close_reason = "broken", malformed.code, malformed.reason
        self._error = RemoteProtocolError(f"the far end breaks the websocket protocol: {malformed.reason}")
        self._end_open()

    def _end_open(self) -> None:
        self._keeping.cancel()
        self._sent.unpark_all()
        self._over.set()

    def _far_end_left(self, left: Left) -> None:
        still_there = self._state == "open"
        self._state, self.close_code, self.close_reason = "left", left.code, left.reason
        if still_there:
            self._write(self._codec.goodbye(left.code))
        self._end_open()

    def send_nowait(self, data: str | bytes) -> None:
        if self._left_unheard:
            return
        if self._state != "open":
            raise self._ended()
        if self._unsent:
            raise trio.WouldBlock
        self._write(self._codec.message(data))

    async def send(self, data: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        while self._unsent and self._state == "open":
            await self._sent.park()
        self.send_nowait(data)

    def _write(self, data: bytes) -> None:
        """Take bytes that must go out, whole."""
        if self._unsent:
            self._unsent += data
            return
        try:
            taken = self._pipe.write_nowait(data) if data else 0
        except trio.BrokenResourceError as exc:
            self._break_writing(exc)
            return
        if taken < len(data):
            self._unsent += memoryview(data)[taken:]
            self._spawn(self._flush)

    async def _flush(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._timeouts.write) as scope:
            try:
                while self._unsent:
                    await self._flush_once()
            except trio.ClosedResourceError:
                pass
            except trio.BrokenResourceError as exc:
                self._break_writing(exc)
        if scope.cancelled_caught:
            self._break(trio.BrokenResourceError(f"the far end took nothing for {self._timeouts.write:g} s"))
        self._sent.unpark_all()

    async def _flush_once(self) -> None:
        data = bytes(self._unsent)
        await self._pipe.write(data)
        del self._unsent[: len(data)]
        if not self._unsent and self._late_pong is not None:
            self._unsent += self._codec.pong(self._late_pong)
            self._late_pong = None

    async def _keep_alive(self) -> None:
        with self._keeping:
            waiting_at = -1
            while True:
                reads = self._reads
                await trio.sleep(self._timeouts.keepalive)
                if reads != self._reads:
                    continue
                if waiting_at == reads:  # somebody has been reading ever since we asked, and nothing came
                    self._break(trio.BrokenResourceError(f"the far end did not answer a ping for {self._timeouts.keepalive:g} s"))
                    return
                if not self._unsent:
                    self._write(self._codec.ping())
                    waiting_at = reads if self._reading else -1

    def ping(self) -> None:
        if self._state == "open" and not self._unsent:
            self._write(self._codec.ping())

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        if self._state in ("open", "left") and self._received and not isinstance(self._received[-1], str | bytes):
            self._heed_end(self._received[-1])  # the far end was first
        self._received.clear()
        if self._state == "open":
            self._state, self.close_code, self.close_reason = "closing", code, reason
            self._write(self._codec.goodbye(code, reason))
            self._sent.unpark_all()
        try:
            with trio.move_on_after(self._timeouts.close):
                await self._wait_for_goodbyes()
        finally:
            self._finish("closed")

    def abort(self) -> None:
        if self._state != "closed":
            self._received.clear()
            self._pipe.reset()
            self._break(trio.BrokenResourceError("this websocket was broken off here"))

    async def _wait_for_goodbyes(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._state == "closing" and not self._over.is_set():
            if self._reading:
                await self._over.wait()
            else:
                await self._read()
        while self._unsent:
            await self._sent.park()
        self._pipe.end_writing()
        while self._state == "broken" and not self._ended_there:
            await self._read()

    @property
    def _left_unheard(self) -> bool:
        """The far end has said goodbye and is gone, and whoever receives has not come to that yet: what is sent goes nowhere."""
        return self._state == "left" and bool(self._received)

    def _break_writing(self, error: trio.BrokenResourceError) -> None:
        """Nothing can be written any more. A far end that went away in good manners has said so, and it lies unread: no failure."""
        if self._state == "open" and (data := self._pipe.arrived()):
            self._take(data)
        self._break(error)

    def _break(self, error: trio.BrokenResourceError) -> None:
        """The connection is gone; whether that is bad news depends on what was said before."""
        if self._state == "open" and self._received and isinstance(self._received[-1], Left):
            self._finish("left")
        elif self._state == "open":
            self.close_code, self.close_reason, self._error = ABNORMAL, str(error), error
            self._finish("broken")
        elif self._state != "closed":
            self._finish("closed" if self._state == "closing" else self._state)

    def _finish(self, state: _State) -> None:
        self._state, self._ended_there = state, True
        self._unsent.clear()
        self._pipe.close()
        self._keeping.cancel()
        self._over.set()
        self._sent.unpark_all()

    def _ended(self) -> Exception:
        if self._state in ("closing", "closed"):
            return trio.ClosedResourceError("this websocket was closed here")
        if self._error is None:
            return trio.BrokenResourceError(f"the far end has closed this websocket: {self.close_code} {self.close_reason}".rstrip())
        again = type(self._error)(*self._error.args)
        again.__cause__ = self._error.__cause__
        return again

    def __repr__(self) -> str:
        return f"<LeanSocket {self._state if self.close_code is None else self.close_code}>"
