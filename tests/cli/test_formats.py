"""Any file plays the caller: every kind, rate and number of channels is heard as it is, and answered in kind.

``TRIOAUDIO_FORMATS=all`` tries every combination; the suite tries each kind, rate and number of channels a few times.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KINDS = ("wav", "flac", "ogg", "mp3")
RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
EVERY = [(kind, rate, num_channels) for kind, rate, num_channels in product(KINDS, RATES, (1, 2))]
FEW = [(KINDS[number % 4], rate, 1 + number // 2 % 2) for number, rate in enumerate((*RATES, *RATES[::-1]))]
COMBINATIONS = EVERY if os.environ.get("TRIOAUDIO_FORMATS") == "all" else FEW

Command = Callable[..., Any]
ReadWav = Callable[[Path], tuple[int, Any]]


@pytest.fixture
def utterance(clip: Path, read_wav: ReadWav) -> tuple[int, Any]:
    """The first thing that the shipped caller says: rate, and samples from -1 to 1."""
    rate, pcm = read_wav(clip)
    return rate, pcm[: 3 * rate, 0] / 32_768


def similarity(one: Any, other: Any) -> float:
    """The highest correlation of two sounds, over all shifts of the one against the other: 1 when one is the other, shifted."""
    size = len(one) + len(other)
    products = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    return float(products.max() / np.sqrt((one**2).sum() * (other**2).sum()))


def at_rate(sound: Any, rate: int, target: int) -> Any:
    """The sound at another rate: straight lines between its samples, which is near enough for a voice."""
    return np.interp(np.arange(0, len(sound) / rate, 1 / target), np.arange(len(sound)) / rate, sound)


@pytest.mark.parametrize(("kind", "rate", "num_channels"), COMBINATIONS)
def test_a_file_of_any_format_is_heard_as_it_is_and_said_back(
    trioaudio: Command, folder: Path, utterance: tuple[int, Any], read_wav: ReadWav, kind: str, rate: int, num_channels: int
) -> None:
    import soundfile  # type: ignore[import-untyped]  # it comes without types

    said = at_rate(utterance[1], utterance[0], rate)
    soundfile.write(folder / f"caller.{kind}", np.stack([said] * num_channels, axis=1), rate)
    spec = f"wavfile:caller.{kind}"
    outcome = trioaudio("run", "--source", spec, "--model", "parrot", "--record", "a.wav", "--linger", "1", "--fast")
    assert (outcome.code, outcome.err) == (0, "")

    in_file, _ = soundfile.read(folder / f"caller.{kind}", always_2d=True)
    heard = np.clip(np.rint(in_file.mean(axis=1) * 32_768), -32_768, 32_767)
    call_rate, call = read_wav(folder / "a.wav")
    assert call_rate == rate
    exact = kind in ("wav", "flac") and num_channels == 1  # the rest is between two whole numbers, and may be rounded either way
    assert np.abs(call[: len(heard), 0] - heard).max() <= (0 if exact else 1)
    assert not call[len(heard) :, 0].any()
    assert similarity(call[:, 1].astype(float), said) > 0.97


@pytest.mark.parametrize(("rate", "target"), [(44_100, 8_000), (8_000, 24_000), (96_000, 48_000), (6_000, 8_000)])
def test_a_call_may_have_another_rate_than_its_file(
    trioaudio: Command, folder: Path, utterance: tuple[int, Any], read_wav: ReadWav, rate: int, target: int
) -> None:
    pytest.importorskip("soxr")
    import soundfile

    said = at_rate(utterance[1], utterance[0], rate)
    soundfile.write(folder / "caller.flac", said, rate)
    asked = "" if rate in (96_000, 6_000) else f"?rate={target}"  # what no call can carry is brought to the next that one can
    spec = f"wavfile:caller.flac{asked}"
    assert trioaudio("run", "--source", spec, "--model", "parrot", "--record", "a.wav", "--linger", "1", "--fast").code == 0
    call_rate, call = read_wav(folder / "a.wav")
    assert call_rate == target
    assert similarity(call[:, 0].astype(float), at_rate(said, rate, target)) > 0.95
    assert similarity(call[:, 1].astype(float), at_rate(said, rate, target)) > 0.9
