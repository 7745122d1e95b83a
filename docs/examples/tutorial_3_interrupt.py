"""Stop speaking in the middle of a turn, and know what was heard of it."""

import trio

from trioaudio import open_channel
from trioaudio.clips import tone


async def main() -> None:
    async with open_channel("wavfile:caller.wav") as channel:
        with channel.turn("story") as turn:
            await turn.send(tone(10.0, channel.output_format))  # accepted at once; it takes 10 s to be heard
        await trio.sleep(1.2)
        interruption = channel.interrupt()  # no await: when this line is done, it is silent
        again = channel.interrupt()
        final = await interruption.settled()

    (receipt,) = final.turns
    print(f"{receipt.item_id}: heard {receipt.heard_ms:.0f} ms, lost {receipt.lost_ms:.0f} ms, {receipt.evidence}")
    assert receipt.heard + receipt.lost == 10 * receipt.rate
    assert turn.interrupted
    assert not again, "there was nothing left to interrupt"


trio.run(main)
