"""Resampling is clean, comes out a constant moment later, and does not show where the stream was cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.audio import Resampler, rate_ratio

LIVE = [(8_000, 16_000), (8_000, 24_000), (8_000, 48_000), (16_000, 24_000), (16_000, 48_000), (24_000, 48_000)]
ODD = [(8_000, 44_100), (16_000, 44_100), (24_000, 44_100), (44_100, 48_000), (8_000, 11_025), (22_050, 24_000), (8_000, 12_000)]
PAIRS = [pair for low, high in LIVE + ODD for pair in ((low, high), (high, low))]
TONE = 0.6  # seconds of every tone: a whole number of samples at every rate
WINDOW = 0.4  # seconds at its end that are analysed: tones are whole numbers of cycles of it, and so are their aliases and images
AMPLITUDE = 16_000

any_pair = st.sampled_from(PAIRS)


def tone(frequency: float, rate: int, seconds: float = TONE) -> npt.NDArray[np.int16]:
    time = np.arange(round(rate * seconds)) / rate
    return np.rint(AMPLITUDE * np.sin(2 * np.pi * frequency * time)).astype(np.int16).reshape(-1, 1)


def whole_cycles(frequency: float) -> float:
    return round(frequency * WINDOW) / WINDOW


def spectrum(pcm: npt.NDArray[np.int16], rate: int) -> npt.NDArray[np.complex128]:
    """Amplitude of each multiple of 1 / WINDOW Hz over the last WINDOW seconds, relative to the tone that went in."""
    samples = round(rate * WINDOW)
    return np.fft.rfft(pcm[-samples:, 0]) * 2 / samples / AMPLITUDE


def decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-10)))


def noise(seed: int, samples: int, num_channels: int = 1) -> npt.NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32768, (samples, num_channels)).astype(np.int16)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.8])
def test_the_pass_band_is_flat_to_half_a_decibel(source: int, target: int, part: float) -> None:
    frequency = whole_cycles(part * min(source, target) / 2)
    heard = spectrum(Resampler(source, target).process(tone(frequency, source)), target)
    assert abs(decibels(abs(heard[round(frequency * WINDOW)]))) < 0.5


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.85])
def test_a_tone_brings_no_image_nor_anything_else_above_70_decibels_down(source: int, target: int, part: float) -> None:
    frequency = whole_cycles(part * min(source, target) / 2)
    heard = abs(spectrum(Resampler(source, target).process(tone(frequency, source)), target))
    heard[round(frequency * WINDOW)] = 0.0
    assert decibels(heard.max()) < -70


@pytest.mark.parametrize(("target", "source"), LIVE + ODD)
@pytest.mark.parametrize("part", [1.15, 1.3, 1.5, 1.85, 2.2, 3.1, 5.5])
def test_a_tone_that_would_alias_below_085_of_nyquist_is_70_decibels_down(source: int, target: int, part: float) -> None:
    frequency = whole_cycles(part * target / 2)
    if frequency < source / 2:
        heard = abs(spectrum(Resampler(source, target).process(tone(frequency, source)), target))
        assert decibels(heard.max()) < -70


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_sound_comes_out_the_same_short_moment_later(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    assert 0 < resampler.delay <= 0.002
    for part in (0.01, 0.1, 0.4):
        frequency = whole_cycles(part * min(source, target) / 2)
        turned = np.angle(spectrum(Resampler(source, target).process(tone(frequency, source)), target)[round(frequency * WINDOW)])
        late = turned + np.pi / 2 + 2 * np.pi * frequency * resampler.delay  # rfft of a sine that begins with the window: -pi/2
        start = 2 * np.pi * frequency * (TONE - WINDOW)
        assert abs((late - start + np.pi) % (2 * np.pi) - np.pi) < 2 * np.pi * frequency * 2e-6 + 1e-3


@settings(deadline=None, max_examples=100)
@given(any_pair, st.integers(1, 2), st.integers(0, 99), st.lists(st.integers(0, 700), max_size=8))
def test_any_cutting_gives_the_same_bits_as_one_shot(pair: tuple[int, int], num_channels: int, seed: int, cuts: list[int]) -> None:
    pcm = noise(seed, sum(cuts) + 50, num_channels)
    cut, whole = Resampler(*pair, num_channels), Resampler(*pair, num_channels)
    pieces = [cut.process(piece) for piece in np.split(pcm, np.cumsum(cuts))]
    assert np.array_equal(np.concatenate(pieces), whole.process(pcm))
    assert np.array_equal(cut.flush(), whole.flush())


@pytest.mark.parametrize(("source", "target"), [(8_000, 24_000), (24_000, 8_000), (24_000, 16_000), (44_100, 24_000)])
def test_sample_by_sample_gives_the_same_bits_as_seconds_at_once(source: int, target: int) -> None:
    pcm = noise(1, 7_000)
    single = Resampler(source, target)
    assert np.array_equal(
        np.concatenate([single.process(pcm[at : at + 1]) for at in range(len(pcm))]), Resampler(source, target).process(pcm)
    )


@pytest.mark.parametrize(("source", "target"), [(8_000, 16_000), (24_000, 48_000), (24_000, 16_000)])
def test_a_sample_halfway_between_two_values_is_rounded_alike_in_every_cut(source: int, target: int) -> None:
    """The middle of a step is half an odd number: a sum that depends on the order of its terms falls to either side."""
    steps = np.repeat(noise(2, 400), 40, axis=0) // 11
    whole = Resampler(source, target).process(steps)
    for block in (1, 2, 5, 7, 19, 160, 480):
        cut = Resampler(source, target)
        pieces = [cut.process(steps[start : start + block]) for start in range(0, len(steps), block)]
        assert np.array_equal(np.concatenate(pieces), whole)


@settings(deadline=None, max_examples=50)
@given(any_pair, st.lists(st.integers(0, 500), max_size=6))
def test_the_number_of_samples_given_so_far_is_always_known(pair: tuple[int, int], blocks: list[int]) -> None:
    resampler = Resampler(*pair)
    source, target = pair
    taken = given_out = 0
    for block in blocks:
        given_out += len(resampler.process(noise(0, block)))
        taken += block
        assert given_out == -(-taken * target // source)


@pytest.mark.parametrize(
    ("source", "target", "block", "expected"),
    [(24_000, 8_000, 480, 160), (8_000, 24_000, 160, 480), (16_000, 24_000, 320, 480), (44_100, 24_000, 882, 480)],
)
def test_20_ms_in_are_20_ms_out_every_time(source: int, target: int, block: int, expected: int) -> None:
    resampler = Resampler(source, target)
    assert [len(resampler.process(noise(n, block))) for n in range(5)] == [expected] * 5


@settings(deadline=None, max_examples=40)
@given(any_pair, st.integers(-32768, 32767))
def test_a_constant_comes_out_unchanged(pair: tuple[int, int], value: int) -> None:
    heard = Resampler(*pair).process(np.full((pair[0] // 50, 1), value, np.int16))
    assert set(heard[round(pair[1] * 0.0045) :, 0].tolist()) == {value}


@pytest.mark.parametrize(("source", "target"), [(8_000, 24_000), (24_000, 8_000), (48_000, 44_100), (8_000, 11_025)])
def test_a_slope_comes_out_as_the_same_slope_delayed_and_each_sample_rounded_to_the_nearest(source: int, target: int) -> None:
    slope = np.arange(-500, 500, dtype=np.int16).reshape(-1, 1)
    heard = Resampler(source, target).process(slope)[target // 200 :, 0]
    time = np.arange(target // 200, target // 200 + len(heard)) / target - Resampler(source, target).delay
    assert heard.tolist() == np.rint(time * source - 500).tolist()


@pytest.mark.parametrize(("source", "target"), [(8_000, 24_000), (24_000, 8_000)])
def test_what_is_too_loud_is_clipped_and_never_wraps(source: int, target: int) -> None:
    square = np.where(np.arange(source // 10) // (source // 400) % 2, 32767, -32768).astype(np.int16)
    heard = Resampler(source, target).process(square.reshape(-1, 1))[:, 0].astype(int)
    assert heard.max() == 32767
    assert heard.min() == -32768
    assert abs(np.diff(heard)).max() < 62_000  # a wrap jumps the whole range at once, the filter needs more than one step


def test_stereo_is_two_streams_side_by_side() -> None:
    pcm = noise(3, 3_000, 2)
    both = Resampler(44_100, 16_000, 2).process(pcm)
    assert np.array_equal(both, np.hstack([Resampler(44_100, 16_000).process(pcm[:, side : side + 1]) for side in (0, 1)]))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_end_of_the_stream_is_kept_for_flush(source: int, target: int) -> None:
    click = np.zeros((source // 100, 1), np.int16)
    click[-1] = 30_000
    resampler = Resampler(source, target)
    before, tail = resampler.process(click), resampler.flush()
    assert abs(tail).max() > 5 * abs(before).max()
    assert len(tail) == pytest.approx(resampler.delay * target, abs=target / source + 1)


def test_after_flush_a_new_stream_begins_in_silence() -> None:
    pcm = noise(4, 1_001)
    resampler = Resampler(24_000, 16_000)
    first = np.concatenate([resampler.process(pcm), resampler.flush()])
    assert np.array_equal(np.concatenate([resampler.process(pcm), resampler.flush()]), first)


def test_the_same_rate_changes_nothing() -> None:
    resampler, pcm = Resampler(8_000, 8_000, 2), noise(5, 500, 2)
    assert resampler.delay == 0
    assert np.array_equal(resampler.process(pcm), pcm)
    assert len(resampler.flush()) == 0


@pytest.mark.parametrize(
    "pcm", [np.zeros((4, 1)), np.zeros(4, np.int16), np.zeros((4, 2), np.int16), np.zeros((4, 1), np.int32)], ids=lambda pcm: str(pcm.shape)
)
def test_samples_of_another_type_or_shape_are_refused(pcm: npt.NDArray[np.int16]) -> None:
    with pytest.raises(ValueError, match=r"give int16 of shape \(n, 1\)"):
        Resampler(8_000, 24_000).process(pcm)


@pytest.mark.parametrize(
    ("source", "target", "ratio"), [(44_100, 24_000, (80, 147)), (8_000, 24_000, (3, 1)), (96_000, 11_025, (147, 1280))]
)
def test_rates_convert_by_their_ratio_in_lowest_terms(source: int, target: int, ratio: tuple[int, int]) -> None:
    assert rate_ratio(source, target) == ratio


@pytest.mark.parametrize(("source", "target", "ratio"), [(44_101, 8_000, "8000:44101"), (48_000, 47_999, "47999:48000")])
def test_a_ratio_that_needs_too_many_phases_is_refused_with_a_way_out(source: int, target: int, ratio: str) -> None:
    with pytest.raises(ValueError, match=f"{source}.*cannot be resampled to {target}.*{ratio} in lowest terms.*up to 1280.*choose rates"):
        Resampler(source, target)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 and 8000 samples per second; both must be positive"):
        Resampler(0, 8_000)
