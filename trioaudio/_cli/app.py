"""The command line: which commands there are; and how an error becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import trio

from .._errors import TrioAudioError
from .commands import call, config, demo, dial, doctor, emulate, new, plugins, run, serve
from .parser import USER_ERROR, Command, Parser, parsed
from .screen import complain, fall_silent

DONE, BROKEN = 0, 1
"""Exit codes: done; the world broke it. The third is `USER_ERROR`."""
COMMANDS = (demo, run, serve, dial, call, emulate, plugins, config, doctor, new)
"""In the order in which the help lists them."""


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, do what they say, return the exit code. What cannot be is one line on standard error.

    Raises:
        KeyboardInterrupt: Ctrl-C; it may be in a group.
        SystemExit: help was asked for, or the process was told to end.
    """
    _prepare_output()
    try:
        options = parsed(_parser(), arguments)
        command: Command = options.command
        code = command(options)
        sys.stdout.flush()
    except TrioAudioError as error:
        complain(error)
        return USER_ERROR
    except BrokenPipeError:  # whoever read the output has read enough
        fall_silent(sys.stdout)
        return DONE
    except (OSError, trio.BrokenResourceError) as error:
        complain(error)
        return BROKEN
    return code


def _prepare_output() -> None:
    """A name that the terminal cannot show is shown with escapes; where there is no output at all, it goes nowhere."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: before anything else takes its number, and is taken for it
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")


def _parser() -> Parser:
    parser = Parser(
        prog="trioaudio",
        description="Join a caller to a realtime speech model, hear them talk, see who interrupted whom.",
        epilog="Begin with 'trioaudio demo'. Each command has a --help of its own.",
    )
    parser.add_argument("--version", action="version", version=f"trioaudio {version('trioaudio')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
