"""What Twilio's sister carriers say, and what they must be told.

Messages are written from the pages that each module of `trioaudio.wire` names, read 2026-11: signalwire/docs stream.mdx;
developers.telnyx.com, media streaming; plivo.com/docs/voice-agents/audio-streaming; developer.exotel.com, AgentStream;
developer.vonage.com, voice websockets; purecloudlabs/audiohook-reference-implementation (2871b01c) and
GenesysCloudBlueprints/audioconnector-server-reference-implementation (3d7236e8). Ids and numbers are made up.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat
from trioaudio.wire.exotel import EXOTEL
from trioaudio.wire.genesys import GENESYS
from trioaudio.wire.phone import PhoneDialect
from trioaudio.wire.plivo import PLIVO
from trioaudio.wire.signalwire import SIGNALWIRE
from trioaudio.wire.telnyx import TELNYX
from trioaudio.wire.vonage import VONAGE


@dataclass(frozen=True)
class Spoken:
    """One carrier: what it says, with ``%s`` for what differs, and what it must be told."""

    dialect: PhoneDialect
    start: str
    media: str | bytes
    key: str
    mark: str | None
    stop: str | None
    format: AudioFormat
    play: dict[str, Any] | bytes
    ask: dict[str, Any] | None
    forget: dict[str, Any]
    session: str | None = None
    cleared: str | None = None


SESSION = "30b0e395-84d3-4570-ac13-9a62d8f514c0"


def genesys_says(kind: str, seq: int, serverseq: int = 0, **parameters: object) -> str:
    """A message of Genesys, the client."""
    head = {"version": "2", "id": SESSION, "type": kind, "seq": seq, "serverseq": serverseq, "position": "PT12.34S"}
    return json.dumps({**head, "parameters": parameters})


def genesys_heard(kind: str, seq: int, clientseq: int = 1, **parameters: object) -> str:
    """A message that Genesys gets from the server."""
    return json.dumps({"version": "2", "id": SESSION, "type": kind, "seq": seq, "clientseq": clientseq, "parameters": parameters})


GENESYS_OPEN = {
    "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
    "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
    "participant": {"id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0", "ani": "tel:+15550100", "aniName": "A", "dnis": "tel:+15550199"},
    "media": [
        {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
        {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
    ],
    "language": "en-US",
    "inputVariables": {"session": "s-17"},
}
ULAW = b"\x12" * 160
PCM = b"\x01\x02" * 160
ULAW_TEXT, PCM_TEXT = b64encode(ULAW).decode(), b64encode(PCM).decode()

CARRIERS = {
    "signalwire": Spoken(
        SIGNALWIRE,
        '{"event":"start","sequenceNumber":"1","start":{"streamSid":"S1","accountSid":"A7","callSid":"C4","tracks":["inbound"],'
        '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"session":"s-17"}}}',
        '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"%s"}}',
        '{"event":"dtmf","streamSid":"S1","sequenceNumber":"3","dtmf":{"digit":"5","duration":200}}',
        '{"event":"mark","streamSid":"S1","mark":{"name":"%s"}}',
        '{"event":"stop","sequenceNumber":"9"}',
        MULAW_8K,
        {"event": "media", "streamSid": "S1", "media": {"payload": ULAW_TEXT}},
        {"event": "mark", "streamSid": "S1", "mark": {"name": "g0:0"}},
        {"event": "clear", "streamSid": "S1"},
        "s-17",
    ),
    "telnyx": Spoken(
        TELNYX,
        '{"event":"start","sequence_number":"1","stream_id":"5d1f","start":{"user_id":"u1","call_control_id":"v3:abc","call_session_id":"s1",'
        '"from":"+15550100","to":"+15550199","client_state":"eyJhIjoxfQ==","tags":[],'
        '"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}}}',
        '{"event":"media","sequence_number":"4","stream_id":"5d1f","media":{"track":"inbound","chunk":"2","timestamp":"40","payload":"%s"}}',
        '{"event":"dtmf","stream_id":"5d1f","occurred_at":"2026-01-02T03:04:05.6Z","sequence_number":"9","dtmf":{"digit":"5"}}',
        '{"event":"mark","stream_id":"5d1f","sequence_number":"12","mark":{"name":"%s"}}',
        '{"event":"stop","sequence_number":"99","stream_id":"5d1f","stop":{"user_id":"u1","call_control_id":"v3:abc"}}',
        MULAW_8K,
        {"event": "media", "media": {"payload": ULAW_TEXT}},
        {"event": "mark", "mark": {"name": "g0:0"}},
        {"event": "clear"},
    ),
    "plivo": Spoken(
        PLIVO,
        '{"event":"start","sequenceNumber":0,"start":{"callId":"c4","streamId":"p1","accountId":"a7","tracks":["inbound"],'
        '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"session=s-17"}',
        '{"event":"media","sequenceNumber":2,"streamId":"p1",'
        '"media":{"track":"inbound","chunk":2,"timestamp":"1767323045123","payload":"%s"}}',
        '{"event":"dtmf","sequenceNumber":5,"streamId":"p1","dtmf":{"digit":"5","track":"inbound"}}',
        '{"event":"playedStream","name":"%s"}',
        '{"event":"stop","sequenceNumber":9,"streamId":"p1"}',
        MULAW_8K,
        {"event": "playAudio", "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": ULAW_TEXT}},
        {"event": "checkpoint", "streamId": "p1", "name": "g0:0"},
        {"event": "clearAudio", "streamId": "p1"},
        "s-17",
        '{"event":"clearedAudio","streamId":"p1"}',
    ),
    "exotel": Spoken(
        EXOTEL,
        '{"event":"start","sequence_number":"1","stream_sid":"e1","start":{"stream_sid":"e1","call_sid":"c4","account_sid":"a7",'
        '"from":"0155501000","to":"0155501999","custom_parameters":{"session":"s-17"},'
        '"media_format":{"encoding":"audio/x-raw","sample_rate":"8000","bit_rate":"16"}}}',
        '{"event":"media","sequence_number":"3","stream_sid":"e1","media":{"chunk":"2","timestamp":"20","payload":"%s"}}',
        '{"event":"dtmf","sequence_number":"4","stream_sid":"e1","dtmf":{"digit":"5","duration":"100"}}',
        '{"event":"mark","sequence_number":"5","stream_sid":"e1","mark":{"name":"%s"}}',
        '{"event":"stop","sequence_number":"9","stream_sid":"e1","stop":{"call_sid":"c4","account_sid":"a7","reason":"ended"}}',
        PCM16_8K,
        {"event": "media", "stream_sid": "e1", "media": {"payload": b64encode(PCM * 10).decode()}},
        {"event": "mark", "stream_sid": "e1", "mark": {"name": "g0:0"}},
        {"event": "clear", "stream_sid": "e1"},
        "s-17",
    ),
    "vonage": Spoken(
        VONAGE,
        '{"event":"websocket:connected","content-type":"audio/l16;rate=8000","session":"s-17"}',
        b"",
        '{"event":"websocket:dtmf","digit":"5","duration":260}',
        '{"event":"websocket:notify","payload":{"m":"%s"}}',
        None,
        PCM16_8K,
        PCM,
        {"action": "notify", "payload": {"m": "g0:0"}},
        {"action": "clear"},
        "s-17",
        '{"event":"websocket:cleared"}',
    ),
    "genesys": Spoken(
        GENESYS,
        genesys_says("open", 1, **GENESYS_OPEN),
        b"",
        genesys_says("dtmf", 2, digit="5"),
        None,
        genesys_says("close", 3, reason="end"),
        MULAW_8K,
        ULAW * 10,
        None,
        json.loads(genesys_heard("event", 2, entities=[{"type": "barge_in", "data": {}}])),
        "s-17",
    ),
}


def media(spoken: Spoken, audio: bytes) -> str | bytes:
    """A piece of audio as the carrier sends it."""
    return audio if isinstance(spoken.media, bytes) else spoken.media % b64encode(audio).decode()


def returned(spoken: Spoken, name: str) -> str:
    """A mark that comes back, where the carrier has any."""
    assert spoken.mark is not None
    return spoken.mark % name
