"""Something sounds under the agent, and in its silence."""

import trio

from trioaudio import open_channel
from trioaudio.abc import Paced
from trioaudio.audio import PCM16_8K
from trioaudio.clips import tone
from trioaudio.testing import ScriptedFarEnd


async def main() -> None:
    phone = ScriptedFarEnd(Paced(ear=True), format=PCM16_8K)
    async with open_channel(phone.source) as channel:
        await channel.background("caller.wav", gain=-20)  # any audio file; None: no more
        await trio.sleep(2.0)
        with channel.turn("hello") as turn:
            turn.send_nowait(tone(1.0, channel.output_format))
        receipt = await turn.wait_played()
        print(f"{receipt.heard_ms:.0f} ms were said, {phone.ear.heard_samples() / 8:.0f} ms were heard")


trio.run(main)
