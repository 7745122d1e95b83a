"""``trioaudio doctor``: what is wrong here, and what to do about it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .._cli_parser import add_command, finish_command, port

if TYPE_CHECKING:
    from .._cli_parser import Commands

ABOUT = """\
Check what trioaudio needs: Python and this installation, extras and their
system libraries, plugins and their keys, open files, disk, ports, the clock.
Nothing is sent anywhere, and no key is shown. It takes a few seconds.

Each line begins with a verdict:
  ok       nothing to do
  warning  calls work, but something you may want does not
  problem  something is broken; what to do stands below it

The exit code is 1 if there is a problem, otherwise 0."""


def add(commands: Commands) -> None:
    """Add it."""
    doctor = add_command(commands, "doctor", "check this machine and this installation, and say what to do about what is wrong", ABOUT)
    doctor.add_argument("--port", type=port, metavar="N", help="check that a server could listen on this TCP port of 127.0.0.1")
    finish_command(doctor, _doctor)


def _doctor(options: argparse.Namespace) -> int:
    from .._cli_doctor import examine

    return examine(options.port, print)
