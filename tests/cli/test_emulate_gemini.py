"""``trioaudio emulate gemini``: a server at a port, that the plugin of the same name can call."""

from __future__ import annotations

import os
import signal
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trioaudio.clips import clip_path

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX systems")
def test_a_call_with_the_emulated_server(process: Start, trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with wave.open(str(clip_path("caller"))) as clip, wave.open("short.wav", "wb") as short:
        short.setparams(clip.getparams())
        short.writeframes(clip.readframes(2 * clip.getframerate())[16_000:])
    server = process("emulate", "gemini", "--port", 0, "--speed", 100)
    assert server.stdout is not None
    url = server.stdout.readline().split(" at ")[1].partition(";")[0]
    caller = ("run", "--source", "wavfile:short.wav", "--record", "out.wav", "--linger", 0.9)
    called = trioaudio(*caller, "--model", "gemini:gemini-3.8-live", "--base-url", url)
    server.send_signal(signal.SIGINT)
    assert called.code == 0, called
    assert "of what you said" in called.out
    assert Path("out.wav").exists()
    assert server.wait(10) == 130
    assert "1 session, ended by the server: none" in server.stdout.read()
    server.stdout.close()
    assert server.stderr is not None
    server.stderr.close()


def test_what_cannot_be_is_refused_in_one_line(trioaudio: Command) -> None:
    assert "--speed 0 must be more than 0" in trioaudio("emulate", "gemini", "--speed", 0).complaint
