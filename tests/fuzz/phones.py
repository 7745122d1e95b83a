"""Telephones: the words of each carrier, what they mean, Twilio as a carrier, and Asterisk's two ways in."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import partial
from itertools import count

from fuzz.targets import Take, Target, Targets, function
from wire.carriers_say import CARRIERS, Spoken, genesys_heard, genesys_says, media

from trioaudio.audio import MULAW_8K, Frame
from trioaudio.wire._asterisk_words import event_untrusted
from trioaudio.wire.asterisk_channel import AsteriskChannel, ChannelOptions
from trioaudio.wire.asterisk_websocket import AsteriskMedia
from trioaudio.wire.audiosocket import AudioSocketReader, FrameReader, written
from trioaudio.wire.carriers import detect_untrusted
from trioaudio.wire.genesys import GENESYS
from trioaudio.wire.genesys_carrier import GenesysCarrier
from trioaudio.wire.json_carriers import ExotelCarrier, PlivoCarrier, SignalWireCarrier, TelnyxCarrier
from trioaudio.wire.phone import PhoneDialect, PhoneWire
from trioaudio.wire.twilio import TWILIO
from trioaudio.wire.twilio_carrier import TwilioCarrier
from trioaudio.wire.vonage import VONAGE
from trioaudio.wire.vonage_carrier import VonageCarrier

SOUND = b64encode(b"\x12" * 160).decode()
_CARRIER = TwilioCarrier("MZ1", "CA4", "AC7", 0.0, parameters={"trioaudio-token": "abc"})
TWILIO_SAYS = (
    *_CARRIER.greeting(),
    _CARRIER.media(b"\x12" * 160, 20),
    _CARRIER.media(b"\x12" * 160, 60_000),
    _CARRIER.media(b"\x12" * 160, 40, "outbound"),
    _CARRIER.dtmf("5"),
    json.dumps({"event": "mark", "sequenceNumber": "9", "streamSid": "MZ1", "mark": {"name": "g0:0"}}),
    _CARRIER.stop(),
)
TWILIO_HEARS = (
    json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": SOUND}}),
    json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": "g0:0"}}),
    json.dumps({"event": "clear", "streamSid": "MZ1"}),
)

GENESYS_SAYS = (
    CARRIERS["genesys"].start,
    b"\x12" * 320,
    CARRIERS["genesys"].key,
    *(genesys_says(kind, 2) for kind in ("paused", "update", "playback_started", "playback_completed", "error")),
    genesys_says("ping", 2, rtt="PT0.05S"),
    genesys_says("discarded", 2, start="PT0S", discarded="PT1.5S"),
    genesys_says("resumed", 2, start="PT0S", discarded="PT1.5S"),
    str(CARRIERS["genesys"].stop),
)
GENESYS_HEARS = (
    genesys_heard("opened", 1, media=[{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]),
    *(genesys_heard(kind, 2) for kind in ("pong", "pause", "resume", "closed")),
    genesys_heard("event", 2, entities=[{"type": "barge_in", "data": {}}]),
    genesys_heard("disconnect", 2, reason="completed"),
)


def _says(spoken: Spoken) -> tuple[str | bytes, ...]:
    mark = None if spoken.mark is None else spoken.mark % "g0:0"
    each = (spoken.start, media(spoken, b"\x12" * 320), spoken.key, mark, spoken.stop, spoken.cleared)
    return tuple(message for message in each if message is not None)


def _call(dialect: PhoneDialect, start: str | None) -> Take:
    """A call in which something is played, cleared and waited for while the carrier says strange things."""
    wire, times = PhoneWire(dialect), count(1)
    if start is not None:
        wire.receive_untrusted(start, 0.0)

    def take(data: str | bytes) -> object:
        number = next(times)
        now = number * 0.3
        said: list[object] = [*wire.owed()]
        if wire.phase == "started":
            said += wire.play(Frame(wire.format.silence(wire.format.rate // 10), wire.format), now)
            said += wire.clear(now) if number % 5 == 0 else wire.tail(now)
        heard = wire.receive_untrusted(data, now)
        return said, heard, wire.owed(), wire.lull(now + 0.5), wire.due, wire.counts

    return take


def _any_call() -> Take:
    """Whatever carrier the stranger says to be, found out by what it says first."""
    calls: list[Take] = []

    def take(data: str | bytes) -> object:
        if calls:
            return calls[0](data)
        found = detect_untrusted(data)
        calls.append(_call(found or TWILIO, None))
        return calls[0](data)

    return take


def _carriers() -> Take:
    """Everybody who plays what he is sent."""
    all_of_them = (TwilioCarrier, SignalWireCarrier, TelnyxCarrier, PlivoCarrier, ExotelCarrier, VonageCarrier, GenesysCarrier)
    carriers, times = [carrier("MZ1", "CA4", "AC7", 0.0) for carrier in all_of_them], count(1)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.05
        for carrier in carriers:
            carrier.receive_untrusted(data, now)
        return [(carrier.take(now), carrier.due, carrier.is_sounding(now)) for carrier in carriers]

    return take


ASTERISK_START = "MEDIA_START connection_id:c1 channel:WebSocket/c1 channel_id:1.2 format:ulaw optimal_frame_size:160 ptime:20"
ASTERISK_SAYS = (
    ASTERISK_START,
    json.dumps({"event": "MEDIA_START", "format": "slin24", "optimal_frame_size": 960, "channel_variables": {"a": "b"}}),
    "DTMF_END digit:5 duration_ms:100",
    "MEDIA_MARK_PROCESSED 0:1",
    "STATUS queue_length:3 xon_level:800 xoff_level:900 queue_full:false",
    "MEDIA_XOFF",
    "ERROR error_text:no such thing",
    json.dumps({"event": "STATUS", "queue_length": 7}),
    b"\x12" * 160,
)
ASTERISK_HEARS = ("ANSWER", "HANGUP", "START_MEDIA_BUFFERING", "MARK_MEDIA 0:1", "FLUSH_MEDIA", "GET_STATUS", "PAUSE_MEDIA", b"\x12" * 160)
ASTERISK_HEARS_JSON = (*(json.dumps({"command": each}) for each in ASTERISK_HEARS[:3]), '{"command":"MARK_MEDIA","correlation_id":"0:1"}')


def _asterisk() -> Take:
    machine, times = AsteriskMedia(), count(1)
    machine.receive_untrusted(ASTERISK_START, 0.0)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.1
        said = machine.play(Frame(b"\xff" * 400, MULAW_8K), now) if machine.ready else []
        return said, machine.receive_untrusted(data, now), machine.clear(now)

    return take


def _asterisk_channel(*, json: bool) -> Take:
    channel = AsteriskChannel(ChannelOptions(json=json))
    channel.start()

    def take(data: str | bytes) -> object:
        channel.receive_untrusted(data)
        channel.tick()
        return channel.take()

    return take


AUDIOSOCKET_SAYS = (
    written(0x01, bytes(range(16))),
    written(0x10, bytes(320)),
    written(0x03, b"5"),
    written(0x00),
    written(0xFF, b"\x01"),
    written(0x12, bytes(640)) + written(0x10, bytes(320)),
)


def _frames() -> Take:
    reader = FrameReader()
    return lambda data: (list(reader.frames_untrusted(data)), reader.waiting)


def _audiosocket() -> Take:
    reader = AudioSocketReader()
    reader.receive_untrusted(AUDIOSOCKET_SAYS[0])
    return lambda data: (reader.receive_untrusted(data), reader.in_frame, reader.ignored)


EVERYBODY = (*TWILIO_SAYS, *(message for spoken in CARRIERS.values() for message in _says(spoken)))

TARGETS: Targets = {
    "wire._phone.json:JsonDialect.read_untrusted": Target(
        EVERYBODY, lambda: lambda data: [each.dialect.read_untrusted(data) for each in CARRIERS.values()], either=True
    ),
    "wire.vonage:VonageDialect.read_untrusted": Target(_says(CARRIERS["vonage"]), lambda: VONAGE.read_untrusted, either=True),
    "wire.phone:PhoneWire.receive_untrusted": Target(TWILIO_SAYS, partial(_call, TWILIO, TWILIO_SAYS[1]), either=True),
    "wire.carriers:detect_untrusted": Target(EVERYBODY, _any_call, either=True),
    "wire.phone_carrier:PhoneCarrier.receive_untrusted": Target(
        (*TWILIO_HEARS, *GENESYS_HEARS), _carriers, (), either=True, remembers=True
    ),
    "wire.genesys:GenesysDialect.read_untrusted": Target(GENESYS_SAYS, lambda: GENESYS.begun().read_untrusted, either=True),
    "wire._asterisk_words:event_untrusted": function([each for each in ASTERISK_SAYS if isinstance(each, str)], event_untrusted),
    "wire.asterisk_websocket:AsteriskMedia.receive_untrusted": Target(ASTERISK_SAYS, _asterisk, either=True),
    "wire.asterisk_channel:AsteriskChannel.receive_untrusted": Target(
        (*ASTERISK_HEARS, *ASTERISK_HEARS_JSON), partial(_asterisk_channel, json=True), (), either=True
    ),
    "wire.audiosocket:FrameReader.frames_untrusted": Target(AUDIOSOCKET_SAYS, _frames, ()),
    "wire.audiosocket:AudioSocketReader.receive_untrusted": Target(AUDIOSOCKET_SAYS, _audiosocket),
}
"""What `wire.phone` does with the words of each carrier is driven by finding out whose they are."""
