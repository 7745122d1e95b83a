"""The yardstick: a frame goes to a neighbour and comes back, over two memory channels of Trio and nothing else."""

from __future__ import annotations

import time

import trio

from trioaudio.audio import PCM16_24K, Frame

WARM_UP = 500


async def two_hops(num_frames: int, in_flight: int = 1) -> float:
    """Seconds of CPU for a frame to go there and back, with ``in_flight`` of them on their way at a time."""
    there_send, there_receive = trio.open_memory_channel[Frame](in_flight)
    back_send, back_receive = trio.open_memory_channel[Frame](in_flight)
    frame = Frame.silence(PCM16_24K.frame_samples, PCM16_24K)

    async def neighbour() -> None:
        async for heard in there_receive:
            await back_send.send(heard)

    async def bounce(times: int) -> None:
        for _ in range(times // in_flight):
            for _ in range(in_flight):
                await there_send.send(frame)
            for _ in range(in_flight):
                await back_receive.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(neighbour)
        await bounce(WARM_UP)
        before = time.process_time()
        await bounce(num_frames)
        taken = time.process_time() - before
        there_send.close()
    return taken / num_frames


if __name__ == "__main__":
    print(f"{trio.run(two_hops, 20_000) * 1e6:.1f} us for a frame there and back")
