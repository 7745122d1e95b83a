"""A call that goes on for hours of virtual time, always the same, and what it holds of memory in each of its silences."""

from __future__ import annotations

import gc
import math
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import trio

import trioaudio
from trioaudio import (
    Agent,
    AudioDelta,
    AudioDone,
    Dtmf,
    Event,
    Interrupt,
    ModelEvent,
    OutputTranscriptDelta,
    ResponseCreated,
    ResponseDone,
    open_channel,
    open_session,
)
from trioaudio.abc import Capability, Model
from trioaudio.audio import PCM16_8K, Frame
from trioaudio.sources.memory import MemoryFarEnd, memory_pair
from trioaudio.testing import run_virtual

Listeners: TypeAlias = Mapping[type[Event], Callable[[Event], object]]

FORMAT = PCM16_8K
CYCLE = 6.0
"""Seconds from one question of the caller to the next."""
ANSWER = 2.4
"""Seconds that the agent answers, if it is let; two times out of three it is interrupted in the middle."""
DELTA = 0.4
MINUTE, HOUR = 60.0, 3600.0
SETTLED = 15 * MINUTE
"""All that is remembered up to a bound has reached it by then."""


class Talker(Model):
    """Answers whatever it hears as soon as it is asked to."""

    name = "talker"
    input_formats = output_formats = (FORMAT,)
    capabilities: frozenset[Capability] = frozenset({"commit", "cancel", "truncate"})

    def __init__(self) -> None:
        self._said_send, self._said_receive = trio.open_memory_channel[ModelEvent](math.inf)
        self._answers = 0

    async def start(self, agent: Agent, input_format: object, output_format: object) -> None:
        await trio.lowlevel.checkpoint()

    async def receive(self) -> ModelEvent:
        return await self._said_receive.receive()

    async def append(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()

    def append_nowait(self, frame: Frame) -> None:
        pass

    async def commit(self) -> None:
        for event in self._answer():
            self._said_send.send_nowait(event)
        await trio.lowlevel.checkpoint()

    def _answer(self) -> Iterable[ModelEvent]:
        self._answers += 1
        response, item = f"response {self._answers}", f"item {self._answers}"
        yield ResponseCreated(response)
        for number in range(round(ANSWER / DELTA)):
            yield AudioDelta(item, Frame.silence(round(DELTA * FORMAT.rate), FORMAT, number * round(DELTA * FORMAT.rate)), response)
            yield OutputTranscriptDelta(item, "la ")
        yield AudioDone(item)
        yield ResponseDone(response)

    async def cancel(self) -> None:
        await trio.lowlevel.checkpoint()

    async def truncate(self, item_id: str, heard: int) -> None:
        await trio.lowlevel.checkpoint()


forget_names: Callable[[], None] = sys._clear_internal_caches if sys.version_info >= (3, 13) else sys._clear_type_cache
"""Empty the interpreter's table of attribute look-ups, which holds each name that was looked up.

From Python 3.12 on, subscribing a generic class, which Trio does twice for each memory channel that it opens and a call opens one
for each interruption, looks up a string made afresh. By and by the table holds up to 512 of them, and that is all that grows.
"""


@dataclass(slots=True)
class Memory:
    """How much Python holds in each silence of a call.

    Args:
        weigh: tells how much it is just now.
    """

    weigh: Callable[[], int]
    times: array[float] = field(default_factory=lambda: array("d", bytes(8 * 10_000)))  # weighs the same from the first look to the last
    held: array[int] = field(default_factory=lambda: array("q", bytes(8 * 10_000)))
    looks: int = 0

    def note(self) -> None:
        """Look now."""
        gc.collect()
        forget_names()
        self.times[self.looks], self.held[self.looks] = trio.current_time(), self.weigh()
        self.looks += 1

    def growth(self, settled: float = SETTLED) -> float:
        """What it grew by in an hour, after so many seconds: the least of the last minutes less the least of the first."""
        begin, end = settled, self.times[self.looks - 1]
        stretch = min(15 * MINUTE, (end - begin) / 2)
        return (self._least(end - stretch, end) - self._least(begin, begin + stretch)) / (end - begin - stretch) * HOUR

    def _least(self, begin: float, end: float) -> int:
        return min(held for time, held in zip(self.times, self.held, strict=True) if begin <= time <= end)


async def _call(hours: float, frame_length: float, look_every: int, memory: Memory, listeners: Listeners) -> None:
    source, far_end = memory_pair(FORMAT)
    async with open_channel(source) as channel, open_session(channel, Talker()) as session, trio.open_nursery() as nursery:
        for kind, listener in listeners.items():
            channel.on(kind, listener)
        nursery.start_soon(_chatter, far_end, frame_length)
        nursery.start_soon(_hear, far_end)
        cycles = round(hours * HOUR / CYCLE)
        for number in range(cycles):
            session.commit()
            await trio.sleep(1.2)
            if number % 3:
                far_end.say(Dtmf("1"))
                far_end.say(Interrupt())
            await trio.sleep_until((number + 1) * CYCLE - 1.0)
            if number % look_every == look_every - 1:
                memory.note()
            await trio.sleep_until((number + 1) * CYCLE)
        assert channel.statistics().interruptions == sum(number % 3 > 0 for number in range(cycles)), "the call did not go as it should"
        nursery.cancel_scope.cancel()


async def _chatter(far_end: MemoryFarEnd, frame_length: float) -> None:
    frame, number = Frame.silence(round(frame_length * FORMAT.rate), FORMAT), 0
    while True:
        far_end.say(frame)
        number += 1
        await trio.sleep_until(number * frame_length)


async def _hear(far_end: MemoryFarEnd) -> None:
    async for _ in far_end:
        pass


def hold_a_call(
    hours: float,
    weigh: Callable[[], int],
    *,
    frame_length: float = 0.02,
    look_every: int = 1,
    listeners: Listeners = MappingProxyType({}),
) -> Memory:
    """Let a call go on for so many hours of virtual time.

    Args:
        hours: more than a quarter, since it has settled only then.
        weigh: tells how much memory Python holds just now; asked in silences.
        frame_length: of the caller's frames, in seconds; longer ones make it quicker.
        look_every: look at the memory in every so many-th silence.
        listeners: of the call's events, by their class.
    """
    memory = Memory(weigh)
    run_virtual(_call, hours, frame_length, look_every, memory, listeners)
    return memory


def main() -> None:
    """``long_call.py HOURS [EVENT...]`` prints by how many blocks Python's memory grows in an hour if something is kept for each event.

    It is looked at every 7.5 minutes only, since each look collects garbage.
    """
    kept: list[object] = []
    keep = {getattr(trioaudio, name): lambda _: kept.append(object()) for name in sys.argv[2:]}
    listeners: Listeners = {trioaudio.TurnInterrupted: lambda _: None, **keep}  # somebody listens in any case
    print(hold_a_call(float(sys.argv[1]), sys.getallocatedblocks, frame_length=0.4, look_every=75, listeners=listeners).growth())


if __name__ == "__main__":
    main()
