"""Log lines of one call, as JSON."""

import io
import json
import logging
import sys

import trio

from trioaudio import configure_logging, current_call_id, open_channel

sys.stdout, console = io.StringIO(), sys.stdout  # so that the times can be left out below


async def main() -> None:
    configure_logging("json", "info", stream=sys.stdout)
    current_call_id.set("call-7")
    async with open_channel("wavfile:caller.wav?hangup_after=0") as channel:
        await channel.wait_closed()
    logging.getLogger("trioaudio.shop").info("that was %s", "+14155550123")


trio.run(main)
lines = [json.loads(line) for line in sys.stdout.getvalue().splitlines()]
sys.stdout = console
for line in lines:
    print(line["level"], line["call"], line["message"])
