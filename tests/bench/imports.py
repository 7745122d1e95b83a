"""What it takes to import the package, and to have in hand what a call needs."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

from findings import Effort, Finding, Tell
from rounds import take_turns

TITLE = "import, in a fresh process"
STATEMENTS = {
    "import trio": "import trio",
    "import trioaudio": "import trioaudio",
    "open_channel and open_session": "from trioaudio import open_channel, open_session",
    "the same, and samples to look at (numpy)": "from trioaudio import open_channel, open_session; import numpy",
}
YARDSTICK = "import trio"
MEGABYTES_AIM = {"open_channel and open_session": 35.0}
TIMED = """
import sys, time
before = time.process_time()
{statement}
taken = time.process_time() - before
sys.path.append({here!r})
from resident import resident_bytes
print([taken, resident_bytes()])
"""


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """All statements, in turns."""
    memory: dict[str, float] = {}
    costs = take_turns({name: partial(_run, name, memory) for name in STATEMENTS}, effort.rounds(15, 4), tell)
    findings = []
    for name in STATEMENTS:
        ratio, to = (None, "") if name == YARDSTICK else (costs.ratio(name, YARDSTICK), YARDSTICK)
        findings.append(Finding(f"{name}: CPU", costs.microseconds(name) / 1000, "ms", ratio, to))
    for name in STATEMENTS:
        ratio, to = (None, "") if name == YARDSTICK else (memory[name] / memory[YARDSTICK], YARDSTICK)
        findings.append(Finding(f"{name}: resident", memory[name], "MB", ratio, to, MEGABYTES_AIM.get(name)))
    return findings


def _run(name: str, memory: dict[str, float]) -> float:
    code = TIMED.format(statement=STATEMENTS[name], here=str(Path(__file__).resolve().parent))
    printed = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    taken, resident = json.loads(printed)
    memory[name] = resident / 1e6
    return float(taken)
