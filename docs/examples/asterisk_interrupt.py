"""A caller is interrupted over Asterisk's media websocket, and what they heard is known to the sample."""

import trio

from trioaudio import open_channel
from trioaudio.audio import PCM16_24K
from trioaudio.clips import tone
from trioaudio.sources.asterisk import AsteriskListener
from trioaudio.testing import FakeAsterisk


async def main() -> None:
    listener, asterisk = AsteriskListener(), FakeAsterisk(PCM16_24K)
    async with asterisk.websocket_to(listener.serve) as call:
        invitation = await listener.receive()
        async with invitation.answer() as source, open_channel(source) as channel:
            channel.turn("greeting").send_nowait(tone(3.0, PCM16_24K))
            await trio.sleep(1.01)
            [receipt] = (await channel.interrupt().settled()).turns
            await trio.sleep(1.0)
        played = sum(frame.num_samples for frame in call.heard())
        print(f"{receipt.heard} samples were heard ({receipt.evidence}), and Asterisk has played {played}")


trio.run(main)
