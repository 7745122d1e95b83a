"""A frame is one block of audio in three forms; it never changes, and knows its length before it is decoded."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Encoding, Frame

ENCODINGS: tuple[Encoding, ...] = ("pcm16", "mulaw", "alaw")
STEREO = AudioFormat("pcm16", 24_000, 2)
formats = st.builds(AudioFormat, st.sampled_from(ENCODINGS), st.sampled_from([8_000, 24_000]), st.sampled_from([1, 2]))


@st.composite
def frames(draw: st.DrawFn, format: AudioFormat | None = None) -> Frame:
    format = format or draw(formats)
    data = draw(st.binary(max_size=64))
    return Frame(data[: len(data) // format.sample_bytes * format.sample_bytes], format, draw(st.integers(0, 10_000)))


@given(frames())
def test_bytes_come_back_from_the_base64_text(frame: Frame) -> None:
    again = Frame.from_base64(frame.base64, frame.format, frame.media_time)
    assert (again.data, again.num_samples) == (frame.data, frame.num_samples)
    assert frame.base64 == base64.b64encode(frame.data).decode()


@given(frames())
def test_samples_come_back_from_their_bytes(frame: Frame) -> None:
    again = Frame.from_samples(frame.pcm, frame.format, frame.media_time)
    assert np.array_equal(again.pcm, frame.pcm)
    assert again.pcm.shape == (frame.num_samples, frame.format.num_channels)
    assert (again.num_samples, again.media_time) == (frame.num_samples, frame.media_time)


@given(frames(PCM16_24K) | frames(STEREO))
def test_linear_audio_is_the_same_in_all_three_forms(frame: Frame) -> None:
    assert Frame.from_samples(frame.pcm, frame.format, frame.media_time) == frame
    assert Frame.from_base64(frame.base64, frame.format, frame.media_time).pcm.tolist() == frame.pcm.tolist()


@given(st.lists(st.integers(-32768, 32767), max_size=20), st.sampled_from(ENCODINGS))
def test_two_equal_frames_sound_the_same(samples: list[int], encoding: Encoding) -> None:
    format = AudioFormat(encoding, 8_000)
    spoken = Frame.from_samples(np.array(samples, np.int16), format)
    received = Frame(spoken.data, format)
    assert spoken == received
    assert np.array_equal(spoken.pcm, received.pcm)


def test_linear_samples_are_little_endian_and_interleaved() -> None:
    assert Frame.from_samples(np.array([[1, 2], [-1, 256]], np.int16), STEREO).data == bytes.fromhex("01000200 ffff0001")


@pytest.mark.parametrize("odd", [1, 3, 319])
def test_half_a_sample_is_refused_with_a_word_about_what_to_do(odd: int) -> None:
    with pytest.raises(ValueError, match=f"{odd} bytes.*pcm16/24000 has 2 bytes a sample; carry the odd bytes over.*Framer"):
        Frame(bytes(odd), PCM16_24K)
    with pytest.raises(ValueError, match=f"{odd} bytes"):
        Frame.from_base64(base64.b64encode(bytes(odd)).decode(), PCM16_24K)


@given(st.binary(max_size=50))
def test_the_length_is_known_from_the_base64_text_alone(data: bytes) -> None:
    assert Frame.from_base64(base64.b64encode(data).decode(), MULAW_8K).num_samples == len(data)


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "A===", "====", "=", "=AAA", "A=AA", "A=A=", "AA=A", "AA==AAAA", "AAAAA===", "AAA\n", "AA-_", "AA A", "AÄ=="]
)
def test_text_that_is_not_padded_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"{len(text)} characters are not padded base64 text"):
        Frame.from_base64(text, MULAW_8K)


def is_canonical(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text)).decode() == text
    except ValueError:
        return False


@given(st.text("Az09+/=-_\n", max_size=9))
def test_what_is_accepted_as_base64_decodes_to_the_length_it_promised(text: str) -> None:
    try:
        frame = Frame.from_base64(text, MULAW_8K)
    except ValueError:
        assert not is_canonical(text)
    else:
        assert frame.data == base64.b64decode(text, validate=True)
        assert len(frame.data) == frame.num_samples


def test_spare_bits_before_the_padding_are_let_through_and_kept() -> None:
    frame = Frame.from_base64("/x==", MULAW_8K)
    assert (frame.data, frame.base64) == (b"\xff", "/x==")


def test_a_text_that_only_passes_through_is_the_very_same_text() -> None:
    text = base64.b64encode(bytes(480)).decode()
    assert Frame.from_base64(text, PCM16_24K).base64 is text


def test_each_form_is_made_once() -> None:
    frame = Frame.from_base64("AAAA", MULAW_8K)
    assert frame.data is frame.data
    assert frame.pcm is frame.pcm


def test_the_samples_cannot_be_written_to() -> None:
    for frame in (Frame(bytes(4), PCM16_8K), Frame(bytes(4), MULAW_8K), Frame.from_samples(np.zeros(2, np.int16), PCM16_8K)):
        with pytest.raises(ValueError, match="read-only"):
            frame.pcm[0] = 1


def test_what_it_was_made_from_may_change_and_the_frame_does_not() -> None:
    samples, data = np.arange(4, dtype=np.int16), bytearray(b"\1\0\2\0")
    spoken, received = Frame.from_samples(samples, PCM16_8K), Frame(data, PCM16_8K)  # type: ignore[arg-type]
    samples[:], data[:] = 9, bytes(4)
    assert spoken.pcm[:, 0].tolist() == [0, 1, 2, 3]
    assert received.data == b"\1\0\2\0"


@pytest.mark.parametrize("name", ["format", "media_time", "num_samples", "duration", "data", "base64", "pcm", "mood"])
def test_nothing_about_a_frame_can_be_set(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Frame(bytes(2), PCM16_8K), name, 1)


@pytest.mark.parametrize(
    ("samples", "format", "complaint"),
    [
        (np.zeros(4), PCM16_8K, r"samples are float64 of shape \(4,\); give int16"),
        (np.zeros(4, np.uint16), MULAW_8K, "samples are uint16"),
        (np.zeros((1, 1, 1), np.int16), PCM16_8K, r"shape \(1, 1, 1\)"),
        (np.zeros((4, 2), np.int16), PCM16_8K, r"shape \(4, 2\) do not fit pcm16/8000, which has 1 audio channels"),
        (np.zeros(4, np.int16), STEREO, r"shape \(4,\) do not fit pcm16/24000/2, which has 2"),
    ],
)
def test_samples_of_the_wrong_type_or_shape_are_refused(samples: np.typing.NDArray[np.int16], format: AudioFormat, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Frame.from_samples(samples, format)


def test_length_is_counted_per_audio_channel_and_in_seconds() -> None:
    frame = Frame(bytes(1920), STEREO)
    assert (frame.num_samples, len(frame), frame.duration) == (480, 480, 0.02)


def test_an_empty_frame_is_false() -> None:
    assert not Frame(b"", PCM16_8K)
    assert Frame(b"\0\0", PCM16_8K)


@given(frames(), st.integers(-5, 70), st.integers(-5, 70))
def test_a_cut_is_the_slice_of_the_samples_and_its_media_time_moves_along(frame: Frame, start: int, stop: int) -> None:
    cut = frame.cut(start, stop)
    assert np.array_equal(cut.pcm, frame.pcm[start:stop])
    assert cut.media_time == frame.media_time + slice(start, stop).indices(frame.num_samples)[0]


@given(frames(), st.integers(1, 70))
def test_split_and_joined_are_opposites(frame: Frame, num_samples: int) -> None:
    pieces = frame.split(num_samples)
    whole = Frame(b"", frame.format, frame.media_time)
    for piece in pieces:
        assert piece.media_time == whole.media_time + whole.num_samples
        whole = whole.joined(piece)
    assert whole == frame
    assert all(piece.num_samples == num_samples for piece in pieces[:-1])
    assert all(0 < piece.num_samples <= num_samples for piece in pieces[-1:])


def test_a_frame_that_fits_is_not_split() -> None:
    frame = Frame(bytes(160), MULAW_8K)
    assert frame.split(160)[0] is frame


@pytest.mark.parametrize("num_samples", [0, -1])
def test_a_frame_is_not_split_into_nothing(num_samples: int) -> None:
    with pytest.raises(ValueError, match=f"frames of {num_samples} samples; give at least 1"):
        Frame(bytes(160), MULAW_8K).split(num_samples)


def test_frames_of_two_formats_are_not_joined() -> None:
    with pytest.raises(ValueError, match="mulaw/8000 cannot follow one of pcm16/8000"):
        Frame(bytes(2), PCM16_8K).joined(Frame(bytes(2), MULAW_8K))


@given(frames())
def test_equal_frames_are_one_key_however_they_were_made(frame: Frame) -> None:
    again = Frame.from_base64(frame.base64, frame.format, frame.media_time)
    assert len({frame, again}) == 1
    assert frame != Frame(frame.data, frame.format, frame.media_time + 1)
    assert frame != frame.data


def test_the_same_bytes_in_another_format_are_another_frame() -> None:
    assert Frame(bytes(2), PCM16_8K) != Frame(bytes(2), PCM16_24K)


def test_what_a_caller_says_is_not_in_the_repr() -> None:
    assert repr(Frame(b"secret", PCM16_8K, 7)) == "<Frame 3 samples of pcm16/8000 at 7>"


def test_silence_has_the_length_asked_for() -> None:
    frame = Frame.silence(3, MULAW_8K, 5)
    assert (frame.data, frame.media_time) == (b"\xff\xff\xff", 5)
