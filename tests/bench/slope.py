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
AIM = 1000.0
"""Bytes in an hour: one byte for each frame would be 180,000, one small object for each interruption 20,000."""


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """An hour, half of one if it must be quick, and a day if asked for."""
    lengths = {"half an hour" if effort.quick else "an hour": 0.5 if effort.quick else 1.0}
    if effort.day:
        lengths["a day"] = 24.0
    frame_length = 0.1 if effort.quick else 0.02
    return [Finding(f"over {name}", _growth(hours, frame_length, tell), "B/hour", aim=AIM) for name, hours in lengths.items()]


def _growth(hours: float, frame_length: float, tell: Tell) -> float:
    def weigh() -> int:
        tell(f"{trio.current_time() / HOUR:.1f} of {hours:g} hours")
        return tracemalloc.get_traced_memory()[0]

    looks = round(60 * max(1, hours / 4))
    tracemalloc.start()
    try:
        growth: float = hold_a_call(hours, weigh, frame_length=frame_length, look_every=round(hours * HOUR / CYCLE / looks)).growth()
        return growth
    finally:
        tracemalloc.stop()
