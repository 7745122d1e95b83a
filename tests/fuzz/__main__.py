"""Strange inputs for every function that reads what a stranger sends: ``nox -s fuzz -- 100000 --seed 7``.

It ends with 1 if one of them raised what it is not documented to raise, took too long or too much memory, or is not driven at all.
"""

from __future__ import annotations

import argparse
import faulthandler
import secrets
import sys
import time
from fnmatch import fnmatchcase

from fuzz.drive import Failure, drive, drive_endlessly, drive_round
from fuzz.registry import TARGETS, complaints
from fuzz.targets import Targets

MOST_OF_A_KIND = 3
"""Failures of one target that are shown."""
STUCK = 120
"""Seconds after which an input that does not end is shown by where it is."""


def main() -> None:
    """Do what was asked for."""
    options = _options()
    missing = complaints()
    targets = {name: target for name, target in TARGETS.items() if fnmatchcase(name, f"*{options.only}*")}
    faulthandler.dump_traceback_later(STUCK, exit=True)
    failures = [*_again(targets, options.seed, options.again)] if options.again is not None else _driven(targets, options)
    faulthandler.cancel_dump_traceback_later()
    for failure in failures:
        print(f"{failure}\n    again: nox -s fuzz -- --seed {options.seed} --only {failure.target} --again {failure.round}")
    print(*missing, sep="\n", end="\n" if missing else "")
    if failures or missing:
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="?", type=int, default=100_000, help="how many, over all functions (100000)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed gives the same inputs")
    parser.add_argument("--only", default="", metavar="PATTERN", help="functions whose name has this in it")
    parser.add_argument("--again", type=int, metavar="ROUND", help="only this round of these functions")
    return parser.parse_args()


def _again(targets: Targets, seed: str, number: int) -> list[Failure]:
    return [failure for name, target in targets.items() if (failure := drive_round(name, target, seed, number)[0]) is not None]


def _driven(targets: Targets, options: argparse.Namespace) -> list[Failure]:
    print(f"{options.inputs} inputs for {len(targets)} functions, seed {options.seed}", flush=True)
    bar, found = _Bar(options.inputs), dict[tuple[str, str], Failure]()
    for failure in drive(targets, options.inputs, options.seed, bar.show):
        kinds = [key for key in found if key[0] == failure.target]
        if len(kinds) < MOST_OF_A_KIND:
            found.setdefault((failure.target, failure.what.partition(":")[0]), failure)
    for number, (name, target) in enumerate(targets.items(), 1):
        bar.show(options.inputs, f"what they remember, {number} of {len(targets)}")
        if (failure_of_memory := drive_endlessly(name, target, options.seed)) is not None:
            found[name, "memory"] = failure_of_memory
    bar.close(f"{len(found)} failures")
    return list(found.values())


class _Bar:
    """How far it has come: a line that is written over on a terminal, elsewhere one now and then."""

    def __init__(self, most: int) -> None:
        self._most, self._shown_at, self._began = max(1, most), 0.0, time.monotonic()
        self._live = sys.stderr.isatty()

    def show(self, done: int, what: str) -> None:
        """So many inputs are done."""
        now = time.monotonic()
        if now - self._shown_at < (0.1 if self._live else 15.0):
            return
        self._shown_at = now
        faulthandler.dump_traceback_later(STUCK, exit=True)
        full = 30 * done // self._most
        self._write(f"[{'#' * full}{'.' * (30 - full)}] {100 * done // self._most:3} %  {now - self._began:.0f} s  {what}")

    def _write(self, line: str, end: str = "") -> None:
        print(f"\r\x1b[K{line[:110]}" if self._live else line, end=end if self._live else "\n", file=sys.stderr, flush=True)

    def close(self, verdict: str) -> None:
        """It is over."""
        self._write(f"{verdict}, {time.monotonic() - self._began:.0f} s", end="\n")


if __name__ == "__main__":
    main()
