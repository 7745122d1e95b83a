"""What belongs together in a stream that never pauses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat, Converter, Frame
from trioaudio.audio._utterances import Utterances


def stream(*parts: tuple[float, int], format: AudioFormat = PCM16_8K) -> Frame:
    """Noise of a level, for so many seconds each."""
    dice = np.random.default_rng(0)
    samples = np.concatenate([dice.integers(-level, level + 1, round(seconds * 8000)) for seconds, level in parts])
    frame = Frame.from_samples(samples.astype(np.int16), PCM16_8K)
    return frame if format == PCM16_8K else Converter(PCM16_8K, format).convert(frame)


def found(whole: Frame, step: int = 800) -> list[float]:
    """The length of each utterance that has ended, in seconds."""
    utterances, length = Utterances(whole.format), 0
    spans: list[float] = []
    for piece in whole.split(step):
        for stretch in utterances.push(piece):
            length = 0 if stretch.begins else length
            length += stretch.frame.num_samples
            if stretch.ends:
                spans.append(length / 8000)
    return spans


@pytest.mark.parametrize("format", [PCM16_8K, MULAW_8K])
def test_an_utterance_ends_with_a_pause_of_its_own_and_shorter_pauses_are_part_of_it(format: AudioFormat) -> None:
    whole = stream((0.5, 0), (0.4, 8000), (0.7, 0), (0.4, 8000), (1.0, 0), (0.2, 8000), (2.0, 0), format=format)
    assert found(whole) == [pytest.approx(2.3, abs=0.021), pytest.approx(1.0, abs=0.021)]


@given(st.integers(160, 3000))
@settings(max_examples=20, deadline=None)
def test_whatever_the_pieces_nothing_of_it_is_lost(step: int) -> None:
    whole = stream((0.4, 0), (0.5, 8000), (1.2, 0), (0.3, 8000), (1.2, 0))
    assert found(whole, step - step % 160) == found(whole)


def test_neither_silence_nor_hiss_nor_a_click_is_one() -> None:
    assert not found(stream((5.0, 30)))
    assert not found(stream((1.0, 0), (0.02, 20_000), (1.0, 0)))


def test_it_is_told_as_soon_as_it_begins() -> None:
    utterances = Utterances(PCM16_8K)
    assert not utterances.push(stream((0.1, 0)))
    [stretch] = utterances.push(stream((0.04, 0), (0.06, 8000)))
    assert (stretch.begins, stretch.ends, stretch.frame.num_samples, utterances.speaking) == (True, False, 480, True)
