"""``trioaudio emulate elevenlabs``: an agent at a port, that the plugin of the same name can call."""

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
def test_a_call_with_the_emulated_agent(process: Start, trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    with wave.open(str(clip_path("caller"))) as clip, wave.open("short.wav", "wb") as short:
        short.setparams(clip.getparams())
        short.writeframes(clip.readframes(2 * clip.getframerate())[16_000:])
    server = process("emulate", "elevenlabs", "--port", 0, "--speed", 100, "--first-message", "", "--format", "ulaw_8000")
    assert server.stdout is not None
    url = server.stdout.readline().split(" at ")[1].partition(";")[0]
    model = ("--model", "elevenlabs:any?input_format=ulaw_8000&output_format=ulaw_8000", "--base-url", url)
    called = trioaudio("run", "--source", "wavfile:short.wav", *model, "--linger", 0.8)
    server.send_signal(signal.SIGINT)
    assert called.code == 0, called
    assert "of what you said" in called.out
    assert server.wait(10) == 130
    assert server.stdout.read().splitlines()[-1] == "1 conversation, errors: none"
    server.stdout.close()
    assert server.stderr is not None
    server.stderr.close()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(["--speed", 0], "--speed 0 must be more than 0"), (["--faults", "missing.toml"], "missing.toml cannot be read")],
)
def test_what_cannot_be_is_refused_in_one_line(trioaudio: Command, words: list[object], complaint: str) -> None:
    assert complaint in trioaudio("emulate", "elevenlabs", *words).complaint
