"""A call may go on for ever: what it holds of memory does not grow, however much is said, interrupted and keyed in."""

from __future__ import annotations

import subprocess
import sys

import long_call
import pytest

BOUND = 50
"""Blocks in an hour; one for each interruption would be 400, one for each of these long frames 9,000."""


def growth(hours: float, *kept: str) -> float:
    """By how many blocks what Python holds grows in an hour of a call, of whose events these are kept.

    In a process of its own: what other tests have left behind goes away when it likes, and is counted then.
    """
    command = [sys.executable, long_call.__file__, str(hours), *kept]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_memory_does_not_grow_over_an_hour():
    """What it grows by, about 15 blocks, are counters on their way past 256, up to which Python has its integers ready.

    The 200 and more that Python 3.12 and 3.13 once added were names in the interpreter's table of attribute look-ups, a few hundred at
    most however long the call: `long_call.forget_names` empties it before each look.
    """
    assert growth(1.0) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("event", ["TurnInterrupted", "Audio"])
def test_one_small_object_kept_for_each_would_be_noticed(event: str):
    assert growth(0.5, event) > 4 * BOUND
