"""Asterisk's end of an AudioSocket: it opens the connection, says which call it is, and plays what comes as it comes."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import trio

from ...abc import Pipe
from ...audio import PCM16_8K, AudioFormat, Frame
from ...wire.audiosocket import AUDIO, CALL, HANG_UP, KEY, RATES, FrameReader, written, written_audio
from .._memory_pipe import MemoryPipe
from .asterisk_call import AsteriskCall


class FakeAudioSocket(AsteriskCall):
    """One call; made by `FakeAsterisk.audiosocket` and `FakeAsterisk.audiosocket_to`.

    It is as strict as Asterisk: anything but audio and a hang-up costs the call, and ``dropped`` says why. What it is sent is
    heard in the instant in which it comes.
    """

    def __init__(self, pipe: Pipe, format: AudioFormat = PCM16_8K, *, line_open: bool = False) -> None:
        super().__init__(format, line_open=line_open)
        self._pipe = pipe

    def identify(self, id: UUID | str) -> None:
        """Say which call this is; `FakeAsterisk` does so by itself."""
        self.send_bytes(written(CALL, (id if isinstance(id, UUID) else UUID(id)).bytes))

    def press(self, digits: str) -> None:
        for digit in digits:
            self.send_bytes(written(KEY, digit.encode()))

    def send_bytes(self, data: bytes) -> None:
        """Send anything at all. What the other side has no room for, or is not there for, is lost."""
        with suppress(trio.BrokenResourceError):
            self._pipe.write_nowait(data)

    def garbage(self) -> None:
        self.send_bytes(written(AUDIO, b"odd"))

    def stall(self) -> None:
        self._stalled = True
        if isinstance(self._pipe, MemoryPipe):
            self._pipe.stall()

    def hang_up(self) -> None:
        self.finish()

    def fail(self) -> None:
        """Let the connection break: in the middle of a frame."""
        self.send_bytes(written_audio(Frame.silence(160, self.format))[:100])
        self.finish()

    def _accepted(self) -> bool:
        return bool(self.arrivals)

    async def listen(self) -> None:
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
        self.finish()

    def _take(self, kind: int, payload: bytes) -> None:
        if self.over.is_set():
            return
        if kind in RATES and payload:
            self._hear(Frame(payload, AudioFormat("pcm16", RATES[kind])))
            return
        if kind == HANG_UP:
            self._told_to_hang_up()
        else:
            self._drop(f"a frame of kind {kind:#04x} with {len(payload)} bytes")
        self.finish()

    def _say(self, frame: Frame) -> None:
        self.send_bytes(written_audio(frame))

    def _close(self) -> None:
        self._pipe.close()
