"""``trioaudio doctor``: what is wrong here, and what to do about it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command, port
from ._settings import add_config_file

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Check what trioaudio needs: Python and this installation, extras and their
system libraries, plugins and their keys, settings, open files, disk, ports,
the clock. Nothing is sent anywhere, and no key is shown. It takes a few
seconds. Say what you mean to do, and it is looked at as well: give it the
options that 'trioaudio serve' will get. Those in [serve] of a file count too.

Each line begins with a verdict:
  ok       nothing to do
  warning  calls work, but something you may want does not
  problem  something is broken; what to do stands below it

The exit code is 1 if there is a problem, otherwise 0."""


def add(commands: Commands) -> None:
    """Add it."""
    doctor = add_command(commands, "doctor", "check this machine and this installation, and say what to do about what is wrong", ABOUT)
    doctor.add_argument("--port", type=port, metavar="N", help="check that a server could listen on this TCP port")
    doctor.add_argument("--host", metavar="ADDRESS", help="of this address (default: 127.0.0.1)")
    doctor.add_argument("--tls-cert", type=Path, metavar="FILE", help="check this certificate (PEM, the whole chain)")
    doctor.add_argument("--tls-key", type=Path, metavar="FILE", help="and that this key belongs to it")
    add_config_file(doctor)
    finish_command(doctor, _doctor)


def _doctor(options: argparse.Namespace) -> int:
    from ..doctor import Plan, examine

    return examine(Plan(options.host, options.port, options.config, options.tls_cert, options.tls_key), print)
