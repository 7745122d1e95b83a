"""A file calls, a parrot answers, and the call is recorded."""

import trio

from trioaudio import Agent, converse, open_channel


async def main() -> None:
    async with open_channel("wavfile:caller.wav?hangup_after=5", record="call.wav") as channel:
        await converse(channel, "parrot", Agent("You are kind."))


trio.run(main)
