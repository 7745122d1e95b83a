"""One client of an emulated server: a machine without I/O meets a websocket, the Trio clock and whatever is to go wrong."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import trio

from ...abc import WebSocket
from .faults import FaultSchedule, OpenAIFault

PHASE = 3e-6
"""This server's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""


class EmulatedServer(Protocol):
    """What a provider's server looks like without I/O; `trioaudio.wire.elevenlabs_server` is one."""

    @property
    def closing(self) -> tuple[int, str] | None:
        """Code and reason of the close frame that ends the connection."""

    @property
    def due(self) -> float:
        """When `advance` has something to do."""

    @property
    def has_news(self) -> bool:
        """Whether there is something to send, or an end to make."""

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """The client has sent a message."""

    def advance(self, now: float) -> None:
        """It is ``now``: do what has become due."""

    def take(self) -> Sequence[str | bytes]:
        """The messages to send, in order."""

    def complain(self, kind: str, message: str) -> None:
        """Say that something went wrong."""


class EmulatedSession:
    """One client: a task that listens, and one that speaks."""

    def __init__(self, websocket: WebSocket, server: EmulatedServer, faults: FaultSchedule) -> None:
        self._websocket, self._server, self._faults = websocket, server, faults
        self._told = trio.Event()
        self._over = False
        self._deaf_until = self._rests_until = -math.inf
        self._wrong: deque[OpenAIFault] = deque()

    async def run(self) -> None:
        """Serve the client until either side ends it. Checkpoint: yes."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, nursery.cancel_scope)
            await self._speak()
            nursery.cancel_scope.cancel("the session is over")

    def wake(self) -> None:
        """The server was told something: it may have something to say."""
        self._told.set()

    def go_wrong(self, fault: OpenAIFault) -> None:
        """Let something go wrong now."""
        self._wrong.append(fault)
        self.wake()

    async def _listen(self, session: trio.CancelScope) -> None:
        """Hear whatever the client says; its end is that of the session."""
        try:
            async for data in self._websocket:
                await trio.sleep(max(0.0, self._deaf_until - trio.current_time()))
                self._server.receive_untrusted(data, trio.current_time())
                if self._server.has_news or self._server.due < self._rests_until:  # fifty times a second there is nothing to do
                    self.wake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        session.cancel("the client has gone")

    async def _speak(self) -> None:
        """Say what is due, until it is over."""
        try:
            while not self._over:
                self._told = trio.Event()
                self._server.advance(trio.current_time())
                await self._say_all()
                await self._rest()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def _say_all(self) -> None:
        while self._wrong:
            await self._go_wrong(self._wrong.popleft())
        for fault in self._faults.by_clock(trio.current_time()):
            await self._go_wrong(fault)
        for message in self._server.take():
            if not self._over:
                await self._websocket.send(message)
                for fault in self._faults.after(message):
                    await self._go_wrong(fault)
        if self._server.closing is not None and not self._over:
            await self._close(*self._server.closing)

    async def _rest(self) -> None:
        self._rests_until = min(self._server.due, self._faults.due)
        with trio.CancelScope(deadline=self._rests_until + PHASE):
            if not self._over:
                await self._told.wait()

    async def _go_wrong(self, fault: OpenAIFault) -> None:
        first, rest = fault.words
        match fault.verb:
            case "close":
                await self._close(int(first), rest)
            case "break":
                self._over = True
                self._websocket.abort()
            case "error":
                self._server.complain(first, rest or "It went wrong, as it was told to.")
            case "stall":
                await trio.sleep(float(first))
            case "deaf":
                self._deaf_until = trio.current_time() + float(first)
            case "send":
                await self._websocket.send(fault.do.partition(" ")[2])

    async def _close(self, code: int, reason: str) -> None:
        self._over = True
        await self._websocket.aclose(code, reason)
