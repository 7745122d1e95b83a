"""What the doctor looks at on this machine: open files, disk, port, clock."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trio

from .finding import Finding, Progress

MANY_CALLS = 200
"""As many as one process is expected to carry at once, where no limit says how many it may."""
FILES_OF_A_CALL = 4
"""The caller's connection, the model's, the recording, and one to spare."""
FILES_OF_THE_PROCESS = 64
RECORDED_SECOND = 24_000 * 2 * 2
"""Bytes of a recording: 24 kHz, two sides, 16 bits."""
LITTLE_DISK = 1e9
LOOPBACK = "127.0.0.1"
NAP = 0.02
NAPS = 50
LATE, TOO_LATE = 0.02, 0.04
"""A frame lasts 20 ms, and a far end that is fed in time is at most 40 ms ahead: later than that is heard as a gap."""


def check_open_files(calls: int | None = None) -> Iterator[Finding]:
    """Whether the limit of open files allows as many calls as ``Limits.calls`` does."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        yield Finding("ok", "open files", "this system sets no limit")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    yield judge_open_files(None if soft == unlimited else soft, None if hard == unlimited else hard, calls or MANY_CALLS)


def judge_open_files(soft: int | None, hard: int | None, wanted_calls: int = MANY_CALLS) -> Finding:
    """What the two limits mean for so many calls; None is no limit."""
    if soft is None:
        return Finding("ok", "open files", "there is no limit")
    calls = max(0, soft - FILES_OF_THE_PROCESS) // FILES_OF_A_CALL
    seen = f"{soft} at once, enough for about {calls} calls"
    if calls >= wanted_calls:
        return Finding("ok", "open files", seen)
    wanted = FILES_OF_THE_PROCESS + wanted_calls * FILES_OF_A_CALL
    shell = f"'ulimit -n {wanted}' in the shell that starts it, or LimitNOFILE={wanted} in its systemd unit, allows {wanted_calls} calls"
    above = "" if hard is None or hard >= wanted else f"; the hard limit is {hard}, which only an administrator can raise"
    return Finding("warning" if calls else "problem", "open files", seen, shell + above)


def check_disk() -> Iterator[Finding]:
    """How much can be recorded in the current folder."""
    try:
        folder = Path.cwd()
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        seen = f"nothing can be written to the current folder ({exc.strerror or exc})"
        yield Finding("warning", "disk", seen, "change to a folder of yours, or name one: --record FOLDER/call.wav")
    else:
        yield judge_disk(folder, free)


def judge_disk(folder: Path, free: int) -> Finding:
    """What so many free bytes mean."""
    size = f"{free / 1e9:.1f} GB" if free >= 1e9 else f"{free / 1e6:.0f} MB"
    seen = f"{size} free in {folder}, room for {_duration(free / RECORDED_SECOND)} of recorded calls"
    if free >= LITTLE_DISK:
        return Finding("ok", "disk", seen)
    return Finding("warning", "disk", seen, "make room, or record elsewhere: --record FOLDER/call.wav")


def _duration(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours" if hours >= 1 else f"{seconds / 60:.0f} minutes"


def check_port(port: int | None, host: str | None = None) -> Iterator[Finding]:
    """Whether a server could listen on this address, or else on loopback; and on this port, if one is given."""
    address = host or LOOPBACK
    what = f"port {port}" if port is not None else "loopback" if host is None else f"host {host}"
    try:
        taken = _listen(address, port or 0)
    except OSError as exc:
        why = (exc.strerror or str(exc)) if not isinstance(exc, socket.gaierror) else "no such host"
        yield Finding("problem", what, f"no server can listen on {address}:{port or 0} ({why})", _remedy(address, port, exc))
    else:
        yield Finding("ok", what, f"a server can listen on {address}, {'any free port' if not port else f'port {taken}'}")


def _listen(host: str, port: int) -> int:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as listener:
        if (
            os.name == "posix"
        ):  # as Trio's listeners do: a port whose last server has just ended is free; on Windows it means something else
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        return int(listener.getsockname()[1])


def _remedy(host: str, port: int | None, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"another program listens there ('ss -ltnp' or 'lsof -i :{port}' names it): stop it, or use another port"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are an administrator's: use one from 1024 up, such as 8080, behind a proxy that has the other"
    if host != LOOPBACK:
        return f"{host} is no address of this machine ('ip address' lists them): use one, 0.0.0.0 for all, or {LOOPBACK}"
    return f"this machine has no usable loopback interface: bring it up ('ip link set lo up'), and allow {LOOPBACK} in its firewall"


def check_clock(progress: Progress, measure: Callable[[Progress], Sequence[float]] | None = None) -> Iterator[Finding]:
    """Whether the clock runs, how fine it is, and how late it wakes a sleeper.

    Args:
        progress: shows how far the measurement has come.
        measure: returns by how many seconds each of some naps was too long; takes a second by default.
    """
    info = time.get_clock_info("perf_counter")  # Trio's clock
    if not info.monotonic or info.resolution > 0.001:
        yield Finding("problem", "clock", f"it is not fit for audio: {info}", "use another machine: frames are 20 ms apart")
        return
    late = (measure or measure_naps)(progress)
    yield judge_naps(late, info.resolution)


def measure_naps(progress: Progress) -> list[float]:
    """By how many seconds each nap was too long."""
    late: list[float] = []

    async def take_naps() -> None:
        for done in range(NAPS):
            progress.show(f"clock: {done} of {NAPS} naps of {NAP * 1000:.0f} ms")
            due = trio.current_time() + NAP
            await trio.sleep_until(due)
            late.append(trio.current_time() - due)

    trio.run(take_naps)
    return late


def judge_naps(late: Sequence[float], resolution: float) -> Finding:
    """What it means to be woken so late."""
    median, worst = statistics.median(late), max(late)
    seen = f"a nap of {NAP * 1000:.0f} ms ends {median * 1000:.1f} ms late (median of {len(late)}), {worst * 1000:.1f} ms at worst"
    if median > LATE:
        return Finding(
            "problem", "clock", f"{seen}: a call would stutter all the time", "give the machine less to do, or take a faster one"
        )
    if worst > TOO_LATE:
        return Finding(
            "warning", "clock", f"{seen}: a call would stutter now and then", "run 'trioaudio doctor' again when it has less to do"
        )
    return Finding("ok", "clock", f"{seen}; resolution {resolution * 1e9:.0f} ns")
