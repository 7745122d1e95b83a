"""Deadlines of your own, and the bounds and deadlines of a channel."""

import trio

from trioaudio import Limits, Timeouts, open_channel
from trioaudio.clips import tone
from trioaudio.testing import ScriptedFarEnd, say


async def at_most_five_seconds() -> None:
    start = trio.current_time()
    with trio.move_on_after(5):
        async with open_channel("wavfile:caller.wav") as channel:
            async for _ in channel:
                pass
    print(f"ended after {trio.current_time() - start:.1f} s")


async def held_back() -> None:
    start = trio.current_time()
    async with open_channel("wavfile:caller.wav", limits=Limits(outbound=0.2)) as channel:
        with channel.turn("story") as turn:
            for _ in range(10):
                await turn.send(tone(0.2, channel.output_format))
        print(f"2 s of speech were accepted in {trio.current_time() - start:.1f} s")


async def a_far_end_that_takes_nothing() -> None:
    phone = ScriptedFarEnd()
    async with open_channel(phone.source, timeouts=Timeouts(write=1.0)) as channel:
        phone.stall()
        await channel.send_audio(say(1.0, item="hello")[0])
        reason = await channel.wait_closed()
    print(reason.error)


async def main() -> None:
    await at_most_five_seconds()
    await held_back()
    await a_far_end_that_takes_nothing()


trio.run(main)
