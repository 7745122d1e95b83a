"""``trioaudio doctor``: looks at this machine and this installation, and says what to do about what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .._config import Config
from .doctor_config import check_settings, read_settings
from .doctor_install import check_extras, check_installation, check_python
from .doctor_machine import check_clock, check_disk, check_open_files, check_port
from .doctor_plugins import check_keys, check_plugins
from .doctor_tls import check_certificate
from .finding import Finding, Progress, summary


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody means to do, as far as they have said: where to listen, with which certificate, with which settings."""

    host: str | None = None
    """An address of this machine; loopback if there is none."""
    port: int | None = None
    """A TCP port of it; any if there is none."""
    config: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


def examine(plan: Plan, write: Callable[[str], None]) -> int:
    """Make all checks, in the order in which they help; returns the exit code: 1 if there is a problem, otherwise 0.

    Nothing is sent anywhere, and no key is shown. Takes a second for the clock, and as long as it takes to import what the
    extras bring; what is being done is shown on standard error, if somebody watches it.

    Args:
        plan: what is to be possible here.
        write: called with each line, without a line end: ``print`` fits.
    """
    progress = Progress()
    return report(_findings(plan, progress), write, progress)


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


def completed(plan: Plan, config: Config) -> Plan:
    """What was not said of the plan, and is set in ``[serve]``."""
    names = ("host", "port", "tls_cert", "tls_key")
    missing = [name for name in names if getattr(plan, name) is None and f"serve.{name}" in config.origins]
    return replace(plan, **{name: getattr(config.serve, name) for name in missing})


def _findings(plan: Plan, progress: Progress) -> Iterator[Finding]:
    settings = read_settings(plan.config)
    plan = completed(plan, settings) if isinstance(settings, Config) else plan
    calls = settings.limits.calls if isinstance(settings, Config) else None
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        check_installation,
        partial(check_extras, progress),
        check_plugins,
        check_keys,
        partial(check_settings, settings, plan.config),
        partial(check_certificate, plan.tls_cert, plan.tls_key),
        partial(check_open_files, calls),
        check_disk,
        partial(check_port, plan.port, plan.host),
        partial(check_clock, progress),
    ]
    for check in checks:
        yield from check()
