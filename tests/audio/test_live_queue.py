"""Whatever is put and taken, what waits is bounded, in order, and every sample is accounted for."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trioaudio.audio import PCM16_8K, Frame
from trioaudio.audio._live_queue import LiveQueue

LOUD = 8000


def audio(start: int, num_samples: int, level: int = LOUD) -> Frame:
    return Frame.from_samples((level + np.arange(start, start + num_samples) % 1000 * (level > 0)).astype(np.int16), PCM16_8K)


@example(bound=0.1, steps=[(800, LOUD, 0), (800, LOUD, 0)])
@settings(max_examples=60, deadline=None)
@given(
    bound=st.floats(0.001, 0.5),
    steps=st.lists(st.tuples(st.integers(0, 1200), st.sampled_from([0, LOUD]), st.integers(0, 8)), max_size=40),
)
def test_every_sample_is_taken_waits_or_was_dropped(bound: float, steps: list[tuple[int, int, int]]) -> None:
    queue = LiveQueue(PCM16_8K, bound)
    put = taken = dropped = 0
    for num_samples, level, takes in steps:
        if num_samples:
            dropped += sum(queue.put(audio(put, num_samples, level)))
            put += num_samples
            assert 0 < queue.num_samples <= max(round(bound * 8000), 160)
        for _ in range(takes):
            if queue.num_samples:
                front, piece = queue.front, queue.pop()
                assert front < queue.front <= put
                assert 0 < piece.num_samples <= 160
                taken += piece.num_samples
        assert put == taken + dropped + queue.num_samples
    assert queue.front == put if not queue.num_samples else queue.front < put


def test_pieces_are_whole_while_there_is_more() -> None:
    queue = LiveQueue(PCM16_8K, 0.4)
    for start in range(0, 1000, 250):
        queue.put(audio(start, 250))
    lengths = []
    while queue.num_samples:
        lengths.append(queue.pop().num_samples)
    assert lengths == [160] * 6 + [40]


def test_of_silence_and_speech_too_much_silence_goes_and_speech_stays_whole() -> None:
    queue = LiveQueue(PCM16_8K, 0.2)
    queue.put(audio(0, 480))
    assert queue.put(audio(480, 960, 0)) == (0, 0)
    assert queue.put(audio(1440, 640)) == (480, 0)
    assert queue.put(audio(2080, 1600)) == (480, 1120)


def test_a_standing_delay_is_left_alone_while_there_is_no_silence_to_drop() -> None:
    queue = LiveQueue(PCM16_8K, 0.4)
    for start in range(0, 40_000, 800):
        assert queue.put(audio(start, 800)) == (0, 0)
        while queue.num_samples > 1600:
            queue.pop()
    assert queue.num_samples == 1600
    dropped = 0
    for start in range(40_000, 60_000, 800):
        dropped += queue.put(audio(start, 800, 0))[0]
        for _ in range(5):
            queue.pop()
    assert (dropped, queue.num_samples) == (1280, 320)
