"""``trioaudio emulate openai``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import Parser, add_command, default, finish_command, port, seconds

if TYPE_CHECKING:
    from ..parser import Commands

PORT = 8765
ABOUT = """\
An OpenAI Realtime server on this machine: it keeps to the order of the live
service, refuses what the live service refuses with the same errors, and tells
at its end what was wrong with what a client sent. It says again what it hears,
and answers text with a tone, or speaks (--voice espeak). Written

  /call NAME {"an": "argument"}

as a user's message, it calls that tool of the session."""
EXAMPLES = """\
a file of faults has a table for each, with when and what:
  [[fault]]
  at = "3.2s"                       or "event:response.created#2"
  do = "close 1011 overloaded"      or break, error CODE, stall SECONDS,
                                    deaf SECONDS, send TEXT

examples:
  trioaudio emulate openai
  trioaudio emulate openai --voice espeak --speed 1 --verbose
  trioaudio emulate openai --port 9000 --faults faults.toml
  trioaudio emulate openai --lenient --noise
  trioaudio run --source wavfile:caller.wav --model openai:gpt-realtime-2.1 \\
    --base-url ws://127.0.0.1:8765/v1

Other clients take the same URL: AsyncOpenAI(websocket_base_url=URL), or
new OpenAIRealtimeWebSocket({ url: URL + "/realtime?model=any" })."""


def add_openai(providers: Commands) -> None:
    """Add it."""
    openai = add_command(providers, "openai", "OpenAI's Realtime API, of today or of the beta", ABOUT, EXAMPLES)
    _add_place(openai)
    _add_speech(openai)
    _add_behaviour(openai)
    openai.add_argument("--verbose", action="store_true", help="print every message, pieces of audio counted")
    finish_command(openai, _emulate)


def _add_place(openai: Parser) -> None:
    openai.add_argument("--port", type=port, default=PORT, metavar="N", help="where it listens; 0 is any free port" + default(PORT))
    openai.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines use it" + default("this machine only"))
    openai.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="let web pages of this origin use it")


def _add_speech(openai: Parser) -> None:
    speech = openai.add_argument_group("what it says, and how fast")
    voices = "say again what was heard, answer in tones, or in words spoken by espeak-ng"
    speech.add_argument("--voice", choices=["parrot", "tone", "espeak"], default="parrot", help=voices + default("parrot"))
    speech.add_argument("--language", default="en", metavar="CODE", help="of the voice espeak" + default("en"))
    fast = "audio is sent so many times faster than it sounds; below 1 it is too slow" + default("10")
    speech.add_argument("--speed", type=float, default=10.0, metavar="X", help=fast)
    speech.add_argument("--delta-ms", type=int, default=100, metavar="MS", help="length of a piece of audio" + default("100"))
    speech.add_argument("--burst-ms", type=int, default=0, metavar="MS", help="send so much in one lump, and then pause" + default("0"))
    moments = ["before", "amid", "after", "fails"]
    speech.add_argument(
        "--transcribed", choices=moments, default="before", help="the caller's words: when, seen from the answer" + default("before")
    )


def _add_behaviour(openai: Parser) -> None:
    ways = openai.add_argument_group("how it behaves")
    ways.add_argument("--key", action="append", metavar="KEY", help="accept only this key (may be given several times)")
    refusals = "refuse a key as OpenAI does, or as Azure does, with HTTP status 401"
    ways.add_argument("--refuses", choices=["openai", "azure"], default="openai", help=refusals + default("openai"))
    ways.add_argument("--lasts", type=seconds, default=3600.0, metavar="SECONDS", help="how long a session may last" + default("3600"))
    ways.add_argument(
        "--dialect", choices=["ga", "beta", "xai"], default="ga", help="the protocol of today, the beta's, or xAI's" + default("ga")
    )
    sloppy = "be as sloppy as compatible servers are: old names, ids and acknowledgements missing"
    ways.add_argument("--lenient", action="store_true", help=sloppy)
    ways.add_argument("--noise", action="store_true", help="unknown fields and events, and events that come twice")
    ways.add_argument("--slips", action="store_true", help="a piece of audio slips out after each interruption")
    ways.add_argument("--faults", type=Path, metavar="FILE.toml", help="what goes wrong in each session, and when")


def _emulate(options: argparse.Namespace) -> int:
    from ..emulate_openai import emulate_openai

    return emulate_openai(options)
