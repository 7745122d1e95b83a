"""What the caller hears while there is no model, and when there will be none."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from .._audiofiles import read_audio
from .._channel import Channel
from .._errors import CapabilityError
from .._reconnect import Reconnect
from .._virtual_time import time_is_virtual
from ..audio import AudioFormat, Frame
from ..clips import tone
from .connection import is_lost, is_refused

log = logging.getLogger("trioaudio.session")

AHEAD = 0.1
"""How much is said ahead, in seconds: the sound ends so soon after the model is back, and interrupts nobody."""
BEEP, EVERY = 0.4, 3.0
"""The tone that stands for a clip: its length and its period, in seconds."""
HOLD_PHASE = 7e-6
"""This one's own moment among the timers of a call: on a virtual clock no two kinds are due at once."""


class Hold:
    """A sound that begins some time after the model was lost, and ends when it is back; it is repeated.

    Args:
        channel: where it is heard.
        rules: which sound, and when.
    """

    def __init__(self, channel: Channel, rules: Reconnect) -> None:
        self._channel, self._rules = channel, rules
        self._clips: dict[str, Frame] = {}
        self._began = math.inf
        self._sounding = trio.CancelScope()
        self._told = trio.lowlevel.ParkingLot()

    async def load(self) -> None:
        """Read the files, before there is a need for them. Checkpoint: yes.

        Raises:
            AudioFileError, MissingExtraError: one cannot be read.
        """
        await trio.lowlevel.checkpoint()
        for path in {self._rules.hold, self._rules.on_failure} - {None, "tone"}:
            assert path is not None
            read = partial(read_audio, path, self._channel.output_format)
            self._clips[path] = read() if time_is_virtual() else await trio.to_thread.run_sync(read)

    @property
    def is_on(self) -> bool:
        """Whether there is no model at present."""
        return self._began < math.inf

    def begin(self) -> None:
        """The model is lost."""
        self._began = trio.current_time()
        self._told.unpark_all()

    def end(self) -> None:
        """The model is back."""
        self._began = math.inf
        self._sounding.cancel("the model is back")

    async def run(self) -> None:
        """Let it sound when it has to."""
        while True:
            while not self.is_on:
                await self._told.park()
            with trio.CancelScope() as self._sounding:
                if self._rules.hold is not None:
                    await trio.sleep_until(self._began + self._rules.hold_after + HOLD_PHASE)
                    await self._channel.wait_played()
                    await self._sound(self._rules.hold)
                await trio.sleep_forever()

    async def _sound(self, name: str) -> None:
        clip = self._clips.get(name) or _beep(self._channel.output_format)
        try:
            with self._channel.turn(format=clip.format) as turn:
                due = trio.current_time()
                for piece in _again_and_again(clip):
                    turn.send_nowait(piece)
                    due += piece.duration
                    await trio.sleep_until(due - AHEAD)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.WouldBlock):
            pass  # the caller wants none of it, or is gone

    @asynccontextmanager
    async def apologizing(self, seconds: float) -> AsyncGenerator[None, None]:
        """What is done in the block makes the first connection; if none is to be had, `part` before that is raised."""
        failed: Exception | None = None
        try:
            yield
        except Exception as exc:
            if not (is_lost(exc) or is_refused(exc)):
                raise
            failed = exc
        if failed is not None:
            await self.part(trio.current_time() + seconds)
            raise failed

    async def part(self, deadline: float) -> None:
        """Play the clip for the end, to its end, and hand the caller over if that is what is to be done; never raises.

        Checkpoint: yes.
        """
        self.end()
        await trio.lowlevel.checkpoint()
        clip = self._clips.get(self._rules.on_failure or "")
        try:
            with trio.move_on_at(deadline):
                if clip is not None:
                    with self._channel.turn(format=clip.format) as turn:
                        turn.send_nowait(clip)
                await self._channel.wait_heard()
            if self._rules.then not in ("hang_up", "leave"):
                await self._channel.transfer(self._rules.then)
        except (CapabilityError, ValueError) as exc:
            log.error("the caller cannot be transferred: %s", exc)  # noqa: TRY400 - it says what happened
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.WouldBlock):
            pass  # they are gone


def _beep(format: AudioFormat) -> Frame:
    sound = tone(BEEP, format, frequency=425, level=-27)
    return sound.joined(Frame.silence(round((EVERY - BEEP) * format.rate), format))


def _again_and_again(clip: Frame) -> Iterator[Frame]:
    size = max(round(AHEAD * clip.format.rate), 1)
    while True:
        for start in range(0, clip.num_samples, size):
            yield clip.cut(start, min(start + size, clip.num_samples))
