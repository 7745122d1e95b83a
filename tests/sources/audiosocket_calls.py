"""Calls over AudioSocket without a network, for tests: a listener, and an Asterisk that calls it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

from trioaudio.abc import Listener, Source
from trioaudio.audio import PCM16_8K, AudioFormat
from trioaudio.sources.audiosocket import AudioSocketListener
from trioaudio.testing import FakeAsterisk, FakeAudioSocket
from trioaudio.wire.one_time_ids import OneTimeIds


def listening(*ids: UUID, reuse: bool = False, format: AudioFormat | None = None) -> AudioSocketListener:
    """A listener that lets these ids in."""
    allowed = OneTimeIds(reuse=reuse)
    for id in ids:
        allowed.allow(id)
    return AudioSocketListener(allowed, format)


@asynccontextmanager
async def answered(format: AudioFormat = PCM16_8K) -> AsyncGenerator[tuple[Source, FakeAudioSocket], None]:
    """A call that has been answered: its source, and Asterisk's end of it."""
    id = uuid4()
    listener = listening(id, format=format)
    async with FakeAsterisk(format).audiosocket_to(listener.take, id) as far:
        invitation = await listener.receive()
        async with invitation.answer() as source:
            yield source, far


class Callers:
    """Whoever calls."""

    def __init__(self, listener: AudioSocketListener, stack: AsyncExitStack) -> None:
        self._listener, self._stack = listener, stack
        self._last: FakeAudioSocket

    async def dial(self) -> None:
        id = uuid4()
        self._listener.ids.allow(id)
        self._last = await self._stack.enter_async_context(FakeAsterisk().audiosocket_to(self._listener.take, id))

    async def outcome(self) -> str:
        return await self._last.outcome()

    def hang_up(self) -> None:
        self._last.hang_up()


@asynccontextmanager
async def callers() -> AsyncGenerator[tuple[Listener, object], None]:
    """A listener and whoever can call it, for `check_listener`."""
    async with AsyncExitStack() as stack:
        listener = listening()
        yield listener, Callers(listener, stack)
