"""A telephone call through three processes: a model's server, a server of calls, and a carrier that knows what was truly heard."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
HANG = 60
PUBLIC = "https://voice.example.com"
VOICE = f"{PUBLIC}/twilio/voice"
SAYS = ((2.5, 2.8), (0.6, 2.4), (2.5, 3.4), (4.2, 4.55), (2.5, 3.1))
"""Seconds of the shipped caller: nothing, a question, nothing while it is answered, an interruption, nothing."""
SAYS_INTERRUPTION = sum(stop - start for start, stop in SAYS[:3])
"""Where the interruption begins in what is said."""
AGENT = 'instructions = "You are brief."\ngreeting = "Good morning."\n[turn_detection]\nsilence_ms = 200\n'


@contextmanager
def running(process: subprocess.Popen[str], ready: str) -> Iterator[str]:
    """A server, once it has said that it is ready; what the line says. It is ended by SIGINT, in order."""
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if ready in line:
                yield said
                return
        raise AssertionError(f"it ended before it was ready: {process.communicate(timeout=HANG)}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)


@pytest.fixture
def spoken(clip: Path, folder: Path) -> Path:
    path = folder / "speech.wav"
    with wave.open(str(clip)) as caller, wave.open(str(path), "wb") as out:
        out.setparams(caller.getparams())
        for start, stop in SAYS:
            caller.setpos(round(start * caller.getframerate()))
            out.writeframes(caller.readframes(round((stop - start) * caller.getframerate())))
    return path


@pytest.mark.slow
def test_the_model_is_told_what_the_caller_truly_heard(
    process: Start, folder: Path, spoken: Path, read_wav: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "sesame")
    (folder / "agent.toml").write_text(AGENT, encoding="utf-8")
    emulator = process("emulate", "openai", "--port", "0", "--verbose")
    with running(emulator, "listens at") as said:
        model = f"openai:any?base_url={re.findall(r'ws://[^ ;]+', said)[0]}"
        server = process(
            *("serve", "twilio", "--port", 0, "--admin-port", 0, "--public-url", PUBLIC, "--model", model, "--agent", "agent.toml"),
            *("--log-level", "info"),
        )
        with running(server, "Ctrl-C ends it") as said:
            door = re.findall(r"door +here +(\S+),", said)[0]
            words = ("--to", VOICE, "--connect", door, "--play", spoken, "--record", "heard.wav", "--json", "report.json")
            call = process("call", *words, "--linger", 0.2)
            out, err = call.communicate(timeout=HANG)
            assert (call.returncode, err) == (0, ""), out
        logged = server.communicate(timeout=HANG)[1]
        assert server.returncode == 0
    told = [int(ms) for ms in re.findall(r"<- conversation\.item\.truncate .*audio_end_ms=(\d+)", emulator.communicate(timeout=HANG)[0])]

    (report,) = json.loads((folder / "report.json").read_text(encoding="utf-8"))["calls"]
    assert (report["outcome"], report["errors"]) == ("ended", [])
    cut = [each for each in report["interruptions"] if each["dropped_ms"] > 0]
    assert len(cut) == len(told) > 0
    assert [each["played_ms"] for each in cut] == [pytest.approx(ms, abs=40) for ms in told]
    began = SAYS_INTERRUPTION * 1000 + report["connected_ms"]
    assert cut[-1]["at_ms"] - cut[-1]["onset_to_silence_ms"] == pytest.approx(began, abs=500)
    assert '"caller": "+******00"' in logged
    rate, heard = read_wav(folder / "heard.wav")
    at = round(cut[0]["at_ms"] / 1000 * rate)
    assert abs(heard[: rate // 1]).max() > 1000, "the greeting was not heard"
    assert abs(heard[at - rate // 10 : at]).max() > 100, "the answer was not heard"
    assert not heard[at + 1 : at + rate // 10].any(), "the interrupted answer went on"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("call", "--to", "voice.example.com"), "--to 'voice.example.com' is no URL"),
        (("call", "--to", "ws://127.0.0.1:1/", "--digits", "12x"), "'x' is no key"),
        (("call", "--to", "ws://127.0.0.1:1/", "--connect", "nowhere"), "is no HOST:PORT"),
        (("call", "--to", "ws://127.0.0.1:1/", "--calls", 0), "--calls is 1 to"),
        (("call", "--to", "ws://127.0.0.1:1/", "--parameter", "x"), "write NAME=VALUE"),
        (("call", "--to", "ws://127.0.0.1:1/", "--play", "none.wav"), "none.wav"),
        (("dial", "wire", "--from", "+1", "--to", "+1", "--dial-allow", "+1"), "the carrier is twilio"),
        (("dial", "twilio", "--from", "+1", "--to", "+1", "--dial-allow", "1"), "such as +49"),
        (("dial", "twilio", "--from", "+1", "--to", "+1", "--dial-allow", "+1"), "--model SPEC"),
        (("dial", "twilio", "--from", "+1", "--to", "+1", "--dial-allow", "+1", "--model", "parrot"), "--public-url"),
        (("serve", "telnyx", "--port", 0, "--model", "parrot"), "telnyx: to answer its webhooks, set TELNYX_API_KEY"),
        (("serve", "plivo", "--port", 0, "--model", "parrot", "--auth-id", "MA1"), "plivo: to answer its webhooks, set PLIVO_AUTH_TOKEN; "),
    ],
)
def test_what_cannot_be_called_is_refused_in_one_line(trioaudio: Command, words: tuple[object, ...], complaint: str) -> None:
    assert complaint in trioaudio(*words).complaint


def test_a_number_that_cannot_be_dialled_is_told_by_its_last_digits_and_a_failure(
    trioaudio: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("httpx2")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "sesame")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    words = ("--from", "+15550100", "--to", "+493012", "--dial-allow", "+49", "--port", 0, "--public-url", PUBLIC, "--model", "parrot")
    outcome = trioaudio("dial", "twilio?rest_url=http://127.0.0.1:9", *words)
    assert outcome.code == 1
    assert "+****12 was not called" in outcome.err
    assert "set TELNYX_API_KEY" in trioaudio("dial", "telnyx", *words).complaint
    assert "SIGNALWIRE_PROJECT_ID" in trioaudio("dial", "signalwire?signing_key=PSK", *words).complaint


def test_a_call_that_nobody_takes_is_a_failure(trioaudio: Command, folder: Path) -> None:
    outcome = trioaudio("call", "--to", "http://127.0.0.1:9/twilio/voice", "--json", "report.json")
    assert outcome.code == 1
    assert "1 failed" in outcome.out
    (report,) = json.loads((folder / "report.json").read_text(encoding="utf-8"))["calls"]
    assert report["outcome"] == "failed"
