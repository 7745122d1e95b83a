"""A listener that awaits code written for asyncio."""

import asyncio

import trio

from trioaudio import Closed, Dtmf, from_asyncio, open_channel


async def look_up(digit: str) -> str:
    """Stands for a database client that only knows asyncio."""
    await asyncio.sleep(0.01)
    return {"1": "sales", "2": "support"}.get(digit, "nobody")


async def on_key(event: Dtmf) -> None:
    department = await from_asyncio(look_up)(event.digit)
    print(f"key {event.digit}: {department}")


async def main() -> None:
    async with open_channel("wavfile:caller.wav", on={Dtmf: on_key}) as channel:
        channel.emit(Dtmf("2"))
        await trio.sleep(0.5)
        channel.once(Closed, lambda event: print(event.reason))


trio.run(main)
