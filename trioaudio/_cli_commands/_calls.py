"""Options of every command that makes a call."""

from __future__ import annotations

from pathlib import Path

from .._cli_parser import Parser, default, seconds

LINGER = 3.0


def add_record(command: Parser, path: Path | None = None) -> None:
    """``--record``, and where by default."""
    what = "record the call in this file: caller left, agent as heard right"
    command.add_argument("--record", type=Path, default=path, metavar="OUT.wav", help=what + default(path))


def add_timeline(command: Parser, path: Path | None = None) -> None:
    """``--timeline``, and where by default."""
    what = "draw the call in this file: both waveforms, turns, interruptions"
    command.add_argument("--timeline", type=Path, default=path, metavar="OUT.png", help=what + default(path))


def add_pace(command: Parser) -> None:
    """``--fast`` and ``--linger``."""
    fast = "as fast as the machine can, on a virtual clock: the same files every time, byte for byte"
    command.add_argument("--fast", action="store_true", help=fast)
    linger = "once the caller has said all, hang up when the agent has been quiet for so long"
    command.add_argument("--linger", type=seconds, default=LINGER, metavar="SECONDS", help=linger + default(f"{LINGER:g}"))
