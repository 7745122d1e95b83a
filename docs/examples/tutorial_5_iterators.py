"""Events as async iterators: a task of your own reads them, at its own pace."""

import trio

from trioaudio import Channel, TurnPlayed, TurnStarted, open_channel
from trioaudio.clips import tone


async def note_turns(channel: Channel, task_status: trio.TaskStatus[None]) -> None:
    with channel.subscribe(TurnStarted, TurnPlayed) as events:
        task_status.started()
        start = trio.current_time()
        async for event in events:  # ends when the channel has closed and everything has been read
            print(f"{trio.current_time() - start:.2f} s  {event.name}")


async def main() -> None:
    async with trio.open_nursery() as nursery, open_channel("wavfile:caller.wav") as channel:
        await nursery.start(note_turns, channel)
        for item in ("one", "two"):
            with channel.turn(item) as turn:
                await turn.send(tone(0.5, channel.output_format))

        played = await channel.wait_event(TurnPlayed)  # just the next one
        assert played.receipt.item_id == "one"
        await channel.wait_played()


trio.run(main)
