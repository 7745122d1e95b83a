"""What the command line understands: commands, their options, their help; and how an error becomes one line and an exit code."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import trio

from ._cli_screen import complain, fall_silent
from ._errors import OptionError, TrioAudioError
from ._options import Spec, format_spec, suggest

DONE, BROKEN, USER_ERROR = 0, 1, 2
"""Exit codes: done; the world broke it; something was asked for that cannot be."""
LINGER = 3.0
ABOUT_RUN = """\
Join a source to a model for one call, and tell what happens. A file as the
caller stays on the line after its end, until the agent has been quiet for a
while (--linger)."""
EXAMPLES_OF_RUN = """\
a SPEC names a plugin: NAME, NAME:VALUE or NAME:VALUE?option=value&option=value
'trioaudio plugins' lists the names, 'trioaudio plugins NAME' the options of one

examples:
  trioaudio run --source wavfile:caller.mp3 --model parrot
  trioaudio run --source wavfile:caller.mp3 --model parrot --record call.wav --fast
  trioaudio run --source 'wavfile:caller.mp3?rate=8000' --model parrot --linger 10"""

ABOUT_DOCTOR = """\
Check what trioaudio needs: Python and this installation, extras and their
system libraries, plugins and their keys, open files, disk, ports, the clock.
Nothing is sent anywhere, and no key is shown. It takes a few seconds.

Each line begins with a verdict:
  ok       nothing to do
  warning  calls work, but something you may want does not
  problem  something is broken; what to do stands below it

The exit code is 1 if there is a problem, otherwise 0."""


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, do what they say, return the exit code. What cannot be is one line on standard error.

    Raises:
        KeyboardInterrupt: Ctrl-C; it may be in a group.
        SystemExit: help was asked for, or the process was told to end.
    """
    _prepare_output()
    try:
        options = _parsed(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
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


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}; see '{self.prog} --help'")
        sys.exit(USER_ERROR)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        flags = re.findall(r"--[\w-]+", options.usage)
        near = suggest(unknown[0].partition("=")[0], flags)
        raise OptionError(f"{unknown[0]!r} is not understood here{near} (the options are {', '.join(flags) or 'none'})")
    return options


def _parser() -> _Parser:
    parser = _Parser(
        prog="trioaudio",
        description="Join a caller to a realtime speech model, hear them talk, see who interrupted whom.",
        epilog="Begin with 'trioaudio demo'. Each command has a --help of its own.",
    )
    parser.add_argument("--version", action="version", version=f"trioaudio {version('trioaudio')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_plugins(commands)
    _add_doctor(commands)
    _add_new(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    demo = commands.add_parser(
        "demo",
        allow_abbrev=False,
        help="a whole call with a shipped caller and the embedded parrot: no key, no network, no sound card",
        description="A recorded caller asks, the embedded model 'parrot' says back what it heard, and the caller interrupts it. Takes "
        "15 seconds. Leaves call.wav (caller left, agent as heard right) and call.png (the timeline) in the current folder.",
    )
    _add_record(demo, Path("call.wav"))
    _add_timeline(demo, Path("call.png"))
    _add_pace(demo)
    demo.set_defaults(command=_demo, usage=demo.format_usage())


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    run = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="a call between any source and any model",
        description=ABOUT_RUN,
        epilog=EXAMPLES_OF_RUN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--source", required=True, metavar="SPEC", help="who calls, such as wavfile:caller.wav")
    run.add_argument("--model", required=True, metavar="SPEC", help="who answers, such as parrot")
    _add_record(run)
    _add_timeline(run)
    _add_pace(run)
    run.set_defaults(command=_run, usage=run.format_usage())


def _add_plugins(commands: argparse._SubParsersAction[_Parser]) -> None:
    plugins = commands.add_parser(
        "plugins",
        allow_abbrev=False,
        help="list sources and models, or show one with its options",
        description="List the sources and models that are installed, where each comes from and whether what it needs is there.",
    )
    plugins.add_argument("name", nargs="?", metavar="NAME", help="show this one, with its options and an example")
    plugins.set_defaults(command=_plugins, usage=plugins.format_usage())


def _add_doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    doctor = commands.add_parser(
        "doctor",
        allow_abbrev=False,
        help="check this machine and this installation, and say what to do about what is wrong",
        description=ABOUT_DOCTOR,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument("--port", type=_port, metavar="N", help="check that a server could listen on this TCP port of 127.0.0.1")
    doctor.set_defaults(command=_doctor, usage=doctor.format_usage())


def _add_new(commands: argparse._SubParsersAction[_Parser]) -> None:
    new = commands.add_parser("new", allow_abbrev=False, help="begin a plugin package of your own")
    kinds = new.add_subparsers(title="what to begin", required=True, metavar="KIND")
    source = kinds.add_parser(
        "source",
        allow_abbrev=False,
        help="a package with a source that works and is tested",
        description="Write a package with a source that works: somebody hums a tone. Its tests check that it keeps the contract of a "
        "source. Put your own connection in the place of the hum.",
        epilog="Example: 'trioaudio new source doorbell' makes the folder trioaudio-doorbell, and the source is opened as 'doorbell'.",
    )
    source.add_argument("name", metavar="NAME", help="what the source is to be called: a to z, 0 to 9, - and _")
    source.add_argument("--to", type=Path, metavar="FOLDER", help="where the package goes (default: trioaudio-NAME)")
    source.set_defaults(command=_new_source, usage=source.format_usage())


def _add_record(command: _Parser, default: Path | None = None) -> None:
    what = "record the call in this file: caller left, agent as heard right"
    command.add_argument("--record", type=Path, default=default, metavar="OUT.wav", help=what + _default(default))


def _add_timeline(command: _Parser, default: Path | None = None) -> None:
    what = "draw the call in this file: both waveforms, turns, interruptions"
    command.add_argument("--timeline", type=Path, default=default, metavar="OUT.png", help=what + _default(default))


def _add_pace(command: _Parser) -> None:
    fast = "as fast as the machine can, on a virtual clock: the same files every time, byte for byte"
    command.add_argument("--fast", action="store_true", help=fast)
    linger = "once the caller has said all, hang up when the agent has been quiet for so long"
    command.add_argument("--linger", type=_seconds, default=LINGER, metavar="SECONDS", help=linger + _default(f"{LINGER:g}"))


def _default(value: object) -> str:
    return "" if value is None else f" (default: {value})"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 up")
    return seconds


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a whole number from 0 to 65535 (0: any that is free)")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from .clips import clip_path

    options.source, options.model = format_spec(Spec("wavfile", str(clip_path("caller")))), "parrot"
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from ._cli_call import checked_call, make_call

    call = checked_call(options.source, options.model, options.record, options.timeline, fast=options.fast, linger=options.linger)
    return make_call(call)


def _plugins(options: argparse.Namespace) -> int:
    from ._cli_plugins import show_plugins

    return show_plugins(options.name, print)


def _doctor(options: argparse.Namespace) -> int:
    from ._cli_doctor import examine

    return examine(options.port, print)


def _new_source(options: argparse.Namespace) -> int:
    from ._cli_new import make_source

    return make_source(options.name, options.to, print)
