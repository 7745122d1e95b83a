"""Asterisk's media websocket: to the letter what chan_websocket reads and writes, exact positions, and whatever a stranger may send."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import Dtmf, FormatError, RemoteProtocolError
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, Frame
from trioaudio.testing import ChannelOptions
from trioaudio.wire.asterisk_channel import AsteriskChannel
from trioaudio.wire.asterisk_websocket import AsteriskMedia, MediaPlayed, MediaStarted, MediaTrouble

START = (
    '{"event":"MEDIA_START","connection_id":"c1","channel":"WebSocket/c1","channel_id":"pbx-1.9","format":"ulaw",'
    '"optimal_frame_size":160,"ptime":20,"channel_variables":{"floor":"7","n":1}}'
)
PLAIN_START = "MEDIA_START connection_id:c1 channel:WebSocket/c1 channel_id:pbx-1.9 format:ulaw optimal_frame_size:160 ptime:20"
LOUD = b"\x2a"


def media(start: str = START) -> AsteriskMedia:
    begun = AsteriskMedia()
    begun.receive_untrusted(start, 0.0)
    return begun


def loud(samples: int) -> Frame:
    return Frame(LOUD * samples, MULAW_8K)


class TestWhatAsteriskSays:
    def test_the_start_in_json_has_variables(self) -> None:
        [started] = AsteriskMedia().receive_untrusted(START, 0.0)
        assert started == MediaStarted(MULAW_8K, 160, "c1", "WebSocket/c1", "pbx-1.9", json=True, variables={"floor": "7"})

    def test_the_start_in_plain_text_has_none(self) -> None:
        [started] = AsteriskMedia().receive_untrusted(PLAIN_START, 0.0)
        assert started == MediaStarted(MULAW_8K, 160, "c1", "WebSocket/c1", "pbx-1.9", json=False)

    @pytest.mark.parametrize(
        ("text", "item"),
        [
            ('{"event":"DTMF_END","channel_id":"pbx-1.9","digit":"5"}', Dtmf("5")),
            ("DTMF_END digit:# channel_id:pbx-1.9", Dtmf("#")),
            ('{"event":"ERROR","channel_id":"pbx-1.9","error_text":"it: went wrong"}', MediaTrouble("it: went wrong")),
            ("ERROR channel_id:pbx-1.9 error_text:it: went wrong", MediaTrouble("it: went wrong")),
        ],
    )
    def test_events_in_both_spellings(self, text: str, item: object) -> None:
        assert media().receive_untrusted(text, 0.0) == [item]

    def test_audio_is_counted(self) -> None:
        begun = media()
        assert begun.receive_untrusted(LOUD * 160, 0.0) == [loud(160)]
        assert begun.receive_untrusted(LOUD * 80, 0.0) == [Frame(LOUD * 80, MULAW_8K, 160)]
        assert begun.receive_untrusted(b"", 0.0) == []

    def test_what_is_not_known_is_counted(self) -> None:
        begun = media()
        for text in (
            "NOVELTY a:b",
            '{"event":"NOVELTY"}',
            "{}",
            "",
            START,
            "DTMF_END digit:x",
            "MEDIA_MARK_PROCESSED other",
            "STATUS queue_length:1",
        ):
            assert begun.receive_untrusted(text, 0.0) == []
        assert begun.counts == {"unknown": 4, "repeated": 1, "no_key": 1, "stale": 2}

    @pytest.mark.parametrize(
        "first",
        [
            b"\xff" * 160,
            "hello",
            '{"event":"start"}',
            START.replace('"ulaw"', '"opus"').replace("160", "0"),
            START.replace("160", "70000"),
            START.replace("160", '"many"'),
            "{" * 10_000,
            "x" * 20_000,
        ],
    )
    def test_what_begins_otherwise_is_no_call(self, first: str | bytes) -> None:
        with pytest.raises(RemoteProtocolError):
            AsteriskMedia().receive_untrusted(first, 0.0)

    def test_half_a_sample_is_no_audio(self) -> None:
        with pytest.raises(RemoteProtocolError, match="half a sample"):
            media(START.replace("ulaw", "slin").replace("160", "320")).receive_untrusted(b"abc", 0.0)


class TestWhatIsSaid:
    def test_commands_in_both_spellings(self) -> None:
        assert media().answer() == ['{"command":"ANSWER"}']
        assert media(PLAIN_START).hang_up() == ["HANGUP"]

    def test_audio_goes_in_whole_frames_with_a_mark_each_100_ms(self) -> None:
        begun = media()
        assert begun.play(loud(800), 0.0) == [LOUD * 800, '{"command":"MARK_MEDIA","correlation_id":"0:5"}']
        assert begun.play(loud(320), 0.0) == [LOUD * 320]
        assert begun.advance(0.1) == ['{"command":"MARK_MEDIA","correlation_id":"0:7"}']
        assert media(PLAIN_START).play(loud(800), 0.0)[1] == "MARK_MEDIA 0:5"

    def test_a_rest_waits_for_more(self) -> None:
        begun = media()
        assert begun.play(loud(200), 0.0) == [LOUD * 160]
        assert begun.play(loud(120), 0.0) == [LOUD * 160]

    def test_a_rest_is_filled_up_before_the_other_end_runs_dry(self) -> None:
        begun = media()
        begun.play(loud(1_640), 0.0)  # 10 frames, and 5 ms
        assert begun.due == pytest.approx(0.2 - 0.04)
        assert begun.advance(0.16)[0] == LOUD * 40 + b"\xff" * 120

    def test_what_is_filled_up_counts_only_with_what_was_said(self) -> None:
        begun = media()
        begun.play(loud(1_640), 0.0)
        begun.advance(0.16)
        assert begun.receive_untrusted("MEDIA_MARK_PROCESSED 0:11", 0.3) == [MediaPlayed(1_640, 0)]

    def test_a_message_is_never_longer_than_asterisk_takes(self) -> None:
        messages = media().play(loud(160 * 1_000), 0.0)
        assert [len(message) for message in messages if isinstance(message, bytes)] == [160 * 409, 160 * 409, 160 * 182]

    def test_an_interruption_asks_how_much_was_played_with_the_queue_at_rest(self) -> None:
        begun = media(PLAIN_START)
        begun.play(loud(1_640), 0.0)
        assert begun.clear(0.1) == ["PAUSE_MEDIA", "GET_STATUS", "FLUSH_MEDIA", "CONTINUE_MEDIA"]
        begun.play(loud(160), 0.1)
        status = "STATUS channel_id:pbx-1.9 queue_length:4 xon_level:800 xoff_level:900 queue_full:false bulk_media:false media_paused:true"
        assert begun.receive_untrusted(status, 0.1) == [MediaPlayed(960, 0, final=True)]
        for stale in ("0:10", "0:1", "1:2", "2:0"):
            assert begun.receive_untrusted(f"MEDIA_MARK_PROCESSED {stale}", 0.1) == []
        assert begun.receive_untrusted("MEDIA_MARK_PROCESSED 1:1", 0.2) == [MediaPlayed(160, 1)]

    def test_it_waits_while_the_queue_is_full(self) -> None:
        begun = media()
        begun.receive_untrusted('{"event":"MEDIA_XOFF","channel_id":"pbx-1.9"}', 0.0)
        assert not begun.ready
        begun.receive_untrusted("MEDIA_XON", 0.0)
        assert begun.ready

    def test_another_format_is_refused(self) -> None:
        with pytest.raises(FormatError, match="mulaw/8000"):
            media().play(Frame.silence(160, PCM16_8K), 0.0)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32))
    def test_with_asterisk_every_position_is_exact(self, seed: int) -> None:
        """Both sides together, step by step: what is reported is what was played, sample for sample, in any order of acts."""
        rng = random.Random(seed)
        pbx, app, now = AsteriskChannel(ChannelOptions(MULAW_8K, json=rng.random() < 0.5)), AsteriskMedia(), 0.0
        pbx.start()
        said = played = clears = 0
        reports: list[MediaPlayed] = []
        for _ in range(200):
            for message in pbx.take():
                reports += [item for item in app.receive_untrusted(message, now) if isinstance(item, MediaPlayed)]
            assert all(report.samples <= said for report in reports if report.clears == clears)
            act, samples = rng.choice(["say", "say", "rest", "rest", "rest", "clear"]), rng.randrange(1, 700)
            for message in app.advance(now) + (app.play(loud(samples), now) if act == "say" else app.clear(now) if act == "clear" else []):
                pbx.receive_untrusted(message)
            if act == "clear":
                [status] = [text for text in pbx.take() if isinstance(text, str) and "STATUS" in text]
                assert app.receive_untrusted(status, now) == [MediaPlayed(played, clears, final=True)]
                said, played, clears = 0, 0, clears + 1
            said += samples if act == "say" else 0
            frame = pbx.tick()
            played += frame.data.count(LOUD) if frame is not None else 0
            now += 0.02
        assert pbx.losses == {}


EVENTS = ["MEDIA_START", "MEDIA_MARK_PROCESSED", "STATUS", "DTMF_END", "MEDIA_XOFF", "MEDIA_XON", "ERROR", "QUEUE_DRAINED", "NOVELTY"]
FIELDS = ["format", "optimal_frame_size", "queue_length", "correlation_id", "digit", "error_text", "channel_variables", "channel_id"]
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["0:1", "9" * 50, "slin", "160", "5"]) | st.text(max_size=9)
)
nested = values | st.dictionaries(st.text(max_size=5), values, max_size=3) | st.lists(values, max_size=3)
in_json = st.builds(
    lambda name, fields: json.dumps({"event": name, **fields}),
    st.sampled_from(EVENTS) | st.text(max_size=9),
    st.dictionaries(st.sampled_from(FIELDS), nested, max_size=4),
)
in_plain = st.builds(
    lambda name, fields: " ".join([name, *(f"{key}:{value}" for key, value in fields.items())]),
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=4),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(in_json | in_plain | st.text(max_size=40) | st.binary(max_size=40), max_size=8), st.booleans())
def test_whatever_comes_raises_only_the_protocol_error(messages: list[str | bytes], begun: bool) -> None:
    machine, pbx = media() if begun else AsteriskMedia(), AsteriskChannel(ChannelOptions(PCM16_24K))
    if begun:
        machine.play(loud(1_000), 0.0)
        machine.clear(0.0)
    for message in messages:
        pbx.receive_untrusted(message)
    try:
        for message in messages:
            for item in machine.receive_untrusted(message, 0.0):
                assert isinstance(item, MediaStarted | MediaPlayed | MediaTrouble | Frame | Dtmf)
                assert not isinstance(item, MediaPlayed) or 0 <= item.samples <= 1_000
    except RemoteProtocolError:
        pass


class TestAnAsteriskForTests:
    """It loses what the real one loses."""

    def test_the_end_of_a_message_that_fills_no_frame(self) -> None:
        pbx = AsteriskChannel(ChannelOptions(MULAW_8K))
        pbx.receive_untrusted(LOUD * 200)
        assert (pbx.queued, pbx.losses) == (1, {"cut_frame": 1})

    def test_but_not_while_it_buffers(self) -> None:
        pbx = AsteriskChannel(ChannelOptions(MULAW_8K, json=False))
        for message in ("START_MEDIA_BUFFERING", LOUD * 200, LOUD * 100, "STOP_MEDIA_BUFFERING e1"):
            pbx.receive_untrusted(message)
        played = [pbx.tick() for _ in range(3)]
        assert [frame.data if frame else b"" for frame in played] == [LOUD * 160, LOUD * 140 + b"\xff" * 20, b""]
        assert pbx.take() == ["MEDIA_BUFFERING_COMPLETED e1"]

    def test_marks_when_it_is_flushed(self) -> None:
        pbx = AsteriskChannel(ChannelOptions(MULAW_8K, json=False))
        for message in (LOUD * 160, "MARK_MEDIA m", "FLUSH_MEDIA", "REPORT_QUEUE_DRAINED"):
            pbx.receive_untrusted(message)
        pbx.tick()
        assert pbx.take() == ["QUEUE_DRAINED"]

    def test_commands_that_are_too_long_unknown_or_no_json(self) -> None:
        pbx = AsteriskChannel()
        for message in ('{"command":"ANSWER"}' + " " * 128, '{"command":"DANCE"}', "ANSWER"):
            pbx.receive_untrusted(message)
        assert not pbx.answered
        assert pbx.losses == {"long_command": 1, "unknown_command": 1, "no_json": 1}

    def test_messages_when_its_queue_is_full(self) -> None:
        pbx = AsteriskChannel(ChannelOptions(MULAW_8K, json=False))
        for _ in range(3):
            pbx.receive_untrusted(LOUD * 160 * 409)
        assert pbx.take() == ["MEDIA_XOFF"]
        pbx.receive_untrusted(LOUD * 160)
        assert pbx.losses == {"full": 1}
        for _ in range(3 * 409 - 799):
            assert pbx.take() == []
            pbx.tick()
        pbx.tick()
        assert pbx.take() == ["MEDIA_XON"]

    def test_the_call_when_a_message_is_too_long(self) -> None:
        pbx = AsteriskChannel()
        pbx.receive_untrusted(bytes(65_501))
        assert pbx.torn_down == "a message of 65501 bytes"
