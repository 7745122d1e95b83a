"""The words of Twilio's sister carriers, and what they mean."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.carriers_say import CARRIERS, PCM, PCM_TEXT, ULAW, Spoken, genesys_heard, media, returned

from trioaudio import Dtmf, RemoteProtocolError
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.carriers import detect_untrusted
from trioaudio.wire.phone import PhonePlayed, PhoneWire
from trioaudio.wire.telnyx import TELNYX
from trioaudio.wire.twilio import TWILIO

TWILIO_START = (
    '{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC7","streamSid":"MZ1","callSid":"CA4",'
    '"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}}}'
)
OPENED = json.loads(
    genesys_heard("opened", 1, media=[{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}], startPaused=False)
)
every_carrier = pytest.mark.parametrize("spoken", CARRIERS.values(), ids=CARRIERS)


def started(spoken: Spoken) -> PhoneWire:
    wire = PhoneWire(spoken.dialect)
    wire.receive_untrusted(spoken.start, 0.0)
    return wire


def frame(spoken: Spoken, milliseconds: int) -> Frame:
    sample = PCM[:2] if spoken.format == PCM16_8K else ULAW[:1]
    return Frame(sample * (8 * milliseconds), spoken.format)


def read(message: str | bytes) -> Any:
    return message if isinstance(message, bytes) else json.loads(message)


def payload(message: str | bytes) -> bytes:
    return message if isinstance(message, bytes) else b64decode(read(message)["media"]["payload"])


@every_carrier
def test_the_start_says_the_format_and_what_was_given_along(spoken: Spoken) -> None:
    wire = started(spoken)
    assert wire.format == spoken.format
    assert wire.start is not None
    assert wire.start.parameters.get("session") == spoken.session
    assert "5550" not in repr(wire.start)


@pytest.mark.parametrize(("name", "caller"), [("telnyx", "+15550100"), ("exotel", "0155501000"), ("genesys", "+15550100")])
def test_where_a_carrier_says_who_calls_it_is_told(name: str, caller: str) -> None:
    start = started(CARRIERS[name]).start
    assert start is not None
    assert start.caller == caller


@every_carrier
def test_audio_and_keys_come_in_and_a_stop_ends_it(spoken: Spoken) -> None:
    wire = started(spoken)
    assert wire.receive_untrusted(media(spoken, frame(spoken, 20).data), 0.1) == [frame(spoken, 20)]
    assert wire.receive_untrusted(spoken.key, 0.2) == [Dtmf("5")]
    if spoken.stop is not None:
        wire.receive_untrusted(spoken.stop, 0.3)
        assert wire.phase == "stopped"
    assert wire.counts.unknown == wire.counts.malformed == 0
    assert not [message for message in wire.owed() if "disconnect" in str(message)]


@every_carrier
def test_what_we_say_is_exactly_what_the_carrier_wants(spoken: Spoken) -> None:
    wire = started(spoken)
    assert [read(message) for message in wire.owed()][-1] == (spoken.ask or OPENED)
    sent = [read(message) for i in range(10) for message in wire.play(frame(spoken, 20), i / 50)]
    assert sent[0] == spoken.play
    assert read(wire.clear(1.0)[0]) == spoken.forget


@pytest.mark.parametrize("spoken", [each for each in CARRIERS.values() if each.mark is not None])
def test_a_mark_that_comes_back_says_what_was_played(spoken: Spoken) -> None:
    wire = started(spoken)
    wire.receive_untrusted(returned(spoken, "g0:0"), 0.05)
    for i in range(10):
        wire.play(frame(spoken, 20), 0.1 + i / 50)
    (played,) = wire.receive_untrusted(returned(spoken, "g0:1"), 0.5)
    assert isinstance(played, PhonePlayed)
    assert played.samples == (1600 if spoken is CARRIERS["exotel"] else 160)


@pytest.mark.parametrize("name", ["plivo", "vonage"])
def test_a_clear_that_is_confirmed_settles_once_what_was_played(name: str) -> None:
    spoken = CARRIERS[name]
    wire, confirmed = started(spoken), str(spoken.cleared)
    wire.receive_untrusted(returned(spoken, "g0:0"), 0.0)
    wire.owed()
    for _ in range(50):
        wire.play(frame(spoken, 20), 0.0)
    wire.clear(0.4)
    (played,) = wire.receive_untrusted(confirmed, 0.4)
    assert isinstance(played, PhonePlayed)
    assert (played.generation, played.final) == (0, True)
    assert 0 < played.samples < 8000
    assert wire.receive_untrusted(returned(spoken, "g0:9"), 0.5) == []  # of before
    assert wire.receive_untrusted(returned(spoken, "g1:0"), 0.5) == []
    assert wire.receive_untrusted(confirmed, 0.6) == []


def test_a_clear_of_plivo_that_is_followed_by_another_is_confirmed_for_itself() -> None:
    spoken = CARRIERS["plivo"]
    wire = started(spoken)
    for at in (1.0, 1.2):
        wire.play(frame(spoken, 100), at)
        wire.clear(at + 0.1)
    settled = [wire.receive_untrusted(str(spoken.cleared), 1.5) for _ in range(3)]
    assert [[item.generation for item in items if isinstance(item, PhonePlayed)] for items in settled] == [[0], [1], []]


# ---- messages of one length


@pytest.mark.parametrize("name", ["vonage", "telnyx"])
def test_a_short_end_is_filled_up_with_silence_once_nothing_follows(name: str) -> None:
    spoken = CARRIERS[name]
    wire = started(spoken)
    wire.play(frame(spoken, 20), 0.0)
    assert wire.play(frame(spoken, 5), 0.02) == []
    assert wire.due == pytest.approx(0.07)
    assert wire.tail(0.06) == []
    assert payload(wire.tail(0.071)[0]) == frame(spoken, 5).data + spoken.format.silence(120)
    assert wire.tail(1.0) == []
    wire.receive_untrusted(returned(spoken, "g0:1"), 0.3)
    assert read(wire.owed()[-1]) == read(json.dumps(spoken.ask).replace("g0:0", "g0:2"))
    assert wire.receive_untrusted(returned(spoken, "g0:2"), 0.3) == [PhonePlayed(200, 0)]  # what was filled in is nobody's


def test_frames_of_any_length_become_binary_messages_of_exactly_20_ms() -> None:
    spoken = CARRIERS["vonage"]
    wire = started(spoken)
    sent = [message for i in range(7) for message in wire.play(frame(spoken, 33), i / 30)]
    assert [len(message) for message in sent if isinstance(message, bytes)] == [320] * 11


def test_exotel_has_200_ms_in_a_message_and_no_crooked_end() -> None:
    spoken = CARRIERS["exotel"]
    wire = started(spoken)
    sent = [message for i in range(21) for message in wire.play(frame(spoken, 21), i / 50)] + wire.tail(2.0)
    assert [len(payload(each)) for each in sent if read(each)["event"] == "media"] == [3200, 3200, 960]


def test_a_clear_forgets_what_was_kept_for_a_whole_message() -> None:
    spoken = CARRIERS["vonage"]
    wire = started(spoken)
    wire.play(frame(spoken, 30), 0.0)
    wire.clear(0.01)
    assert wire.tail(1.0) == []
    assert wire.play(frame(spoken, 10), 1.0) == []


# ---- order


def piece(chunk: int) -> str:
    content = {"track": "inbound", "chunk": str(chunk), "payload": b64encode(bytes([chunk % 100]) * 160).decode()}
    return json.dumps({"event": "media", "stream_id": "5d1f", "media": content})


@pytest.mark.parametrize(
    ("came", "heard"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 3, 2, 4], [1, 2, 3, 4]),
        ([1, 4, 3, 2, 5], [1, 2, 3, 4, 5]),
        ([1, 2, 2, 3], [1, 2, 3]),
        ([1, 3, 4, 5, 6, 7, 2], [1, 3, 4, 5, 6, 7]),
        ([1, 2, 4], [1, 2, 4]),  # kept until the stop
        ([90, 91, 1, 2], [90, 91, 1, 2]),  # another count
        ([1, 10**9, 2, 3], [1, 0, 2, 3]),
    ],
)
def test_telnyx_audio_is_put_in_order(came: list[int], heard: list[int]) -> None:
    wire = started(CARRIERS["telnyx"])
    items = [item for chunk in came for item in wire.receive_untrusted(piece(chunk), 0.1)]
    items += wire.receive_untrusted(str(CARRIERS["telnyx"].stop), 1.0)
    assert [item.data[0] for item in items if isinstance(item, Frame)] == heard
    assert wire.counts.late == len(came) - len(heard)


# ---- formats


@pytest.mark.parametrize(
    ("name", "was", "now", "format"),
    [
        ("signalwire", '"audio/x-mulaw","sampleRate":8000', '"audio/x-L16","sampleRate":24000', PCM16_24K),
        ("telnyx", '"PCMU"', '"PCMA"', ALAW_8K),
        ("telnyx", '"PCMU"', '"audio/x-mulaw"', MULAW_8K),
        ("plivo", '"audio/x-mulaw","sampleRate":8000', '"audio/x-l16","sampleRate":16000', PCM16_16K),
        ("exotel", '"sample_rate":"8000"', '"sample_rate":"16000"', PCM16_16K),
        ("vonage", "rate=8000", "rate=16000", PCM16_16K),
    ],
)
def test_each_format_that_a_carrier_offers(name: str, was: str, now: str, format: AudioFormat) -> None:
    spoken = CARRIERS[name]
    wire = started(replace(spoken, start=spoken.start.replace(was, now)))
    assert wire.format == format
    (heard,) = wire.receive_untrusted(media(spoken, format.silence(format.frame_samples)), 0.1)
    assert heard == Frame.silence(format.frame_samples, format)
    said = [message for i in range(10) for message in wire.play(heard, i / 50)]
    if name == "plivo":
        assert (read(said[0])["media"]["contentType"], read(said[0])["media"]["sampleRate"]) == ("audio/x-l16", 16000)


@pytest.mark.parametrize(
    ("name", "was", "now"), [("telnyx", "PCMU", "OPUS"), ("vonage", "audio/l16", "audio/opus"), ("plivo", "8000", "22050")]
)
def test_a_format_that_is_not_understood_is_refused_by_code(name: str, was: str, now: str) -> None:
    wire = PhoneWire(CARRIERS[name].dialect)
    with pytest.raises(RemoteProtocolError, match=name):
        wire.receive_untrusted(CARRIERS[name].start.replace(was, now), 0.0)
    assert wire.close_code == 1003


def test_the_byte_order_of_16_bits_can_be_the_other_way_round() -> None:
    spoken = CARRIERS["telnyx"]
    wire = PhoneWire(replace(TELNYX, big_endian=True))
    wire.receive_untrusted(spoken.start.replace('"PCMU"', '"L16"'), 0.0)
    (heard,) = wire.receive_untrusted(media(spoken, PCM), 0.1)
    assert isinstance(heard, Frame)
    assert heard.data == b"\x02\x01" * 160
    assert read(wire.play(heard, 0.2)[0])["media"]["payload"] == PCM_TEXT


def test_what_telnyx_complains_of_is_counted() -> None:
    wire = started(CARRIERS["telnyx"])
    error = {"code": 100003, "title": "malformed_frame", "detail": "..."}
    assert wire.receive_untrusted(json.dumps({"event": "error", "stream_id": "5d1f", "payload": error}), 1.0) == []
    assert wire.counts.complaints == 1


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_vonage_has_messages_of_exactly_20_ms_at_every_rate(rate: int) -> None:
    wire = PhoneWire(CARRIERS["vonage"].dialect)
    wire.receive_untrusted(CARRIERS["vonage"].start.replace("8000", str(rate)), 0.0)
    wire.owed()
    audio = Frame(b"\x01\x02" * (rate // 10 + 7), wire.format)
    sent = [*wire.play(audio, 0.0), *wire.tail(0.1)]
    assert {len(message) for message in sent if isinstance(message, bytes)} == {rate // 25}


# ---- who is it


@every_carrier
def test_a_carrier_is_told_by_its_start(spoken: Spoken) -> None:
    assert detect_untrusted(spoken.start) is spoken.dialect


def test_what_does_not_tell_is_asked_about_again() -> None:
    assert detect_untrusted(TWILIO_START) is TWILIO
    for unclear in ('{"event":"connected","version":"1.0.0"}', '{"event":"start","start":7}', "{}", b"\x00" * 320):
        assert detect_untrusted(unclear) is None
    with pytest.raises(RemoteProtocolError):
        detect_untrusted("[1]")


# ---- strangers

WORDS = ["start", "media", "dtmf", "mark", "playedStream", "clearedAudio", "stop"]
VONAGE_WORDS = ["websocket:connected", "websocket:dtmf", "websocket:notify", "websocket:cleared"]
VALUES = st.sampled_from(
    [None, True, -1, 10**30, 1.5, "", "AAAA", "!", "p1", "inbound", "61", "9" * 30, "a=b,=,c", [], ["x"], {}, {"m": 1}]
)
INNER = st.dictionaries(st.sampled_from(["payload", "timestamp", "chunk", "track", "name", "digit", "streamId", "media_format"]), VALUES)
KEYS = [
    "stream_id",
    "streamId",
    "stream_sid",
    "start",
    "media",
    "mark",
    "dtmf",
    "name",
    "extra_headers",
    "content-type",
    "payload",
    "digit",
]
FIELDS = st.dictionaries(st.sampled_from(KEYS), VALUES | INNER, max_size=4)
EVENTS = st.sampled_from([*WORDS, *VONAGE_WORDS, None, 7])
MESSAGES = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.builds(lambda event, fields: json.dumps({**fields, "event": event}), EVENTS, FIELDS),
    st.integers(0, 10**9).map(piece),
)


@given(st.sampled_from(list(CARRIERS.values())), st.lists(MESSAGES, max_size=5), st.booleans())
@settings(max_examples=80, deadline=None)
def test_whatever_a_stranger_sends_only_the_protocol_error_comes_of_it(spoken: Spoken, messages: list[str | bytes], begun: bool) -> None:
    wire = started(spoken) if begun else PhoneWire(spoken.dialect)
    for i, message in enumerate(messages):
        try:
            detect_untrusted(message)
            for item in wire.receive_untrusted(message, i / 50):
                assert not isinstance(item, Frame) or len(item.data) <= 90_000
        except RemoteProtocolError:
            pass
        wire.owed()
        wire.tail(i / 50)
