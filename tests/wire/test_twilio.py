"""Twilio's words, and what they mean. Messages are written from twilio.com/docs/voice/media-streams/websocket-messages, read 2026-11."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import Dtmf, FormatError, LocalProtocolError, RemoteProtocolError
from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat, Frame
from trioaudio.wire.phone import PhonePlayed, PhoneWire, Started
from trioaudio.wire.twilio import TWILIO
from trioaudio.wire.twilio_carrier import TwilioCarrier

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ0a1b",
    "start": {
        "accountSid": "AC77",
        "streamSid": "MZ0a1b",
        "callSid": "CA42",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"session": "s-17"},
    },
}
DTMF = '{"event":"dtmf","sequenceNumber":"88","streamSid":"MZ0a1b","dtmf":{"track":"inbound_track","digit":"5"}}'
STOP = '{"event":"stop","sequenceNumber":"140","streamSid":"MZ0a1b","stop":{"accountSid":"AC77","callSid":"CA42"}}'


def media(at: int, audio: bytes = b"\x00" * 160, **other: Any) -> str:
    content = {"track": "inbound", "chunk": "1", "timestamp": str(at), "payload": b64encode(audio).decode(), **other}
    return json.dumps({"event": "media", "sequenceNumber": "2", "streamSid": "MZ0a1b", "media": content})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "sequenceNumber": "91", "streamSid": "MZ0a1b", "mark": {"name": name}})


def started(**kwargs: Any) -> PhoneWire:
    wire = PhoneWire(TWILIO, **kwargs)
    wire.receive_untrusted(CONNECTED, 0.0)
    wire.receive_untrusted(json.dumps(START), 0.0)
    return wire


def speech(milliseconds: float) -> Frame:
    return Frame(b"\x12" * round(8 * milliseconds), MULAW_8K)


def sounds(items: list[Any]) -> list[tuple[int, int]]:
    return [(item.media_time, item.num_samples) for item in items if isinstance(item, Frame)]


# ---- what Twilio says


def test_the_start_says_who_calls_and_in_which_format() -> None:
    wire = started()
    assert wire.phase == "started"
    assert wire.start == Started("MZ0a1b", "CA42", "AC77", "audio/x-mulaw", 8000, ("inbound",), None, None, {"session": "s-17"})
    assert wire.format == MULAW_8K


def test_its_repr_shows_no_parameters() -> None:
    assert "s-17" not in repr(started().start)


def test_media_is_audio_that_nobody_has_decoded() -> None:
    wire = started()
    (frame,) = wire.receive_untrusted(media(61, b"\x12" * 160), 0.1)
    assert isinstance(frame, Frame)
    assert (frame.format, frame.media_time, frame.data) == (MULAW_8K, 0, b"\x12" * 160)
    assert sounds(wire.receive_untrusted(media(81, b"\x12" * 80), 0.12)) == [(160, 80)]


def test_keys_are_events_and_strange_ones_are_counted() -> None:
    wire = started()
    assert wire.receive_untrusted(DTMF, 1.0) == [Dtmf("5")]
    assert wire.receive_untrusted(DTMF.replace('"5"', '"x"'), 1.0) == []
    assert wire.counts.malformed == 1


def test_a_second_stop_does_no_harm() -> None:
    wire = started()
    wire.receive_untrusted(STOP, 1.0)
    wire.receive_untrusted(STOP, 1.0)
    assert (wire.phase, wire.counts.repeated) == ("stopped", 1)


@pytest.mark.parametrize(
    "message",
    [
        '{"event":"weather"}',
        '{"event":7}',
        "{}",
        json.dumps({**START, "extra": {"deep": [1]}}),
        media(61, payload="not base64!"),
        media(61, payload=None),
        media(61, payload=["x"]),
        media(61, timestamp="1e9"),
        media(61, timestamp=-5),
        mark("g99999:1"),
        mark("somebody else's"),
    ],
)
def test_what_is_unknown_or_malformed_is_counted_and_harms_nobody(message: str) -> None:
    wire = started()
    wire.receive_untrusted(message, 0.1)
    assert sounds(wire.receive_untrusted(media(81), 0.12))[-1][1] == 160


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("garbage", 1007),
        ("[1]", 1007),
        (b"\x00\x01", 1003),
        (media(61).replace("MZ0a1b", "MZother"), 1008),
        (STOP.replace("MZ0a1b", "MZother"), 1008),
    ],
)
def test_what_is_not_the_protocol_is_refused_and_says_why(message: str | bytes, code: int) -> None:
    wire = started()
    with pytest.raises(RemoteProtocolError):
        wire.receive_untrusted(message, 0.1)
    assert wire.close_code == code


@pytest.mark.parametrize("message", [media(61), DTMF, STOP, mark("g0:0")])
def test_nothing_comes_before_the_start(message: str) -> None:
    wire = PhoneWire(TWILIO)
    with pytest.raises(RemoteProtocolError, match="before"):
        wire.receive_untrusted(message, 0.0)
    assert wire.close_code == 1002


def test_audio_in_another_format_is_refused() -> None:
    strange = json.dumps(START).replace("x-mulaw", "x-l16")
    wire = PhoneWire(TWILIO)
    with pytest.raises(RemoteProtocolError, match="twilio"):
        wire.receive_untrusted(strange, 0.0)
    assert (wire.close_code, wire.phase) == (1003, "connecting")


# ---- gaps


def test_what_is_missing_is_filled_with_silence() -> None:
    wire = started()
    wire.receive_untrusted(media(1000), 1.0)
    silence, frame = wire.receive_untrusted(media(1120), 1.1)
    assert isinstance(silence, Frame)
    assert isinstance(frame, Frame)
    assert (silence.media_time, silence.data) == (160, b"\xff" * 800)
    assert frame.media_time == 960


def test_no_more_is_filled_than_time_has_passed() -> None:
    wire = started()
    wire.receive_untrusted(media(0), 1.0)
    for i in range(1, 20):
        assert sounds(wire.receive_untrusted(media(i * 9000), 1.0 + i / 50)) == [(160 * i, 160)]
    assert wire.counts.jumps == 19


def test_a_timestamp_that_goes_back_is_taken_as_the_new_time() -> None:
    wire = started()
    wire.receive_untrusted(media(20_000), 1.0)
    assert sounds(wire.receive_untrusted(media(40), 1.02)) == [(160, 160)]
    assert sounds(wire.receive_untrusted(media(60), 1.04)) == [(320, 160)]


def test_a_line_on_which_nothing_comes_is_silent() -> None:
    wire = started()
    assert wire.due == float("inf")  # it has not begun
    wire.receive_untrusted(media(0), 1.0)
    assert wire.due == 1.75
    assert wire.lull(1.7) is None
    silence = wire.lull(1.75)
    assert silence is not None
    assert silence.num_samples == 6000
    assert sounds(wire.receive_untrusted(media(1000), 2.0)) == [(6160, 1840), (8000, 160)]  # what the silence had not covered yet


# ---- what we say


def test_audio_goes_out_as_it_came_with_a_mark_each_100_ms() -> None:
    wire = started()
    wire.owed()
    sent = [json.loads(message) for i in range(10) for message in wire.play(speech(20), i / 50)]
    assert sent[0] == {"event": "media", "streamSid": "MZ0a1b", "media": {"payload": b64encode(b"\x12" * 160).decode()}}
    assert [each["mark"]["name"] for each in sent if each["event"] == "mark"] == ["g0:1", "g0:2"]


def test_nothing_can_be_said_before_the_start_or_in_another_format() -> None:
    with pytest.raises(LocalProtocolError):
        PhoneWire(TWILIO).play(speech(20), 0.0)
    with pytest.raises(LocalProtocolError):
        PhoneWire(TWILIO).clear(0.0)
    with pytest.raises(FormatError):
        started().play(Frame(b"\0\0" * 160, PCM16_8K), 0.0)


def test_on_a_stream_that_goes_one_way_nothing_is_ever_sent() -> None:
    wire = started(one_way=True)
    wire.receive_untrusted(media(0), 0.1)
    assert [wire.owed(), wire.play(speech(20), 0.1), wire.clear(0.2), wire.owed()] == [[], [], [], []]
    assert wire.counts.unsent == 1


def test_of_two_tracks_one_is_heard() -> None:
    wire = started(track="outbound")
    assert wire.receive_untrusted(media(0, track="inbound"), 0.1) == []
    assert len(wire.receive_untrusted(media(0, track="outbound"), 0.1)) == 1


def sides(items: list[Any]) -> tuple[bytes, bytes]:
    data = b"".join(item.data for item in items if isinstance(item, Frame))
    return data[0::2], data[1::2]


def both() -> PhoneWire:
    return started(one_way=True, track="both")


def test_both_tracks_are_the_two_audio_channels_of_one_each_where_it_was_said() -> None:
    wire = both()
    items = [
        *wire.receive_untrusted(media(20, b"\x01" * 160, track="inbound"), 0.02),
        *wire.receive_untrusted(media(20, b"\x02" * 160, track="outbound"), 0.02),
        *wire.receive_untrusted(media(40, b"\x03" * 160, track="inbound"), 0.04),
        *wire.receive_untrusted(media(60, b"\x04" * 160, track="outbound"), 0.06),
        *wire.receive_untrusted(STOP, 0.1),
    ]
    assert wire.heard_format == AudioFormat("mulaw", 8000, 2)
    assert wire.format == MULAW_8K
    silence = b"\xff" * 160
    assert sides(items) == (b"\x01" * 160 + b"\x03" * 160 + silence, b"\x02" * 160 + silence + b"\x04" * 160)


def test_a_track_that_says_nothing_keeps_the_other_one_waiting_for_a_moment_only() -> None:
    wire = both()
    items = [item for i in range(50) for item in wire.receive_untrusted(media(20 * i, b"\x01" * 160), 0.02 * i)]
    left, right = sides(items)
    assert (len(left), left, right) == (8000 - 800, b"\x01" * 7200, b"\xff" * 7200)
    items += wire.receive_untrusted(media(1000, b"\x02" * 160, track="outbound"), 1.0)
    items += wire.receive_untrusted(STOP, 1.1)
    assert sides(items)[1] == b"\xff" * 8000 + b"\x02" * 160, "it does not stand where it was said"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["inbound", "outbound"]), st.integers(-(10**4), 10**13), st.integers(0, 400), st.floats(0, 2))),
)
def test_no_timestamp_makes_more_of_both_tracks_than_time_has_passed(pieces: list[tuple[str, int, int, float]]) -> None:
    wire, now, said, items = both(), 0.0, 0, list[Any]()
    for track, timestamp, size, pause in pieces:
        now, said = now + pause, said + size
        if now >= wire.due:
            items += filter(None, [wire.lull(now)])
        items += wire.receive_untrusted(media(timestamp, b"\x01" * size, track=track), now)
    items += wire.receive_untrusted(STOP, now)
    left, right = sides(items)
    assert len(left) == len(right) <= 8000 * (now + 2 * 1.0 + 0.1) + 2 * said
    assert left.count(b"\x01") + right.count(b"\x01") == said


# ---- what was played


class Line:
    """Both ends, with a delay between them that may differ by direction."""

    def __init__(self, there: float = 0.0, back: float = 0.0) -> None:
        self.now, self.there, self.back = 0.0, there, back
        self.wire, self.carrier = PhoneWire(TWILIO), TwilioCarrier("MZ1", "CA1", "AC1", 0.0)
        self.items: list[Any] = []
        self._going: list[tuple[float, Any]] = []
        self._coming: list[tuple[float, str]] = [(0.0, message) for message in self.carrier.greeting()]
        self.run(there + back + 0.001)

    def say(self, messages: list[Any]) -> None:
        self._going += [(self.now + self.there, message) for message in messages]

    def play(self, milliseconds: float) -> None:
        for _ in range(round(milliseconds / 20)):
            self.say(self.wire.play(speech(20), self.now))

    def clear(self) -> None:
        self.say(self.wire.clear(self.now))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000)):
            self.now += 0.001
            while self._going and self._going[0][0] <= self.now:
                self.carrier.receive_untrusted(self._going.pop(0)[1], self.now)
            self._coming += [(self.now + self.back, message) for message in self.carrier.take(self.now)]
            while self._coming and self._coming[0][0] <= self.now:
                self.items += self.wire.receive_untrusted(self._coming.pop(0)[1], self.now)
            self.say(self.wire.owed())

    @property
    def reports(self) -> list[PhonePlayed]:
        return [item for item in self.items if isinstance(item, PhonePlayed)]


def test_marks_tell_what_was_played_to_its_very_end() -> None:
    line = Line(0.03, 0.02)
    line.play(260)
    line.run(0.5)
    assert [report.samples for report in line.reports] == [160, 960, 1760, 2080]
    assert not line.carrier.errors


@pytest.mark.parametrize(("there", "back"), [(0.0, 0.0), (0.04, 0.04), (0.15, 0.01), (0.01, 0.15)])
@pytest.mark.parametrize("wait", [0.05, 0.437, 0.9, 3.0])
def test_after_a_clear_the_figure_is_what_the_carrier_played_whatever_the_delay(there: float, back: float, wait: float) -> None:
    line = Line(there, back)
    line.run(0.2)
    line.play(1500)
    line.run(wait)
    line.clear()
    line.run(0.5)
    final = [report for report in line.reports if report.final]
    (truth,) = line.carrier.clears
    assert [report.generation for report in final] == [0]
    assert final[0].samples / 8 == pytest.approx(truth.generation_ms, abs=3)
    assert not line.carrier.errors


def test_a_mark_of_before_a_clear_says_nothing_of_what_was_said_after_it() -> None:
    wire = started()
    wire.play(speech(20), 0.1)
    wire.clear(0.2)
    wire.play(speech(20), 0.3)
    assert wire.receive_untrusted(mark("g0:1"), 0.31) == []
    assert wire.receive_untrusted(mark("g1:1"), 0.32) == [PhonePlayed(160, 1)]
    assert wire.counts.stale_marks == 1


def test_a_mark_that_a_clear_sends_back_is_not_taken_for_played() -> None:
    line = Line(0.02, 0.02)
    line.play(2000)
    line.run(0.5)
    line.clear()
    line.play(200)
    line.run(1.0)
    assert line.carrier.marks_returned > 20
    assert max(report.samples for report in line.reports if report.generation == 0) < 8 * 600
    assert [report for report in line.reports if report.generation == 1][-1] == PhonePlayed(1600, 1)
    assert line.wire.counts.stale_marks > 10


def test_two_clears_at_once_are_both_answered() -> None:
    line = Line(0.05, 0.05)
    line.play(500)
    line.run(0.3)
    line.clear()
    line.play(40)
    line.clear()
    line.run(0.3)
    assert [(report.generation, report.samples > 0) for report in line.reports if report.final] == [(0, True), (1, False)]


def test_the_round_trip_is_measured_before_anything_is_said() -> None:
    line = Line(0.11, 0.02)
    line.run(0.3)
    assert line.wire.round_trip == pytest.approx(0.13, abs=0.003)


# ---- the carrier's strictness


@pytest.mark.parametrize(
    ("message", "number"),
    [
        (b"\x00", 31950),
        ("garbage", 31951),
        ('{"event":"dance"}', 31951),
        ('{"event":"clear","streamSid":"MZ2"}', 31951),
        ('{"event":"clear","streamSid":"MZ1","extra":1}', 31951),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"AAAA","track":"outbound"}}', 31951),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"!"}}', 31951),
        ('{"event":"mark","streamSid":"MZ1","mark":{}}', 31951),
    ],
)
def test_a_message_of_the_wrong_shape_is_an_error_by_number(message: str | bytes, number: int) -> None:
    carrier = TwilioCarrier("MZ1", "CA1", "AC1", 0.0)
    carrier.receive_untrusted(message, 0.0)
    assert [error.number for error in carrier.errors] == [number]


def test_a_stream_that_goes_one_way_takes_nothing() -> None:
    carrier = TwilioCarrier("MZ1", "CA1", "AC1", 0.0, one_way=True)
    carrier.receive_untrusted('{"event":"clear","streamSid":"MZ1"}', 0.0)
    assert [error.number for error in carrier.errors] == [31924]


def test_ten_minutes_are_kept_and_no_more() -> None:
    carrier = TwilioCarrier("MZ1", "CA1", "AC1", 0.0)
    minute = json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": b64encode(b"\x12" * 480_000).decode()}})
    for _ in range(13):
        carrier.receive_untrusted(minute, 0.0)
    assert carrier.silent_at == 600.0
    assert [error.number for error in carrier.errors] == [31931]


# ---- strangers

VALUES = st.sampled_from([None, True, -1, 10**30, 1.5, "", "AAAA", "!", "MZ0a1b", "inbound", "61", "9" * 30, [], ["x"], {}, {"x": 1}])
INNER = st.dictionaries(
    st.sampled_from(["payload", "timestamp", "track", "name", "digit", "streamSid", "callSid", "mediaFormat", "customParameters"]), VALUES
)
FIELDS = st.dictionaries(st.sampled_from(["streamSid", "start", "media", "mark", "dtmf", "stop"]), VALUES | INNER, max_size=4)
EVENTS = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "clear", "weather", None, 7, []])
MESSAGES = st.one_of(
    st.text(max_size=20), st.binary(max_size=20), st.builds(lambda event, fields: json.dumps({"event": event, **fields}), EVENTS, FIELDS)
)


@given(st.lists(MESSAGES, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_a_stranger_sends_only_the_protocol_error_comes_of_it(messages: list[str | bytes], begun: bool) -> None:
    wire = started() if begun else PhoneWire(TWILIO)
    carrier = TwilioCarrier("MZ0a1b", "CA1", "AC1", 0.0)
    for i, message in enumerate(messages):
        carrier.receive_untrusted(message, i / 50)
        try:
            for item in wire.receive_untrusted(message, i / 50):
                assert not isinstance(item, Frame) or len(item.data) <= 90_000
        except RemoteProtocolError:
            pass
        wire.owed()


@pytest.mark.parametrize(
    "message", ["[" * 60_000, '{"event":"media","media":{"timestamp":' + "9" * 60_000 + "}}", '{"event":"start",' * 9_000]
)
def test_a_message_that_is_hard_to_read_is_refused_at_once(message: str) -> None:
    begun = time.process_time()
    with pytest.raises(RemoteProtocolError):
        started().receive_untrusted(message, 0.0)
    assert time.process_time() - begun < 1
