"""A program made of callbacks: its block has nothing to do but wait."""

import trio

from trioaudio import Audio, Hangup, open_channel

lengths: list[float] = []


def measure(event: Audio) -> None:
    lengths.append(event.frame.duration)


def say_so(event: Hangup) -> None:
    print("the caller has gone")


async def main() -> None:
    async with open_channel("wavfile:caller.wav?hangup_after=0", on={Audio: measure, Hangup: say_so}) as channel:
        reason = await channel.wait_closed()
    print(f"heard {sum(lengths):.2f} s, closed by {reason}")


trio.run(main)
