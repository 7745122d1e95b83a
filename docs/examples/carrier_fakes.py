"""A call of Telnyx's that is made by a fake: far away, and with a fault of the carrier's."""

import trio

from trioaudio import Call, Secret, open_server
from trioaudio.clips import tone
from trioaudio.sources.carriers import open_telnyx
from trioaudio.testing import CarrierFault, FakeTelnyx, Network, open_memory_door


async def greet(call: Call) -> None:
    async with call.accept(on={"dtmf": lambda key: print("pressed", key.digit)}) as channel:
        await channel.send_audio(tone(0.5, channel.output_format))
        await channel.wait_closed()


async def call_of_telnyx() -> None:
    fake = FakeTelnyx(faults=[CarrierFault(1.0, "skip"), CarrierFault(2.0, "garbage")])
    async with open_memory_door() as door, open_telnyx(door, key=Secret("k3y")) as listener, open_server(listener, greet):
        distant = Network(delay=0.04, seed=7)
        async with fake.dial(door, "wss://voice.example.com/telnyx/k3y", caller="+15550100", network=distant) as line:
            line.press("5")
            await line.wait_over()
            print(f"heard {len(line.heard()) / 8000:.1f} s, complaints: {line.carrier.errors}, counted: {dict(listener.counters)}")


trio.run(call_of_telnyx)
