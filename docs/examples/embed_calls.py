"""Several calls at once in one nursery, with a log of each."""

import logging
import sys

import trio

from trioaudio import Channel, Event, Subscription, start_channel
from trioaudio.clips import tone

log = logging.getLogger("calls")


async def answer(channel: Channel) -> None:
    """Serve one caller."""
    with channel.turn("hello") as turn:
        await turn.send(tone(0.5, channel.output_format))
    reason = await channel.wait_closed()
    assert reason.kind == "hangup"


async def keep_log(call: str, events: Subscription[Event]) -> None:
    with events:
        async for event in events:
            log.info("%s: %s", call, event.name)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        for call in ("first", "second"):
            channel = await start_channel(nursery, "wavfile:caller.wav?hangup_after=0")
            nursery.start_soon(keep_log, call, channel.subscribe())
            nursery.start_soon(answer, channel)
            await trio.sleep(0.2)
    log.info("all calls are over")


logging.basicConfig(stream=sys.stdout, format="%(message)s")
log.setLevel(logging.INFO)
trio.run(main)
