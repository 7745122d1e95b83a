"""CPU time of rivals, in rounds that take turns: what else the machine does then falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from findings import Tell

Measure: TypeAlias = Callable[[], float]
"""Does some work and returns what a piece of it cost, in seconds of CPU."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What each rival's piece of work cost, round by round."""

    seconds: dict[str, list[float]]

    def microseconds(self, name: str) -> float:
        """The least of all rounds: what the work itself costs, when nothing comes in between."""
        return min(self.seconds[name]) * 1e6

    def ratio(self, name: str, to: str) -> float:
        """The median of the ratios of each round, since the two halves of a round had the same weather."""
        return median(a / b for a, b in zip(self.seconds[name], self.seconds[to], strict=True))


def take_turns(rivals: dict[str, Measure], rounds: int, tell: Tell) -> Costs:
    """Measure all rivals, round after round."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(1, rounds + 1):
        for name, measure in rivals.items():
            tell(f"round {number} of {rounds}: {name}")
            seconds[name].append(measure())
    return Costs(seconds)


def cost_of_call(call: Callable[[], object], times: int) -> float:
    """Seconds of CPU that one call of ``call`` takes, on average."""
    before = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - before) / times
