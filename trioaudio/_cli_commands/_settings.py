"""``--config``, for every command that heeds settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .._cli_parser import Parser

if TYPE_CHECKING:
    from .._config import Config


def add_config(command: Parser) -> None:
    """``--config``."""
    what = "settings from this file (default: what TRIOAUDIO_CONFIG names); 'trioaudio config' shows them"
    command.add_argument("--config", type=Path, metavar="FILE.toml", help=what)


def read_config(options: argparse.Namespace) -> Config:
    """The settings in effect; raises `OptionError`."""
    from .._config import load_config

    return load_config(options.config)
