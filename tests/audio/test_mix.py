"""Two sounds at once: clipped where they are too loud together, and a loop without a seam that can be heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat, Frame
from trioaudio.audio._mix import Loop, mixed

STEREO = AudioFormat("pcm16", 8000, 2)


def frame(values: list[int] | np.ndarray, format: AudioFormat = PCM16_8K) -> Frame:
    return Frame.from_samples(np.asarray(values, np.int16), format)


@example([(32_767, 1), (-32_768, -1)])
@given(st.lists(st.tuples(*[st.integers(-32_768, 32_767)] * 2), min_size=1))
def test_the_sum_is_clipped_and_does_not_wrap(pairs: list[tuple[int, int]]):
    a, b = zip(*pairs, strict=True)
    got = mixed(frame(list(a)), np.array(b, np.int16)[:, None]).pcm[:, 0]
    assert got.tolist() == [max(-32_768, min(32_767, x + y)) for x, y in pairs]


def test_silence_changes_nothing():
    said = frame(np.arange(-500, 500))
    assert mixed(said, np.zeros((1000, 1), np.int16)) == said


def test_any_encoding_is_mixed():
    quiet, loud = frame([100] * 80, MULAW_8K), np.full((80, 1), 20_000, np.int16)
    assert abs(mixed(quiet, loud).pcm.astype(int) - 20_100).max() < 600
    assert mixed(quiet, loud).format == MULAW_8K


def test_a_loop_begins_anew_whatever_is_taken_at_a_time():
    sound = frame(np.arange(1, 1001))
    whole, pieces = Loop(sound, 0.0), Loop(sound, 0.0)
    whole.take(1), pieces.take(1)  # it has risen
    expected = whole.take(5000)
    assert np.array_equal(expected, np.concatenate([pieces.take(n) for n in [7, 993, 1000, 1, 2999]]))
    assert np.array_equal(expected[:900], expected[920 : 920 + 900])


def test_a_loop_has_no_seam():
    """It ends at full scale where it begins at none."""
    loop = Loop(frame(np.linspace(0, 16_000, 8000)), 0.0)
    loop.take(160)
    assert abs(np.diff(loop.take(24_000)[:, 0].astype(int))).max() < 16_000 / 80 * 1.2


def test_a_loop_begins_and_ends_softly():
    loop = Loop(frame([10_000] * 8000), 0.0)
    assert loop.take(160)[0] == 0
    assert (loop.take(160) == 10_000).all()
    loop.end()
    assert not loop.over
    last = loop.take(160)
    assert (last[0], last[-1], loop.over) == (10_000, 0, True)
    assert not loop.take(160).any()


def test_a_loop_goes_back():
    loop = Loop(frame(np.arange(1, 1001)), 0.0)
    loop.take(100)
    once = loop.take(50)
    loop.go_back(50)
    assert np.array_equal(once, loop.take(50))


@pytest.mark.parametrize(("gain", "level"), [(0.0, 10_000), (-20.0, 1000), (6.0206, 20_000), (40.0, 32_767)])
def test_gain_is_in_decibels(gain: float, level: int):
    loop = Loop(frame([10_000] * 1000), gain)
    loop.take(1)
    assert abs(loop.take(100).astype(int) - level).max() <= 1


def test_a_loop_keeps_its_sides():
    loop = Loop(frame(np.tile([[100, -100]], (1000, 1)), STEREO), 0.0)
    loop.take(1)
    assert (loop.under(frame(np.tile([[1, 2]], (10, 1)), STEREO)).pcm == [101, -98]).all()


def test_one_sample_is_a_loop():
    loop = Loop(frame([7]), 0.0)
    loop.take(1)
    assert (loop.take(100) == 7).all()


def test_nothing_is_no_loop():
    with pytest.raises(ValueError, match="a sound of 0 samples cannot be looped"):
        Loop(frame([]), 0.0)
