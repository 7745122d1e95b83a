"""Whatever the blocks, the frames are whole and none of the audio is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.audio import MULAW_8K, PCM16_24K, AudioFormat, Frame, Framer

STEREO = AudioFormat("pcm16", 8_000, 2)
formats = st.sampled_from([MULAW_8K, PCM16_24K, STEREO])


@given(formats, st.integers(1, 9), st.lists(st.binary(max_size=40), max_size=8))
def test_any_cutting_gives_the_frames_of_the_whole(format: AudioFormat, frame_samples: int, blocks: list[bytes]) -> None:
    framer, stream = Framer(format, frame_samples, media_time=7), b"".join(blocks)
    frames = [frame for block in blocks for frame in framer.push(block)]
    assert all(frame.num_samples == frame_samples for frame in frames)
    rest = framer.flush()
    odd = len(stream) % format.sample_bytes
    whole = Frame(stream[: len(stream) - odd], format, 7)
    assert [*frames, *([rest] if rest else [])] == whole.split(frame_samples)
    assert framer.odd_bytes == odd


@given(formats, st.lists(st.binary(max_size=40), max_size=8))
def test_a_frame_is_given_as_soon_as_it_is_complete(format: AudioFormat, blocks: list[bytes]) -> None:
    framer, taken, given_out = Framer(format, 4), 0, 0
    for block in blocks:
        taken += len(block)
        given_out += sum(frame.num_samples for frame in framer.push(block))
        assert given_out == taken // format.sample_bytes // 4 * 4
        assert framer.waiting == taken // format.sample_bytes - given_out


def test_frames_are_20_ms_long_unless_told_otherwise() -> None:
    assert [frame.num_samples for frame in Framer(PCM16_24K).push(bytes(2000))] == [480, 480]
    assert Framer(MULAW_8K).frame_samples == 160


def test_an_odd_byte_waits_for_its_other_half() -> None:
    framer = Framer(PCM16_24K, 1)
    assert framer.push(b"\x01") == []
    assert framer.push(b"\x02\x03") == [Frame(b"\x01\x02", PCM16_24K)]
    assert framer.push(b"\x04") == [Frame(b"\x03\x04", PCM16_24K, 1)]


def test_half_a_sample_at_the_end_is_dropped_and_counted_and_costs_nothing_else() -> None:
    framer = Framer(PCM16_24K, 4)
    framer.push(b"\x01\x02\x03")
    assert framer.flush() == Frame(b"\x01\x02", PCM16_24K)
    assert framer.odd_bytes == 1


def test_after_flush_the_framer_is_empty_and_its_media_time_runs_on() -> None:
    framer = Framer(MULAW_8K, 4)
    framer.push(b"abc")
    assert framer.flush() == Frame(b"abc", MULAW_8K)
    assert framer.flush() is None
    assert framer.push(b"defg") == [Frame(b"defg", MULAW_8K, 3)]


@pytest.mark.parametrize("view", [bytearray, memoryview])
def test_a_buffer_may_be_used_again_after_it_was_pushed(view: type) -> None:
    framer, buffer = Framer(MULAW_8K, 4), bytearray(b"abcdef")
    frames = framer.push(view(buffer))
    buffer[:] = bytes(6)
    assert [*frames, *framer.push(b""), framer.flush()] == [Frame(b"abcd", MULAW_8K), Frame(b"ef", MULAW_8K, 4)]


@pytest.mark.parametrize("frame_samples", [0, -160])
def test_frames_of_nothing_are_refused(frame_samples: int) -> None:
    with pytest.raises(ValueError, match=f"frames of {frame_samples} samples.*at least 1 .160 are 20 ms of mulaw/8000"):
        Framer(MULAW_8K, frame_samples)
