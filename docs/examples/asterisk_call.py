"""Somebody calls through an Asterisk, is greeted, and hangs up; the Asterisk is a fake one, so this runs anywhere."""

import trio

from trioaudio import Agent, CallSummary, open_server
from trioaudio.sources.audiosocket import AudioSocketListener
from trioaudio.testing import FakeAsterisk

AGENT = Agent("You are the receptionist.", greeting="Good morning, this is the reception. How may I help you?")


def tell(summary: CallSummary) -> None:
    print(f"{summary.caller} {summary.reason} after {summary.duration_ms / 1000:.1f} s, {summary.heard_ms / 1000:.1f} s were heard")


async def main() -> None:
    listener, asterisk = AudioSocketListener(), FakeAsterisk(line_open=True)
    async with open_server(listener, model="parrot", agent=AGENT, on_summary=tell) as server:
        id = listener.ids.issue(trio.current_time(), {"caller": "+4915100000011", "called": "100"})
        async with asterisk.audiosocket_to(listener.take, id) as call:
            await call.wait_heard(0.5)
        async with asterisk.audiosocket_to(listener.take, id) as again:
            print(f"the same id again: {await again.outcome()}")
        server.drain()
        await server.wait_ended()


trio.run(main)
