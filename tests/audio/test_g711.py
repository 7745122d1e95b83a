"""G.711 is exact: every sample, every code, against the formulas written out one sample at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.audio import Encoding, decode, encode

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))
BOTH_LAWS: tuple[Encoding, ...] = ("mulaw", "alaw")


def mulaw_code(sample: int) -> int:
    biased = min(abs(sample), 32635) + 132
    segment = biased.bit_length() - 8
    return ~((0x80 if sample < 0 else 0) | segment << 4 | (biased >> (segment + 3)) & 15) & 255


def mulaw_sample(code: int) -> int:
    bits = ~code & 255
    magnitude = (((bits & 15) * 8 + 132) << (bits >> 4 & 7)) - 132
    return -magnitude if bits & 0x80 else magnitude


def alaw_code(sample: int) -> int:
    step, mask = sample >> 3, 0xD5
    if step < 0:
        step, mask = -step - 1, 0x55
    segment = next(number for number, last in enumerate((31, 63, 127, 255, 511, 1023, 2047, 4095)) if step <= last)
    return (segment << 4 | (step >> 1 if segment < 2 else step >> segment) & 15) ^ mask


def alaw_sample(code: int) -> int:
    bits = code ^ 0x55
    segment, magnitude = bits >> 4 & 7, ((bits & 15) << 4) + 8
    if segment:
        magnitude = magnitude + 256 << segment - 1
    return magnitude if bits & 0x80 else -magnitude


@pytest.mark.parametrize(("law", "code"), [("mulaw", mulaw_code), ("alaw", alaw_code)])
def test_all_65536_samples_get_the_code_of_the_formula(law: Encoding, code: Callable[[int], int]) -> None:
    assert encode(EVERY_SAMPLE, law) == bytes(code(sample) for sample in EVERY_SAMPLE.tolist())


@pytest.mark.parametrize(("law", "sample"), [("mulaw", mulaw_sample), ("alaw", alaw_sample)])
def test_all_256_codes_get_the_sample_of_the_formula(law: Encoding, sample: Callable[[int], int]) -> None:
    assert decode(EVERY_CODE, law).tolist() == [sample(code) for code in EVERY_CODE]


@pytest.mark.parametrize(
    ("sample", "code", "heard"),
    [(0, 0xFF, 0), (4, 0xFE, 8), (100, 0xF2, 104), (1000, 0xCE, 988), (-1, 0x7F, 0), (32767, 0x80, 32124), (-32768, 0x00, -32124)],
)
def test_mulaw_agrees_with_known_values(sample: int, code: int, heard: int) -> None:
    assert encode(np.array([sample], np.int16), "mulaw") == bytes([code])
    assert decode(bytes([code]), "mulaw").tolist() == [heard]


@pytest.mark.parametrize(("sample", "code", "heard"), [(0, 0xD5, 8), (-1, 0x55, -8), (32767, 0xAA, 32256), (-32768, 0x2A, -32256)])
def test_alaw_agrees_with_known_values(sample: int, code: int, heard: int) -> None:
    assert encode(np.array([sample], np.int16), "alaw") == bytes([code])
    assert decode(bytes([code]), "alaw").tolist() == [heard]


def test_mulaw_codes_survive_but_negative_zero_which_becomes_zero() -> None:
    assert decode(b"\x7f\xff", "mulaw").tolist() == [0, 0]
    assert encode(decode(EVERY_CODE, "mulaw"), "mulaw") == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_alaw_codes_all_survive() -> None:
    assert encode(decode(EVERY_CODE, "alaw"), "alaw") == EVERY_CODE


@pytest.mark.parametrize(("law", "worst"), [("mulaw", 644), ("alaw", 512)])
def test_no_sample_is_off_by_more_than_the_law_allows(law: Encoding, worst: int) -> None:
    error = np.abs(decode(encode(EVERY_SAMPLE, law), law).astype(int) - EVERY_SAMPLE)
    assert error.max() == worst


def test_both_laws_play_the_digital_milliwatt_equally_loud() -> None:
    for law, codes in (("mulaw", "1e0b0b1e9e8b8b9e"), ("alaw", "34212134b4a1a1b4")):
        level = np.sqrt(np.mean((decode(bytes.fromhex(codes), law) / 32768.0) ** 2))  # type: ignore[arg-type]
        assert 20 * np.log10(level) == pytest.approx(-6.2, abs=0.1)


@pytest.mark.parametrize(("law", "one_step_off"), [("mulaw", 381), ("alaw", 0)])
def test_the_standard_library_agrees_where_it_still_exists(law: Encoding, one_step_off: int) -> None:
    """For 381 negative samples on the edge of two mu-law steps, audioop takes the neighbouring step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop: Any = pytest.importorskip("audioop")
    to_law, to_linear = (audioop.lin2ulaw, audioop.ulaw2lin) if law == "mulaw" else (audioop.lin2alaw, audioop.alaw2lin)
    ours, theirs = (np.frombuffer(codes, np.uint8).astype(int) for codes in (encode(EVERY_SAMPLE, law), to_law(EVERY_SAMPLE.tobytes(), 2)))
    different = ours != theirs
    assert different.sum() == one_step_off
    assert (np.abs(ours - theirs)[different] == 1).all()
    assert decode(EVERY_CODE, law).tobytes() == to_linear(EVERY_CODE, 2)


@given(st.binary(max_size=40).map(lambda data: data[: len(data) // 4 * 4]), st.sampled_from(BOTH_LAWS))
def test_stereo_is_interleaved_and_each_sample_coded_by_itself(data: bytes, law: Encoding) -> None:
    samples = decode(data, "pcm16")
    assert encode(samples.reshape(-1, 2), law) == b"".join(encode(samples[index : index + 1], law) for index in range(len(samples)))


def test_a_view_into_a_larger_array_is_coded_as_it_reads() -> None:
    stereo = EVERY_SAMPLE.reshape(-1, 2)
    for encoding in ("pcm16", *BOTH_LAWS):
        assert encode(stereo[::3, 1], encoding) == encode(stereo[::3, 1].copy(), encoding)


@given(st.binary(max_size=40).map(lambda data: data[: len(data) // 2 * 2]))
def test_linear_samples_are_little_endian(data: bytes) -> None:
    samples = decode(data, "pcm16")
    assert samples.dtype == np.int16
    assert samples.tolist() == [int.from_bytes(data[start : start + 2], "little", signed=True) for start in range(0, len(data), 2)]
    assert encode(samples, "pcm16") == data


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes of pcm16 end with half a sample; carry the odd byte over"):
        decode(bytes(3), "pcm16")


def test_only_int16_is_encoded() -> None:
    with pytest.raises(ValueError, match="samples are float64; only int16"):
        encode(np.zeros(2), "mulaw")  # type: ignore[arg-type]


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'opus' is not known; choose one of pcm16, mulaw, alaw"):
        encode(EVERY_SAMPLE, "opus")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'opus' is not known"):
        decode(b"", "opus")  # type: ignore[arg-type]
