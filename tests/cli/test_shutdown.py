"""Ctrl-C and other ways to be told to stop, at random moments of real calls: at once, and with whole files.

``TRIOAUDIO_SIGINTS=50`` tries as many moments, over the whole length of a call; the suite tries a few. Each is drawn from a seed.
"""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import trio

from trioaudio import open_channel

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX systems")

SEEDS = int(os.environ.get("TRIOAUDIO_SIGINTS", "10"))
LONGEST = 14.5 if SEEDS >= 50 else 2.0
"""The last moment that is tried, in seconds of the call."""
AT_ONCE = 5 if SEEDS < 50 else 4
"""Calls that are made at the same time."""
HANG = 20.0
"""Seconds after which a call that was told to stop is taken for one that never will."""

Start = Callable[..., subprocess.Popen[str]]
ReadWav = Callable[[Path], tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of a call that was told to stop."""

    what: str
    code: int
    out: str
    err: str
    took: float
    """Seconds from the signal to the end of the process."""
    folder: Path


def demo(folder: Path, clip: Path) -> tuple[object, ...]:
    return ("demo",)


def run(folder: Path, clip: Path) -> tuple[object, ...]:
    spec = f"wavfile:{clip}?out={folder / 'heard.wav'}"
    return ("run", "--source", spec, "--model", "parrot", "--record", "call.wav", "--timeline", "call.png")


def stopped(start: Start, words: tuple[object, ...], folder: Path, after: float, *signals: int) -> Stopped:
    """Tell a call to stop, so long after its first line."""
    with start(*words, cwd=folder, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as call:
        assert call.stdout is not None
        first = call.stdout.readline()
        time.sleep(after)  # the one thing here that is to be real: the clock of the call
        told = time.monotonic()
        for number in signals:
            call.send_signal(number)
            time.sleep(0.02)
        out, err = call.communicate(timeout=HANG)
    return Stopped(f"{words[0]} after {after} s", call.returncode, first + out, err, time.monotonic() - told, folder)


def is_whole_picture(path: Path) -> bool:
    """Whether every chunk of a PNG is there and undamaged, the last one too (PNG specification, third edition, section 5)."""
    data = path.read_bytes()
    position, name = 8, b""
    while position < len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        end = position + 12 + length
        if end > len(data) or zlib.crc32(data[position + 4 : end - 4]) != struct.unpack(">I", data[end - 4 : end])[0]:
            return False
        position = end
    return data[:8] == b"\x89PNG\r\n\x1a\n" and name == b"IEND"


def check_files(call: Stopped, read_wav: ReadWav, *names: str) -> None:
    """What is there is whole, what was drafted is gone."""
    left = {path.name for path in call.folder.iterdir()}
    assert left <= set(names), call
    for name in left:
        if name.endswith(".png"):
            assert is_whole_picture(call.folder / name), call
        else:
            read_wav(call.folder / name)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """A new folder for each call."""

    def each() -> Iterator[Path]:
        for number in range(SEEDS):
            (folder := tmp_path / str(number)).mkdir()
            yield folder

    return each()


@pytest.mark.slow
def test_ctrl_c_at_any_moment_ends_a_call_with_130_and_whole_files(
    process: Start, folders: Iterator[Path], clip: Path, read_wav: ReadWav, record_property: Callable[[str, object], None]
) -> None:
    def stop(seed: int, folder: Path) -> Stopped:
        command = (demo, run)[seed % 2]
        return stopped(process, command(folder, clip), folder, Random(seed).uniform(0, LONGEST), signal.SIGINT)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = list(pool.map(stop, range(SEEDS), folders))
    for call in calls:
        assert (call.code, call.err) == (130, ""), call
        check_files(call, read_wav, "call.wav", "call.png", "heard.wav")
        assert "call.wav" in os.listdir(call.folder), call
    slowest = max(calls, key=lambda call: call.took)
    record_property("slowest", f"{slowest.took:.2f} s: {slowest.what}")
    print(f"{SEEDS} calls were told to stop; the slowest took {slowest.took:.2f} s ({slowest.what})")


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2])
def test_ctrl_c_before_the_first_line_says_nothing(folder: Path, read_wav: ReadWav, delay: float) -> None:
    begin = "import sys; from trioaudio.__main__ import main; print('begun', flush=True); sys.exit(main())"
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", begin, "demo"], cwd=folder, **pipes) as call:
        assert call.stdout is not None
        assert call.stdout.readline() == "begun\n"  # before that, Python itself is not ready: what it says then is its own
        time.sleep(delay)
        call.send_signal(signal.SIGINT)
        _, err = call.communicate(timeout=HANG)
    assert (call.returncode, err) == (130, "")
    assert {path.name for path in folder.iterdir()} <= {"call.wav", "call.png"}
    for path in folder.glob("*.wav"):
        read_wav(path)


def test_ctrl_c_at_the_very_opening_of_a_channel_ends_it() -> None:
    async def call() -> None:
        signal.raise_signal(signal.SIGINT)  # it is delivered at the next checkpoint of the main task
        async with open_channel("memory:nobody"):
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(call, restrict_keyboard_interrupt_to_checkpoints=True)


@pytest.mark.slow
def test_what_was_said_so_far_is_kept(process: Start, folder: Path, clip: Path, read_wav: ReadWav) -> None:
    call = stopped(process, run(folder, clip), folder, 1.2, signal.SIGINT)
    rate, pcm = read_wav(folder / "call.wav")
    (over,) = re.findall(r"0:(\d\d\.\d\d) +the call is over", call.out)
    assert len(pcm) / rate == pytest.approx(float(over), abs=0.1)
    assert pcm[:, 0].any()
    assert "told to stop: hanging up" in call.out
    assert is_whole_picture(folder / "call.png")


def test_impatience_does_no_harm(process: Start, folder: Path, clip: Path, read_wav: ReadWav) -> None:
    call = stopped(process, demo(folder, clip), folder, 0.4, *[signal.SIGINT] * 4)
    assert call.code == 130
    assert "Traceback" not in call.err
    check_files(call, read_wav, "call.wav", "call.png")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_to_end_leave_whole_files_too(process: Start, folder: Path, clip: Path, read_wav: ReadWav, name: str) -> None:
    number = getattr(signal, name)
    call = stopped(process, demo(folder, clip), folder, 0.4, number)
    assert (call.code, call.err) == (128 + number, "")
    assert is_whole_picture(folder / "call.png")
    check_files(call, read_wav, "call.wav", "call.png")


def test_a_signal_that_is_ignored_stays_ignored(process: Start, folder: Path, clip: Path) -> None:
    words = ("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--linger", "0")
    ignoring: dict[str, Any] = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with process(*words, "--fast", **ignoring) as call:
        call.send_signal(signal.SIGHUP)
        out, _ = call.communicate(timeout=HANG)
    assert call.returncode == 0
    assert "the call is over" in out


def test_a_killed_process_leaves_a_recording_that_can_be_read(process: Start, folder: Path, read_wav: ReadWav) -> None:
    import soundfile  # type: ignore[import-untyped]  # it comes without types

    noise = np.random.default_rng(1).integers(-9_000, 9_000, 8_000 * 600, np.int16)
    soundfile.write(folder / "long.wav", noise, 8_000)
    words = ("run", "--source", "wavfile:long.wav", "--model", "parrot?engine=off", "--record", "call.wav", "--fast")
    with process(*words) as call:
        while size(folder / "call.wav") < 500_000 and call.poll() is None:
            time.sleep(0.001)
        call.kill()
    assert call.returncode == -signal.SIGKILL
    _, pcm = read_wav(folder / "call.wav")
    assert len(pcm) > 100_000
    assert np.array_equal(pcm[:, 0], noise[: len(pcm)])


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
