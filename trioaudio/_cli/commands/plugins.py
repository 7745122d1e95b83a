"""``trioaudio plugins``: which sources and models there are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = "List the sources and models that are installed, where each comes from and whether what it needs is there."


def add(commands: Commands) -> None:
    """Add it."""
    plugins = add_command(commands, "plugins", "list sources and models, or show one with its options", ABOUT)
    plugins.add_argument("name", nargs="?", metavar="NAME", help="show this one, with its options and an example")
    finish_command(plugins, _plugins)


def _plugins(options: argparse.Namespace) -> int:
    from ..plugins import show_plugins

    return show_plugins(options.name, print)
