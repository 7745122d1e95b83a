"""Options of every command that makes a call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import Parser, default, seconds

if TYPE_CHECKING:
    from ..._agent import Agent

LINGER = 3.0


def add_record(command: Parser, path: Path | None = None) -> None:
    """``--record``, and where by default; with a default, also ``--no-record``."""
    _add_file(command, "record", "OUT.wav", path, "record the call in this file: caller left, agent as heard right")


def add_timeline(command: Parser, path: Path | None = None) -> None:
    """``--timeline``, and where by default; with a default, also ``--no-timeline``."""
    _add_file(command, "timeline", "OUT.png", path, "draw the call in this file: both waveforms, turns, interruptions")


def _add_file(command: Parser, name: str, metavar: str, path: Path | None, help: str) -> None:
    either = command.add_mutually_exclusive_group()
    either.add_argument(f"--{name}", type=Path, default=path, metavar=metavar, help=help + default(path))
    if path is not None:
        either.add_argument(f"--no-{name}", action="store_const", const=None, dest=name, help=f"leave {path} out")


def add_base_url(command: Parser) -> None:
    """``--base-url``; `model_spec` takes it."""
    help = "reach the model at this server, such as ws://127.0.0.1:8765/v1 for one that 'trioaudio emulate' runs"
    command.add_argument("--base-url", metavar="URL", help=help)


def add_fallback(command: Parser) -> None:
    """``--fallback``, as often as one likes."""
    help = "who answers when the model is lost and not to be had back; may be given several times"
    command.add_argument("--fallback", action="append", default=[], metavar="SPEC", help=help)


def add_agent(command: argparse._ActionsContainer) -> None:
    """``--agent``; `read_agent` reads it."""
    command.add_argument("--agent", type=Path, metavar="FILE.toml", help="who the model is to be: instructions, voice, tools, greeting ...")


def read_agent(options: argparse.Namespace) -> Agent | None:
    """The agent that was asked for, complete; its tools may be in modules beside its file.

    Raises:
        OptionError: there is something wrong with the file.
    """
    if options.agent is None:
        return None
    from ..._agent import Agent

    if (folder := str(options.agent.parent.resolve())) not in sys.path:
        sys.path.append(folder)  # at the end: it takes nobody's place
    agent = Agent.from_file(options.agent)
    agent.filled()
    return agent


def add_pace(command: Parser) -> None:
    """``--fast`` and ``--linger``."""
    fast = "as fast as the machine can, on a virtual clock: the same files every time, byte for byte"
    command.add_argument("--fast", action="store_true", help=fast)
    linger = "once the caller has said all, hang up when the agent has been quiet for so long"
    command.add_argument("--linger", type=seconds, default=LINGER, metavar="SECONDS", help=linger + default(f"{LINGER:g}"))
