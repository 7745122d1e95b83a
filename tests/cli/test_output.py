"""Where the account goes: a pipe, a terminal, nowhere; and disks that fill up in the middle of a call."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from trioaudio.clips import clip_path

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
ReadWav = Callable[[Path], tuple[int, Any]]

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


@pytest.fixture
def call(clip: Path) -> tuple[object, ...]:
    """The command of a call on the virtual clock that is recorded."""
    return ("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--record", "call.wav", "--fast")


class TestPipes:
    """Nobody has to read to the end."""

    @posix
    @pytest.mark.parametrize("words", [("plugins",), ("--help",)], ids=" ".join)
    def test_a_reader_who_leaves_at_once_is_no_error(self, process: Start, words: tuple[str, ...]) -> None:
        read, write = os.pipe()
        os.close(read)
        with process(*words, stdout=write) as started:
            os.close(write)
            _, err = started.communicate(timeout=60)
        assert (started.returncode, err) == (0, "")

    @posix
    def test_a_call_goes_on_when_its_reader_leaves(self, process: Start, folder: Path, call: tuple[object, ...], read_wav: ReadWav) -> None:
        with process(*call) as started:
            assert started.stdout is not None
            assert "calls, parrot answers" in started.stdout.readline()
            started.stdout.close()
            assert started.wait(timeout=60) == 0
            assert started.stderr is not None
            assert started.stderr.read() == ""
        rate, pcm = read_wav(folder / "call.wav")
        assert len(pcm) / rate > 15

    @posix
    @pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&- <&-", ">/dev/full"])
    def test_a_call_needs_no_output_at_all(self, folder: Path, call: tuple[object, ...], read_wav: ReadWav, closed: str) -> None:
        command = subprocess.list2cmdline([sys.executable, "-m", "trioaudio", *map(str, call)])
        done = subprocess.run(["sh", "-c", f"{command} {closed}"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(read_wav(folder / "call.wav")[1]) > 0

    def test_what_an_old_terminal_cannot_show_is_shown_with_escapes(self, process: Start, folder: Path, clip: Path) -> None:
        (folder / "Grüße.wav").write_bytes(clip.read_bytes())
        words = ("run", "--source", "wavfile:Grüße.wav", "--model", "parrot?engine=off", "--linger", "0", "--fast")
        with process(*words, env={**os.environ, "PYTHONIOENCODING": "ascii"}) as started:
            out, err = started.communicate(timeout=60)
        assert (started.returncode, err) == (0, "")
        assert r"wavfile:Gr\xfc\xdfe.wav calls" in out


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that a terminal is sent by a call."""
    return sent_to_terminal(tmp_path_factory.mktemp("call"))


@posix
class TestTerminal:
    """In front of somebody there are colours and a bar that moves; without rich there are the plain lines."""

    def test_a_bar_moves_and_is_gone_at_the_end(self, shown: str) -> None:
        places = [float(place) for place in re.findall(r"(\d+\.\d) s.{0,20}━", shown)]
        assert len(set(places)) > 20
        assert places == sorted(places)
        assert "of 8.0 s" in shown
        assert shown.rindex("call.wav: ") > shown.rindex("━")

    def test_the_cursor_is_there_again(self, shown: str) -> None:
        assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")

    def test_rows_are_the_same_as_in_a_pipe(self, shown: str, trioaudio: Command, call: tuple[object, ...]) -> None:
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
        rows = {line.strip() for line in re.split(r"[\r\n]+", plain)}
        assert {line.strip() for line in trioaudio(*call).out.splitlines()} <= rows

    def test_an_interruption_is_red(self, shown: str) -> None:
        assert re.search(r"\x1b\[[0-9;]*31m[^\x1b]*INTERRUPTED", shown)

    def test_without_rich_there_are_plain_lines(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        seen = sent_to_terminal(tmp_path_factory.mktemp("call"), without_rich=True)
        assert "\x1b" not in seen
        assert "  agent   INTERRUPTED in reply-1: " in seen

    def test_ctrl_c_gives_the_cursor_back(self, folder: Path, clip: Path) -> None:
        with in_terminal(folder, "run", "--source", f"wavfile:{clip}", "--model", "parrot") as (call, ours):
            seen = b""
            while b"speaks" not in seen:
                seen += os.read(ours, 65_536)
            call.send_signal(signal.SIGINT)
            seen += b"".join(iter(lambda: read_some(ours), b""))
        assert call.returncode == 130
        assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")
        assert b"told to stop: hanging up" in seen


@contextmanager
def in_terminal(folder: Path, *words: object, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a terminal of 80 columns: the process, and what to read what it shows from."""
    import pty

    ours, theirs = pty.openpty()
    bare = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    command = [sys.executable, "-m", "trioaudio", *map(str, words)]
    env = {**bare, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=env) as started:
        os.close(theirs)
        yield started, ours
    os.close(ours)


def sent_to_terminal(folder: Path, *, without_rich: bool = False) -> str:
    """What a whole call shows in a terminal."""
    site = "import sys; sys.modules['rich'] = None" if without_rich else ""
    (folder / "sitecustomize.py").write_text(site, encoding="utf-8")
    words = ("run", "--source", f"wavfile:{clip_path('caller')}", "--model", "parrot", "--record", "call.wav", "--fast")
    with in_terminal(folder, *words, PYTHONPATH=str(folder)) as (_, ours):
        return b"".join(iter(lambda: read_some(ours), b"")).decode()


def read_some(descriptor: int) -> bytes:
    """The next bytes of a terminal; none at its end, which Linux reports as an error."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""


@posix
class TestFullDisk:
    """A disk that fills up stops what is written to it, and never the call."""

    @pytest.fixture
    def limited(self, process: Start) -> Callable[..., tuple[int, str, str]]:
        """Give a command that can write no file longer than so many bytes."""

        def give(num_bytes: int, *words: object) -> tuple[int, str, str]:
            import resource

            def limit() -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))

            with process(*words, preexec_fn=limit) as started:
                out, err = started.communicate(timeout=60)
            return started.returncode, out, err

        return give

    def test_the_recording_stops_and_the_call_goes_on(
        self, limited: Callable[..., Any], folder: Path, call: tuple[object, ...], read_wav: ReadWav
    ) -> None:
        code, out, err = limited(100_000, *call)
        assert code == 0
        assert err == "trioaudio: the recording is not complete: call.wav cannot be written: File too large\n"
        assert re.search(r"the recording call.wav has stopped: call.wav cannot be written: File too large", out)
        assert "agent   has finished reply-2" in out
        rate, pcm = read_wav(folder / "call.wav")
        assert f"stopped after {len(pcm) / rate:.1f} s" in out
        assert pcm[:, 0].any()

    def test_a_picture_that_cannot_be_written_leaves_the_older_one(self, limited: Callable[..., Any], folder: Path, clip: Path) -> None:
        (folder / "call.png").write_bytes(b"an older picture")
        words = ("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--timeline", "call.png", "--fast")
        code, out, err = limited(10_000, *words)
        assert (code, err) == (0, "trioaudio: call.png cannot be written: File too large\n")
        assert "the call is over" in out
        assert os.listdir(folder) == ["call.png"]
        assert (folder / "call.png").read_bytes() == b"an older picture"
