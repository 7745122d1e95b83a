"""The browser's protocol, from both ends: messages are written by hand, from ``docs/reference/browser-protocol.md``."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import (
    AudioDropped,
    Commit,
    FormatError,
    InputTranscriptDelta,
    Interrupt,
    Mute,
    OutputTranscript,
    RemoteProtocolError,
    SpeechStarted,
    SpeechStopped,
    Status,
    TextMessage,
    TurnInterrupted,
    TurnReceipt,
    TurnStarted,
)
from trioaudio.audio import PCM16_8K, PCM16_24K, Frame
from trioaudio.wire.browser import BrowserPlayed, BrowserWire, Hello, hello_untrusted
from trioaudio.wire.browser_page import BrowserPage, Player


def sound(milliseconds: float) -> Frame:
    return Frame(b"\x12\x34" * round(24 * milliseconds), PCM16_24K)


def said(messages: list[Any]) -> list[Any]:
    """Messages as they are written down: JSON as objects, audio as its milliseconds."""
    return [len(each) / 48 if isinstance(each, bytes) else json.loads(each) for each in messages]


def position(turn: int, played: float, latency: float = 0.0) -> str:
    return json.dumps({"t": "pos", "turn": turn, "played_ms": played, "underrun_ms": 0, "queued_ms": 0, "latency_ms": latency})


def cleared(turn: int, played: float, latency: float = 0.0) -> str:
    return json.dumps({"t": "cleared", "turn": turn, "played_ms": played, "dropped_ms": 1, "latency_ms": latency})


# ---- hello


def test_a_hello_says_rate_and_capabilities_and_its_token_is_not_shown() -> None:
    hello = hello_untrusted('{"t":"hello","v":1,"rate":44100,"can":["pos","dance"],"token":"s3cret"}')
    assert (hello.rate, hello.can, hello.token) == (44_100, {"pos"}, "s3cret")
    assert "s3cret" not in repr(hello)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"\0\0", "first message"),
        ("hello", "not JSON"),
        ('{"t":"pos"}', 'of type "hello"'),
        ('{"t":"hello","v":2,"rate":48000,"can":[]}', "version 1"),
        ('{"t":"hello","v":1,"rate":47999,"can":[]}', "47999 Hz is not taken; send it at one of 8000, 11025"),
        ('{"t":"hello","v":1,"rate":"48000","can":[]}', "whole number"),
        ('{"t":"hello","v":1,"rate":48000}', '"can" must be a list'),
        ('{"t":"hello","v":1,"rate":48000,"can":[],"token":"' + "x" * 5_000 + '"}', "token is longer"),
    ],
)
def test_what_is_no_hello_is_refused_in_words_for_who_wrote_it(message: str | bytes, complaint: str) -> None:
    with pytest.raises(RemoteProtocolError, match=complaint):
        hello_untrusted(message)


def test_the_answer_says_at_which_rate_audio_will_come() -> None:
    (ready,) = said(BrowserWire(Hello(48_000), "c1", rate=16_000).ready())
    assert ready == {"t": "ready", "v": 1, "rate": 16_000, "call": "c1", "prebuffer_ms": 80, "modes": ["open", "push"]}


# ---- turns and positions


def test_a_turn_is_announced_and_ends_once_the_page_is_about_to_run_dry() -> None:
    wire = BrowserWire(Hello(48_000))
    assert said(wire.play(sound(200), 0.0)) == [{"t": "turn", "turn": 1}, 200]
    assert said(wire.play(sound(300), 0.1)) == [300]
    assert wire.due == pytest.approx(0.46)
    assert wire.advance(0.45) == ([], [])
    assert said(wire.advance(0.47)[1]) == [{"t": "end", "turn": 1}]
    assert said(wire.play(sound(20), 2.0))[0] == {"t": "turn", "turn": 2}


def test_the_ear_is_behind_the_player_and_hears_the_rest_without_another_report() -> None:
    wire = BrowserWire(Hello(48_000))
    wire.play(sound(200), 0.0)
    assert wire.receive_untrusted(position(1, 100, latency=40), 0.1) == [BrowserPlayed(60 * 24, 0)]
    assert wire.receive_untrusted(position(1, 199.99, latency=40), 0.2) == [BrowserPlayed(160 * 24, 0)]
    assert wire.advance(0.239)[0] == []
    assert wire.advance(0.241)[0] == [BrowserPlayed(200 * 24, 0)]


def test_the_answer_to_a_clear_is_all_that_will_have_been_heard() -> None:
    wire = BrowserWire(Hello(48_000))
    wire.play(sound(200), 0.0)
    wire.advance(1.0)
    wire.play(sound(200), 1.0)
    assert said(wire.clear(1.1)) == [{"t": "clear", "turn": 2}]
    assert wire.receive_untrusted(position(2, 50, latency=30), 1.1) == [BrowserPlayed(220 * 24, 0)]
    assert wire.receive_untrusted(cleared(2, 90, latency=30), 1.2) == [BrowserPlayed(290 * 24, 0, final=True)]
    assert wire.receive_untrusted(position(2, 200), 1.3) == []
    assert wire.counts["stale"] == 1
    wire.play(sound(100), 1.4)
    assert wire.receive_untrusted(position(3, 100), 1.5) == [BrowserPlayed(100 * 24, 1)]


@pytest.mark.parametrize("claim", [200.5, 10_000, 1e300])
def test_no_more_counts_as_heard_than_was_sent(claim: float) -> None:
    wire = BrowserWire(Hello(48_000))
    wire.play(sound(200), 0.0)
    assert wire.receive_untrusted(position(1, claim), 0.1) == [BrowserPlayed(200 * 24, 0)]
    wire.clear(0.1)
    assert wire.receive_untrusted(cleared(1, claim), 0.2) == [BrowserPlayed(200 * 24, 0, final=True)]


def test_an_answer_that_names_an_earlier_turn_counts_nothing_of_later_ones() -> None:
    wire = BrowserWire(Hello(48_000))
    wire.play(sound(200), 0.0)
    wire.advance(0.2)
    wire.play(sound(200), 0.2)
    wire.clear(0.25)
    assert wire.receive_untrusted(cleared(1, 150), 0.3) == [BrowserPlayed(150 * 24, 0, final=True)]


@pytest.mark.parametrize(("latency", "heard"), [(9_000, 1_500), (-50, 2_000), (None, 2_000)])
def test_a_latency_that_cannot_be_is_clamped(latency: float | None, heard: int) -> None:
    wire = BrowserWire(Hello(48_000))
    wire.play(sound(3_000), 0.0)
    message = json.dumps({"t": "pos", "turn": 1, "played_ms": 2_000, "latency_ms": latency})
    assert wire.receive_untrusted(message, 2.0) == [BrowserPlayed(heard * 24, 0)]


def test_audio_of_another_rate_is_our_own_mistake() -> None:
    with pytest.raises(FormatError, match="this page hears pcm16/24000"):
        BrowserWire(Hello(48_000)).play(Frame(bytes(320), PCM16_8K), 0.0)


# ---- what somebody at the page does


def test_buttons_are_events() -> None:
    wire = BrowserWire(Hello(48_000))

    def pressed(message: str) -> list[object]:
        return [*wire.receive_untrusted(message, 0.0)]

    assert pressed('{"t":"talk"}') == [SpeechStarted(), Interrupt()]
    assert pressed('{"t":"commit"}') == [SpeechStopped(), Commit()]
    assert pressed('{"t":"interrupt"}') == [Interrupt()]
    assert pressed('{"t":"text","text":" hello "}') == [TextMessage("hello")]
    assert pressed('{"t":"dropped","ms":120}') == [AudioDropped("inbound", 120, "the browser could not send in time")]
    assert pressed('{"t":"sing"}') == pressed('{"t":7}') == []
    assert wire.counts["unknown"] == 2
    assert pressed('{"t":"bye"}') == []
    assert wire.over


def test_a_muted_microphone_is_silent_whatever_is_sent_and_the_app_may_mute_it_too() -> None:
    wire = BrowserWire(Hello(24_000))
    loud = b"\x12\x34" * 480
    assert [*wire.receive_untrusted(loud, 0.0)] == [Frame(loud, PCM16_24K, 0)]
    (event,) = wire.receive_untrusted('{"t":"mute","on":true}', 0.0)
    assert event == Mute(True)
    assert said(wire.owed()) == [{"t": "muted", "on": True}]
    assert wire.show(event) == []  # type: ignore[arg-type]  # it is an event: it comes back to be shown
    assert [*wire.receive_untrusted(loud, 0.02)] == [Frame(bytes(960), PCM16_24K, 480)]
    assert said(wire.show(Mute(True))) == [{"t": "muted", "on": True}]
    wire.receive_untrusted('{"t":"mute","on":false}', 0.1)
    assert said(wire.owed()) == [{"t": "muted", "on": True}]  # the app still does not hear it
    assert said(wire.show(Mute(False))) == [{"t": "muted", "on": False}]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"\0\0\0", "half a sample"),
        (bytes(2 * 48_000 + 2), "at most 1 s"),
        ('{"t":"mute"}', '"on" must be'),
        ('{"t":"text","text":"' + "x" * 4_001 + '"}', "4001 characters"),
        ('{"t":"pos","turn":-1}', "turn"),
        ('{"t":"pos","turn":1,"played_ms":"all"}', "finite number"),
        ('["pos"]', "an object was expected"),
    ],
)
def test_what_no_page_sends_is_an_error(message: str | bytes, complaint: str) -> None:
    with pytest.raises(RemoteProtocolError, match=complaint):
        BrowserWire(Hello(48_000)).receive_untrusted(message, 0.0)


@pytest.mark.parametrize(("message", "most"), [(bytes(96_000), 10), ('{"t":"commit"}', 200), ('{"t":"text","text":"x"}', 20)])
def test_a_burst_is_put_up_with_and_a_flood_is_not(message: str | bytes, most: int) -> None:
    wire = BrowserWire(Hello(48_000))
    for _ in range(most):
        wire.receive_untrusted(message, 5.0)
    with pytest.raises(RemoteProtocolError):
        wire.receive_untrusted(message, 5.0)
    wire.receive_untrusted(message, 7.0)


# ---- what a page shows


def test_words_grow_until_they_are_whole_and_states_are_shown_once() -> None:
    wire = BrowserWire(Hello(48_000))
    shown = [
        *wire.show(Status("connected", "the key sk-1 was taken")),
        *wire.show(InputTranscriptDelta("i1", "Good")),
        *wire.show(InputTranscriptDelta("i1", " day")),
        *wire.show(TurnStarted("a1")),
        *wire.show(TurnStarted("a2")),
        *wire.show(OutputTranscript("a1", "Hello")),
        *wire.show(TurnInterrupted(TurnReceipt("a2", 2_400, 240, "exact", 24_000), 1.0, 1.05)),
    ]
    assert said(shown) == [
        {"t": "status", "state": "connected", "words": "connected"},
        {"t": "transcript", "who": "caller", "id": "i1", "text": "Good", "final": False},
        {"t": "transcript", "who": "caller", "id": "i1", "text": "Good day", "final": False},
        {"t": "status", "state": "speaking", "words": "speaking"},
        {"t": "transcript", "who": "agent", "id": "a1", "text": "Hello", "final": True},
        {
            "t": "receipt",
            "turn": 0,
            "heard_ms": 100.0,
            "dropped_ms": 10.0,
            "latency_ms": 50.0,
            "reason": "interrupted",
            "evidence": "exact",
        },
    ]
    assert "sk-1" not in str(shown)


def test_a_receipt_names_the_turn_that_was_cut_also_when_the_next_one_has_begun() -> None:
    wire = BrowserWire(Hello(48_000))
    frame = Frame.silence(480, wire.output_format)
    wire.play(frame, 0.0)
    wire.clear(0.1)
    wire.play(frame, 0.1)
    receipt, *_ = said(wire.show(TurnInterrupted(TurnReceipt("a", 480, 0, "exact", 24_000), 0.1, 0.2)))
    assert (receipt["t"], receipt["turn"]) == ("receipt", 1)


def test_who_wants_no_words_is_shown_none() -> None:
    assert BrowserWire(Hello(48_000, frozenset({"pos"}))).show(OutputTranscript("a1", "Hello")) == []


# ---- both ends


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.03, 0.4]))
def test_whatever_is_played_and_cleared_when_the_server_ends_up_knowing_what_sounded(seed: int, latency: float) -> None:
    rng, now = random.Random(seed), 0.0
    wire, page = BrowserWire(Hello(48_000)), BrowserPage(Hello(48_000), latency=latency)
    last: dict[int, BrowserPlayed] = {}
    sounded = [0]

    def exchange(down: list[Any]) -> None:
        for message in down:
            page.receive_untrusted(message, now)
        for message in page.take(now):
            for item in wire.receive_untrusted(message, now):
                assert isinstance(item, BrowserPlayed)
                before = last.get(item.clears, BrowserPlayed(0, item.clears))
                assert item.samples >= before.samples or item.final
                assert not before.final
                last[item.clears] = item

    exchange(wire.ready())
    for _ in range(40):
        act = rng.random()
        if act < 0.5:
            exchange(wire.play(sound(rng.choice([20, 60, 100, 400])), now))
        elif act < 0.6:
            exchange(wire.clear(now))
            sounded.append(len(page.heard(now)) // 2)
        now += rng.choice([0.0, 0.02, 0.1, 0.5])
        heard, messages = wire.advance(now)
        last |= {item.clears: item for item in heard if isinstance(item, BrowserPlayed)}
        exchange(messages)
    for generation in range(len(sounded) - 1):
        assert last[generation] == BrowserPlayed(sounded[generation + 1] - sounded[generation], generation, final=True)


def test_the_player_keeps_more_back_after_an_underrun_and_less_after_a_turn_without() -> None:
    player = Player(24_000, 0.08)
    player.push(1, bytes(960), 0.0)
    player.advance(0.07)
    assert player.sound == b""
    player.advance(0.1)  # it has waited for 80 ms: it sounds
    assert len(player.sound) == 960
    player.push(1, bytes(4_800), 0.2)
    player.end(1, 0.25)
    player.advance(1.0)
    assert (player.underruns, round(player.underrun, 3), player.target) == (1, 0.1, 0.12)
    player.push(2, bytes(960), 2.0)
    player.end(2, 2.0)
    player.advance(3.0)
    assert (player.underruns, player.target, player.begun_at) == (1, 0.11, {1: 0.08, 2: 2.0})


def test_running_dry_is_no_underrun_if_that_was_the_end_however_late_it_is_told() -> None:
    player = Player(24_000, 0.08)
    player.push(1, bytes(4_800), 0.0)
    player.end(1, 0.5)
    player.push(2, bytes(4_800), 0.6)
    player.advance(1.0)
    assert (player.underruns, player.underrun) == (0, 0.0)
