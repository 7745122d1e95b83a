"""A file plays the caller: paced like a microphone, then silent on the line until somebody hangs up.

Theory of operation. The file is read whole before the call. Frame ``k`` is due exactly ``k`` times 20 ms after the first
`receive`, so its media time is the call's time too. What the caller is played goes to an `_Ear`, which keeps it until it
has been heard; only then is it written, so that what `clear` takes back was never in the file.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from .._audiofiles import WavWriter, check_writable, file_format, read_audio
from .._errors import AudioFileError, FormatError, OptionError
from .._events import Fault
from ..abc import FarEnd, Paced, Source, source_plugin
from ..audio import PTIME, AudioFormat, Frame
from ..audio._playhead import Playhead

FRAMES_A_SECOND = round(1 / PTIME)
MOST_CATCH_UP = 1.0
"""A stall up to this long, in seconds, is caught up frame by frame; what was late by more stays late."""
CHUNK = 0.5
"""Seconds of heard audio that are written together."""
LIVE_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Rates a live call can carry and convert; a file of another one is resampled to the next of these."""


@source_plugin("wavfile", extra="files", virtual=True)
@asynccontextmanager
async def open_wavfile(
    path: Path, *, out: Path | None = None, rate: int | None = None, hangup_after: float | None = None
) -> AsyncGenerator[Source, None]:
    """Play a file as the caller: WAV, FLAC, OGG or MP3, at any rate; stereo is mixed to mono.

    Checkpoint: yes. The file is read before the call, at once and not in a thread: about 0.1 s for a minute of it.

    Args:
        path: the audio file that plays the caller.
        out: WAV file to write what the caller was played, as heard; sample 0 of both is the same moment.
        rate: samples per second of the call; by default the file's own, if a call can carry it.
        hangup_after: seconds of silence after the file until the caller hangs up; by default never.

    Raises:
        AudioFileError: the file cannot be read, or ``out`` cannot be written.
        OptionError: an option is out of range.
        MissingExtraError: the extra ``files`` is not installed.
    """
    await trio.lowlevel.checkpoint()
    if hangup_after is not None and hangup_after < 0:
        raise OptionError(f"wavfile: hangup_after={hangup_after} is negative; give seconds, or leave it out to stay on the line")
    if out is not None:
        _check_out(path, out)
    audio = read_audio(path, AudioFormat("pcm16", rate or _live_rate(file_format(path).rate)))
    source = WavFile(audio, hangup_after, None if out is None else WavWriter(out, audio.format.rate))
    try:
        yield source
    finally:
        source._close()


def _check_out(path: Path, out: Path) -> None:
    check_writable(out)
    if out.exists() and path.exists() and os.path.samefile(path, out):
        raise AudioFileError(f"out={out} is the file that plays the caller; write to another one")


def _live_rate(rate: int) -> int:
    return LIVE_RATES[min(bisect_left(LIVE_RATES, rate), len(LIVE_RATES) - 1)]


class WavFile(Source):
    """The far party as a file; made by `open_wavfile`. It is the ear itself, and clears to the sample."""

    far_end: FarEnd = Paced(lead=PTIME, can_clear=True, ear=True)

    def __init__(self, audio: Frame, hangup_after: float | None, writer: WavWriter | None) -> None:
        self.input_format: AudioFormat = audio.format
        self.output_format: AudioFormat = audio.format
        self._audio, self._writer = audio, writer
        self.length: float | None = audio.duration
        self._end = None if hangup_after is None else audio.num_samples + round(hangup_after * audio.format.rate)
        self._count = 0
        self._hung_up = False
        self._started_at: float | None = None
        self._due_base = 0.0
        self._ear: _Ear | None = None  # where nobody wants to know what was heard, nobody listens

    async def receive(self) -> Frame | Fault:
        """The next 20 ms of the file, then silence; a `Fault`, once, when what the caller is played cannot be written any more.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the caller has hung up (``hangup_after``).
        """
        await trio.sleep_until(self._due())
        if fault := self._write_heard():
            return fault
        start = self._position(self._count)
        if self._end is not None and start >= self._end:
            self._hung_up = True
            raise trio.EndOfChannel
        self._count += 1
        return self._cut(start, self._position(self._count))

    async def send(self, frame: Frame) -> None:
        """Let the caller hear one frame. Checkpoint: yes; on cancel: not heard.

        Raises:
            FormatError: the frame is not in the output format.
        """
        await trio.lowlevel.checkpoint()
        self.send_nowait(frame)

    def send_nowait(self, frame: Frame) -> None:
        """Let the caller hear one frame, right after the one before it; never blocks.

        Raises:
            FormatError: the frame is not in the output format.
            trio.BrokenResourceError: the caller has hung up.
        """
        if self._hung_up:
            raise trio.BrokenResourceError("the caller has hung up: nobody hears this any more")
        if frame.format != self.output_format:
            raise FormatError(f"this caller hears {self.output_format}, the frame is {frame.format}; convert it first (audio.Converter)")
        now = self._begin()
        if self._ear is not None:
            self._ear.play(frame, now)

    async def clear(self) -> None:
        """Let the caller not hear what has not been played yet. Checkpoint: yes."""
        now = self._begin()
        if self._ear is not None:
            self._ear.clear(now)
        await trio.lowlevel.checkpoint()

    def _due(self) -> float:
        """When the next frame is: 20 ms after the one before it, or now, when that has been missed by too much."""
        late = self._begin() - (self._due_base + self._count / FRAMES_A_SECOND)
        if late > MOST_CATCH_UP:
            self._due_base += math.floor(late * FRAMES_A_SECOND + 1e-6) / FRAMES_A_SECOND  # whole frames: the phase stays
        return self._due_base + self._count / FRAMES_A_SECOND

    def _begin(self) -> float:
        """The time; the first to ask for it begins the call."""
        now = trio.current_time()
        if self._started_at is None:
            self._started_at = self._due_base = now
            self._ear = _Ear(self.output_format, now) if self._writer else None
        return now

    def _position(self, count: int) -> int:
        return count * self.input_format.rate // FRAMES_A_SECOND

    def _cut(self, start: int, stop: int) -> Frame:
        """What the file has of this stretch, and silence for the rest."""
        spoken = self._audio.cut(min(start, self._audio.num_samples), stop)
        silent = self.input_format.silence(stop - start - spoken.num_samples)
        return Frame(spoken.data + silent, self.input_format, start)

    def _write_heard(self) -> Fault | None:
        """A disk that fails costs the file its end, not the call."""
        if self._ear is None or self._writer is None:
            return None
        self._ear.settle(trio.current_time())
        if len(self._ear.heard) < CHUNK * self.output_format.rate * self.output_format.sample_bytes:
            return None
        try:
            self._writer.write(self._ear.take())
        except AudioFileError as error:
            self._writer.close()
            self._writer = self._ear = None
            return Fault(error, "what the caller is played is not written any more")
        return None

    def _close(self) -> None:
        if self._writer is None:
            return
        with self._writer as writer:
            if self._ear is not None:
                self._ear.settle(trio.current_time())
                writer.write(self._ear.take())


class _Ear:
    """Hears what it is played: one thing after the other, nothing of what is cleared before its time, silence between.

    Positions are samples since ``started_at``.
    """

    def __init__(self, format: AudioFormat, started_at: float) -> None:
        self._format, self._started_at = format, started_at
        self._playhead = Playhead(format.rate, PTIME, started_at)
        self._frames: deque[tuple[int, Frame]] = deque()
        self._end = self._settled = 0
        self.heard = bytearray()
        """What has been heard and not been taken yet."""

    def play(self, frame: Frame, now: float) -> None:
        """Take a frame; it follows the one before it, or begins now."""
        self.settle(now)
        if self._playhead.horizon <= now:
            self._end = self._settled
        self._playhead.hand_over(frame.num_samples, now)
        self._frames.append((self._end, frame))
        self._end += frame.num_samples

    def clear(self, now: float) -> None:
        """Forget what has not been heard yet."""
        self.settle(now)
        self._frames.clear()
        self._end = self._settled
        self._playhead = Playhead(self._format.rate, PTIME, now)

    def settle(self, now: float) -> None:
        """Everything up to now has been heard."""
        until = max(self._settled, self._position(now))
        block = bytearray(self._format.silence(until - self._settled))
        width = self._format.sample_bytes
        for position, frame in self._frames:
            heard = frame.cut(max(0, self._settled - position), max(0, until - position))
            start = max(0, position - self._settled) * width
            block[start : start + len(heard.data)] = heard.data
        while self._frames and self._frames[0][0] + self._frames[0][1].num_samples <= until:
            self._frames.popleft()
        self.heard += block
        self._settled = until

    def take(self) -> bytes:
        """What has been heard since the last time."""
        taken, self.heard = bytes(self.heard), bytearray()
        return taken

    def _position(self, now: float) -> int:
        """Where the ear is: in what it is played, or, when nothing is playing, in the time since the start."""
        if self._playhead.horizon > now:
            return self._end - self._playhead.sent + self._playhead.heard(now)
        return max(self._end, round((now - self._started_at) * self._format.rate))
