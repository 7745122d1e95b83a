"""By how much a call grows in memory: over a simulated hour with every frame of it, and over a day."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import trio
from findings import Effort, Finding, Tell

sys.path.append(str(Path(__file__).resolve().parent.parent))

from long_call import CYCLE, HOUR, hold_a_call

TITLE = "growth of a call with turns and interruptions, on the virtual clock"
AIM = 5000.0
"""Bytes in an hour: one byte for each frame would be 180,000, one small object for each interruption 25,000."""
SETTLED = 0.5
"""Hours: counters have passed 256 by then, up to which Python has its integers ready."""
LOOKS_IN_AN_HOUR = 8
"""Rarely, because each look collects garbage, which takes its time."""


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """An hour, with fewer and longer frames if it must be quick, and a day if asked for; after half an hour that does not count."""
    lengths = {"an hour": 1.0, "a day": 24.0} if effort.day else {"an hour": 1.0}
    frame_length = 0.4 if effort.quick else 0.02
    return [Finding(f"over {name}", _growth(SETTLED + hours, frame_length, tell), "B/hour", aim=AIM) for name, hours in lengths.items()]


def _growth(hours: float, frame_length: float, tell: Tell) -> float:
    def weigh() -> int:
        tell(f"{trio.current_time() / HOUR:.1f} of {hours:g} hours")
        return tracemalloc.get_traced_memory()[0]

    look_every = round(HOUR / CYCLE / LOOKS_IN_AN_HOUR)
    tracemalloc.start()
    try:
        memory = hold_a_call(hours, weigh, frame_length=frame_length, look_every=look_every)
        return memory.growth(SETTLED * HOUR)
    finally:
        tracemalloc.stop()
