"""Calls over Asterisk's media websocket without a network, for tests: a listener, and an Asterisk that calls it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from trioaudio.abc import Listener, Source
from trioaudio.audio import PCM16_24K, AudioFormat
from trioaudio.sources.asterisk import AsteriskListener
from trioaudio.testing import ChannelOptions, FakeAsterisk, FakeMedia


@asynccontextmanager
async def answered(format: AudioFormat = PCM16_24K, *, json: bool = True) -> AsyncGenerator[tuple[Source, FakeMedia], None]:
    """A call that has been answered: its source, and Asterisk's end of it."""
    listener = AsteriskListener()
    async with FakeAsterisk(format, options=ChannelOptions(json=json)).websocket_to(listener.serve) as far:
        invitation = await listener.receive()
        async with invitation.answer() as source:
            yield source, far


class Callers:
    """Whoever calls."""

    def __init__(self, listener: AsteriskListener, stack: AsyncExitStack) -> None:
        self._listener, self._stack = listener, stack
        self._last: FakeMedia

    async def dial(self) -> None:
        self._last = await self._stack.enter_async_context(FakeAsterisk().websocket_to(self._listener.serve))

    async def outcome(self) -> str:
        return await self._last.outcome()

    def hang_up(self) -> None:
        self._last.hang_up()


@asynccontextmanager
async def callers() -> AsyncGenerator[tuple[Listener, object], None]:
    """A listener and whoever can call it, for `check_listener`."""
    async with AsyncExitStack() as stack:
        listener = AsteriskListener()
        yield listener, Callers(listener, stack)
