"""A small source over a real socket: what a plugin's author has, to try the kit on the real clock."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from trioaudio.abc import Buffering, Source
from trioaudio.audio import PCM16_8K, PTIME, Frame

FORMAT = PCM16_8K
AUDIO, CLEAR = b"A", b"C"


async def read_message(stream: trio.abc.ReceiveStream, rest: bytearray) -> tuple[bytes, bytes] | None:
    """The next message, kept together in ``rest`` until it is whole; None at the end."""
    while len(rest) < 5 or len(rest) < 5 + struct.unpack_from("<I", rest, 1)[0]:
        if not (data := await stream.receive_some()):
            return None
        rest += data
    size = 5 + struct.unpack_from("<I", rest, 1)[0]
    kind, body = bytes(rest[:1]), bytes(rest[5:size])
    del rest[:size]
    return kind, body


class SocketSource(Source):
    """Frames with a length before them; a far end that buffers and can clear."""

    input_format = output_format = FORMAT
    far_end = Buffering(lead=0.2)

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream, self._rest, self._position = stream, bytearray(), 0
        self._broken: Exception | None = None

    async def receive(self) -> Frame:
        await trio.lowlevel.checkpoint()
        if self._broken is not None:
            raise self._broken
        try:
            message = await read_message(self._stream, self._rest)
        except trio.BrokenResourceError as exc:
            self._broken = exc
            raise
        if message is None:
            self._broken = trio.EndOfChannel()
            raise self._broken
        frame = Frame(message[1], FORMAT, self._position)
        self._position += frame.num_samples
        return frame

    async def send(self, frame: Frame) -> None:
        await self._write(AUDIO, frame.data)

    async def clear(self) -> None:
        await self._write(CLEAR, b"")

    async def _write(self, kind: bytes, body: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self._broken is not None:
            raise trio.BrokenResourceError("the far end is gone") from self._broken
        done = False
        try:
            await self._stream.send_all(kind + struct.pack("<I", len(body)) + body)
            done = True
        finally:
            if not done:  # half a message may be on the wire
                self._broken = trio.BrokenResourceError("a write was cut short")


class SocketFarEnd:
    """Plays what it is sent at the pace at which it sounds, and forgets what it has not played when it is told to."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream, self._rest, self._taking = stream, bytearray(), trio.Event()
        self._taking.set()
        self._buffered = bytearray()
        self._heard = bytearray()

    async def listen(self) -> None:
        """Take what comes."""
        try:
            while message := await read_message(self._stream, self._rest):
                await self._taking.wait()
                if message[0] == CLEAR:
                    self._buffered.clear()
                self._buffered += message[1]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def play(self) -> None:
        """Let it sound."""
        step, due = round(PTIME * FORMAT.rate) * FORMAT.sample_bytes, trio.current_time()
        while True:
            self._heard += self._buffered[:step]
            del self._buffered[:step]
            due += PTIME
            await trio.sleep_until(due)

    def heard(self) -> bytes:
        return bytes(self._heard)

    async def speak(self, frame: Frame) -> None:
        await self._stream.send_all(AUDIO + struct.pack("<I", len(frame.data)) + frame.data)

    def stall(self) -> None:
        self._taking = trio.Event()

    async def hang_up(self) -> None:
        await self._stream.aclose()

    async def fail(self) -> None:
        self._stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self._stream.aclose()


@asynccontextmanager
async def open_socket_pair() -> AsyncGenerator[tuple[Source, object], None]:
    """Both ends of a connection within this machine."""
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with listener, await trio.open_tcp_stream("127.0.0.1", port) as ours, await listener.accept() as theirs:
        far = SocketFarEnd(theirs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.listen)
            nursery.start_soon(far.play)
            yield SocketSource(ours), far
            nursery.cancel_scope.cancel()
