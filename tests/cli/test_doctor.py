"""``trioaudio doctor``: a verdict a line, what to do about what is wrong, and an exit code that says whether anything is."""

from __future__ import annotations

import socket

import pytest

from trioaudio.__main__ import main


def findings(text: str) -> dict[str, str]:
    """Verdicts by what was looked at."""
    lines = [line.strip().partition(" ") for line in text.splitlines() if line.startswith("  ") and ":" in line]
    return {rest.strip().partition(":")[0]: verdict for verdict, _, rest in lines if verdict in ("ok", "warning", "problem")}


def test_looks_at_python_extras_plugins_and_the_clock(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    seen = findings(capfd.readouterr().out)
    assert {"Python", "trioaudio", "dependencies", "plugins", "open files", "disk", "clock"} <= set(seen)
    assert "problem" not in seen.values()


def test_a_port_in_use_is_a_problem_with_its_remedy(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["doctor", "--port", str(port)]) == 1
    out = capfd.readouterr().out
    assert str(port) in out
    assert "problem" in out


def test_a_free_port_is_no_problem(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert main(["doctor", "--port", str(port)]) == 0
    assert str(port) in capfd.readouterr().out


@pytest.mark.parametrize("port", ["-1", "65536", "http", "8080.5"])
def test_a_port_that_is_none_is_refused(port: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["doctor", "--port", port])
    assert exit.value.code == 2
    assert port in capfd.readouterr().err


def test_help_says_what_the_verdicts_mean(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    out = capfd.readouterr().out
    assert all(word in out for word in ("ok", "warning", "problem", "--port"))
