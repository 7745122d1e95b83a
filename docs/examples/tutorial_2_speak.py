"""Say something, wait until it has been heard, and look at the receipt."""

import trio

from trioaudio import open_channel
from trioaudio.clips import tone


async def main() -> None:
    async with open_channel("wavfile:caller.wav") as channel:
        with channel.turn("greeting") as turn:
            await turn.send(tone(1.5, channel.output_format))
        receipt = await turn.wait_played()
    print(f"{receipt.item_id}: heard {receipt.heard_ms:.0f} ms, lost {receipt.lost_ms:.0f} ms, {receipt.evidence}")
    assert receipt.heard == 1.5 * receipt.rate
    assert receipt.lost == 0


trio.run(main)
