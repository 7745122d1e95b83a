"""A recorder of one channel: watches the audio, writes it in chunks off the audio path, and never costs the call.

Theory of operation. The channel tells the recording what was heard and handed over, on the audio path; that only puts a
note into an inbox. Twice a second a task takes the notes, lays the audio on the time axis (`audio.Mixdown`) and writes
what is settled: what lies `HOLD` behind now, past every late cut of an interruption. What is written is never revised.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from os import PathLike
from pathlib import Path

import trio

from ._audiofiles import WavWriter
from ._errors import AudioFileError, FormatError
from .audio import AudioFormat, Frame

PERIOD = 0.5
"""Seconds between two writes."""
PHASE = 4e-6
"""The recorder's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""
MAX_BACKLOG = 60.0
"""How far writing may fall behind the call, in seconds, before the recording stops: bounds memory when a disk hangs."""
PATIENCE = 0.5
"""How long `Recording.finish_now` holds up everything else for a write that hangs, in seconds."""


class Recording:
    """An instrument that writes a call to a stereo PCM16 WAV file: caller left, agent *as heard* right, gaps kept as silence.

    Sample 0 is ``started_at``. The rate is the higher one of the two formats; G.711 is decoded, stereo is mixed to mono, the
    lower rate is resampled. What was handed over and never heard is not in the file. The file has mode 0600 and a valid
    header after every write: a killed process leaves all but the last 4.5 s. When the file cannot be written any more,
    the recording stops, says so once, and keeps what it has; the call goes on.

    Args:
        path: the file to write; it is created or replaced at once.
        input_format: format of the far party's frames (``channel.input_format``).
        output_format: format of the frames the source is handed.
        started_at: Trio time of the first sample, in seconds.
        on_stopped: called once, in Trio's thread, with the error that stopped the recording early.
        inline: write in Trio's thread instead of a worker thread; for virtual clocks, which do not wait for threads.

    Raises:
        AudioFileError: the file cannot be created.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        input_format: AudioFormat,
        output_format: AudioFormat,
        started_at: float,
        on_stopped: Callable[[Exception], object] | None = None,
        inline: bool = False,
    ) -> None:
        from .audio._mixdown import Mixdown

        self._formats = input_format, output_format
        self._started_at, self._on_stopped, self._inline = started_at, on_stopped, inline
        self._mixdown = Mixdown(input_format, output_format, started_at)
        self._writer = WavWriter(path, self._mixdown.rate, 2)
        self._inbox: deque[Callable[[], None]] = deque()
        self._file_lock = threading.Lock()
        self._live, self._closed, self._given_up = True, False, False
        self._ended = trio.Event()
        self._failure: Exception | None = None
        self.seconds: float = 0.0
        """Length of what is written, in seconds."""
        self.error: Exception | None = None
        """What stopped the recording early, if anything did."""

    @property
    def path(self) -> Path:
        """The file that is written."""
        return self._writer.path

    def rename(self, path: str | PathLike[str]) -> None:
        """Give the file another name on the same disk, in place of what has it, while it is written or afterwards.

        Raises:
            AudioFileError: it cannot be given that name; it keeps the one it has.
        """
        self._writer.rename(path)

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the far party arrived at ``now``: see `Instrument`.

        Raises:
            FormatError: the frame is not in ``input_format``.
        """
        self._check(frame, self._formats[0], now)
        self._note(partial(self._mixdown.caller_heard, frame, now))

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """A frame of this epoch will be heard from ``start`` on: see `Instrument`.

        Raises:
            FormatError: the frame is not in ``output_format``.
        """
        self._check(frame, self._formats[1], start)
        self._note(partial(self._mixdown.agent_sent, frame, start, epoch))

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing of this epoch is heard from ``at`` on: see `Instrument`."""
        self._note(partial(self._mixdown.agent_cut, at, epoch))

    def pause(self) -> None:
        """Record silence on both sides from now on, while the time axis goes on; harmless when paused already."""
        self._note(partial(self._mixdown.hush, trio.current_time()))

    def resume(self) -> None:
        """Record sound again from now on; harmless when not paused."""
        self._note(partial(self._mixdown.unhush, trio.current_time()))

    async def run(self) -> None:
        """Write what is settled twice a second, until the recording is finished or has stopped.

        Checkpoint: yes. On cancel: returns at once; a write that has begun is completed in its thread, and `finish` waits for it.
        """
        await trio.lowlevel.checkpoint()
        periods = 0
        while self._live:
            passed = int((trio.current_time() - self._started_at - PHASE) / PERIOD)  # rounded, it may fall short of those counted
            periods = max(periods, passed) + 1
            with trio.move_on_at(self._started_at + periods * PERIOD + PHASE):
                await self._ended.wait()  # at once, or closing a channel would wait for the next period
                return
            await self._write_aside(partial(self._mixdown.settle, trio.current_time()))

    async def finish(self, now: float) -> None:
        """Write the rest, up to ``now``, and close the file: what the agent was not heard to say by then is left out.

        A failure to write is told to ``on_stopped``, as always. Finishing again is harmless.

        Checkpoint: yes. On cancel: returns at once; what has begun is completed in its thread if the disk still answers.
        """
        await trio.lowlevel.checkpoint()
        self._end()
        await self._write_aside(partial(self._mixdown.finish, now), last=True)

    def write_settled(self, now: float) -> None:
        """Write what nothing can change any more at ``now``: one step of `run`, for those who keep the time themselves."""
        self._stop_for(self._write(partial(self._mixdown.settle, now)))

    def finish_now(self, now: float) -> None:
        """`finish` as a plain function; when another write hangs, it gives up the rest after half a second."""
        self._end()
        self._stop_for(self._write(partial(self._mixdown.finish, now), last=True, patience=PATIENCE))

    def _end(self) -> None:
        self._live = False
        self._ended.set()

    async def _write_aside(self, chunks: Callable[[], Iterator[bytes]], *, last: bool = False) -> None:
        write = partial(self._write, chunks, last=last)
        self._stop_for(write() if self._inline else await trio.to_thread.run_sync(write, abandon_on_cancel=True))

    def _check(self, frame: Frame, format: AudioFormat, now: float) -> None:
        if frame.format != format:
            raise FormatError(f"the recording is of {format} and was given a frame of {frame.format}; convert it first (audio.Converter)")
        if self._live and now - self._started_at - self.seconds > MAX_BACKLOG:
            self._stop_for(AudioFileError(f"nothing of the recording could be written for {MAX_BACKLOG:.0f} s; check the disk"))

    def _note(self, note: Callable[[], None]) -> None:
        if self._live:
            self._inbox.append(note)

    def _write(self, chunks: Callable[[], Iterator[bytes]], *, last: bool = False, patience: float = -1) -> Exception | None:
        """Follow the notes, write, and say what went wrong; the only code that may run in a worker thread."""
        if not self._file_lock.acquire(timeout=patience):
            self._given_up = True
            return AudioFileError(f"the end of {self._writer.path} could not be written: the disk does not answer; check it")
        try:
            if not self._closed:
                self._follow_notes()
                self._append(chunks, last)
        except (OSError, AudioFileError) as error:
            self._failure = error
            self._close_quietly()
        finally:
            self._file_lock.release()
        return self._failure

    def _follow_notes(self) -> None:
        for _ in range(len(self._inbox)):  # more may be put in meanwhile, from Trio's thread; nobody else takes any out
            self._inbox.popleft()()

    def _append(self, chunks: Callable[[], Iterator[bytes]], last: bool) -> None:
        for chunk in chunks() if self.error is None else ():
            self._writer.write(chunk)
            self.seconds += len(chunk) / (4 * self._mixdown.rate)
        if last or self._given_up:
            self._close()

    def _close(self) -> None:
        self._closed = True
        self._inbox.clear()
        self._mixdown.forget()
        self._writer.close()

    def _close_quietly(self) -> None:
        with suppress(OSError, AudioFileError):  # the first error is the one to tell; the header was valid after the last write
            self._close()

    def _stop_for(self, error: Exception | None) -> None:
        if error is None or self.error is not None:
            return
        self.error = error
        self._end()
        if self._on_stopped is not None:
            self._on_stopped(error)
