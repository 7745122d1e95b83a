"""A whole call from the command line: what is told, what is recorded, and that both say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trioaudio.__main__ import main

ReadWav = Callable[[Path], tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the account of a call."""

    at: float
    who: str
    what: str


def story(out: str) -> list[Told]:
    """The rows of an account that have a time."""
    rows = re.findall(r"^ *(\d+):(\d\d\.\d\d)  (.{6})  (.*)$", out, re.MULTILINE)
    return [Told(int(minutes) * 60 + float(seconds), who.strip(), what) for minutes, seconds, who, what in rows]


def when(out: str, who: str, what: str) -> list[float]:
    """The times at which it is told that somebody did something."""
    return [told.at for told in story(out) if told.who == who and told.what.startswith(what)]


def figure(out: str, who: str, what: str) -> int:
    """Milliseconds of something, at the end of the account."""
    found = re.search(rf"^ *(\d+) ms  {who} +{what}", out, re.MULTILINE)
    assert found, f"no figure of {who} {what} in:\n{out}"
    return int(found[1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What ``demo --fast`` told, and the folder in which it left its files."""
    pytest.importorskip("PIL")
    folder, out = tmp_path_factory.mktemp("demo"), StringIO()
    with chdir(folder), redirect_stdout(out):
        assert main(["demo", "--fast"]) == 0
    return out.getvalue(), folder


@pytest.fixture
def told(demo: tuple[str, Path]) -> str:
    """The account of the demo."""
    return demo[0]


@pytest.fixture
def left(demo: tuple[str, Path]) -> Path:
    """The folder in which the demo left its files."""
    return demo[1]


class TestAccount:
    """What the demo tells."""

    def test_it_tells_who_speaks_and_who_interrupts_whom(self, told: str) -> None:
        rows = [(row.who, re.split(r":|\d+ ms", row.what)[0]) for row in story(told) if not row.what.startswith('"')]
        assert rows == [
            ("", "wavfile"),
            ("caller", "speaks"),
            ("caller", "has finished"),
            ("agent", "speaks"),
            ("caller", "speaks, over the agent"),
            ("agent", "INTERRUPTED in reply-1"),
            ("model", "knows that "),
            ("caller", "has finished"),
            ("agent", "speaks"),
            ("agent", "has finished reply-2"),
            ("", "the call is over"),
        ]

    def test_it_tells_in_order(self, told: str) -> None:
        times = [row.at for row in story(told)]
        assert times == sorted(times)

    def test_the_first_line_says_who_talks_with_whom_without_folders(self, told: str) -> None:
        assert told.splitlines()[0].split(None, 1)[1] == "wavfile:caller.wav calls, parrot answers"

    def test_the_model_learns_what_was_heard(self, told: str) -> None:
        heard, lost = map(int, re.findall(r"INTERRUPTED in reply-1: (\d+) ms heard, (\d+) ms lost \(exact\)", told)[0])
        assert f"knows that {heard} ms of reply-1 were heard" in told
        assert heard > 1000
        assert lost > 500

    def test_the_figures_add_up(self, told: str) -> None:
        heard, lost = figure(told, "agent", "was heard"), figure(told, "agent", "lost to 1 interruption")
        assert figure(told, "agent", "had to say, in 2 turns") == heard + lost

    def test_it_hangs_up_when_the_agent_has_been_quiet_for_three_seconds(self, told: str) -> None:
        (quiet,), (over,) = when(told, "agent", "has finished"), when(told, "", "the call is over")
        assert over - quiet == pytest.approx(3.0, abs=0.011)

    def test_it_names_the_files_it_leaves(self, told: str, left: Path) -> None:
        for name in ("call.wav", "call.png"):
            size = (left / name).stat().st_size
            assert re.search(rf"^ *{size / 1000:.0f} kB +{re.escape(name)}: ", told, re.MULTILINE)
        assert sorted(path.name for path in left.iterdir()) == ["call.png", "call.wav"]

    @pytest.mark.parametrize(("words", "left"), [(["--no-record", "--no-timeline"], []), (["--no-timeline"], ["call.wav"])])
    def test_files_can_be_left_out(self, trioaudio: Callable[..., Any], folder: Path, words: list[str], left: list[str]) -> None:
        outcome = trioaudio("demo", "--fast", *words)
        assert outcome.code == 0
        assert sorted(path.name for path in folder.iterdir()) == left
        assert re.findall(r"^ *\d+ kB +(.*?): ", outcome.out, re.MULTILINE) == left

    def test_no_line_is_wider_than_a_terminal(self, told: str) -> None:
        assert max(map(len, told.splitlines())) <= 80

    def test_a_long_call_tells_every_minute_how_far_it_is(self, trioaudio: Callable[..., Any], folder: Path) -> None:
        import soundfile  # type: ignore[import-untyped]  # it comes without types

        soundfile.write(folder / "long.flac", np.zeros(8_000 * 150, np.int16), 8_000)
        outcome = trioaudio("run", "--source", "wavfile:long.flac", "--model", "parrot", "--fast")
        assert re.findall(r"\.\.\. .*", outcome.out) == ["... 60 of 150 s", "... 120 of 150 s"]

    @pytest.mark.parametrize("linger", ["0", "0.5", "5"])
    def test_linger_says_how_long_to_wait_for_the_agent(self, trioaudio: Callable[..., Any], clip: Path, linger: str) -> None:
        out = trioaudio("run", "--source", f"wavfile:{clip}", "--model", "parrot?engine=off", "--linger", linger, "--fast").out
        assert when(out, "", "the call is over") == [pytest.approx(8.0 + float(linger), abs=0.011)]

    def test_an_agent_who_is_to_pause_goes_on_after_a_noise(self, trioaudio: Callable[..., Any], clip: Path, folder: Path) -> None:
        (folder / "agent.toml").write_text('[barge_in]\ntrigger = "local"\nmode = "pause"\nmin_speech_ms = 5000\n', encoding="utf-8")
        out = trioaudio("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--agent", "agent.toml", "--fast").out
        (silent,), (again,) = when(out, "agent", "falls silent in reply-1"), when(out, "agent", "goes on in reply-1")
        assert silent < again
        assert figure(out, "agent", "lost to 0 interruptions") == 0

    def test_what_an_agent_asks_for_and_its_model_cannot_do_is_told_once(
        self, trioaudio: Callable[..., Any], clip: Path, folder: Path
    ) -> None:
        (folder / "agent.toml").write_text('tools = ["hang_up"]\n', encoding="utf-8")
        out = trioaudio("run", "--source", f"wavfile:{clip}", "--model", "parrot", "--agent", "agent.toml", "--fast").out
        assert len(when(out, "", "the agent has tools, and its model cannot call them")) == 1

    def test_a_caller_who_hangs_up_ends_the_call(self, trioaudio: Callable[..., Any], clip: Path) -> None:
        outcome = trioaudio("run", "--source", f"wavfile:{clip}?hangup_after=0.5", "--model", "parrot", "--fast")
        assert outcome.code == 0
        assert when(outcome.out, "caller", "hangs up") == when(outcome.out, "", "the call is over") == [8.52]


class TestRecording:
    """The recording has each side as it was heard, to the sample."""

    def test_the_caller_is_left_just_as_in_the_file(self, told: str, left: Path, clip: Path, read_wav: ReadWav) -> None:
        (rate, call), (clip_rate, caller) = read_wav(left / "call.wav"), read_wav(clip)
        assert rate == clip_rate
        assert np.array_equal(call[: len(caller), 0], caller[:, 0])
        assert not call[len(caller) :, 0].any()

    def test_the_recording_is_as_long_as_the_call(self, told: str, left: Path, read_wav: ReadWav) -> None:
        rate, call = read_wav(left / "call.wav")
        assert [len(call) / rate] == [pytest.approx(over, abs=0.03) for over in when(told, "", "the call is over")]

    def test_the_agent_is_right_as_heard_and_not_a_sample_more(self, told: str, left: Path, clip: Path, read_wav: ReadWav) -> None:
        (rate, call), (_, caller) = read_wav(left / "call.wav"), read_wav(clip)
        agent = call[:, 1].copy()
        begins, ends = when(told, "agent", "speaks"), [*when(told, "agent", "INTERRUPTED"), *when(told, "agent", "has finished")]
        spans = [slice(round(begin * rate), round(end * rate)) for begin, end in zip(begins, ends, strict=True)]
        for span in spans:
            assert found_in(caller, agent[span]) >= 0, "the parrot says what the caller said, to the sample"
            assert agent[span][-rate // 100 :].any(), "it sounds until the end"
            agent[span] = 0
        assert not agent.any(), "nothing else is heard"

    def test_what_is_heard_is_as_long_as_is_told(self, told: str, left: Path, read_wav: ReadWav) -> None:
        rate, call = read_wav(left / "call.wav")
        (begin, _), (cut,) = when(told, "agent", "speaks"), when(told, "agent", "INTERRUPTED")
        (heard,) = re.findall(r"INTERRUPTED in reply-1: (\d+) ms heard", told)
        sounding = np.flatnonzero(call[round(begin * rate) : round((cut + 1) * rate), 1])
        assert (sounding[-1] + 1) * 1000 / rate == pytest.approx(int(heard), abs=1)

    def test_an_interrupted_answer_is_the_beginning_of_what_the_caller_said(
        self, told: str, left: Path, clip: Path, read_wav: ReadWav
    ) -> None:
        (rate, call), (_, caller) = read_wav(left / "call.wav"), read_wav(clip)
        begins, (cut,) = when(told, "agent", "speaks"), when(told, "agent", "INTERRUPTED")
        spans = [slice(round(begin * rate), round(end * rate)) for begin, end in zip(begins, (cut, begins[1] + 2), strict=True)]
        first, second = (found_in(caller, call[span, 1]) for span in spans)
        (begun, begun_again), (stopped, _) = when(told, "caller", "speaks"), when(told, "caller", "has finished")
        assert 0 < first < begun * rate
        assert stopped * rate < second < begun_again * rate

    @pytest.mark.slow
    def test_on_the_real_clock_both_sides_are_whole_too(
        self, trioaudio: Callable[..., Any], folder: Path, clip: Path, read_wav: ReadWav
    ) -> None:
        import soundfile

        rate, caller = read_wav(clip)
        soundfile.write(folder / "short.wav", short := caller[rate // 2 : rate // 2 + rate], rate)
        spec = "parrot?hangover_ms=100&engine=gate"
        assert trioaudio("run", "--source", "wavfile:short.wav", "--model", spec, "--record", "a.wav", "--linger", "0.4").code == 0
        _, call = read_wav(folder / "a.wav")
        begin = found_in(call[:, :1], short[:, 0])
        assert begin >= 0, "the caller is there in one piece"
        assert not np.delete(call[:, 0], slice(begin, begin + rate)).any(), "and nothing else is"
        sounding = np.flatnonzero(call[:, 1])
        assert found_in(short, call[sounding[0] : sounding[-1] + 1, 1][: rate // 5]) >= 0, "the agent is too"


def found_in(whole: Any, part: Any) -> int:
    """Where one side of a call has these samples, one after the other; -1 if it does not."""
    return int(whole[:, 0].astype("<i2").tobytes().find(part.astype("<i2").tobytes())) // 2
