"""The processes of a soak, and what each of them has of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen


@dataclass
class Program:
    """A command of trioaudio's that runs; what it says goes to a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self, pattern: str, within: float = 30.0) -> re.Match[str]:
        """Wait for a line."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.process.poll() is None:
            if found := re.search(pattern, self.log.read_text()):
                return found
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not say {pattern!r}; it said:\n{self.log.read_text()[-2_000:]}")

    @property
    def cpu_seconds(self) -> float:
        """What it has had of all cores; Linux gives every process a clock of its own (clock_getcpuclockid)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    @property
    def resident_bytes(self) -> int:
        """What it has in RAM."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        """What it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self, within: float) -> int | None:
        """Tell it to go away; its exit code, None if it did not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def running(name: str, arguments: Sequence[str], folder: Path, **environment: str) -> Iterator[Program]:
    """Run ``trioaudio ARGUMENTS`` for as long as the block lasts."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "trioaudio", *arguments]
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})
    try:
        yield Program(name, process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def metrics(url: str) -> dict[str, float]:
    """What an admin port tells, by name and label."""
    with urlopen(f"{url}metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}
