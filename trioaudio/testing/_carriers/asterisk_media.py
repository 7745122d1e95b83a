"""Asterisk's end of its media websocket: a queue that is played on a clock of its own, and commands that are obeyed to the letter."""

from __future__ import annotations

import math

import trio

from ...abc import WebSocket
from ...audio import PTIME, Frame
from ...wire.asterisk_channel import AsteriskChannel, ChannelOptions
from .._memory_socket import MemoryWebSocket
from .asterisk_call import PHASE, AsteriskCall


class FakeMedia(AsteriskCall):
    """One call; made by `FakeAsterisk.websocket`, `FakeAsterisk.websocket_to` and `FakeAsterisk.incoming`.

    ``channel`` is its queue: what it obeyed, what it lost, whether it was answered.
    """

    def __init__(self, options: ChannelOptions, *, line_open: bool = False) -> None:
        super().__init__(options.format, line_open=line_open)
        self.channel: AsteriskChannel = AsteriskChannel(options)
        self._websocket: WebSocket | None = None
        self._connected, self._fed, self._unsent = trio.Event(), trio.Event(), trio.Event()

    def connect(self, websocket: WebSocket) -> None:
        """The websocket is open: the call begins."""
        self._websocket = websocket
        self.channel.start()
        self._connected.set()

    def press(self, digits: str) -> None:
        for digit in digits:
            self.channel.press(digit)
        self._unsent.set()

    def send(self, message: str | bytes) -> None:
        """Send anything at all."""
        self.channel.send(message)
        self._unsent.set()

    def garbage(self) -> None:
        self.send("{" * 3)

    def stall(self) -> None:
        self._stalled = True

    def hang_up(self) -> None:
        self.finish()

    def fail(self) -> None:
        """Let the connection break."""
        if isinstance(self._websocket, MemoryWebSocket):
            self._websocket.fail()
        else:
            self.channel.closing = 1011
        self.finish()

    def _accepted(self) -> bool:
        return self.channel.answered

    async def talk(self) -> None:
        await self._connected.wait()
        await super().talk()

    async def listen(self) -> None:
        await self._connected.wait()
        assert self._websocket is not None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_all)
                nursery.start_soon(self._play)
                nursery.start_soon(self._obey)
                await self.over.wait()
                nursery.cancel_scope.cancel("the call is over")
        finally:
            with trio.move_on_after(1.0, shield=True):
                await self._websocket.aclose(self.channel.closing)

    async def _obey(self) -> None:
        assert self._websocket is not None
        try:
            while True:
                if self._stalled:
                    await trio.sleep_forever()
                self.channel.receive_untrusted(await self._websocket.receive())
                self._fed.set()
                self._unsent.set()
                if self.channel.torn_down is not None or self.channel.hung_up:
                    break
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        if self.channel.torn_down is not None:
            self._drop(self.channel.torn_down)
        elif self.channel.hung_up:
            self._told_to_hang_up()
        self.finish()

    async def _send_all(self) -> None:
        assert self._websocket is not None
        try:
            while True:
                for message in self.channel.take():
                    await self._websocket.send(message)
                await self._unsent.wait()
                self._unsent = trio.Event()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def _play(self) -> None:
        """Tick every 20 ms; while there is nothing to do, it is not seen."""
        began = trio.current_time() + PHASE
        while True:
            if self.channel.idle:
                self._fed = trio.Event()
                await self._fed.wait()
                continue
            ticks = math.floor((trio.current_time() - began) / PTIME + 1e-9) + 1
            await trio.sleep_until(began + ticks * PTIME)
            frame = self.channel.tick()
            self._unsent.set()
            if frame is not None:
                self._hear(frame)

    def _say(self, frame: Frame) -> None:
        self.channel.say(frame)
        self._unsent.set()

    def _close(self) -> None:
        """`listen` does so."""
