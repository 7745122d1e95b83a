"""A phone menu and its tests: half a minute of calls in a moment, the same every time."""

# mypy: allow-untyped-defs

from collections.abc import Iterable, Mapping

import trio

from trioaudio import Channel, Dtmf, open_channel
from trioaudio.audio import Frame
from trioaudio.testing import ScriptedFarEnd, say

SPEECH = {"menu": say(8.0, item="menu"), "goodbye": say(1.0, item="goodbye")}


async def phone_menu(channel: Channel, speech: Mapping[str, Iterable[Frame]]) -> str | None:
    """Say the menu until a key is pressed, then say goodbye and hang up; return the key, None if the caller hung up."""
    with channel.subscribe(Dtmf) as keys:
        say_item(channel, "menu", speech)
        async for key in keys:
            channel.interrupt()
            say_item(channel, "goodbye", speech)
            await channel.hang_up()
            return key.digit
    return None


def say_item(channel: Channel, item: str, speech: Mapping[str, Iterable[Frame]]) -> None:
    """Begin to say it; does not wait until it has been heard."""
    with channel.turn(item) as turn:
        for frame in speech[item]:
            turn.send_nowait(frame)


async def test_a_key_stops_the_menu(virtual_clock):
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(phone_menu, channel, SPEECH)
        await caller.wait_hears("menu")
        await trio.sleep(2.0)
        caller.press("1")
        await channel.wait_closed()
    assert caller.heard("menu") < 2.1 * 8_000  # samples; a test's voices have 8000 a second
    assert caller.heard("goodbye") == 1.0 * 8_000


async def test_a_caller_who_hangs_up_ends_the_menu(virtual_clock):
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(phone_menu, channel, SPEECH)
        await caller.wait_hears("menu")
        caller.hang_up()
        reason = await channel.wait_closed()
    assert reason.kind == "hangup"
