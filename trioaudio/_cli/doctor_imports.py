"""Whether a module can be imported, tried in another process: what crashes Python there does not crash the doctor."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds that an import may take."""
MARK = "\x1e"
"""Stands before our line, since a module may print things of its own."""
PROGRAM = """
import importlib, sys
name, question = sys.argv[1:]
try:
    module = importlib.import_module(name)
    found = "good " + (str(eval(question)) if question else "")
except BaseException as error:
    found = "bad " + " ".join(f"{type(error).__name__}: {error}".split())
sys.stdout.buffer.write(f"\\x1e{found}\\n".encode())
sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import."""

    cause: str = ""
    """Why it failed; empty if it did not."""
    answer: str = ""
    """To the question that the module was asked."""


def try_import(module: str, question: str = "") -> Imported:
    """Import a module, and ask it something.

    Args:
        module: its name.
        question: a Python expression in which ``module`` stands for it; its value, as text, is the answer.
    """
    command = [sys.executable, "-P", "-c", PROGRAM, module, question]  # -P: what lies about in the current folder is not meant
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Imported(f"importing it took more than {PATIENCE:g} s")
    found = done.stdout.decode(errors="replace").rpartition(MARK)[2].strip()
    verdict, _, rest = found.partition(" ")
    if verdict not in ("good", "bad"):
        return Imported(f"importing it crashed Python ({_death(done.returncode)})")
    return Imported(answer=rest) if verdict == "good" else Imported(cause=rest)


def _death(code: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"
