"""``trioaudio doctor``: looks at this machine and this installation, and says what to do about what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ._cli_doctor_install import check_extras, check_installation, check_python
from ._cli_doctor_machine import check_clock, check_disk, check_open_files, check_port
from ._cli_doctor_plugins import check_keys, check_plugins
from ._cli_finding import Finding, Progress, summary


def examine(port: int | None, write: Callable[[str], None]) -> int:
    """Make all checks, in the order in which they help; returns the exit code: 1 if there is a problem, otherwise 0.

    Nothing is sent anywhere, and no key is shown. Takes a second for the clock, and as long as it takes to import what the
    extras bring; what is being done is shown on standard error, if somebody watches it.

    Args:
        port: a TCP port of 127.0.0.1 that a server is to listen on; None for any.
        write: called with each line, without a line end: ``print`` fits.
    """
    progress = Progress()
    return report(_findings(port, progress), write, progress)


def report(findings: Iterable[Finding], write: Callable[[str], None], progress: Progress) -> int:
    """Tell findings as they come, and then what they add up to; returns the exit code."""
    told: list[Finding] = []
    for finding in findings:
        progress.clear()
        told.append(finding)
        for line in finding.lines():
            write(line)
    write("")
    write(summary(told))
    return 1 if any(finding.verdict == "problem" for finding in told) else 0


def _findings(port: int | None, progress: Progress) -> Iterator[Finding]:
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        check_installation,
        partial(check_extras, progress),
        check_plugins,
        check_keys,
        check_open_files,
        check_disk,
        partial(check_port, port),
        partial(check_clock, progress),
    ]
    for check in checks:
        yield from check()
