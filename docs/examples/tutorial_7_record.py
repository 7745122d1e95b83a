"""A recording of the call, and its counters."""

import wave

import trio

from trioaudio import converse, open_channel


async def main() -> None:
    async with open_channel("wavfile:caller.wav?hangup_after=5", record="call.wav") as channel:
        await converse(channel, "parrot")
    counters = channel.statistics()
    print(f"{counters.turns} turns, {counters.interruptions} interrupted")
    print(f"{counters.accepted_ms:.0f} ms made, {counters.dropped_ms + counters.flushed_ms:.0f} ms never heard")

    with wave.open("call.wav") as recording:
        seconds = recording.getnframes() / recording.getframerate()
        print(f"call.wav: {seconds:.2f} s, {recording.getnchannels()} channels")
        assert abs(seconds - counters.received_ms / 1000) < 0.1


trio.run(main)
