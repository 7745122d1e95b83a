"""``trioaudio config``: the settings in effect, and where each is from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command
from ._settings import add_config, read_config

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Show every setting as it is in effect, with its unit and where it is from: a
default, a line of the file, an environment variable, or an option. Secrets are masked.
A file or a variable that is not understood is refused, as by every command.

What is printed is itself a file that --config takes: begin yours with it."""
EXAMPLES = """\
an option beats the environment, the environment beats the file, the file beats
the defaults; max_turn of [limits] is the variable TRIOAUDIO_LIMITS_MAX_TURN

examples:
  trioaudio config
  trioaudio config --config trioaudio.toml
  trioaudio config --timeout drain=120 --limit calls=50
  TRIOAUDIO_LIMITS_MAX_TURN=60 trioaudio config"""


def add(commands: Commands) -> None:
    """Add it."""
    config = add_command(commands, "config", "show the settings in effect, and where each is from", ABOUT, EXAMPLES)
    add_config(config)
    finish_command(config, _config)


def _config(options: argparse.Namespace) -> int:
    from ..config import show_config

    return show_config(read_config(options), print)
