"""``trioaudio emulate elevenlabs``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import Parser, add_command, default, finish_command, port, seconds

if TYPE_CHECKING:
    from ..parser import Commands

PORT = 8767
FORMATS = ["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]
ABOUT = """\
An agent of ElevenLabs on this machine: its first message, who interrupts it,
corrections, tools of the client, pings, signed addresses and close codes are
those of the provider, as far as a client can tell. It says again what it
hears, and answers text with tones. Written

  /call NAME {"an": "argument"}

as a message, it calls that tool of the client."""
EXAMPLES = """\
a file of faults has a table for each, with when and what:
  [[fault]]
  at = "3.2s"                       or "event:audio#2"
  do = "close 1002 llm_timeout"     or break, error TYPE, stall SECONDS,
                                    deaf SECONDS, send TEXT

examples:
  trioaudio emulate elevenlabs
  trioaudio emulate elevenlabs --format ulaw_8000 --first-message ''
  trioaudio run --source wavfile:caller.wav --model elevenlabs:any \\
    --base-url ws://127.0.0.1:8767

Other clients take the same URL: ElevenLabs(base_url="http://127.0.0.1:8767")."""


def add_elevenlabs(providers: Commands) -> None:
    """Add it."""
    elevenlabs = add_command(providers, "elevenlabs", "an agent of ElevenLabs", ABOUT, EXAMPLES)
    elevenlabs.add_argument("--port", type=port, default=PORT, metavar="N", help="where it listens; 0 is any free port" + default(PORT))
    elevenlabs.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines use it" + default("this machine only"))
    _add_settings(elevenlabs)
    _add_behaviour(elevenlabs)
    finish_command(elevenlabs, _emulate)


def _add_settings(elevenlabs: Parser) -> None:
    settings = elevenlabs.add_argument_group("how the agent is set")
    settings.add_argument("--format", choices=FORMATS, default="pcm_16000", help="what it hears and speaks" + default("pcm_16000"))
    settings.add_argument("--first-message", default="Hello.", metavar="TEXT", help="what it says first, if anything" + default("Hello."))
    settings.add_argument("--fixed", action="store_true", help="no conversation may change anything of it")
    settings.add_argument("--key", action="append", metavar="KEY", help="be private, with this key (may be given several times)")
    settings.add_argument(
        "--lasts", type=seconds, default=600.0, metavar="SECONDS", help="how long a conversation may last" + default("600")
    )


def _add_behaviour(elevenlabs: Parser) -> None:
    ways = elevenlabs.add_argument_group("how it behaves")
    ways.add_argument(
        "--speed", type=float, default=10.0, metavar="X", help="audio is sent so many times faster than it sounds" + default("10")
    )
    ways.add_argument("--numbers", choices=["turn", "piece"], default="turn", help="what has a number of its own" + default("turn"))
    ways.add_argument("--noise", action="store_true", help="events that no document knows")
    ways.add_argument("--slips", action="store_true", help="a piece of audio slips out after each interruption")
    ways.add_argument("--faults", type=Path, metavar="FILE.toml", help="what goes wrong in each conversation, and when")


def _emulate(options: argparse.Namespace) -> int:
    from ..emulate_elevenlabs import emulate_elevenlabs

    return emulate_elevenlabs(options)
