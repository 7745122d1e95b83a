"""``trioaudio plugins``: which sources and models there are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
List the sources, listeners and models that are installed, where each comes from
and whether what it needs is there; or show one, with its options, the
environment variables that some of them can come from, and an example."""
EXAMPLES = """\
examples:
  trioaudio plugins
  trioaudio plugins twilio
  trioaudio plugins openai"""


def add(commands: Commands) -> None:
    """Add it."""
    plugins = add_command(commands, "plugins", "list sources, listeners and models, or show one with its options", ABOUT, EXAMPLES)
    plugins.add_argument("name", nargs="?", metavar="NAME", help="show this one, with its options and an example")
    finish_command(plugins, _plugins)


def _plugins(options: argparse.Namespace) -> int:
    from ..plugins import show_plugins

    return show_plugins(options.name, print)
