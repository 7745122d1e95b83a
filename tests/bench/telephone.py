"""What a telephone call costs that is bridged to a realtime model: a program of a user's against a bare loop on trio-websocket.

The bridge is a process of its own and is measured from outside; callers and model are this process (`telephone_world`). All on the
loopback, without TLS, in rounds that take turns.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from findings import Effort, Finding, Tell
from telephone_world import Measured, World

TITLE = "a telephone call bridged to a realtime model, against a bare loop on trio-websocket"
CALLS = 20
HERE = Path(__file__).parent
OURS = (sys.executable, str(HERE / "phone_bridge.py"), "--codec", "pcmu")
TRANSCODING = (sys.executable, str(HERE / "phone_bridge.py"), "--codec", "pcm24")
BARE = (sys.executable, str(HERE / "bare_bridge.py"))
WARM_UP = 3.0
AIM = 1.0
"""Of what a bare loop costs, which has no turns, no positions, no pings and no bounds."""


@dataclass
class Round:
    """One bridge, measured once."""

    milliseconds: float
    """Of CPU for a second of one call."""
    kilobytes: float
    """Of memory for one call more: what is loaded with the first one is not counted."""
    measured: Measured = field(repr=False)
    lost_calls: int


def bridged(command: tuple[str, ...], calls: int, seconds: float) -> Round:
    """Let a bridge carry so many calls."""
    world = World()
    with _process((*command, "--upstream", world.upstream)) as (pid, port):
        world.call(port)
        world.run(1.0)
        base = resident_bytes(pid)
        for _ in range(calls - 1):
            world.call(port)
            world.run(1 / calls)
        world.run(WARM_UP)
        world.measured, world.measuring = Measured(), True
        before, began = cpu_seconds(pid), time.monotonic()
        world.run(seconds)
        spent, passed = cpu_seconds(pid) - before, time.monotonic() - began
        world.measuring = False
        grown, lost = resident_bytes(pid) - base, calls - world.open_calls
        world.close()
    return Round(spent * 1000 / (calls * passed), grown / 1000 / max(1, calls - 1), world.measured, lost)


@contextmanager
def _process(command: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """A bridge, and its port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline().split()
            if not ready:
                raise RuntimeError(f"{Path(command[1]).name} ended before it was ready")
            yield process.pid, int(ready[1])
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def cpu_seconds(pid: int) -> float:
    """What a process has had of all cores; Linux gives every process a clock of its own (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    """What it has in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of all do not exceed; of nothing, not a number."""
    return sorted(values)[round(share * (len(values) - 1))] if values else float("nan")


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """Let the bridges take turns."""
    if not sys.platform.startswith("linux"):
        return []
    rivals = {"a bare loop on trio-websocket": BARE, "trioaudio": OURS, "trioaudio, to 24 kHz and back": TRANSCODING}
    rounds: dict[str, list[Round]] = {name: [] for name in rivals}
    for number in range(1, (most := effort.rounds(5, 1)) + 1):
        for name, command in rivals.items():
            tell(f"round {number} of {most}: {CALLS} calls, {name}")
            rounds[name].append(bridged(command, CALLS, effort.rounds(10, 4)))
    return [finding for name in rivals for finding in _findings(name, rounds)]


def _findings(name: str, rounds: dict[str, list[Round]]) -> Iterator[Finding]:
    bare, mine = next(iter(rounds.values())), rounds[name]
    cpu = median(each.milliseconds for each in mine)
    to, yardstick = "the bare loop", mine is not bare
    against = median(a.milliseconds / b.milliseconds for a, b in zip(mine, bare, strict=True)) if yardstick else None
    aim = AIM if "24" not in name and yardstick else None
    yield Finding(f"{name}: CPU of a call", cpu, "ms/s", against, to if yardstick else "", aim, "ratio")
    yield Finding(
        "  calls for which a core would do", 1000 / cpu, "calls", None if against is None else 1 / against, to if yardstick else ""
    )
    yield Finding("  memory of a call", median(each.kilobytes for each in mine), "kB")
    for what, latencies in (
        ("caller to model", [each.measured.in_latencies for each in mine]),
        ("model to caller", [each.measured.out_latencies for each in mine]),
        ("caller speaks to clear", [each.measured.clear_latencies for each in mine]),
    ):
        for share in (0.5, 0.99):
            value = median(percentile(each, share) for each in latencies)
            yield Finding(f"  {what}, p{share * 100:.0f}", value * 1000, "ms")
    late = sum(each.measured.late_sends for each in mine)
    yield Finding("  callers' frames that were late themselves", late, "")  # the machine was busy: latencies tell of that, too
    lost = sum(each.measured.lost + each.lost_calls for each in mine)
    yield Finding("  calls, loud frames and clears that were lost", lost, "", aim=0)
