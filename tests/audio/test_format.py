"""A format says what audio is made of, and refuses what no audio is made of."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K, PCM16_48K, AudioFormat, Encoding, Frame, parse_format

ENCODINGS: tuple[Encoding, ...] = ("pcm16", "mulaw", "alaw")
STEREO_48K = AudioFormat("pcm16", 48_000, 2)
formats = st.builds(AudioFormat, st.sampled_from(ENCODINGS), st.integers(1_000, 768_000), st.sampled_from([1, 2]))


@given(formats)
def test_a_format_is_read_back_from_its_own_text(format: AudioFormat) -> None:
    assert parse_format(str(format)) == format


@pytest.mark.parametrize(
    ("text", "format"), [("pcm16/24000", PCM16_24K), ("mulaw/8000/1", MULAW_8K), ("alaw/8000", ALAW_8K), ("pcm16/48000/2", STEREO_48K)]
)
def test_a_format_is_written_as_encoding_rate_and_channels(text: str, format: AudioFormat) -> None:
    assert parse_format(text) == format


@pytest.mark.parametrize(
    "text",
    ["", "pcm16", "pcm16/", "pcm16/8k", "pcm16/8000/", "pcm16/8000/1/1", "pcm16/-8000", "pcm16/٨٠٠٠", "/8000", "pcm16/" + "9" * 5000],
)
def test_a_text_that_is_no_format_is_refused_with_an_example_or_the_choices(text: str) -> None:
    with pytest.raises(ValueError, match=r"pcm16/24000|choose one of pcm16, mulaw, alaw|1000 to 768000"):
        parse_format(text)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (("opus", 48_000), "'opus' is not known; choose one of pcm16, mulaw, alaw"),
        (("pcm16", 999), "rate 999 is not a whole number of 1000 to 768000"),
        (("pcm16", 768_001), "rate 768001"),
        (("pcm16", 8000.0), r"rate 8000\.0"),
        (("pcm16", 8000, 3), r"num_channels is 3; only 1 \(mono\) and 2 \(stereo\)"),
        (("pcm16", 8000, 1.0), r"num_channels is 1\.0"),
    ],
)
def test_a_value_out_of_range_is_named_together_with_the_range(fields: tuple[Encoding, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        AudioFormat(*fields)


@pytest.mark.parametrize(("format", "sample_bytes", "frame_samples"), [(MULAW_8K, 1, 160), (PCM16_24K, 2, 480), (STEREO_48K, 4, 960)])
def test_a_frame_of_20_ms_has_as_many_samples_in_every_encoding(format: AudioFormat, sample_bytes: int, frame_samples: int) -> None:
    assert (format.sample_bytes, format.frame_samples) == (sample_bytes, frame_samples)


@given(formats, st.integers(0, 10_000))
def test_only_whole_samples_are_counted(format: AudioFormat, num_bytes: int) -> None:
    whole, odd = divmod(num_bytes, format.sample_bytes)
    if odd:
        with pytest.raises(
            ValueError, match=f"{num_bytes} bytes are no whole number of samples.*{format.sample_bytes} bytes a sample.*Framer"
        ):
            format.samples_in(num_bytes)
    else:
        assert format.samples_in(num_bytes) == whole


@given(formats, st.integers(0, 100))
def test_silence_is_as_quiet_as_the_encoding_can_be(format: AudioFormat, num_samples: int) -> None:
    frame = Frame(format.silence(num_samples), format)
    assert frame.num_samples == num_samples
    assert set(frame.pcm.flat) <= {8 if format.encoding == "alaw" else 0}


def test_a_format_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PCM16_48K.rate = 8000  # type: ignore[misc]


def test_equal_formats_are_one_key() -> None:
    assert {AudioFormat("mulaw", 8_000): "here"}[MULAW_8K] == "here"
