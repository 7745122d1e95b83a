"""What tests say, in one line each."""

from __future__ import annotations

from collections.abc import Iterable

from trioaudio import Channel, Turn
from trioaudio.audio import Frame
from trioaudio.testing import STAMPED, stamp


async def utter(turn: Turn, frames: Iterable[Frame]) -> None:
    """Say it as a producer that can wait."""
    for frame in frames:
        await turn.send(frame)


def push(turn: Turn, frames: Iterable[Frame]) -> Turn:
    """Say it as a reader that never waits."""
    for frame in frames:
        turn.send_nowait(frame)
    return turn


async def babble(channel: Channel) -> None:
    """Say 20 ms after 20 ms without a turn, for ever."""
    while True:
        await channel.send_audio(stamp("babble", 0, STAMPED.frame_samples))
