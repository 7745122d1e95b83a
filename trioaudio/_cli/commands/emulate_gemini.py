"""``trioaudio emulate gemini``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import add_command, default, finish_command, port, seconds

if TYPE_CHECKING:
    from ..parser import Commands

PORT = 8765
ABOUT = """\
A Gemini Live server on this machine: it keeps to the order of the live service,
waits as that does until an answer would have been heard, and ends the
connection for what that does not take. It says again what it hears, and answers
text with a tone."""
EXAMPLES = """\
a file of faults has a table for each, with when and what:
  [[fault]]
  at = "3.2s"                       or "event:serverContent.turnComplete#2"
  do = "close 1011 overloaded"      or break, stall SECONDS, deaf SECONDS,
                                    send TEXT

examples:
  trioaudio emulate gemini
  trioaudio emulate gemini --lasts 90 --warns 60
  trioaudio run --source wavfile:caller.wav --model gemini:gemini-3.8-live \\
    --base-url ws://127.0.0.1:8765"""


def add_gemini(providers: Commands) -> None:
    """Add it."""
    gemini = add_command(providers, "gemini", "Google's Gemini Live API", ABOUT, EXAMPLES)
    gemini.add_argument("--port", type=port, default=PORT, metavar="N", help="where it listens; 0 is any free port" + default(PORT))
    gemini.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines use it" + default("this machine only"))
    fast = "audio is sent so many times faster than it sounds; below 1 it is too slow" + default("10")
    gemini.add_argument("--speed", type=float, default=10.0, metavar="X", help=fast)
    gemini.add_argument("--key", action="append", metavar="KEY", help="accept only this key (may be given several times)")
    gemini.add_argument("--lasts", type=seconds, default=600.0, metavar="SECONDS", help="how long a connection may last" + default("600"))
    early = "so long before that it says that it will go away" + default("60")
    gemini.add_argument("--warns", type=seconds, default=60.0, metavar="SECONDS", help=early)
    gemini.add_argument("--non-blocking", action="store_true", help="a turn that calls a tool ends, and its result begins another")
    gemini.add_argument("--faults", type=Path, metavar="FILE.toml", help="what goes wrong in each session, and when")
    finish_command(gemini, _emulate)


def _emulate(options: argparse.Namespace) -> int:
    from ..emulate_gemini import emulate_gemini

    return emulate_gemini(options)
