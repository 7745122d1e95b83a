"""The sources and models that come with the package, and the example of the how-to, keep their contracts."""

from __future__ import annotations

import importlib.util
import itertools
import wave
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from testing.gemini_pair import gemini
from testing.model_pairs import elevenlabs, openai, openai_live, parrot, xai
from testing.source_pairs import memory

from trioaudio.abc import Source
from trioaudio.audio import MULAW_8K, PCM16_24K
from trioaudio.sources.wavfile import open_wavfile
from trioaudio.testing import Report, check_model, check_source

BEEPER = Path(__file__).parents[2] / "docs" / "examples" / "beeper" / "trioaudio_beeper.py"

NEEDS_SPEAK = "audio in is whole and in order"
NEEDS_STALL = "channel closes although far end stalls"
NEEDS_REPORTS = "reports count up from each clear"
NEED_FAIL = ["failure breaks receive", "send breaks after failure"]


class WrittenFile:
    """The far end of a wavfile source: what it has heard is in the file that the source writes; it hangs up by itself, in time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def heard(self) -> bytes:
        return self._path.read_bytes()[44:]

    def hang_up(self) -> None:
        pass


def alone(open_source: Callable[[], AbstractAsyncContextManager[Source]], far: object = None) -> Report:
    """Check a source whose far end can do nothing, or what ``far`` can."""

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Source, object], None]:
        async with open_source() as source:
            yield source, far

    return check_source(open_pair)


@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K], ids=str)
def test_memory(format: object) -> None:
    report = check_source(memory(format))  # type: ignore[arg-type]  # pytest's parameters have no types
    assert set(report.not_checked) == {*NEED_FAIL, NEEDS_REPORTS, NEEDS_STALL}


def test_wavfile(tmp_path: Path) -> None:
    caller = tmp_path / "caller.wav"
    with wave.open(str(caller), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(9_600))
    numbers = itertools.count()

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Source, object], None]:
        out = tmp_path / f"{next(numbers)}.wav"
        async with open_wavfile(caller, out=out, hangup_after=4.0) as source:
            yield source, WrittenFile(out)

    report = check_source(open_pair)
    assert set(report.not_checked) == {NEEDS_SPEAK, *NEED_FAIL, NEEDS_REPORTS, NEEDS_STALL}


def test_the_example_of_a_source() -> None:
    spec = importlib.util.spec_from_file_location("trioaudio_beeper", BEEPER)
    assert spec is not None
    assert spec.loader is not None
    beeper = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(beeper)
    report = alone(lambda: beeper.open_beeper(seconds=2))
    assert report.passed == [
        "declares what it is",
        "every method is a checkpoint",
        "refuses what it does not declare",
        "audio in has format and media time",
        "cancelled receive loses nothing",
        "send keeps up with real time",
        "channel closes in time",
        "leaves nothing behind",
    ]


def test_parrot() -> None:
    report = check_model(parrot)
    assert "answer is whole and in order" in report.passed


def test_openai_against_its_emulator() -> None:
    report = check_model(openai)
    assert set(report.not_checked) <= {"say makes an answer", "history makes no answer"}


def test_openai_live_against_its_emulator() -> None:
    report = check_model(openai_live)
    assert "appended audio is whole and in order" in report.passed


def test_elevenlabs_against_its_emulator() -> None:
    report = check_model(elevenlabs)
    assert report.not_checked == ["say makes an answer"]


def test_xai_against_its_emulator() -> None:
    report = check_model(xai)
    assert set(report.not_checked) <= {"history makes no answer", "say makes an answer"}


def test_gemini_against_its_emulator() -> None:
    report = check_model(gemini)
    assert set(report.not_checked) <= {"say makes an answer"}
