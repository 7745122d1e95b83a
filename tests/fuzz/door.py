"""The front door: requests, forms, handshakes, headers, and the bytes of a websocket."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import h11
from fuzz.targets import Take, Target, Targets, function, harmless
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from trioaudio import RemoteProtocolError
from trioaudio._door.http_request import Asked, Refused, asked_untrusted, websocket_key_untrusted
from trioaudio._door.http_upgrade import handshake_untrusted
from trioaudio._door.perimeter import Perimeter
from trioaudio._door.routes import decoded_untrusted
from trioaudio._door.websocket_codec import Asked as AskedAlive
from trioaudio._door.websocket_codec import Left, Malformed, WebSocketCodec
from trioaudio._front_door import Headers, fields_untrusted
from trioaudio.wire.http_credentials import basic_untrusted
from trioaudio.wire.one_time_ids import OneTimeIds
from trioaudio.wire.telnyx_webhook import read_event_untrusted

KEY = b64encode(bytes(16)).decode()
UPGRADE = (
    f"GET /twilio/media/AC77?x=%41 HTTP/1.1\r\nHost: voice.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: trioaudio.v1, token.abc\r\n\r\n"
)
REQUESTS = (
    UPGRADE.encode(),
    b"POST /twilio/voice HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 9\r\nX-Twilio-Signature: abc=\r\n\r\nCallSid=1",
    b"GET /healthz?a=1&b=%C3%A9 HTTP/1.1\r\nHost: [::1]:80\r\nX-Forwarded-For: 10.0.0.1, 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
)
HEADERS = (
    "host: voice.example.com\nx-forwarded-for: 10.0.0.1, 203.0.113.7\nx-forwarded-proto: https\nx-forwarded-host: voice.example.com",
    "host: [::1]:8080\nx-forwarded-for: [2001:db8::1]:4711",
    "host: localhost\norigin: https://evil.example",
)


def _request(data: bytes) -> h11.Request | None:
    """The request in these bytes, if h11 lets it in at all."""
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(data)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


def _asked(data: bytes) -> Asked | None:
    request = _request(data)
    return asked_untrusted(request) if request is not None else None


def _asked_only(data: bytes) -> object:
    asked = _asked(data)
    return asked and (asked.bodiless, repr(asked))


def _key(data: bytes) -> object:
    asked = _asked(data)
    return asked and websocket_key_untrusted(asked)


def _handshake(data: bytes) -> object:
    asked = _asked(data)
    return asked and handshake_untrusted(asked)


def _visitor() -> Take:
    perimeter = Perimeter("127.0.0.1", "https://voice.example.com", ["10.0.0.0/8", "127.0.0.1"], [], secure=False)

    def take(lines: str) -> object:
        headers = Headers((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines.split("\n")))
        visitor = perimeter.visitor_untrusted("127.0.0.1", headers)
        return visitor.base, perimeter.complaint(visitor, headers, check_origin=True), perimeter.base_url(visitor, websocket=True)

    return take


def _frames() -> tuple[bytes, ...]:
    client = Connection(ConnectionType.CLIENT)
    text = client.send(TextMessage('{"event":"connected"}'))
    pieces = client.send(TextMessage("one", message_finished=False)) + client.send(TextMessage(" two"))
    binary = client.send(BytesMessage(bytes(320)))
    ping = client.send(Ping(b"there?"))
    return text, pieces, binary, ping, text + ping + binary + pieces, client.send(CloseConnection(1000, "bye"))


def _codec() -> Take:
    codec = [WebSocketCodec("server", 65_536)]

    def take(data: bytes) -> object:
        items = list(codec[0].read_untrusted(data))
        if any(isinstance(item, Left | Malformed) for item in items):  # nothing follows: whoever reads is done with it
            codec[0] = WebSocketCodec("server", 65_536)
        return [codec[0].pong(item) for item in items if isinstance(item, AskedAlive)]

    return take


TELNYX_POSTS = (
    b'{"data":{"id":"e1","event_type":"call.initiated","payload":{"call_control_id":"v3:1","direction":"incoming","from":"+15550100"}}}',
    b'{"data":{"id":"e2","event_type":"call.hangup","payload":{"call_control_id":"v3:1","hangup_cause":"user_busy"}}}',
    b'{"data":{"id":"e3","event_type":"call.machine.detection.ended","payload":{"call_control_id":"v3:1","result":"human"}}}',
)


def _ids() -> Take:
    ids = OneTimeIds()
    now = [0.0]

    def take(data: bytes) -> object:
        now[0] += 1.0
        ids.issue(now[0])
        return ids.take_untrusted(UUID(bytes=data[:16].ljust(16, b"\0")), now[0])

    return take


TARGETS: Targets = {
    "_door.http_request:asked_untrusted": function(REQUESTS, _asked_only),
    "_door.http_request:websocket_key_untrusted": function(REQUESTS, _key),
    "_door.http_upgrade:handshake_untrusted": function(REQUESTS, _handshake, RemoteProtocolError, Refused),
    "_door.perimeter:Perimeter.visitor_untrusted": Target(HEADERS, _visitor),
    "_door.routes:decoded_untrusted": function(("/twilio/voice", "/caf%C3%A9", "/%ff", "/a%2Fb"), decoded_untrusted),
    "_door.websocket_codec:WebSocketCodec.read_untrusted": Target(_frames(), _codec, ()),
    "_front_door:fields_untrusted": function(("CallSid=CA1&From=%2B15550100&Empty=", "a=1&a=2;b=3", "%ff=1"), fields_untrusted),
    "wire.http_credentials:basic_untrusted": harmless(("Basic YTpi", "basic YTpiOmM=", "Bearer x", "Basic ====", ""), basic_untrusted),
    "wire.telnyx_webhook:read_event_untrusted": function(TELNYX_POSTS, read_event_untrusted),
    "wire.one_time_ids:OneTimeIds.take_untrusted": Target((bytes(16), bytes(range(16))), _ids, ()),
}
