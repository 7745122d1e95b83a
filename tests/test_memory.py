"""A call may go on for ever: what it holds of memory does not grow, however much is said, interrupted and keyed in."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from long_call import hold_a_call

from trioaudio import TurnInterrupted

BOUND = 200
"""Blocks in an hour; one for each interruption would be 400, one for each frame 100,000."""


def growth(hours: float, listener: Callable[[TurnInterrupted], object]) -> float:
    """By how many blocks what Python holds grows in an hour of a call.

    It is looked at every 7.5 minutes: under Python 3.12 and later each look, which collects garbage, leaves a few blocks behind.
    """
    return hold_a_call(hours, sys.getallocatedblocks, frame_length=0.4, look_every=75, listener=listener).growth()


@pytest.mark.slow
def test_memory_does_not_grow_over_an_hour():
    assert growth(1.0, lambda _: None) < BOUND


@pytest.mark.slow
def test_memory_that_grows_would_be_noticed():
    kept: list[TurnInterrupted] = []
    assert growth(0.5, kept.append) > BOUND
