"""A source whose far end has a buffer of its own and reports what it has played; and the proof that it works."""

# mypy: allow-untyped-defs

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import trio

from trioaudio import Event, Interrupt
from trioaudio.abc import Buffering, Played, Source
from trioaudio.audio import PCM16_16K, PTIME, Frame
from trioaudio.testing import check_source

FORMAT = PCM16_16K
FRAME_BYTES = FORMAT.frame_samples * FORMAT.sample_bytes

Message = bytes | str
"""As on a websocket: audio is binary, words are text."""


class Intercom(Source):
    """A door station: it plays from a buffer, says ``played SAMPLES CLEARS`` as it goes and ``flushed ...`` when it was cleared."""

    input_format = output_format = FORMAT
    far_end = Buffering(lead=0.5, can_clear=True, reports=True)

    def __init__(self, inbound: trio.MemoryReceiveChannel[Message], outbound: trio.MemorySendChannel[Message]) -> None:
        self._inbound, self._outbound = inbound, outbound
        self._position = 0

    async def receive(self) -> Frame | Event:
        message = await self._inbound.receive()  # the only await, and the first thing: a cancelled call has taken nothing
        match message.split() if isinstance(message, str) else message:
            case bytes(data):
                frame = Frame(data, FORMAT, media_time=self._position)
                self._position += frame.num_samples
                return frame
            case ["played" | "flushed" as word, samples, clears]:
                return Played(int(samples), int(clears), final=word == "flushed")
            case ["button"]:
                return Interrupt()
        raise trio.BrokenResourceError(f"the intercom sent {message!r}")

    async def send(self, frame: Frame) -> None:
        await self._outbound.send(frame.data)

    def send_nowait(self, frame: Frame) -> None:
        self._outbound.send_nowait(frame.data)  # raises trio.WouldBlock when there is no room

    async def clear(self) -> None:
        await self._outbound.send("clear")


class Door:
    """The other end, for the check: what it is told to say, and what was heard at the door."""

    def __init__(self, to_source: trio.MemorySendChannel[Message], from_source: trio.MemoryReceiveChannel[Message]) -> None:
        self._to_source, self._from_source = to_source, from_source
        self._buffer, self._heard = bytearray(), bytearray()
        self._played = self._clears = 0
        self._obeying = trio.CancelScope()

    def speak(self, frame: Frame) -> None:
        self._to_source.send_nowait(frame.data)

    def heard(self) -> bytes:
        return bytes(self._heard)

    def stall(self) -> None:
        self._obeying.cancel()

    def hang_up(self) -> None:
        self._obeying.cancel()
        self._to_source.close()
        self._from_source.close()

    async def obey(self) -> None:
        with self._obeying:
            async for message in self._from_source:
                if isinstance(message, bytes):
                    self._buffer += message
                else:
                    self._say("flushed")
                    self._buffer.clear()
                    self._played, self._clears = 0, self._clears + 1

    async def play(self) -> None:
        while True:
            await trio.sleep(PTIME)
            if chunk := self._buffer[:FRAME_BYTES]:
                del self._buffer[:FRAME_BYTES]
                self._heard += chunk
                self._played += len(chunk) // FORMAT.sample_bytes
                self._say("played")

    def _say(self, word: str) -> None:
        with suppress(trio.ClosedResourceError):  # it has hung up
            self._to_source.send_nowait(f"{word} {self._played} {self._clears}")


@asynccontextmanager
async def open_pair() -> AsyncGenerator[tuple[Intercom, Door], None]:
    to_source, inbound = trio.open_memory_channel[Message](1_000)
    outbound, from_source = trio.open_memory_channel[Message](8)
    async with trio.open_nursery() as nursery:
        door = Door(to_source, from_source)
        nursery.start_soon(door.obey)
        nursery.start_soon(door.play)
        yield Intercom(inbound, outbound), door
        nursery.cancel_scope.cancel()


def test_the_intercom_keeps_the_contract():
    report = check_source(open_pair)
    print(report)
    assert report.not_checked == ["failure breaks receive", "send breaks after failure"]
