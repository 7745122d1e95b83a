"""A source under test with its far end: what the checks do with the two."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import trio

from ... import Event
from ...abc import Paced, Played, Source
from ...audio import PTIME, AudioFormat, Frame
from .._kit import NotChecked, do, require, until, verbs_missing
from .._noise import as_bytes, difference, frames_of, joined, noise, without_silence

SourcePair: TypeAlias = tuple[Source, object]
OpenSourcePair: TypeAlias = Callable[[], AbstractAsyncContextManager[SourcePair]]

PATIENCE = 5.0
"""Seconds a check waits for what must come."""
ROUNDING = 0.05
"""Seconds of tolerance for what is measured: timers have phases, and real clocks are late."""


class SourceBench:
    """A source, its far end, and what has been received from it so far."""

    def __init__(self, source: Source, far: object, open_pair: OpenSourcePair) -> None:
        self.source: Source = source
        self.far: object = far
        self.open_pair: OpenSourcePair = open_pair
        self.received: list[Frame | Event] = []
        self.ended_by: BaseException | None = None

    def missing(self, needs: Iterable[str]) -> list[str]:
        """Those of these verbs that the far end does not have."""
        return verbs_missing(self.far, needs)

    def can(self, verb: str) -> bool:
        """Whether the far end has this verb."""
        return not self.missing([verb])

    async def do(self, verb: str, *args: object) -> object:
        """Let the far end do something."""
        return await do(self.far, verb, *args)

    # ---- from the far party

    @asynccontextmanager
    async def receiving(self) -> AsyncGenerator[None, None]:
        """Receive for as long as the block lasts, as a channel does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive_all)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    async def _receive_all(self) -> None:
        try:
            while True:
                self.received.append(await self.source.receive())
        except Exception as exc:  # noqa: BLE001 - a check asks for it
            self.ended_by = exc

    @property
    def frames(self) -> list[Frame]:
        """The audio received so far."""
        return [item for item in self.received if isinstance(item, Frame)]

    @property
    def reports(self) -> list[Played]:
        """The position reports received so far."""
        return [item for item in self.received if isinstance(item, Played)]

    @property
    def received_sound(self) -> bytes:
        """What was received, without the silence of the line."""
        return without_silence(joined(self.frames), self.source.input_format)

    async def let_speak(self, seconds: float) -> bytes:
        """Let the far party say noise, in frames of 20 ms on time; what it said."""
        audio = noise(self.source.input_format, round(seconds * self.source.input_format.rate))
        for frame in frames_of(audio, PTIME):
            await self.do("speak", frame)
            await trio.sleep(PTIME)
        return audio.data

    async def wait_received(self, sound: bytes) -> bytes:
        """Wait until that much sound has been received; what has."""
        await until(lambda: len(self.received_sound) >= len(sound), PATIENCE)
        return self.received_sound

    # ---- to the far party

    @property
    def chunk(self) -> float:
        """Length of what the source is handed at once, in seconds."""
        return PTIME if isinstance(self.source.far_end, Paced) else 5 * PTIME

    def speech(self, seconds: float, seed: int = 0) -> Frame:
        """Noise to be handed over."""
        return noise(self.source.output_format, round(seconds * self.source.output_format.rate), seed)

    async def hand_over(self, audio: Frame, send: Callable[[Frame], object] | None = None) -> None:
        """Hand it over as a channel does: in time to a far end that is paced, ahead to one that buffers."""
        start = trio.current_time()
        for i, frame in enumerate(frames_of(audio, self.chunk)):
            await trio.sleep_until(max(trio.current_time(), start + i * self.chunk - self.source.far_end.lead))
            await self._give(frame, send)

    async def _give(self, frame: Frame, send: Callable[[Frame], object] | None) -> None:
        if send is None:
            await self.source.send(frame)
            return
        try:
            send(frame)
        except trio.WouldBlock:
            await self.source.send(frame)

    async def heard(self) -> bytes:
        """What the far end has heard so far, without silence.

        Raises:
            TypeError: its verb ``heard`` returns something that is no audio.
        """
        return without_silence(as_bytes(await self.do("heard")), self.source.output_format)

    async def wait_heard(self, sound: bytes) -> bytes:
        """Wait until that much has been heard; what has."""

        async def enough() -> bool:
            return len(await self.heard()) >= len(sound)

        await until(enough, PATIENCE + len(sound) / self.source.output_format.sample_bytes / self.source.output_format.rate)
        return await self.heard()

    async def wait_end(self) -> BaseException | None:
        """Wait until receiving has ended; by what."""
        await until(lambda: self.ended_by is not None, PATIENCE)
        return self.ended_by

    async def wait_first_frame(self) -> None:
        """Wait for audio, and let the far party speak if it can.

        Raises:
            NotChecked: it cannot, and sends nothing of its own accord.
        """
        if self.can("speak"):
            await self.let_speak(0.2)
        if not await until(lambda: self.frames, 1.0) and not self.can("speak"):
            raise NotChecked("the far end cannot speak, and sends no audio of its own accord")


@asynccontextmanager
async def open_bench(open_pair: OpenSourcePair) -> AsyncGenerator[SourceBench, None]:
    """Open the pair and put it on a bench."""
    async with open_pair() as (source, far):
        yield SourceBench(source, far, open_pair)


def require_same(expected: bytes, got: bytes, format: AudioFormat, what: str) -> None:
    """Fail the check unless both are the same audio."""
    got = without_silence(got, format)
    found = difference(expected, got, format)
    require(found is None, f"{what} {found}")
