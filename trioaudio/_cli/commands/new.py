"""``trioaudio new source``: begin a plugin package."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = "Write a package that works and is tested, to be changed into what you have in mind."
ABOUT_SOURCE = (
    "Write a package with a source that works: somebody hums a tone. Its tests check that it keeps the contract of a "
    "source. Put your own connection in the place of the hum."
)
EXAMPLE_OF_SOURCE = "Example: 'trioaudio new source doorbell' makes the folder trioaudio-doorbell, and the source is opened as 'doorbell'."


def add(commands: Commands) -> None:
    """Add it, with what can be begun."""
    new = add_command(commands, "new", "begin a plugin package of your own", ABOUT, "Each kind has a --help of its own.")
    kinds = new.add_subparsers(title="what to begin", required=True, metavar="KIND")
    source = add_command(kinds, "source", "a package with a source that works and is tested", ABOUT_SOURCE, EXAMPLE_OF_SOURCE)
    source.add_argument("name", metavar="NAME", help="what the source is to be called: a to z, 0 to 9, - and _")
    source.add_argument("--to", type=Path, metavar="FOLDER", help="where the package goes (default: trioaudio-NAME)")
    finish_command(source, _new_source)


def _new_source(options: argparse.Namespace) -> int:
    from ..new import make_source

    return make_source(options.name, options.to, print)
