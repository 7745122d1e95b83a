"""Audio is converted once, as one continuous stream, or passes through untouched (law 11)."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.audio import (
    ALAW_8K,
    IMPOSSIBLE,
    MULAW_8K,
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCM16_48K,
    AudioFormat,
    Converter,
    Frame,
    Resampler,
    conversion_cost,
    decode,
    encode,
)

STEREO_8K, STEREO_48K = AudioFormat("pcm16", 8_000, 2), AudioFormat("pcm16", 48_000, 2)
CD = AudioFormat("pcm16", 44_100, 2)
UNRELATED = AudioFormat("pcm16", 44_101)
FORMATS = [MULAW_8K, ALAW_8K, PCM16_8K, STEREO_8K, PCM16_24K, PCM16_48K, STEREO_48K, CD]
any_format = st.sampled_from(FORMATS)


def audio(format: AudioFormat, num_samples: int, media_time: int = 0) -> Frame:
    data = np.random.default_rng(num_samples).integers(0, 256, num_samples * format.sample_bytes).astype(np.uint8).tobytes()
    return Frame(data, format, media_time)


def samples(*rows: list[int]) -> npt.NDArray[np.int16]:
    return np.array(rows, np.int16)


@given(any_format, st.integers(0, 500))
def test_equal_formats_give_back_the_very_same_frame(format: AudioFormat, num_samples: int) -> None:
    converter, frame = Converter(format, format), audio(format, num_samples)
    assert converter.convert(frame) is frame
    assert converter.delay == 0
    assert converter.flush() is None


def test_what_passes_through_never_even_loads_numpy() -> None:
    program = """
import sys
from trioaudio.audio import MULAW_8K, Converter, Frame, Framer
[frame] = Framer(MULAW_8K).push(bytes(160))
again = Converter(MULAW_8K, MULAW_8K).convert(Frame.from_base64(frame.base64, MULAW_8K))
assert again.data == frame.data and again.base64 == frame.base64 and len(again.split(80)) == 2
sys.exit("numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(("source", "target"), [(MULAW_8K, ALAW_8K), (ALAW_8K, MULAW_8K), (MULAW_8K, PCM16_8K), (PCM16_8K, ALAW_8K)])
def test_another_encoding_is_decoding_and_encoding(source: AudioFormat, target: AudioFormat) -> None:
    frame = audio(source, 333)
    converted = Converter(source, target).convert(frame)
    assert converted.data == encode(decode(frame.data, source.encoding), target.encoding)
    assert (converted.format, converted.num_samples) == (target, 333)


def test_stereo_becomes_the_mean_of_both_rounded_down_and_does_not_overflow() -> None:
    stereo = samples([32767, 32767], [-32768, -32768], [32767, -32768], [1, 2], [-1, 0], [-3, -4], [100, 300])
    mono = Converter(STEREO_8K, PCM16_8K).convert(Frame.from_samples(stereo, STEREO_8K))
    assert mono.pcm[:, 0].tolist() == [32767, -32768, -1, 1, -1, -4, 200]


@given(st.lists(st.lists(st.integers(-32768, 32767), min_size=2, max_size=2), min_size=1, max_size=20))
def test_the_mean_is_exact_for_all_samples(rows: list[list[int]]) -> None:
    mono = Converter(STEREO_8K, PCM16_8K).convert(Frame.from_samples(samples(*rows), STEREO_8K))
    assert mono.pcm[:, 0].tolist() == [(left + right) // 2 for left, right in rows]


def test_mono_is_heard_on_both_sides() -> None:
    stereo = Converter(PCM16_8K, STEREO_8K).convert(Frame.from_samples(samples([1], [-2]), PCM16_8K))
    assert stereo.pcm.tolist() == [[1, 1], [-2, -2]]


@pytest.mark.parametrize(
    ("source", "target"), [(MULAW_8K, PCM16_24K), (PCM16_24K, ALAW_8K), (PCM16_24K, STEREO_48K), (PCM16_48K, PCM16_16K)]
)
def test_another_rate_is_resampling_in_between(source: AudioFormat, target: AudioFormat) -> None:
    frame = audio(source, 960)
    resampled = Resampler(source.rate, target.rate).process(frame.pcm)
    expected = encode(np.hstack([resampled] * target.num_channels), target.encoding)
    assert Converter(source, target).convert(frame).data == expected


def test_a_stereo_room_reaches_a_telephone() -> None:
    time = np.arange(9_600) / 48_000
    left = np.rint(12_000 * np.sin(2 * np.pi * 1_000 * time)).astype(np.int16)
    room = Frame.from_samples(np.stack([left, np.zeros_like(left)], axis=1), STEREO_48K)
    heard = Converter(STEREO_48K, MULAW_8K).convert(room)
    assert heard.num_samples == 1_600
    assert np.abs(np.fft.rfft(heard.pcm[-800:, 0]))[100] * 2 / 800 == pytest.approx(6_000, rel=0.02)


@settings(deadline=None, max_examples=60)
@given(any_format, any_format, st.lists(st.integers(0, 700), max_size=6))
def test_any_cutting_into_frames_gives_the_same_stream(source: AudioFormat, target: AudioFormat, cuts: list[int]) -> None:
    whole = audio(source, sum(cuts) + 50)
    starts = [0, *itertools.accumulate(cuts), whole.num_samples]
    pieces, at_once = Converter(source, target), Converter(source, target)
    converted = [pieces.convert(whole.cut(start, stop)) for start, stop in itertools.pairwise(starts)]
    assert b"".join(frame.data for frame in converted) == at_once.convert(whole).data
    assert pieces.flush() == at_once.flush()


@settings(deadline=None, max_examples=60)
@given(any_format, any_format, st.integers(0, 10**9), st.lists(st.integers(0, 500), min_size=1, max_size=6))
def test_the_media_time_runs_on_without_gaps(source: AudioFormat, target: AudioFormat, start: int, lengths: list[int]) -> None:
    converter, position = Converter(source, target), start
    expected = start * target.rate // source.rate
    for length in lengths:
        converted = converter.convert(audio(source, length, position))
        assert converted.media_time == expected
        position, expected = position + length, expected + converted.num_samples
    tail = converter.flush()
    assert tail is None or tail.media_time == expected


def test_flush_gives_the_delayed_end_and_a_new_stream_begins() -> None:
    converter, frame = Converter(PCM16_24K, MULAW_8K), audio(PCM16_24K, 480, 4_800)
    first, tail = converter.convert(frame), converter.flush()
    assert tail is not None
    assert (tail.num_samples, tail.media_time) == (16, 1_760)
    assert converter.delay == 0.002
    assert converter.flush() is None
    assert converter.convert(frame) == first


def test_without_resampling_nothing_is_delayed() -> None:
    converter = Converter(MULAW_8K, PCM16_8K)
    converter.convert(audio(MULAW_8K, 160))
    assert (converter.delay, converter.flush()) == (0, None)


@pytest.mark.parametrize("target", [MULAW_8K, PCM16_24K])
def test_a_frame_of_another_format_is_refused_with_both_names(target: AudioFormat) -> None:
    with pytest.raises(ValueError, match="the frame is alaw/8000, but this converter takes mulaw/8000"):
        Converter(MULAW_8K, target).convert(audio(ALAW_8K, 160))


def test_an_impossible_pair_is_refused_at_once_with_both_names() -> None:
    with pytest.raises(ValueError, match=r"pcm16/44101 cannot be converted to mulaw/8000: .*choose rates"):
        Converter(UNRELATED, MULAW_8K)


@given(any_format, any_format)
def test_only_identical_formats_cost_nothing(one: AudioFormat, other: AudioFormat) -> None:
    assert (conversion_cost(one, other) == 0) == (one == other)
    assert conversion_cost(one, other) == conversion_cost(other, one) < IMPOSSIBLE


@pytest.mark.parametrize(
    ("here", "best_first"),
    [
        (MULAW_8K, [MULAW_8K, ALAW_8K, PCM16_24K, AudioFormat("pcm16", 44_100), UNRELATED]),
        (PCM16_16K, [PCM16_16K, AudioFormat("mulaw", 16_000), PCM16_48K, PCM16_24K, MULAW_8K]),
        (STEREO_48K, [STEREO_48K, PCM16_48K, PCM16_24K, AudioFormat("pcm16", 44_100), PCM16_16K, PCM16_8K]),
    ],
    ids=str,
)
def test_negotiation_keeps_the_bandwidth_first_and_then_does_the_least(here: AudioFormat, best_first: list[AudioFormat]) -> None:
    costs = [conversion_cost(there, here) for there in best_first]
    assert costs == sorted(set(costs))


def test_an_impossible_pair_costs_more_than_any_other() -> None:
    assert conversion_cost(UNRELATED, MULAW_8K) == IMPOSSIBLE
