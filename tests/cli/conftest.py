"""The command line as tests use it: called in this process where that is enough, started as a process where it is not."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trioaudio.__main__ import main
from trioaudio.clips import clip_path


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error, of a command that was refused."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("trioaudio: "), self
        assert self.err.count("\n") == 1, self
        return self.err.removeprefix("trioaudio: ").rstrip("\n")


Command = Callable[..., Outcome]
"""Give it a command line, word by word."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are given."""
    pytest.importorskip("soundfile")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trioaudio(folder: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Give a command in this process."""

    def give(*words: object) -> Outcome:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = int(str(end.code))
        return Outcome(code, *capfd.readouterr())

    return give


@pytest.fixture
def process(folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command as a process of its own; it reads nothing, and its output is piped."""

    def start(*words: object, cwd: Path = folder, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "trioaudio", *map(str, words)]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=cwd, text=True, **{**pipes, **options})

    return start


@pytest.fixture
def clip() -> Path:
    """The shipped caller, who is answered and interrupts the answer."""
    return clip_path("caller")


@pytest.fixture
def read_wav() -> Callable[[Path], tuple[int, Any]]:
    """Read a WAV file as the standard library does: its rate, and its samples as an array of shape (n, channels)."""
    import numpy as np

    def read(path: Path) -> tuple[int, Any]:
        with wave.open(str(path)) as file:
            assert file.getsampwidth() == 2
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
            assert len(pcm) == file.getnframes(), "the header promises more than there is"
            return file.getframerate(), pcm

    return read
