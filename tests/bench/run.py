"""What a frame, a channel and a call cost: one table, with the ratios that hold on any machine.

``python tests/bench/run.py [--quick] [--day] [--json FILE] [BENCH...]``; ``nox -s bench -- ...`` runs it from the built wheel.
Everything is measured in CPU time and in turns with a yardstick, so that what else the machine does falls on both alike.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import browser_network
import frame_path
import idle_memory
import imports
import live
import paced
import parts
import slope
import telephone
import web_echo
import wires
from findings import Effort, Finding, missed, table

BENCHES: dict[str, ModuleType] = {
    "frame": frame_path,
    "memory": idle_memory,
    "paced": paced,
    "live": live,
    "slope": slope,
    "import": imports,
    "parts": parts,
    "web": web_echo,
    "wires": wires,
    "telephone": telephone,
    "browser": browser_network,
}


def main() -> None:
    """Run what was asked for."""
    options = _options()
    print(f"trioaudio {version('trioaudio')}, trio {version('trio')}, Python {platform.python_version()}, {platform.platform()}")
    effort = Effort(quick=options.quick, day=options.day)
    sections = [(BENCHES[name].TITLE, _measure(name, number, options.benches, effort)) for number, name in enumerate(options.benches, 1)]
    print(table(sections))
    if options.json:
        options.json.write_text(json.dumps([_as_json(title, finding) for title, findings in sections for finding in findings], indent=1))
    shortfalls = [finding.what for finding in missed(sections)]
    print(f"\n{len(shortfalls)} of the aims missed{': ' if shortfalls else ''}{'; '.join(shortfalls)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help=f"which: {', '.join(BENCHES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="half a minute instead of several: orders of magnitude only")
    parser.add_argument("--day", action="store_true", help="simulate a day of a call, too; takes most of an hour")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there, too")
    options = parser.parse_args()
    options.benches = options.benches or list(BENCHES)
    return options


def _measure(name: str, number: int, names: list[str], effort: Effort) -> list[Finding]:
    findings: list[Finding] = BENCHES[name].measure(effort, lambda what: _show(f"[{number}/{len(names)}] {name}: {what}"))
    _show("" if sys.stderr.isatty() else f"[{number}/{len(names)}] {name}: done", last=True)
    return findings


def _show(progress: str, *, last: bool = False) -> None:
    """One line that is written over on a terminal; elsewhere only the end of each bench."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{progress[:110]}", end="", file=sys.stderr, flush=True)
    elif last:
        print(progress, file=sys.stderr, flush=True)


def _as_json(title: str, finding: Finding) -> dict[str, object]:
    return {"bench": title, **dataclasses.asdict(finding), "met": finding.met}


if __name__ == "__main__":
    main()
