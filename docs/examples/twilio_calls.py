"""Calls of a Twilio number; without an auth token, a Twilio in this very process is the one that calls."""

import os

import trio

from trioaudio import Call, open_front_door, open_session, serve
from trioaudio.clips import tone
from trioaudio.sources import twilio
from trioaudio.testing import FakeTwilio, open_memory_door


async def handle_call(call: Call) -> None:
    if call.caller == "+15550166":
        await call.reject("busy")
        return
    async with call.accept(on={"dtmf": lambda key: print("pressed", key.digit)}) as channel, open_session(channel, "parrot") as session:
        await channel.send_audio(tone(0.5, channel.output_format))
        await session.wait_closed()


async def main() -> None:
    async with open_front_door(port=8080, public_url="https://voice.example.com") as door:
        await serve(twilio.listen(door), handle_call)


async def rehearse() -> None:
    fake = FakeTwilio()
    async with open_memory_door("https://voice.example.com") as door, trio.open_nursery() as nursery:
        await nursery.start(serve, twilio.listen(door, auth_token=fake.auth_token), handle_call)
        async with fake.dial(door, caller="+15550100") as call:
            line = await call.wait_connected()
            line.press("1")
            await line.wait_hears(4000)
            print("heard a tone;", "Twilio complains of", line.carrier.errors or "nothing")
        async with fake.dial(door, caller="+15550166") as call:
            print(await call.wait_ended(), call.reason)
        nursery.cancel_scope.cancel("that is all")


trio.run(main if "TWILIO_AUTH_TOKEN" in os.environ else rehearse)
