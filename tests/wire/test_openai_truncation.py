"""Truncation: the server is told what was heard, never more than was received, once, and also after the response was done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import openai_says as says
from wire.openai_says import ready, sent

from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat
from trioaudio.wire.openai import OpenAIWire

FORMATS = [PCM16_24K, MULAW_8K, ALAW_8K]


def having_received(*lengths: int, item_id: str = "item_1", format: AudioFormat = PCM16_24K) -> OpenAIWire:
    wire = ready(output=format)
    wire.receive_untrusted(says.response_created())
    for length in lengths:
        wire.receive_untrusted(says.audio(length, item_id, format=format))
    return wire


def ends(wire: OpenAIWire, item_id: str, heard: int) -> list[tuple[int, int]]:
    messages = sent(wire.truncate(item_id, heard))
    assert all((message["type"], message["item_id"]) == ("conversation.item.truncate", item_id) for message in messages)
    return [(message["content_index"], message["audio_end_ms"]) for message in messages]


@pytest.mark.parametrize("format", FORMATS)
def test_the_position_is_in_whole_milliseconds_of_what_was_heard(format: AudioFormat) -> None:
    second = format.rate
    assert ends(having_received(second, format=format), "item_1", second // 4 + second // 1500) == [(0, 250)]


def test_nothing_heard_is_a_position_too() -> None:
    assert ends(having_received(24_000), "item_1", 0) == [(0, 0)]


def test_the_position_is_clamped_to_what_was_received() -> None:
    assert ends(having_received(24_000), "item_1", 99_000) == [(0, 1_000)]
    assert ends(having_received(24_000), "item_1", -5) == [(0, 0)]


def test_an_item_is_truncated_once() -> None:
    wire = having_received(24_000)
    ends(wire, "item_1", 12_000)
    assert ends(wire, "item_1", 6_000) == []


def test_an_item_that_nobody_has_heard_of_is_left_alone() -> None:
    assert ends(ready(), "item_9", 100) == []


def test_it_works_after_the_response_was_done() -> None:
    wire = having_received(24_000)
    wire.receive_untrusted(says.audio_done())
    wire.receive_untrusted(says.response_done())
    assert ends(wire, "item_1", 12_000) == [(0, 500)]


def test_what_was_heard_to_its_end_is_left_alone() -> None:
    wire = having_received(24_000)
    wire.receive_untrusted(says.audio_done())
    assert ends(wire, "item_1", 24_000) == []


def test_the_end_of_what_was_received_is_no_end_while_more_may_come() -> None:
    assert ends(having_received(24_000), "item_1", 24_000) == [(0, 1_000)]


def test_audio_that_went_nowhere_was_not_heard() -> None:
    wire = having_received(24_000)
    wire.cancel()
    wire.receive_untrusted(says.audio(24_000))
    wire.receive_untrusted(says.audio_done())
    assert ends(wire, "item_1", 24_000) == [(0, 1_000)]


def test_several_items_are_truncated_each_at_its_own_place() -> None:
    wire = having_received(24_000)
    wire.receive_untrusted(says.audio(24_000, "item_2"))
    assert ends(wire, "item_1", 12_000) == [(0, 500)]
    assert ends(wire, "item_2", 0) == [(0, 0)]


def test_of_an_item_in_parts_those_after_the_position_were_not_heard() -> None:
    wire = having_received(24_000)
    wire.receive_untrusted(says.audio(24_000, part=1))
    wire.receive_untrusted(says.audio(24_000, part=2))
    assert ends(wire, "item_1", 36_000) == [(1, 500), (2, 0)]


def test_what_still_comes_of_a_truncated_item_goes_nowhere() -> None:
    wire = having_received(24_000)
    ends(wire, "item_1", 12_000)
    assert wire.receive_untrusted(says.audio()) == []
    assert wire.counts.late_audio == 1


@given(
    st.sampled_from(FORMATS),
    st.lists(st.integers(1, 2_000), min_size=1, max_size=8),
    st.lists(st.integers(-100, 20_000), min_size=1, max_size=4),
    st.booleans(),
)
def test_whatever_was_received_the_position_is_the_last_millisecond_heard(
    format: AudioFormat, lengths: list[int], heard: list[int], done: bool
) -> None:
    wire = having_received(*lengths, format=format)
    if done:
        wire.receive_untrusted(says.audio_done())
        wire.receive_untrusted(says.response_done())
    received = sum(lengths)
    said = [end for position in heard for _, end in ends(wire, "item_1", position)]
    told = next((min(max(position, 0), received) for position in heard if not (done and position >= received)), None)
    assert said == ([] if told is None else [told * 1000 // format.rate])
