"""``trioaudio emulate``: somebody's server on this machine, without a key. Each provider is a command of its own below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..parser import add_command
from .emulate_elevenlabs import add_elevenlabs
from .emulate_gemini import add_gemini
from .emulate_openai import add_openai
from .emulate_openai_live import add_openai_live

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Run a server that speaks a provider's protocol as strictly as the provider, on
this machine and without a key: to try an app, or to test it, also when things
go wrong. Ctrl-C ends it."""
EXAMPLES = """\
examples:
  trioaudio emulate openai
  trioaudio emulate openai --help
  trioaudio emulate elevenlabs
  trioaudio emulate gemini
  trioaudio emulate openai-live"""
PROVIDERS = (add_openai, add_openai_live, add_elevenlabs, add_gemini)
"""In the order in which the help lists them."""


def add(commands: Commands) -> None:
    """Add it."""
    emulate = add_command(commands, "emulate", "somebody's realtime server, on this machine and without a key", ABOUT, EXAMPLES)
    providers: Commands = emulate.add_subparsers(title="providers", required=True, metavar="PROVIDER")
    for provider in PROVIDERS:
        provider(providers)
