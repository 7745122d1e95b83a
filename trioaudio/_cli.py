"""What the command line understands: commands, their options, their help; and how an error becomes one line and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from ._errors import TrioAudioError

USER_ERROR = 2
LINGER = 3.0


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, do what they say, return the exit code. An error of the user's is one line on stderr, and 2."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except TrioAudioError as exc:
        print(f"trioaudio: {exc}", file=sys.stderr)
        return USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trioaudio",
        description="Realtime audio channels on Trio: join a caller to a realtime speech model, hear them talk, see who interrupted whom.",
        epilog="Start with 'trioaudio demo'. Every command has a --help of its own.",
    )
    parser.add_argument("--version", action="version", version=f"trioaudio {version('trioaudio')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_plugins(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser(
        "demo",
        help="a whole call with a shipped caller and the embedded parrot: no key, no network, no sound card",
        description="A shipped clip plays the caller, the embedded model 'parrot' answers, and the caller interrupts it. Leaves call.wav "
        "(caller left, agent as heard right) and call.png (the timeline) in the current folder.",
    )
    demo.set_defaults(command=_demo)
    demo.add_argument(
        "--record", type=Path, default=Path("call.wav"), metavar="OUT.wav", help="where the recording goes (default: call.wav)"
    )
    demo.add_argument(
        "--timeline", type=Path, default=Path("call.png"), metavar="OUT.png", help="where the picture goes (default: call.png)"
    )
    _add_pace(demo)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="one call between any source and any model",
        description="Join a source to a model for one call, and tell what happens.",
        epilog="Sources and models by name: 'trioaudio plugins'. Options of a plugin follow its name: 'wavfile:caller.mp3?out=heard.wav'. "
        "Example: trioaudio run --source wavfile:caller.wav --model parrot --record call.wav --timeline call.png --fast",
    )
    run.set_defaults(command=_run)
    run.add_argument("--source", required=True, metavar="SPEC", help="who calls: NAME, NAME:VALUE or NAME:VALUE?option=value&...")
    run.add_argument("--model", required=True, metavar="SPEC", help="who answers, in the same form")
    run.add_argument("--record", type=Path, metavar="OUT.wav", help="record the call: caller left, agent as heard right")
    run.add_argument("--timeline", type=Path, metavar="OUT.png", help="draw the call: both waveforms, turns, interruptions")
    _add_pace(run)


def _add_pace(command: argparse.ArgumentParser) -> None:
    command.add_argument("--fast", action="store_true", help="on a virtual clock, as fast as the machine can: the same result every time")
    command.add_argument(
        "--linger",
        type=_seconds,
        default=LINGER,
        metavar="SECONDS",
        help=f"hang up once the agent is quiet for so long (default: {LINGER:g})",
    )


def _add_plugins(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plugins = commands.add_parser("plugins", help="list sources and models, or show one with its options")
    plugins.set_defaults(command=_plugins)
    plugins.add_argument("name", nargs="?", metavar="NAME", help="show this one: where it comes from, what it needs, its options")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 up")
    return seconds


def _demo(options: argparse.Namespace) -> int:
    from ._options import Spec, format_spec
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
