"""``trioaudio emulate openai-live``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..parser import add_command, default, finish_command, port, seconds

if TYPE_CHECKING:
    from ..parser import Commands

PORT = 8769
ABOUT = """\
OpenAI's GPT-Live on this machine: it streams sound and silence for as long
as it is sent audio, and says again what the caller said, once they have paused
for 0.8 s. Nobody interrupts it."""
EXAMPLES = """\
examples:
  trioaudio emulate openai-live
  trioaudio run --source wavfile:caller.wav --model openai-live:gpt-live-1 \\
    --base-url ws://127.0.0.1:8769/v1"""


def add_openai_live(providers: Commands) -> None:
    """Add it."""
    live = add_command(providers, "openai-live", "OpenAI's GPT-Live", ABOUT, EXAMPLES)
    live.add_argument("--port", type=port, default=PORT, metavar="N", help="where it listens; 0 is any free port" + default(PORT))
    live.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines use it" + default("this machine only"))
    live.add_argument("--key", metavar="KEY", help="the only key that is accepted" + default("any"))
    live.add_argument("--lasts", type=seconds, default=3600.0, metavar="SECONDS", help="how long a session may last" + default("3600"))
    live.add_argument("--fatal", metavar="CODE", help="refuse every session with this error, such as insufficient_quota")
    finish_command(live, _emulate)


def _emulate(options: argparse.Namespace) -> int:
    from ..emulate_openai_live import emulate_openai_live

    return emulate_openai_live(options)
