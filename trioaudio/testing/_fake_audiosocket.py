"""Asterisk's end of an AudioSocket: it opens the connection, says which call it is, and plays what comes as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import trio

from ..abc import Pipe
from ..audio import PCM16_8K, PTIME, AudioFormat, Frame
from ..wire.audiosocket import CALL, HANG_UP, KEY, RATES, FrameReader, written, written_audio
from ._memory_pipe import MemoryPipe, memory_pipes

PATIENCE = 2.0
"""Seconds for who was called to notice that the call is over."""
PHASE = 1e-6
"""Seconds: its timers fall just after those of the call under test, as a far end's do."""


class FakeAudioSocket:
    """One call of an Asterisk; made by `FakeAsterisk.audiosocket` and `FakeAsterisk.audiosocket_to`.

    It is as strict as Asterisk: anything but audio and a hang-up costs the call, and `dropped` says why.
    """

    def __init__(self, pipe: Pipe, format: AudioFormat = PCM16_8K, *, line_open: bool = False) -> None:
        self.format: AudioFormat = format
        """What it says."""
        self.arrivals: list[tuple[float, Frame]] = []
        """What it heard, with the time at which it came; Asterisk passes it on in that instant."""
        self.dropped: str | None = None
        """Why Asterisk would have dropped the call."""
        self.told_to_hang_up: bool = False
        """Whether it was told to hang up; then it does."""
        self.over: trio.Event = trio.Event()
        """Set once the connection has ended, on whatever side."""
        self._pipe, self._line_open = pipe, line_open
        self._said: deque[Frame] = deque()
        self._woken = trio.Event()
        self._stalled = False
        self._came = trio.lowlevel.ParkingLot()

    # ---- what a test lets it do

    def identify(self, id: UUID | str) -> None:
        """Say which call this is; `FakeAsterisk` does so by itself."""
        self.send_bytes(written(CALL, (id if isinstance(id, UUID) else UUID(id)).bytes))

    def speak(self, audio: Frame) -> None:
        """Say audio, in frames of 20 ms on time, after what is being said already."""
        self._said.extend(audio.split(self.format.frame_samples))
        self._woken.set()

    def press(self, digits: str) -> None:
        """Press keys."""
        for digit in digits:
            self.send_bytes(written(KEY, digit.encode()))

    def send_bytes(self, data: bytes) -> None:
        """Send anything at all. What the other side has no room for, or is not there for, is lost."""
        with suppress(trio.BrokenResourceError):
            self._pipe.write_nowait(data)

    def stall(self) -> None:
        """Take nothing any more."""
        self._stalled = True
        if isinstance(self._pipe, MemoryPipe):
            self._pipe.stall()

    def hang_up(self) -> None:
        """Hang up as Asterisk does: by closing the connection."""
        self._finish()

    def fail(self) -> None:
        """Let the connection break: in the middle of a frame."""
        self.send_bytes(written_audio(Frame.silence(160, self.format))[:100])
        self._finish()

    # ---- what a test asks it

    def heard(self) -> list[Frame]:
        """All it has heard, in order."""
        return [frame for _, frame in self.arrivals]

    async def wait_heard(self, seconds: float) -> None:
        """Wait until it has heard so much. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while sum(frame.duration for _, frame in self.arrivals) < seconds and not self.over.is_set():
            await self._came.park()

    async def outcome(self) -> str:
        """What has become of the call: ``rejected`` if it was told to hang up before it heard anything. Checkpoint: yes."""
        with trio.move_on_after(1.0):
            await self.over.wait()
        return "rejected" if self.told_to_hang_up and not self.arrivals else "answered"

    # ---- inside

    async def listen(self) -> None:
        """Hear what comes, until the connection ends."""
        frames = FrameReader()
        try:
            while not self.over.is_set():
                if self._stalled:
                    await self.over.wait()
                data = await self._pipe.read()
                if not data:
                    break
                for kind, payload in frames.frames_untrusted(data):
                    self._take(kind, payload)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        self._finish()

    def _take(self, kind: int, payload: bytes) -> None:
        if self.over.is_set():
            return
        if kind in RATES and payload:
            self.arrivals.append((trio.current_time(), Frame(payload, AudioFormat("pcm16", RATES[kind]))))
            self._came.unpark_all()
            return
        if kind == HANG_UP:
            self.told_to_hang_up = True
        else:
            self.dropped = f"a frame of kind {kind:#04x} with {len(payload)} bytes"
        self._finish()

    async def talk(self) -> None:
        """Say what there is to say, on time."""
        due = trio.current_time()
        while not self.over.is_set():
            frame = self._next()
            if frame is None:
                self._woken = trio.Event()
                await self._woken.wait()
                due = trio.current_time()
                continue
            self.send_bytes(written_audio(frame))
            due += PTIME
            await trio.sleep_until(due + PHASE)

    def _next(self) -> Frame | None:
        if self._said:
            return self._said.popleft()
        return Frame.silence(self.format.frame_samples, self.format) if self._line_open else None

    def _finish(self) -> None:
        self.over.set()
        self._said.clear()
        self._woken.set()
        self._came.unpark_all()
        self._pipe.close()


async def _serve(serve: Callable[[], Awaitable[None]] | None, served: trio.Event) -> None:
    if serve is not None:
        await serve()
    served.set()


@asynccontextmanager
async def living_audiosocket(
    pipe: Pipe, id: UUID | str | None, format: AudioFormat, line_open: bool, serve: Callable[[], Awaitable[None]] | None = None
) -> AsyncGenerator[FakeAudioSocket, None]:
    """A call on an open connection, until the block ends; ``serve`` is who is called, if that is not somewhere else."""
    call, body_error = FakeAudioSocket(pipe, format, line_open=line_open), None
    served = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_serve, serve, served)
        if id is not None:
            call.identify(id)
        nursery.start_soon(call.listen)
        nursery.start_soon(call.talk)
        try:
            yield call
            call.hang_up()
            with trio.move_on_after(PATIENCE):
                await served.wait()
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
            body_error = exc
        call.hang_up()
        nursery.cancel_scope.cancel("the call's block has ended")
    if body_error is not None:
        raise body_error


@asynccontextmanager
async def audiosocket_to(
    take: Callable[[Pipe, str], Awaitable[None]], id: UUID | str | None, format: AudioFormat, line_open: bool
) -> AsyncGenerator[FakeAudioSocket, None]:
    """A call without a network to whoever takes connections."""
    ours, theirs = memory_pipes()

    async def serve() -> None:
        try:
            await take(theirs, "memory")
        finally:
            theirs.close()

    async with living_audiosocket(ours, id, format, line_open, serve) as call:
        yield call
