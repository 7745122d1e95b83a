"""What a frame of 20 ms costs on its whole way: far end, source, channel, session, model, and all the way back.

The far end says a frame and waits until it hears it again, as in a call, where every frame wakes each of its tasks; with more of
them in flight, as after a stall, tasks find work waiting. Nothing is paced: the far end is fed as far ahead as it likes.
"""

from __future__ import annotations

import time
from functools import partial

import trio
from echo import Echo
from findings import Effort, Finding, Tell
from hops import WARM_UP, two_hops
from rounds import Costs, Measure, take_turns

from trioaudio import Limits, open_channel, open_session
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.sources.memory import MemoryFarEnd, memory_pair

TITLE = "CPU for a frame of 20 ms: far end -> channel -> session -> model, and back"
AIM = 2.5
BURST = 50
UNPACED = 1e6
"""Seconds of lead: more than is ever played."""


async def there_and_back(channel_format: AudioFormat, model_format: AudioFormat, num_frames: int, in_flight: int = 1) -> float:
    """Seconds of CPU for a frame to go there and back."""
    source, far_end = memory_pair(channel_format, lead=UNPACED)
    async with (
        open_channel(source, limits=Limits(inbound=UNPACED)) as channel,
        open_session(channel, Echo(model_format)),
    ):
        await _bounce(far_end, channel_format, WARM_UP, in_flight)
        before = time.process_time()
        await _bounce(far_end, channel_format, num_frames, in_flight)
        return (time.process_time() - before) / num_frames


async def _bounce(far_end: MemoryFarEnd, format: AudioFormat, times: int, in_flight: int) -> None:
    frame = Frame.silence(format.frame_samples, format)
    for _ in range(times // in_flight):
        for _ in range(in_flight):
            far_end.say(frame)
        for _ in range(in_flight):
            await far_end.hear()


PATHS = {
    "no conversion": (PCM16_24K, PCM16_24K),
    "another encoding: mulaw/8000 and pcm16/8000": (MULAW_8K, PCM16_8K),
    "another rate: mulaw/8000 and pcm16/24000": (MULAW_8K, PCM16_24K),
}


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """Every path, beside the yardstick."""
    num_frames, rounds = effort.rounds(5000, 2000), effort.rounds(15, 4)
    one_by_one = _race(num_frames, rounds, 1, PATHS, tell)
    in_bursts = _race(num_frames, rounds, BURST, {"no conversion": PATHS["no conversion"]}, tell)
    return [
        Finding("two bare memory-channel hops", one_by_one.microseconds("hops"), "us"),
        *(_finding(name, one_by_one, name, aim=AIM if name == "no conversion" else None) for name in PATHS),
        Finding(f"two bare hops, {BURST} frames in flight", in_bursts.microseconds("hops"), "us"),
        _finding(f"no conversion, {BURST} frames in flight", in_bursts, "no conversion"),
    ]


def _race(num_frames: int, rounds: int, in_flight: int, paths: dict[str, tuple[AudioFormat, AudioFormat]], tell: Tell) -> Costs:
    rivals: dict[str, Measure] = {"hops": partial(trio.run, two_hops, num_frames, in_flight)}
    for name, formats in paths.items():
        rivals[name] = partial(trio.run, there_and_back, *formats, num_frames, in_flight)
    return take_turns(rivals, rounds, tell)


def _finding(what: str, costs: Costs, name: str, aim: float | None = None) -> Finding:
    return Finding(what, costs.microseconds(name), "us", costs.ratio(name, "hops"), "the hops", aim, "ratio")
