"""Somebody at a page in a browser: speaks, hears with a page's player, presses its buttons, and misbehaves when told to."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from urllib.parse import urlsplit

import trio

from ... import RemoteProtocolError
from ...abc import WebSocket, open_socket
from ...audio import PTIME, AudioFormat, Frame
from ...wire.browser import CAPABILITIES, SUBPROTOCOL, TOKEN_PREFIX, Hello
from ...wire.browser_page import BrowserPage
from .._memory_door import MemoryFrontDoor
from .._memory_socket import memory_websockets
from .._network import Network, through_network
from .company import open_company

PHASE = 1e-6
"""A far end's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""


class FakeBrowserCall:
    """One call; made by `FakeBrowser`. ``page`` is what the page knows and shows, ``page.player`` what sounds.

    Args:
        websocket: open.
        page: has not said hello.
        line_open: the microphone sends silence while nobody speaks, as it does in a page.
    """

    def __init__(self, websocket: WebSocket, page: BrowserPage, *, line_open: bool = True) -> None:
        self.websocket: WebSocket = websocket
        self.page: BrowserPage = page
        self.format: AudioFormat = AudioFormat("pcm16", page.hello.rate)
        """What its microphone sends."""
        self.over: trio.Event = trio.Event()
        """Set once the websocket has ended, on whatever side."""
        self.complaint: str | None = None
        """What the server said that no server may say; the page left then."""
        self._line_open = line_open
        self._silence = self.format.silence(self.format.frame_samples)
        self._said: deque[bytes | str] = deque()
        self._raw: deque[str | bytes] = deque()
        self._stalled_until = -float("inf")
        self._leaving: str | None = None
        self._next_frame = float("inf")
        self._wake, self._changed = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    # ---- what somebody does

    def speak(self, audio: Frame | Iterable[Frame]) -> None:
        """Say audio (in ``format``), in frames of 20 ms on time, after what is being said already."""
        data = b"".join(frame.data for frame in ([audio] if isinstance(audio, Frame) else audio))
        size = self.format.frame_samples * self.format.sample_bytes
        self._said += [data[i : i + size] for i in range(0, len(data), size)]
        self._wake.unpark_all()

    def press(self) -> None:
        """Press the talk button, and hold it."""
        self.send(self.page.talk())

    def let_go(self) -> None:
        """Let go of the talk button, once all has been said."""
        self._said.append(self.page.commit())
        self._wake.unpark_all()

    def stop(self) -> None:
        """Press the stop button."""
        self.send(self.page.interrupt())

    def mute(self, on: bool = True) -> None:
        """Press the mute button."""
        self.send(self.page.mute(on))

    def write(self, text: str) -> None:
        """Write something."""
        self.send(self.page.write(text))

    def send(self, message: str | bytes) -> None:
        """Send this, whatever it is, at once."""
        self._raw.append(message)
        self._wake.unpark_all()

    def stall(self, seconds: float = float("inf")) -> None:
        """Send and read nothing for a while, as a laptop that sleeps."""
        self._stalled_until = trio.current_time() + seconds
        self._wake.unpark_all()

    def hang_up(self) -> None:
        """Leave the page."""
        self._leave("bye")

    def fail(self) -> None:
        """Let the connection break without a word."""
        self._leave("fail")

    def _leave(self, how: str) -> None:
        self._leaving = how
        self._wake.unpark_all()

    # ---- what is known of it

    @property
    def ready(self) -> bool:
        """Whether the call was answered."""
        return self.page.player is not None

    @property
    def outcome(self) -> str:
        """What has become of the call: ``ringing``, ``answered``, or the code of the error with which it was turned away."""
        return self.page.error or ("answered" if self.ready else "ringing")

    def heard(self) -> bytes:
        """All that has left the player, without the silence between."""
        return self.page.heard(trio.current_time())

    async def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is so that the page can see, or the call is over. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while not condition() and not self.over.is_set():
            await self._changed.park()

    async def wait_ready(self) -> None:
        """Wait until the call is answered, or over. Checkpoint: yes."""
        await self.wait_for(lambda: self.ready)

    async def wait_hears(self, seconds: float) -> None:
        """Wait until so much has been heard, or the call is over. Checkpoint: yes."""
        await self.wait_ready()
        while not self.over.is_set() and (missing := seconds - self._heard_seconds()) > PHASE:
            with trio.CancelScope(deadline=trio.current_time() + (missing if self._sounds else float("inf")) + PHASE):
                await self._changed.park()

    def _heard_seconds(self) -> float:
        player = self.page.player
        return 0.0 if player is None else len(self.heard()) / 2 / player.rate

    @property
    def _sounds(self) -> bool:
        return self.page.player is not None and self.page.player.queued > 0

    # ---- its tasks

    async def run(self) -> None:
        """From the hello to the end of the websocket. Checkpoint: yes."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, nursery.cancel_scope)
                try:
                    await self._talk()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel("the call is over")
        finally:
            self.over.set()
            self._changed.unpark_all()

    async def _listen(self, run: trio.CancelScope) -> None:
        try:
            while True:
                data = await self.websocket.receive()
                if self._stalled:
                    await trio.sleep_until(self._stalled_until)
                self.page.receive_untrusted(data, trio.current_time())
                self._changed.unpark_all()
                self._wake.unpark_all()
        except RemoteProtocolError as exc:
            self.complaint = str(exc)
            await self.websocket.aclose(1002)
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        run.cancel("the server has closed the websocket")

    @property
    def _stalled(self) -> bool:
        return self._stalled_until > trio.current_time()

    async def _talk(self) -> None:
        await self.websocket.send(self.page.greeting())
        while self._leaving != "fail":
            if not self._stalled:
                await self._say_due()
                if self._leaving == "bye":
                    await self.websocket.send(self.page.bye())
                    await self.websocket.aclose()
                    return
            await self._rest()
        try:
            self.websocket.abort()
        except NotImplementedError:
            await self.websocket.aclose(1011)

    async def _say_due(self) -> None:
        now = trio.current_time()
        while self._raw:
            await self.websocket.send(self._raw.popleft())
        for message in self.page.take(now):
            await self.websocket.send(message)
        self._changed.unpark_all()
        if not self.ready:
            return
        if self._next_frame == float("inf") and (self._line_open or self._said):
            self._next_frame = now + PHASE
        while self._next_frame <= now:
            while self._said and isinstance(self._said[0], str):
                await self.websocket.send(self._said.popleft())
            if self._said or self._line_open:
                await self.websocket.send(self._said.popleft() if self._said else self._silence)
                self._next_frame += PTIME
            else:
                self._next_frame = float("inf")

    async def _rest(self) -> None:
        due = self._stalled_until if self._stalled else min(self.page.due + PHASE, self._next_frame)
        busy = self._leaving == "fail" or (not self._stalled and (self._raw or self._leaving))
        if due > trio.current_time() and not busy:
            with trio.CancelScope(deadline=due):
                await self._wake.park()


class FakeBrowser:
    """A browser that does what a test says: ``async with FakeBrowser().call(door) as call: call.speak(audio)``.

    A call is over when its block ends.

    Args:
        rate: of its microphone.
        can: what it can do: ``pos``, ``clear``, ``text``.
        token: what it shows.
        origin: of its page; None: it is no browser, and says nothing of that.
        latency: seconds between leaving the player and being heard.
        network: what lies between it and the server.
        line_open: the microphone sends silence while nobody speaks.
    """

    def __init__(
        self,
        *,
        rate: int = 48_000,
        can: Iterable[str] = CAPABILITIES,
        token: str | None = None,
        origin: str | None = "",
        latency: float = 0.0,
        network: Network | None = None,
        line_open: bool = True,
    ) -> None:
        self.hello: Hello = Hello(rate, frozenset(can), token)
        self.origin: str | None = origin
        """Of its page; empty: that of the server itself."""
        self._latency, self._network, self._line_open = latency, network, line_open

    @asynccontextmanager
    async def call(
        self, where: str | MemoryFrontDoor, *, headers: Mapping[str, str] | None = None, token_as_subprotocol: bool = False
    ) -> AsyncGenerator[FakeBrowserCall, None]:
        """Open the page's websocket, and say hello.

        Args:
            where: the address of the websocket, or a front door in memory.
            headers: what else the handshake has, such as a cookie.
            token_as_subprotocol: show the token in the handshake, and not in the hello.

        Raises:
            UpgradeRefusedError, trio.BrokenResourceError: it was refused, or nobody is there.
        """
        url = where if isinstance(where, str) else where.public_url("/ws", websocket=True)
        hello, offered = self.hello, [SUBPROTOCOL]
        if token_as_subprotocol and hello.token is not None:
            offered.append(TOKEN_PREFIX + base64.urlsafe_b64encode(hello.token.encode()).decode().rstrip("="))
            hello = Hello(hello.rate, hello.can)
        asked = {**self._origin_header(url), **(headers or {})}
        async with AsyncExitStack() as stack:
            if isinstance(where, MemoryFrontDoor):
                websocket = await where.open_websocket(url, {**asked, "Sec-WebSocket-Protocol": ", ".join(offered)})
                stack.push_async_callback(websocket.aclose)
            else:
                websocket = await stack.enter_async_context(open_socket(url, headers=asked, subprotocols=offered, insecure=True))
            yield await stack.enter_async_context(self._living(websocket, hello))

    @asynccontextmanager
    async def call_to(self, serve: Callable[[WebSocket], Awaitable[object]]) -> AsyncGenerator[FakeBrowserCall, None]:
        """Call what takes a websocket that was opened, without a network, also on a virtual clock."""
        ours, theirs = memory_websockets()
        async with open_company() as nursery:
            nursery.start_soon(_served, serve, theirs)
            async with self._living(ours, self.hello) as call:
                yield call

    def _origin_header(self, url: str) -> dict[str, str]:
        if self.origin is None:
            return {}
        parts = urlsplit(url)
        own = f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"
        return {"Origin": self.origin or own}

    @asynccontextmanager
    async def _living(self, websocket: WebSocket, hello: Hello) -> AsyncGenerator[FakeBrowserCall, None]:
        distant = through_network(websocket, self._network) if self._network is not None else nullcontext(websocket)
        async with distant as near, open_company() as nursery:
            call = FakeBrowserCall(near, BrowserPage(hello, latency=self._latency), line_open=self._line_open)
            nursery.start_soon(call.run)
            yield call
            call.hang_up()
            with trio.move_on_after(2.0):
                await call.over.wait()


async def _served(serve: Callable[[WebSocket], Awaitable[object]], websocket: WebSocket) -> None:
    try:
        await serve(websocket)
    finally:
        await websocket.aclose()  # noqa: ASYNC102 - in memory it does not wait
