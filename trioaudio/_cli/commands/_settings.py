"""``--config`` and what beats it on the command line, for every command that heeds settings."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..parser import Parser

if TYPE_CHECKING:
    from ..._config import Config

BOUNDS = {
    "timeout": ("timeouts", "NAME=SECONDS", "a deadline, such as drain=120 or keepalive=30"),
    "limit": ("limits", "NAME=VALUE", "a bound, such as calls=50 or call_length=600"),
}
"""Options that set deadlines and bounds: the section they are in, what they look like, what they are."""
LOG_OPTIONS = {"format": "log_format", "level": "log_level", "transcripts": "log_transcripts"}


def add_config(command: Parser) -> None:
    """``--config``, ``--timeout`` and ``--limit``; `read_config` reads them."""
    add_config_file(command)
    for option, (section, metavar, what) in BOUNDS.items():
        help = f"set {what}, whatever the file says: 'trioaudio config' lists all of [{section}]; may be given several times"
        command.add_argument(f"--{option}", action="append", default=[], type=_pair, metavar=metavar, help=help)


def add_config_file(command: Parser) -> None:
    """``--config`` alone."""
    what = "settings from this file (default: what TRIOAUDIO_CONFIG names); 'trioaudio config' shows them"
    command.add_argument("--config", type=Path, metavar="FILE.toml", help=what)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE, such as drain=60")
    return name.strip().replace("-", "_"), value.strip()


def add_logs(command: Parser) -> None:
    """``--log-level``, ``--log-format``, ``--log-transcripts``."""
    logs = command.add_argument_group("log lines on standard error", "never audio, and of telephone numbers the last two digits")
    logs.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="the least important that is logged")
    logs.add_argument("--log-format", choices=("text", "json"), help="lines to be read, or one JSON object a line")
    logs.add_argument("--log-transcripts", action="store_true", default=None, help="log what is said, in words")


def add_insecure(command: Parser) -> None:
    """``--insecure``."""
    what = "let keys travel unencrypted (ws://, http://) to other machines, where anybody on the way can read them"
    command.add_argument("--insecure", action="store_true", help=what)


def read_config(options: argparse.Namespace) -> Config:
    """The settings in effect; raises `OptionError`."""
    from ..._config import load_config, with_settings

    config = load_config(options.config)
    for option, (section, *_) in BOUNDS.items():
        config = with_settings(config, section, dict(getattr(options, option)), f"--{option}")
    given = {name: value for name, option in LOG_OPTIONS.items() if (value := getattr(options, option, None)) is not None}
    origins = {f"log.{name}": f"--{LOG_OPTIONS[name].replace('_', '-')}" for name in given}
    log, insecure = replace(config.log, **given), getattr(options, "insecure", False)
    return replace(config, log=log, origins={**config.origins, **origins}, insecure=insecure)


def take_settings(options: argparse.Namespace, group: object) -> None:
    """Let each option that was not given (it is None) be what the setting of the same name says."""
    for name in (each.name for each in fields(cast("Any", group))):
        if getattr(options, name) is None:
            setattr(options, name, getattr(group, name))


def begin_logging(config: Config) -> None:
    """Log as the settings say."""
    from ..._log_lines import configure_logging

    configure_logging(config.log.format, config.log.level, transcripts=config.log.transcripts)


def begin_logging_if_asked(config: Config) -> None:
    """The same for a command that tells of its call by itself: only if something of ``[log]`` was set."""
    if any(name.startswith("log.") for name in config.origins):
        begin_logging(config)
