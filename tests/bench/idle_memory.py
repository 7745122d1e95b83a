"""What a channel weighs on which nobody speaks, alone and with a session.

As a script, ``idle_memory.py KIND NUMBER METHOD``, it weighs in a process of its own and prints bytes for each.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import trio
import trio.testing
from echo import Echo
from findings import Effort, Finding, Tell
from resident import resident_bytes

from trioaudio import open_channel, open_session
from trioaudio.audio import PCM16_24K
from trioaudio.sources.memory import memory_pair

TITLE = "memory of an idle channel"
AIM = 80.0
Kind: TypeAlias = Literal["channel", "call"]
Method: TypeAlias = Literal["rss", "tracemalloc"]


async def weigh(kind: Kind, number: int, method: Method) -> float:
    """Bytes for each of ``number``; some are opened before, for what is needed once."""
    weight: Callable[[], int] = resident_bytes
    if method == "tracemalloc":
        tracemalloc.start()
        weight = _traced_bytes
    async with AsyncExitStack() as open_ones:
        await _open(open_ones, kind, 20)
        gc.collect()
        before = weight()
        await _open(open_ones, kind, number)
        gc.collect()
        return (weight() - before) / number


def _traced_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]


async def _open(open_ones: AsyncExitStack, kind: Kind, number: int) -> None:
    for _ in range(number):
        source, _ = memory_pair(PCM16_24K)
        channel = await open_ones.enter_async_context(open_channel(source))
        if kind == "call":
            await open_ones.enter_async_context(open_session(channel, Echo(PCM16_24K)))
    await trio.testing.wait_all_tasks_blocked()


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """Both kinds by both methods, each in a fresh process."""
    number = effort.rounds(1000, 200)
    findings = []
    for kind, what in (("channel", "a channel"), ("call", "a channel with a session")):
        for method, unit in (("rss", "resident"), ("tracemalloc", "allocated by Python")):
            tell(f"{number} of {what}, {unit}")
            command = [sys.executable, str(Path(__file__)), kind, str(number), method]
            kilobytes = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1000
            findings.append(Finding(f"{what}: {unit}", kilobytes, "kB", aim=AIM if kind == "call" and method == "rss" else None))
    return findings


if __name__ == "__main__":
    kind_of_one, how_many, by = sys.argv[1:]
    print(trio.run(partial(weigh, kind_of_one, int(how_many), by)))  # type: ignore[arg-type]  # as `measure` calls it
