"""One client of an emulated OpenAI server: a task that listens, one that speaks, and what goes wrong between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import trio

from ...abc import WebSocket
from ...audio import AudioFormat, Frame
from ...wire.openai_server import OpenAIReply, OpenAIServer, Unspoken
from .faults import FaultSchedule, OpenAIFault

Voice: TypeAlias = Callable[[str, AudioFormat], Awaitable[Frame]]
"""Speaks a text: an async function that returns its sound in a format; a `trio.BrokenResourceError` says that it cannot."""

PHASE = 3e-6
"""This server's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""
PING_PHASE = 4e-6
"""The moment of its pings."""
PING_EVERY = 20.0
"""Seconds between two pings, whatever the client sends; as the live service was seen to do (2026-11)."""
MUTE = "voice_unavailable"
"""The code with which an answer fails whose words could not be spoken."""


@dataclass(frozen=True, slots=True)
class OpenAIMessage:
    """A message that an emulator received or sent.

    Args:
        session: number of the session, from 1.
        seconds: since that began.
        received: it came from the client.
        data: as it was on the wire.
    """

    session: int
    seconds: float
    received: bool
    data: str | bytes


Witness: TypeAlias = Callable[[OpenAIMessage], None]
"""Is shown every message."""


class EmulatedSession:
    """Joins a server without I/O to a websocket."""

    def __init__(
        self,
        websocket: WebSocket,
        server: OpenAIServer,
        faults: FaultSchedule,
        *,
        number: int,
        voice: Voice | None,
        witness: Witness | None,
    ) -> None:
        self._websocket, self._server, self._faults = websocket, server, faults
        self._number, self._voice, self._witness = number, voice, witness
        self._begin = trio.current_time()
        self._heard, self._rests_until = trio.Event(), 0.0
        self._over = False
        self._deaf_until = 0.0
        self._wrong: deque[OpenAIFault] = deque()
        if voice is not None:
            server.speak_aloud()

    def say(self, reply: OpenAIReply) -> None:
        """Let the server say something unasked."""
        self._server.say(reply)
        self._heard.set()

    def go_wrong(self, fault: OpenAIFault) -> None:
        """Let something go wrong now."""
        self._wrong.append(fault)
        self._heard.set()

    async def listen(self, session: trio.CancelScope) -> None:
        """Hear whatever the client says; its end is that of the session."""
        try:
            async for data in self._websocket:
                if self._deaf_until > trio.current_time():
                    await trio.sleep_until(self._deaf_until)
                self._note(data, received=True)
                self._server.receive_untrusted(data, trio.current_time())
                if self._server.has_news or self._server.due < self._rests_until:  # fifty times a second there is nothing to do
                    self._heard.set()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        session.cancel("the client has gone")

    async def keep_pinging(self) -> None:
        """Ask the client whether it is there, again and again, as the live service does; until cancelled."""
        due = self._begin + PING_PHASE
        while True:
            due += PING_EVERY
            await trio.sleep_until(due)
            self._websocket.ping()

    async def speak(self, nursery: trio.Nursery) -> None:
        """Say what is due, until it is over."""
        try:
            while not self._over:
                self._heard = trio.Event()
                self._server.advance(trio.current_time())
                for unspoken in self._server.take_unspoken():
                    nursery.start_soon(self._speak_aloud, unspoken)
                await self._say_all()
                await self._rest()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def _speak_aloud(self, unspoken: Unspoken) -> None:
        assert self._voice is not None
        try:
            audio: Frame | str = await self._voice(unspoken.text, unspoken.format)
        except trio.BrokenResourceError:
            audio = MUTE
        self._server.voice(unspoken.response_id, audio, trio.current_time())
        self._heard.set()

    async def _say_all(self) -> None:
        while self._wrong:
            await self._go_wrong(self._wrong.popleft())
        for fault in self._faults.by_clock(trio.current_time()):
            await self._go_wrong(fault)
        for message in self._server.take():
            if not self._over:
                await self._send(message)
                for fault in self._faults.after(message):
                    await self._go_wrong(fault)
        if self._server.closing is not None and not self._over:
            await self._close(*self._server.closing)

    async def _send(self, message: str) -> None:
        self._note(message, received=False)
        await self._websocket.send(message)

    def _note(self, data: str | bytes, *, received: bool) -> None:
        if self._witness is not None:
            self._witness(OpenAIMessage(self._number, trio.current_time() - self._begin, received, data))

    async def _rest(self) -> None:
        self._rests_until = min(self._server.due, self._faults.due)
        with trio.CancelScope(deadline=self._rests_until + PHASE):
            if not self._over:
                await self._heard.wait()

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
                await self._send(fault.do.partition(" ")[2])

    async def _close(self, code: int, reason: str) -> None:
        self._over = True
        await self._websocket.aclose(code, reason)
