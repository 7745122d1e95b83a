"""What a far end has sent and nobody has asked for: in its order, with audio that has piled up in few frames."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from trioaudio import Dtmf
from trioaudio._events import Event
from trioaudio.abc import Arrivals
from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat, Frame


def taken(arrivals: Arrivals) -> list[Frame | Event]:
    return [arrivals.take() for _ in range(len(arrivals))]


def audio(length: int, position: int = 0, format: AudioFormat = MULAW_8K) -> Frame:
    data = bytes((position + i) % 251 for i in range(length))
    return Frame(data * format.sample_bytes, format, position)


@example([2000, 0, 2000])
@given(st.lists(st.integers(0, 4000), max_size=30))
def test_nothing_is_lost_and_no_frame_gets_long(steps: list[int]) -> None:
    arrivals, position, sent = Arrivals(), 0, b""
    for length in steps:  # 0 stands for a key
        arrivals.add(audio(length, position) if length else Dtmf("5"))
        sent += audio(length, position).data
        position += length
    items = taken(arrivals)
    frames = [item for item in items if isinstance(item, Frame)]
    assert b"".join(frame.data for frame in frames) == sent
    assert all(frame.num_samples <= max(3200, *steps) for frame in frames)
    assert [frame.media_time for frame in frames] == [sum(frame.num_samples for frame in frames[:i]) for i in range(len(frames))]
    assert sum(isinstance(item, Dtmf) for item in items) == steps.count(0)


def test_what_came_between_stays_between() -> None:
    arrivals = Arrivals()
    arrivals.extend([audio(160), audio(160, 160), Dtmf("1"), audio(160, 320), audio(160, 480)])
    first, key, second = taken(arrivals)
    assert (first, key, second) == (audio(320), Dtmf("1"), audio(320, 320))


def test_audio_of_two_formats_stays_apart() -> None:
    arrivals = Arrivals()
    arrivals.extend([audio(160), audio(160, 160, PCM16_8K)])
    assert taken(arrivals) == [audio(160), audio(160, 160, PCM16_8K)]


def test_a_frame_alone_stays_what_it_is() -> None:
    arrivals, frame = Arrivals(), Frame.from_base64("/////w==", MULAW_8K)
    arrivals.add(frame)
    assert arrivals.take() is frame
