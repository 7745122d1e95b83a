"""A call may go on for ever: what it holds of memory does not grow, however much is said, interrupted and keyed in."""

from __future__ import annotations

import sys

import pytest
from long_call import Listeners, hold_a_call

from trioaudio import Audio, Event, TurnInterrupted

BOUND = 50
"""Blocks in an hour; one for each interruption would be 400, one for each of these long frames 9,000."""


def growth(hours: float, listeners: Listeners) -> float:
    """By how many blocks what Python holds grows in an hour of a call.

    It is looked at every 7.5 minutes only, since each look collects garbage, which takes long after many other tests.
    """
    return hold_a_call(hours, sys.getallocatedblocks, frame_length=0.4, look_every=75, listeners=listeners).growth()


@pytest.mark.slow
def test_memory_does_not_grow_over_an_hour():
    """What it grows by, about 15 blocks, are counters on their way past 256, up to which Python has its integers ready.

    The 200 and more that Python 3.12 and 3.13 once added were names in the interpreter's table of attribute look-ups, a few hundred at
    most however long the call: `long_call.forget_names` empties it before each look.
    """
    assert growth(1.0, {TurnInterrupted: lambda _: None}) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("event", [TurnInterrupted, Audio])
def test_one_small_object_kept_for_each_would_be_noticed(event: type[Event]):
    kept: list[object] = []
    assert growth(0.5, {event: lambda _: kept.append(object())}) > 4 * BOUND
