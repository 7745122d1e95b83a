"""Call asyncio code from Trio: a look-up made for asyncio, awaited by a listener, and given up on when it takes too long."""

import asyncio

import trio

from trioaudio import Dtmf, from_asyncio, open_channel
from trioaudio.testing import ScriptedFarEnd

CUSTOMERS = {"1": "Smith", "2": "Jones"}


async def ask_database(key: str) -> str:
    """What a library made for asyncio offers; nothing in it knows of Trio."""
    await asyncio.sleep(0.01)
    return CUSTOMERS[key]


async def ask_slow_database(key: str) -> str:
    try:
        await asyncio.sleep(3600)
    finally:
        print("the slow query was ended")
    return CUSTOMERS[key]


look_up = from_asyncio(ask_database)
look_up_slowly = from_asyncio(ask_slow_database)


async def greet(event: Dtmf) -> None:
    """A listener: what it touches is Trio's, what it awaits is asyncio's."""
    print(f"key {event.digit}: hello, {await look_up(event.digit)}")


async def write_down(event: Dtmf) -> None:
    await asyncio.sleep(0.01)
    print(f"key {event.digit}: written down")


async def main() -> None:
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel:
        channel.on(Dtmf, greet)
        caller.press("1")
        await trio.sleep(1)

        channel.off(Dtmf, greet).on(Dtmf, from_asyncio(write_down))
        caller.press("2")
        await trio.sleep(1)

    try:
        await look_up("3")
    except KeyError as error:
        print("its error is yours:", repr(error))


async def give_up() -> None:
    with trio.move_on_after(0.05):
        await look_up_slowly("1")
    print("nobody waits for it any more")


trio.run(main)
trio.run(give_up)
