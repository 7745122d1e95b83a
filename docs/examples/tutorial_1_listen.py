"""Open a channel on a file, and listen until the caller hangs up."""

import trio

from trioaudio import open_channel


async def main() -> None:
    seconds = 0.0
    async with open_channel("wavfile:caller.wav?hangup_after=0") as channel:
        print("the caller speaks", channel.input_format)
        async for frame in channel:
            seconds += frame.duration
        reason = await channel.wait_closed()
    print(f"heard {seconds:.2f} s, then: {reason}")
    assert reason.kind == "hangup"


trio.run(main)
