"""Browser sources and listeners with their far sides, as their authors would hand them to the conformance kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from trioaudio.abc import Listener, Source, WebSocket
from trioaudio.sources.browser import BrowserSource, listen
from trioaudio.testing import FakeBrowser, FakeBrowserCall, MemoryFrontDoor, open_memory_door
from trioaudio.wire.browser import BrowserWire, hello_untrusted


@asynccontextmanager
async def browser_source(fake: FakeBrowser | None = None) -> AsyncGenerator[tuple[Source, FakeBrowserCall], None]:
    """A source that somebody at a page has called."""
    came, opened = trio.open_memory_channel[WebSocket](1)

    async def serve(websocket: WebSocket) -> None:
        await came.send(websocket)
        await trio.sleep_forever()

    async with (fake or FakeBrowser(rate=24_000)).call_to(serve) as call:
        websocket = await opened.receive()
        yield BrowserSource(websocket, BrowserWire(hello_untrusted(await websocket.receive()))), call
        assert call.complaint is None


class Pages:
    """Somebody who can call the listener under test."""

    def __init__(self, door: MemoryFrontDoor, fake: FakeBrowser, stack: AsyncExitStack) -> None:
        self._door, self._fake, self._stack = door, fake, stack
        self._call: FakeBrowserCall | None = None

    async def dial(self) -> None:
        self._call = await self._stack.enter_async_context(self._fake.call(self._door))

    async def outcome(self) -> str:
        assert self._call is not None
        await trio.sleep(0.01)
        return "rejected" if self._call.page.error else self._call.outcome

    def hang_up(self) -> None:
        assert self._call is not None
        self._call.hang_up()


@asynccontextmanager
async def browser_listener() -> AsyncGenerator[tuple[Listener, object], None]:
    """A listener at a door in memory."""
    async with open_memory_door() as door, listen(door)() as listener, AsyncExitStack() as stack:
        yield listener, Pages(door, FakeBrowser(), stack)
