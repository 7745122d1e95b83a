"""How command lines are parsed: what all commands have in common, and the kinds of values that their options take."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from .._errors import OptionError
from .._spelling import suggest
from .screen import complain

USER_ERROR = 2
"""Exit code: something was asked for that cannot be."""


class Parser(argparse.ArgumentParser):
    """Complains in one line, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}; see '{self.prog} --help'")
        sys.exit(USER_ERROR)


if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
    """Where a command is added."""
Command: TypeAlias = Callable[[argparse.Namespace], int]
"""Does what was asked for; returns the exit code."""


def add_command(commands: Commands, name: str, help: str, description: str, epilog: str = "") -> Parser:
    """A command; its texts are shown as they are if they have line breaks, otherwise wrapped. `finish_command` comes last."""
    raw = "\n" in description + epilog
    layout = argparse.RawDescriptionHelpFormatter if raw else argparse.HelpFormatter
    return commands.add_parser(name, allow_abbrev=False, help=help, description=description, epilog=epilog or None, formatter_class=layout)


def finish_command(command: Parser, do: Command) -> None:
    """Say what a command does, once it has all its options: complaints about unknown ones name those.

    A command whose ``plugin_options`` have a default is given unknown ones there, since a plugin may know them.
    """
    command.set_defaults(command=do, usage=command.format_usage())


def parsed(parser: Parser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for.

    Raises:
        OptionError: there is no such option; suggests the nearest that there is.
        SystemExit: help was asked for, or something is missing, and that has been said.
    """
    options, unknown = parser.parse_known_args(arguments)
    if unknown and hasattr(options, "plugin_options"):
        options.plugin_options = tuple(unknown)
    elif unknown:
        flags = re.findall(r"--[\w-]+", options.usage)
        near = suggest(unknown[0].partition("=")[0], flags)
        raise OptionError(f"{unknown[0]!r} is not understood here{near} (the options are {', '.join(flags) or 'none'})")
    return options


def default(value: object) -> str:
    """What the help of an option says of its default."""
    return "" if value is None else f" (default: {value})"


def seconds(text: str) -> float:
    """The value of an option that is a time."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 up")
    return number


def port(text: str) -> int:
    """The value of an option that is a TCP port."""
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a whole number from 0 to 65535 (0: any that is free)")
    return int(text)
