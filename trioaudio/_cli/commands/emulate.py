"""``trioaudio emulate``: somebody's server on this machine, without a key."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import add_command, default, finish_command, seconds

if TYPE_CHECKING:
    from ..parser import Commands

PORT = 8765
ABOUT = """\
Run a server that speaks a provider's protocol as strictly as the provider, on
this machine and without a key. It says again what it hears, answers text with
a tone, and goes wrong as a file says it should. Ctrl-C ends it."""
EXAMPLES = """\
a file of faults has a table for each, with when and what:
  [[fault]]
  at = "3.2s"                       or "event:response.created#2"
  do = "close 1011 overloaded"      or break, error CODE, stall SECONDS, send TEXT

examples:
  trioaudio emulate openai
  trioaudio emulate openai --port 9000 --faults faults.toml
  trioaudio run --source wavfile:caller.wav \\
    --model 'openai:gpt-realtime-2.1?base_url=ws://127.0.0.1:8765/v1'"""


def add(commands: Commands) -> None:
    """Add it."""
    emulate = add_command(commands, "emulate", "somebody's realtime server, on this machine and without a key", ABOUT, EXAMPLES)
    emulate.add_argument("provider", choices=["openai"], help="whose protocol it speaks")
    emulate.add_argument("--port", type=int, default=PORT, metavar="N", help="where it listens; 0 is any free port" + default(str(PORT)))
    emulate.add_argument(
        "--speed", type=float, default=10.0, metavar="X", help="audio is sent so many times faster than it sounds" + default("10")
    )
    emulate.add_argument("--lasts", type=seconds, default=3600.0, metavar="SECONDS", help="how long a session may last" + default("3600"))
    emulate.add_argument("--key", action="append", metavar="KEY", help="accept only this key (may be given several times)")
    emulate.add_argument("--beta", action="store_true", help="name events as the beta did, and as some compatible servers do")
    emulate.add_argument("--faults", type=Path, metavar="FILE.toml", help="what goes wrong, and when")
    finish_command(emulate, _emulate)


def _emulate(options: argparse.Namespace) -> int:
    from ..emulate import emulate_openai

    return emulate_openai(
        options.port, speed=options.speed, lasts=options.lasts, keys=options.key, beta=options.beta, faults=options.faults
    )
