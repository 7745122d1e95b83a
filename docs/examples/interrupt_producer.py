"""Who produces speech, and what an interruption does to them."""

import trio

from trioaudio import Channel, TurnInterruptedError, open_channel
from trioaudio.audio import Frame
from trioaudio.clips import tone


async def synthesise(sentence: int, channel: Channel) -> Frame:
    """Stands for a speech synthesis that takes its time."""
    await trio.sleep(0.1)
    return tone(0.5, channel.output_format, frequency=300 + 10 * sentence)


async def tell_a_story(channel: Channel) -> None:
    with channel.turn("story") as turn:
        for sentence in range(1_000):
            await turn.send(await synthesise(sentence, channel))  # waits while 1 s is waiting already
    print(f"the block ended, quietly: interrupted={turn.interrupted}")
    try:
        await turn.send(tone(0.5, channel.output_format))
    except TurnInterruptedError as error:
        print(error)


async def main() -> None:
    async with open_channel("wavfile:caller.wav") as channel, trio.open_nursery() as nursery:
        nursery.start_soon(tell_a_story, channel)
        await trio.sleep(3.0)
        interruption = channel.interrupt()
    (receipt,) = interruption.turns
    print(f"heard {receipt.heard_ms / 1000:.1f} s, lost {receipt.lost_ms / 1000:.1f} s")
    assert 2.7 < receipt.heard_ms / 1000 < 3.0


trio.run(main)
