"""What `from_asyncio` makes of a function, for type checkers: read by mypy and pyright, never run (see `listeners.py`)."""

from __future__ import annotations

from typing import assert_type

from trioaudio import Audio, Channel, Dtmf, from_asyncio


async def look_up(account: int, *, brief: bool = False) -> str: ...  # type: ignore[empty-body]
async def write_down(event: Dtmf) -> None: ...
def add(a: int, b: int) -> int: ...  # type: ignore[empty-body]


async def right_uses(channel: Channel) -> None:
    assert_type(await from_asyncio(look_up)(7, brief=True), str)
    channel.on(Dtmf, from_asyncio(write_down))


async def wrong_uses(channel: Channel) -> None:
    await from_asyncio(look_up)("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    from_asyncio(add)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    from_asyncio(look_up(7))  # type: ignore[arg-type]  # pyright: ignore
    channel.on(Audio, from_asyncio(write_down))  # type: ignore[arg-type]  # pyright: ignore
