"""Drives targets with strange inputs, and says what is wrong: another error than the documented ones, too much time, or too much memory.

A round is a few inputs for one fresh machine. It is made of the seed, the target's name and its number, and can so be had again.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from fuzz.mutations import Mutations
from fuzz.targets import Target, Targets

LONGEST_ROUND = 8
"""Inputs."""
SECONDS, SECONDS_A_MEGABYTE = 0.5, 1.5
"""Of CPU, that one input may take."""
BYTES, BYTES_A_BYTE = 4_000_000, 250
"""Of memory, that one round may take at its height; the costliest, a path of percent signs, takes 200 for each of its own."""
MEASURED = 25
"""One round of so many is watched for its memory, which takes several times as long."""
ENDLESS, ENDLESS_BYTES = 600, 400_000
"""Inputs for one machine, of which the second half may leave so many bytes behind."""


@dataclass(frozen=True)
class Failure:
    """What went wrong, and where to find it."""

    target: str
    round: int
    what: str
    input: Any

    def __str__(self) -> str:
        shown = repr(self.input)
        shown = shown if len(shown) < 400 else f"{shown[:300]} ... {shown[-60:]} ({len(shown)} characters)"
        return f"{self.target}, round {self.round}: {self.what}\n    after {shown}"


def inputs(target: Target, seed: object, name: str, number: int) -> list[Any]:
    """Those of a round."""
    random = Random(f"{seed} {name} {number}")
    mutations = Mutations(random)
    return [mutations.input(target.samples, either=target.either) for _ in range(random.randint(1, LONGEST_ROUND))]


def drive(targets: Targets, most: int, seed: object, tell: Callable[[int, str], None] = lambda done, name: None) -> Iterator[Failure]:
    """Let all targets have rounds in turns, until they have had so many inputs."""
    done, number = 0, 0
    while done < most and targets:
        for name, target in targets.items():
            failure, driven = drive_round(name, target, seed, number)
            done += driven
            if failure is not None:
                yield failure
            tell(min(done, most), name)
            if done >= most:
                return
        number += 1


def drive_round(name: str, target: Target, seed: object, number: int) -> tuple[Failure | None, int]:
    """One round: what went wrong, if anything did, and how many inputs it took."""
    sequence = inputs(target, seed, name, number)
    watched = number % MEASURED == 1
    if watched:
        tracemalloc.start()
    try:
        failure = _fed(name, target, sequence, number)
        if watched and failure is None:
            peak, allowed = tracemalloc.get_traced_memory()[1], BYTES + BYTES_A_BYTE * sum(map(size, sequence))
            failure = Failure(name, number, f"took {peak:,} bytes, more than {allowed:,}", sequence) if peak > allowed else None
    finally:
        if watched:
            tracemalloc.stop()
    return failure, len(sequence)


def _fed(name: str, target: Target, sequence: list[Any], number: int) -> Failure | None:
    take = target.fresh()
    for each in sequence:
        before = time.thread_time()
        try:
            take(each)
        except target.errors:
            pass
        except Exception as exc:  # noqa: BLE001 - this is what is looked for
            return Failure(name, number, f"raises {type(exc).__name__}: {str(exc)[:200]}", each)
        took, allowed = time.thread_time() - before, SECONDS + SECONDS_A_MEGABYTE * size(each) / 1e6
        if took > allowed:
            return Failure(name, number, f"takes {took:.2f} s of CPU, more than {allowed:.2f}", each)
    return None


def drive_endlessly(name: str, target: Target, seed: object, most: int = ENDLESS) -> Failure | None:
    """Let one machine have them all: it must not remember them."""
    if target.remembers:
        return None
    take, mutations = target.fresh(), Mutations(Random(f"{seed} {name} endless"))
    for number in range(most):
        if number == most // 2:
            tracemalloc.start()
        with suppress(*target.errors):
            take(mutations.input(target.samples, either=target.either))
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    what = f"keeps {left:,} bytes of its last {most // 2} inputs, more than {ENDLESS_BYTES:,}"
    return Failure(name, 0, what, "all of them") if left > ENDLESS_BYTES else None


def size(input: Any) -> int:
    """Of an input, in characters or bytes, near enough."""
    return len(input) if isinstance(input, str | bytes) else len(repr(input))
