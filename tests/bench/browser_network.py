"""What a page hears of an agent behind a bad network: 5 % of the messages late by 200 ms (a packet sent again), 100 ms of jitter.

On the virtual clock: these are figures of the protocol and of the player's rule, not of this machine. The *added delay* is from the
moment in which the channel hands a turn's first audio over to the moment in which it leaves the page's player.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from statistics import fmean
from typing import TypeAlias

import trio
from findings import Effort, Finding, Tell
from trio.testing import MockClock

from trioaudio import Call, Channel, open_server
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.sources import browser
from trioaudio.testing import FakeBrowser, Network, open_memory_door

TITLE = "a page behind a bad network: 5 % of the messages 200 ms late, 100 ms of jitter"
TURN = 3.0
"""Seconds of a turn, which a model makes faster than it sounds."""
PIECE = 0.1
LIVE_PIECE = 0.02
UNDERRUNS, DELAY = 1.0, 200.0
"""The most that is acceptable: per cent of what sounds, and milliseconds."""

Talk: TypeAlias = Callable[[Channel, int, list[float]], Awaitable[None]]
"""Says so much, and notes when each turn began."""


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """The findings."""
    return [*_findings("turns", _in_turns, effort, tell, DELAY), *_findings("live stream", _live, effort, tell, None)]


def _findings(what: str, talk: Talk, effort: Effort, tell: Tell, aim: float | None) -> list[Finding]:
    heard: list[tuple[float, float, float]] = []
    for seed in range(effort.rounds(10, 2)):
        tell(f"{what}, network {seed}")
        heard.append(trio.run(partial(_call, talk, effort.rounds(40, 10), seed), clock=MockClock(autojump_threshold=0)))
    share = fmean(underrun for underrun, _, _ in heard)
    delay = fmean(delay for _, delay, _ in heard)
    return [
        Finding(f"{what}: silence where there should be none", share, "%", aim=UNDERRUNS),
        Finding(f"{what}: added delay at its beginning", delay, "ms", aim=aim),
        *([] if aim else [Finding(f"{what}: added delay at its end", fmean(end for _, _, end in heard), "ms")]),
    ]


async def _call(talk: Talk, turns: int, seed: int) -> tuple[float, float, float]:
    """Per cent of underruns, the mean delay of turns in milliseconds, and that of one long turn at its end."""
    begun: list[float] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await talk(channel, turns, begun)
            await channel.hang_up()

    fake = FakeBrowser(rate=24_000, line_open=False, network=Network(jitter=0.1, loss=0.05, seed=seed))
    async with open_memory_door() as door, browser.listen(door)() as listener, open_server(listener, handle), fake.call(door) as call:
        await call.over.wait()
        player = call.page.player
        assert player is not None
        delays = [sounds - begins for sounds, begins in zip(player.begun_at.values(), begun, strict=False)]
        return 100 * player.underrun / (len(player.sound) / 48_000), 1000 * fmean(delays), 1000 * (delays[0] + player.underrun)


async def _in_turns(channel: Channel, turns: int, begun: list[float]) -> None:
    for _ in range(turns):
        begun.append(trio.current_time())
        with channel.turn() as turn:
            for _ in range(round(TURN / PIECE)):
                await turn.send(_sound(PIECE))
        await channel.wait_heard()
        await trio.sleep(1.0)


async def _live(channel: Channel, turns: int, begun: list[float]) -> None:
    """One stream as long as all those turns, made as it sounds: nothing can be sent ahead."""
    start = trio.current_time()
    begun.append(start)
    turn = channel.turn(live=True)
    for number in range(round(turns * TURN / LIVE_PIECE)):
        await trio.sleep_until(start + number * LIVE_PIECE)
        await turn.send(_sound(LIVE_PIECE))
    turn.end()


def _sound(seconds: float) -> Frame:
    return Frame(b"\x12\x34" * round(24_000 * seconds), PCM16_24K)
