"""``trioaudio emulate``: a server at a port, that the plugin of the same name can call."""

from __future__ import annotations

import os
import signal
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from trioaudio.abc import open_socket
from trioaudio.clips import clip_path


async def send_nonsense(url: str) -> None:
    async with open_socket(url) as websocket:
        await websocket.send("[" * 100_000)
        assert "session.created" in str(await websocket.receive())
        assert "invalid_json" in str(await websocket.receive())


Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX systems")
def test_a_call_with_the_emulated_server(process: Start, trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with wave.open(str(clip_path("caller"))) as clip, wave.open("short.wav", "wb") as short:
        short.setparams(clip.getparams())
        short.writeframes(clip.readframes(2 * clip.getframerate())[16_000:])
    server = process("emulate", "openai", "--port", 0, "--speed", 100, "--verbose")
    assert server.stdout is not None
    url = server.stdout.readline().split(" at ")[1].partition(";")[0]
    model = ("--model", "openai:gpt-realtime", "--base-url", url)
    called = trioaudio("run", "--source", "wavfile:short.wav", *model, "--record", "out.wav", "--linger", 0.8)
    trio.run(send_nonsense, f"{url}/realtime?model=any")
    server.send_signal(signal.SIGINT)
    assert called.code == 0, called
    assert "of what you said" in called.out
    assert Path("out.wav").exists()
    told = server.stdout.read()
    assert server.wait(10) == 130
    assert "<- session.update" in told
    assert "-> response.output_audio.delta  x " in told
    assert told.splitlines()[-1] == "2 sessions, errors: invalid_json x 1"
    server.stdout.close()
    assert server.stderr is not None
    server.stderr.close()


def test_a_missing_key_names_the_variable_to_set(trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY_FILE", raising=False)
    with wave.open("short.wav", "wb") as short:
        short.setparams((1, 2, 16_000, 0, "NONE", ""))
        short.writeframes(bytes(320))
    refused = trioaudio("run", "--source", "wavfile:short.wav", "--model", "openai:gpt-realtime")
    assert refused.code == 2, refused
    assert "OPENAI_API_KEY" in refused.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--port", 70_000], "'70000' is not a port"),
        (["--speed", 0], "--speed 0 must be more than 0"),
        (["--burst-ms", -1], "--burst-ms -1 must not be below 0"),
        (["--faults", "missing.toml"], "missing.toml cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(trioaudio: Command, words: list[object], complaint: str) -> None:
    assert complaint in trioaudio("emulate", "openai", *words).complaint


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("parrot", "has no option base_url"),
        ("openai:x?base_url=ws://127.0.0.1:1", "leave one of them out"),
        ("oracle", "there is no model 'oracle'"),
    ],
)
def test_a_base_url_is_for_models_that_are_reached_at_one(trioaudio: Command, model: str, complaint: str) -> None:
    url = ("--base-url", "ws://127.0.0.1:8765/v1")
    assert complaint in trioaudio("run", "--source", "wavfile:x.wav", "--model", model, *url).complaint
    assert complaint in trioaudio("serve", "memory", "--model", model, *url).complaint
