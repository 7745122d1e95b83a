"""What comes out of a channel's block when something goes wrong."""

import trio

from trioaudio import CloseReason, open_channel
from trioaudio.testing import ScriptedFarEnd

CUSTOMERS = {"Jones": 1}


async def the_body_fails() -> None:
    try:
        async with open_channel("wavfile:caller.wav"):
            CUSTOMERS["Smith"]
    except KeyError as error:
        print("your own error comes out bare:", error)


async def a_listener_fails() -> None:
    caller = ScriptedFarEnd()
    try:
        async with open_channel(caller.source) as channel:
            channel.on("dtmf", lambda event: {"1": "sales"}[event.digit])
            caller.press("7")
            await trio.sleep_forever()  # the failing listener ends this wait
    except* KeyError as group:
        print("a listener's error comes out in a group: KeyError", group.exceptions[0])


async def the_far_party_leaves() -> CloseReason:
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel:
        caller.fail(ConnectionResetError("the cable is cut"))
        reason = await channel.wait_closed()
        try:
            channel.turn("hello")
        except trio.BrokenResourceError as error:
            print("the next call says so:", error)
    return reason  # leaving the block raised nothing


async def main() -> None:
    await the_body_fails()
    await a_listener_fails()
    reason = await the_far_party_leaves()
    assert reason.kind == "broken"
    print("wait_closed says why:", reason)


trio.run(main)
