"""The command line: ``trioaudio``, or ``python -m trioaudio``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells expect."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0 done, 1 the call broke, 2 something asked for cannot be, 130 Ctrl-C.

    Args:
        arguments: as on the command line. By default those of this process, which then is expected to end: Ctrl-C is
            ignored from now on, since what is done can no longer be interrupted.
    """
    try:
        return _run(arguments)
    finally:
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        from ._cli.app import run_command  # inside: Ctrl-C while it is being imported is Ctrl-C too

        return run_command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseExceptionGroup as group:  # where several tasks ended at once, it comes with company
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
