"""What the calls of a fake Asterisk have in common: who speaks on time, who listens, what was heard, and what goes wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

import trio

from ...audio import PTIME, AudioFormat, Frame

PATIENCE = 2.0
"""Seconds for who was called to notice that the call is over."""
PHASE = 1e-6
"""Seconds: its timers fall just after those of the call under test, as a far end's do."""


@dataclass(frozen=True, slots=True)
class AsteriskFault:
    """What goes wrong in every call of a `FakeAsterisk`, so many seconds after it has begun."""

    after: float
    do: Literal["hang_up", "fail", "stall", "garbage"]


class AsteriskCall(ABC):
    """One call of a `FakeAsterisk`."""

    def __init__(self, format: AudioFormat, *, line_open: bool = False) -> None:
        self.format: AudioFormat = format
        """What it says."""
        self.arrivals: list[tuple[float, Frame]] = []
        """What the caller heard, with the time at which Asterisk played it."""
        self.dropped: str | None = None
        """Why Asterisk would have dropped the call."""
        self.told_to_hang_up: bool = False
        """Whether it was told to hang up; then it does."""
        self.over: trio.Event = trio.Event()
        """Set once the connection has ended, on whatever side."""
        self._line_open, self._stalled = line_open, False
        self._said: deque[Frame] = deque()
        self._woken = trio.Event()
        self._came = trio.lowlevel.ParkingLot()

    # ---- what a test lets it do

    def speak(self, audio: Frame) -> None:
        """Say audio, in frames of 20 ms on time, after what is being said already."""
        self._said.extend(audio.split(self.format.frame_samples))
        self._woken.set()

    @abstractmethod
    def press(self, digits: str) -> None:
        """Press keys."""

    @abstractmethod
    def hang_up(self) -> None:
        """Hang up as Asterisk does."""

    @abstractmethod
    def fail(self) -> None:
        """Let the connection break."""

    @abstractmethod
    def stall(self) -> None:
        """Take nothing any more."""

    @abstractmethod
    def garbage(self) -> None:
        """Send what Asterisk never would."""

    # ---- what a test asks it

    def heard(self) -> list[Frame]:
        """All the caller has heard, in order."""
        return [frame for _, frame in self.arrivals]

    async def wait_heard(self, seconds: float) -> None:
        """Wait until so much has been heard, or the call is over. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while sum(frame.duration for _, frame in self.arrivals) < seconds and not self.over.is_set():
            await self._came.park()

    async def outcome(self) -> str:
        """What has become of the call: ``rejected`` if it was told to hang up before anything else. Checkpoint: yes."""
        with trio.move_on_after(PATIENCE):
            await self.over.wait()
        return "rejected" if self.told_to_hang_up and not self._accepted() else "answered"

    # ---- inside

    @abstractmethod
    def _accepted(self) -> bool:
        """Whether the app has done anything that says that it takes the call."""

    @abstractmethod
    async def listen(self) -> None:
        """Hear what comes, until the connection ends."""

    @abstractmethod
    def _say(self, frame: Frame) -> None:
        """Send 20 ms."""

    @abstractmethod
    def _close(self) -> None:
        """Close the connection at once."""

    def _drop(self, why: str) -> None:
        self.dropped = why

    def _told_to_hang_up(self) -> None:
        self.told_to_hang_up = True

    def _hear(self, frame: Frame) -> None:
        self.arrivals.append((trio.current_time(), frame))
        self._came.unpark_all()

    async def talk(self) -> None:
        """Say what there is to say, on time."""
        due = trio.current_time()
        while not self.over.is_set():
            frame = self._next()
            if frame is None:
                self._woken = trio.Event()
                await self._woken.wait()
                due = trio.current_time()
            else:
                self._say(frame)
                due += PTIME
                await trio.sleep_until(due + PHASE)

    def _next(self) -> Frame | None:
        if self._said:
            return self._said.popleft()
        return Frame.silence(self.format.frame_samples, self.format) if self._line_open else None

    async def suffer(self, faults: Iterable[AsteriskFault]) -> None:
        """Let go wrong what is to."""
        began = trio.current_time()
        for fault in sorted(faults, key=lambda fault: fault.after):
            await trio.sleep_until(began + fault.after + PHASE)
            getattr(self, fault.do)()

    def finish(self) -> None:
        """It is over; closing again is harmless."""
        if not self.over.is_set():
            self.over.set()
            self._said.clear()
            self._woken.set()
            self._came.unpark_all()
            self._close()


CallT = TypeVar("CallT", bound=AsteriskCall)


async def _serve(serve: Callable[[], Awaitable[None]] | None, served: trio.Event) -> None:
    if serve is not None:
        await serve()
    served.set()


@asynccontextmanager
async def living_call(
    call: CallT, serve: Callable[[], Awaitable[None]] | None, faults: Iterable[AsteriskFault]
) -> AsyncGenerator[CallT, None]:
    """A call on an open connection, until the block ends; ``serve`` is who is called, if that is not somewhere else."""
    body_error, served = None, trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_serve, serve, served)
        for task in (call.listen, call.talk):
            nursery.start_soon(task)
        nursery.start_soon(call.suffer, faults)
        try:
            yield call
            call.hang_up()
            with trio.move_on_after(PATIENCE):
                await served.wait()
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
            body_error = exc
        call.finish()
        nursery.cancel_scope.cancel("the call's block has ended")
    if body_error is not None:
        raise body_error
