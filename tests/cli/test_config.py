"""``trioaudio config`` and ``--config``: settings in effect, where each is from, and no secret."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def lines(outcome: Any) -> dict[str, str]:
    """Value and comment of each setting that was printed."""
    assert (outcome.code, outcome.err) == (0, ""), outcome
    pairs = [line.partition(" = ") for line in outcome.out.splitlines() if " = " in line]
    return {name: " ".join(rest.split()) for name, _, rest in pairs}


def test_shows_the_defaults_with_their_units(trioaudio: Command) -> None:
    shown = lines(trioaudio("config"))
    assert shown["max_turn"] == "120.0 # s; default"
    assert shown["control_events"] == "256 # default"
    assert shown["level"] == '"warning" # default'


def test_shows_where_each_setting_is_from(trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("trioaudio.toml").write_text("[limits]\nmax_turn = 60\ninbound = 1\n", encoding="utf-8")
    monkeypatch.setenv("TRIOAUDIO_LIMITS_INBOUND", "3")
    shown = lines(trioaudio("config", "--config", "trioaudio.toml"))
    assert shown["max_turn"] == "60.0 # s; trioaudio.toml:2"
    assert shown["inbound"] == "3.0 # s; TRIOAUDIO_LIMITS_INBOUND"


def test_the_command_line_beats_the_environment(trioaudio: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIOAUDIO_TIMEOUTS_DRAIN", "3")
    shown = lines(trioaudio("config", "--timeout", "drain=60", "--timeout", "http-idle=1", "--limit", "calls=none"))
    assert (shown["drain"], shown["http_idle"], shown["calls"]) == ("60.0 # s; --timeout", "1.0 # s; --timeout", '"none" # --limit')


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--timeout", "drian=60"), "--timeout 'drian': there is no such setting; did you mean 'drain'?"),
        (("--timeout", "drain=-1"), "--timeout drain is '-1'; expected: a number of seconds from 0 up"),
        (("--limit", "calls"), "write NAME=VALUE"),
    ],
)
def test_a_bound_that_is_not_understood_is_refused(trioaudio: Command, words: tuple[str, ...], complaint: str) -> None:
    assert complaint in trioaudio("config", *words).complaint


def test_what_it_prints_is_a_file_that_it_takes(trioaudio: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIOAUDIO_LIMITS_INBOUND", "3")
    first = trioaudio("config").out
    monkeypatch.delenv("TRIOAUDIO_LIMITS_INBOUND")
    Path("ours.toml").write_text(first, encoding="utf-8")
    assert tomllib.loads(trioaudio("config", "--config", "ours.toml").out) == tomllib.loads(first)


def test_shows_options_of_plugins(trioaudio: Command, folder: Path) -> None:
    Path("trioaudio.toml").write_text("[models.parrot]\nspeed = 4\n", encoding="utf-8")
    assert lines(trioaudio("config", "--config", "trioaudio.toml"))["speed"] == '"4" # trioaudio.toml:2'


@pytest.mark.parametrize(
    "command",
    [("config",), ("run", "--source", "wavfile:caller.wav", "--model", "parrot"), ("demo",)],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "the configuration file bad.toml cannot be read: no such file or directory"),
        ("[limits", "bad.toml:1: this is no TOML: "),
        ("[limits]\nmax_trun = 1", "bad.toml:2: [limits] has no 'max_trun'; did you mean 'max_turn'? "),
        ("[limits]\nmax_turn = 'a'", "bad.toml:2: limits.max_turn is 'a'; expected: "),
        ("[models.parot]", "bad.toml:1: there is no model 'parot'; did you mean 'parrot'? "),
        ("[models.parrot]\nsped = 1", "bad.toml:2: parrot has no option 'sped'; did you mean 'speed'? "),
        ("[models.parrot]\nspeed = 'x'", "parrot: option 'speed' in bad.toml:2 is 'x'; expected: "),
    ],
)
def test_a_bad_file_is_refused_in_one_line(
    trioaudio: Command, folder: Path, command: tuple[str, ...], text: str | None, complaint: str
) -> None:
    if text is not None:
        Path("bad.toml").write_text(text, encoding="utf-8")
    assert trioaudio(*command, "--config", "bad.toml").complaint.startswith(complaint)
    assert not Path("call.wav").exists()


def test_a_mistyped_variable_is_refused_in_one_line(trioaudio: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIOAUDIO_LIMITS_MAX_TRUN", "1")
    assert "did you mean 'TRIOAUDIO_LIMITS_MAX_TURN'?" in trioaudio("demo").complaint


def test_a_call_heeds_the_file(trioaudio: Command, folder: Path, clip: Path) -> None:
    Path("deaf.toml").write_text("[models.parrot]\nengine = 'off'\n", encoding="utf-8")
    call = ("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--fast")
    assert "had to say, in 0 turns" not in trioaudio(*call).out
    assert "had to say, in 0 turns" in trioaudio(*call, "--config", "deaf.toml").out


def test_a_call_logs_nothing_unless_it_is_asked_to(trioaudio: Command, folder: Path, clip: Path) -> None:
    assert trioaudio("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--fast").err == ""


@pytest.mark.parametrize("way", ["options", "variables", "file"])
def test_a_call_logs_json_lines_where_it_is_asked_to(
    trioaudio: Command, folder: Path, clip: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("trioaudio.toml").write_text("[log]\nformat = 'json'\nlevel = 'info'\n", encoding="utf-8")
    words: tuple[str, ...] = ()
    if way == "options":
        words = ("--log-format", "json", "--log-level", "info")
    elif way == "variables":
        monkeypatch.setenv("TRIOAUDIO_LOG_FORMAT", "json")
        monkeypatch.setenv("TRIOAUDIO_LOG_LEVEL", "info")
    else:
        words = ("--config", "trioaudio.toml")
    outcome = trioaudio("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--fast", *words)
    logged = [json.loads(line) for line in outcome.err.splitlines()]
    assert [line["message"].partition(":")[0] for line in logged if line["logger"] == "trioaudio.channel"] == ["opened", "closed"]
    assert len({line["call"] for line in logged} - {"-"}) == 1
