"""Events as async iterators: a task of your own reads them, at its own pace."""

import trio

from trioaudio import Event, Subscription, TurnPlayed, TurnStarted, open_channel
from trioaudio.clips import tone


async def note(events: Subscription[Event]) -> None:
    start = trio.current_time()
    with events:
        async for event in events:  # ends when the channel has closed and everything has been read
            print(f"{trio.current_time() - start:.2f} s  {event.name}")


async def main() -> None:
    async with open_channel("wavfile:caller.wav") as channel, trio.open_nursery() as nursery:
        nursery.start_soon(note, channel.subscribe(TurnStarted, TurnPlayed))  # from here on nothing is missed
        for item in ("one", "two"):
            with channel.turn(item) as turn:
                await turn.send(tone(0.5, channel.output_format))

        played = await channel.wait_event(TurnPlayed)  # just the next one
        assert played.receipt.item_id == "one"
        await channel.wait_played()
        channel.close()


trio.run(main)
