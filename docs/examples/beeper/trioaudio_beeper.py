"""A caller that beeps: a complete source for trioaudio, to start your own from."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import numpy as np
import trio

from trioaudio import OptionError
from trioaudio.abc import Paced, Source, source_plugin
from trioaudio.audio import PCM16_8K, Frame

FORMAT = PCM16_8K
BEEP_SECONDS = 0.2


class Beeper(Source):
    """Beeps at the start of each second, and counts the samples it is played."""

    input_format = output_format = FORMAT
    far_end = Paced()

    def __init__(self, pitch: float, num_samples: int) -> None:
        self.heard = 0
        self._start, self._position, self._num_samples = trio.current_time(), 0, num_samples
        t = np.arange(FORMAT.rate) / FORMAT.rate
        wave = np.where(t < BEEP_SECONDS, 8_000 * np.sin(2 * np.pi * pitch * t), 0)
        self._second = Frame.from_samples(wave.astype(np.int16), FORMAT)

    async def receive(self) -> Frame:
        begin, end = self._position, min(self._position + FORMAT.frame_samples, self._num_samples)
        await trio.sleep_until(self._start + end / FORMAT.rate)  # a frame is there once its last sample is
        if begin >= end:
            raise trio.EndOfChannel
        self._position = end  # after the only await, so a cancelled call loses nothing
        offset = begin % FORMAT.rate
        return Frame(self._second.cut(offset, offset + FORMAT.frame_samples).data, FORMAT, media_time=begin)

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()  # cancelled here, the frame counts as not sent; past here, it is sent whole
        self.heard += frame.num_samples


@source_plugin("beeper", virtual=True)
@asynccontextmanager
async def open_beeper(pitch: float = 440.0, *, seconds: int = 5) -> AsyncGenerator[Source, None]:
    """Beep once a second as the caller, and hang up after some seconds.

    Args:
        pitch: of the beep, in hertz, 20 to 4000.
        seconds: how long the call lasts.
    """
    if not 20 <= pitch <= FORMAT.rate / 2:
        raise OptionError(f"beeper: option 'pitch' is {pitch:g}; expected: 20 to {FORMAT.rate // 2} hertz")
    yield Beeper(pitch, seconds * FORMAT.rate)
