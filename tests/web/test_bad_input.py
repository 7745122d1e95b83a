"""Whatever a stranger does at a carrier's door, over real sockets, gets its refusal, is counted, and is logged without a word of anybody's.

The caller beside it never notices; a call that waits for its stream gets it; and whoever misbehaves in a call of their own ends that
alone. One line of a table is one rudeness.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

import pytest
import trio
from trio.testing import MockClock

from trioaudio import Call, Limits, OpenFrontDoor, Secret, Server, Timeouts, open_front_door, open_server
from trioaudio.abc import Listener
from trioaudio.sources import twilio
from trioaudio.sources.carriers import open_exotel
from trioaudio.testing import FakeTwilio, FakeTwilioCall, SocketWeb
from web.http_client import Client
from web.raw_websocket import BINARY, TEXT, RawPeer

BASE = "https://voice.example.com"
VOICE = f"{BASE}/twilio/voice"
CALLER = "+15550177"
QUOTE = b"nobody-says-this-again"
SAID = b64encode(b"\x34" * 160).decode()
FORM = "Content-Type: application/x-www-form-urlencoded"
LIMITS = Limits(http_body=2_000, http_header=2_000, message=10_000)
TIMEOUTS = Timeouts(http_header=0.2, http_body=0.2, drain=1)
MOMENT = 0.04


@dataclass
class House:
    """A server that listens to two carriers, and one call that goes on in it."""

    door: OpenFrontDoor
    twilio: Listener
    exotel: Listener
    server: Server
    fake: FakeTwilio
    call: FakeTwilioCall
    log: pytest.LogCaptureFixture
    sid: str = ""
    token: str = ""
    """Of a call that waits for its stream."""

    @property
    def counters(self) -> Counter[str]:
        return Counter(self.twilio.counters) + Counter(self.exotel.counters)

    @property
    def media(self) -> str:
        return f"/twilio/media/{self.fake.account}"

    def signed(self, url: str, form: dict[str, str] | None = None) -> str:
        return f"X-Twilio-Signature: {self.fake.sign(url, form or {})}"

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[Client, None]:
        async with await trio.open_tcp_stream(*self.door.addresses[0]) as stream:
            yield Client(stream)

    @asynccontextmanager
    async def upgraded(self, path: str, *headers: str) -> AsyncGenerator[RawPeer, None]:
        """A websocket that was accepted."""
        async with await trio.open_tcp_stream(*self.door.addresses[0]) as stream:
            peer = RawPeer(stream, masks=True)
            assert " 101 " in (await peer.shake_hands_as_client(path, *headers)).partition("\r\n")[0]
            yield peer

    def own(self) -> AbstractAsyncContextManager[RawPeer]:
        """The way in that Twilio was told."""
        return self.upgraded(self.media, self.signed(f"wss{BASE[5:]}{self.media}"))

    def start(self, **changed: object) -> bytes:
        """What begins the stream of the call that waits, with something changed."""
        start = {
            "streamSid": "MZ9",
            "callSid": self.sid,
            "accountSid": self.fake.account,
            "customParameters": {"trioaudio-token": self.token},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            **changed,
        }
        return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": start["streamSid"], "start": start}).encode()

    async def expect(self) -> None:
        """Somebody calls and is answered; their stream is waited for."""
        self.sid = f"{self.sid or 'CA'}1"
        form = {"CallSid": self.sid, "AccountSid": self.fake.account, "From": CALLER}
        async with self.client() as client:
            status, _, body = await client.post("/twilio/voice", urlencode(form).encode(), FORM, self.signed(VOICE, form))
        assert status == 200
        self.token = body.decode().partition('value="')[2].partition('"')[0]

    async def expected_stream_comes(self) -> None:
        """What was refused has used up nothing."""
        before = len(self.talking)
        async with self.own() as peer:
            await peer.send(TEXT, self.start())
            await trio.sleep(MOMENT)
            assert len(self.talking) == before + 1
            await peer.send(*STOP)
            await peer.receive_close()

    @property
    def talking(self) -> list[Call]:
        return [call for call in self.server.calls if call.channel is not None]


Rudeness: TypeAlias = Callable[[House], Awaitable[int | None]]
"""Does it, and returns what it got: an HTTP status, or the code of a close frame; None: nothing."""
Row: TypeAlias = tuple[Rudeness, int | None, str | None]
"""What is done, what must be answered, and under which name it is counted; None: only the front door counts it, by its status."""


@asynccontextmanager
async def house(log: pytest.LogCaptureFixture) -> AsyncGenerator[House, None]:
    async def hear(call: Call) -> None:
        async with call.accept() as channel:
            async for _ in channel:
                pass

    fake = FakeTwilio()
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(open_front_door(port=0, public_url=BASE, limits=LIMITS, timeouts=TIMEOUTS))
        ours = await stack.enter_async_context(twilio.listen(door, auth_token=fake.auth_token)())
        others = await stack.enter_async_context(open_exotel(door, key=Secret("k3y")))
        server = await stack.enter_async_context(open_server([ours, others], hear))
        call = await stack.enter_async_context(fake.dial(SocketWeb(door.addresses[0]), VOICE, caller=CALLER))
        await call.wait_connected()
        await trio.sleep(MOMENT)
        here = House(door, ours, others, server, fake, call, log)
        (beside,) = here.talking
        before = beside.channel.statistics().received_ms, trio.current_time()  # type: ignore[union-attr]
        yield here
        heard, passed = beside.channel.statistics().received_ms - before[0], trio.current_time() - before[1]  # type: ignore[union-attr]
        assert (call.outcome, call.line.carrier.errors) == ("connected", [])
        assert heard == pytest.approx(passed * 1000, abs=65)


# ---- the webhook


def post(body: bytes, *headers: str) -> Rudeness:
    async def do(here: House) -> int:
        async with here.client() as client:
            answer: int = (await client.post("/twilio/voice", body, *headers))[0]
            return answer

    return do


def form_signed_for(url: str, **form: str) -> Rudeness:
    async def do(here: House) -> int | None:
        said = {"AccountSid": here.fake.account, "From": CALLER, **form}
        return await post(urlencode(said).encode(), FORM, here.signed(url, said))(here)

    return do


def say(*pieces: bytes) -> Rudeness:
    """Bytes, and then nothing more."""

    async def do(here: House) -> int:
        async with here.client() as client:
            await client.stream.send_all(b"".join(pieces))
            answer: int = (await client.answer())[0]
            assert await client.left()
            return answer

    return do


BODY = urlencode({"CallSid": "CA1", "AccountSid": "AC1", "From": CALLER}).encode()
HTTP: dict[str, Row] = {
    "a webhook that is not signed": (post(BODY, FORM), 403, "bad_signature"),
    "one that is signed with another token": (post(BODY, FORM, "X-Twilio-Signature: c29tZXRoaW5nIGVsc2U="), 403, "bad_signature"),
    "a signature that is none": (post(BODY, FORM, "X-Twilio-Signature: \xff*"), 403, "bad_signature"),
    "a signature for another address": (form_signed_for("https://voice.example.com/other", CallSid="CA1"), 403, "bad_signature"),
    "a form without a call": (form_signed_for(VOICE), 400, "malformed_webhook"),
    "a call that has no such name": (form_signed_for(VOICE, CallSid="../../etc"), 400, "malformed_webhook"),
    "no form at all": (post(b'{"CallSid":"CA1"}', "Content-Type: application/json"), 400, "malformed_webhook"),
    "a form in no UTF-8": (post(b"CallSid=%ff", FORM), 400, "malformed_webhook"),
    "a form without end": (post(b"CallSid=" + b"1" * 3_000, FORM), 413, None),
    "no HTTP": (say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400, None),
    "another method": (say(b"DELETE /twilio/voice HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 405, None),
    "headers that do not end": (say(b"POST /twilio/voice HTTP/1.1\r\nHost: voice"), 408, None),
    "a body that does not come": (say(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nCall"), 408, None),
}


# ---- the upgrade


def upgrade(*headers: str, path: str = "", signed: bool = False, key: bool = True, version: int = 13) -> Rudeness:
    async def do(here: House) -> int:
        where = path or here.media
        lines = [f"GET {where} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", *headers]
        lines += [f"Sec-WebSocket-Version: {version}", *(["Sec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5aw=="] if key else [])]
        lines += [here.signed(f"wss{BASE[5:]}{where}")] if signed else []
        async with here.client() as client:
            await client.say(*lines)
            answer: int = (await client.answer())[0]
            return answer

    return do


async def replay(here: House) -> int | None:
    """The upgrade of a call that has had it: nothing in it says when it was signed."""
    await here.expected_stream_comes()
    return await upgrade(signed=True)(here)


UPGRADES: dict[str, Row] = {
    "one that is not signed": (upgrade(), 403, "bad_upgrade_signature"),
    "one that is signed with another token": (upgrade("X-Twilio-Signature: c29tZXRoaW5nIGVsc2U="), 403, "bad_upgrade_signature"),
    "one that is signed for another account": (upgrade(path="/twilio/media/ACother", signed=True), 403, "unexpected_upgrade"),
    "a replayed one": (replay, 403, "unexpected_upgrade"),
    "one without a key": (upgrade(signed=True, key=False), 400, None),
    "one of another version": (upgrade(signed=True, version=8), 426, None),
    "a wrong key in another carrier's address": (upgrade(path="/exotel/" + QUOTE.decode()), 403, "wrong_key"),
}


# ---- a stranger with a websocket


def tell(opcode: int, payload: bytes | Callable[[House], bytes], *, exotel: bool = False) -> Rudeness:
    async def do(here: House) -> int | None:
        async with here.upgraded("/exotel/k3y") if exotel else here.own() as peer:
            await peer.send(opcode, payload(here) if callable(payload) else payload)
            answer: int = await peer.receive_close()
            return answer

    return do


def tell_raw(data: bytes, *, left: bool = False) -> Rudeness:
    async def do(here: House) -> int | None:
        async with here.own() as peer:
            await peer.stream.send_all(data)
            if left:
                await peer.stream.send_eof()  # type: ignore[attr-defined]  # it is of TCP
                with pytest.raises(trio.EndOfChannel):
                    await peer.receive()
                return None
            answer: int = await peer.receive_close()
            return answer

    return do


MEDIA = b'{"event":"media","streamSid":"MZ9","media":{"payload":"%s"}}' % SAID.encode()
HALF = b"\x81\xfe\x01\x00" + QUOTE
STRANGERS: dict[str, Row] = {
    "garbage": (tell(TEXT, QUOTE), 1007, "protocol_error"),
    "binary where text belongs": (tell(BINARY, b"\x00\x01"), 1003, "protocol_error"),
    "media before the start": (tell(TEXT, MEDIA), 1002, "protocol_error"),
    "a message without end": (tell(TEXT, b'{"event":"' + b"x" * 10_001), 1009, "protocol_error"),
    "text that is no UTF-8": (tell(TEXT, b'"\xff"'), 1007, "protocol_error"),
    "a frame without a mask": (tell_raw(b"\x81\x02hi"), 1002, "protocol_error"),
    "a compressed frame": (tell_raw(b"\xc1\x80\0\0\0\0"), 1002, "protocol_error"),
    "half a frame, and then nothing": (tell_raw(HALF), 1008, "no_start"),
    "half a frame, and then the end": (tell_raw(HALF, left=True), None, "left_before_start"),
    "no token": (tell(TEXT, lambda here: here.start(customParameters={})), 1008, "no_token"),
    "a guessed token": (tell(TEXT, lambda here: here.start(customParameters={"trioaudio-token": QUOTE.decode()})), 1008, "unknown_token"),
    "the token of another call": (tell(TEXT, lambda here: here.start(callSid="CA8")), 1008, "wrong_call"),
    "the token of another account": (tell(TEXT, lambda here: here.start(accountSid="AC8")), 1008, "wrong_call"),
    "a codec that is not spoken": (tell(TEXT, lambda here: here.start(mediaFormat={"encoding": "opus"})), 1003, "protocol_error"),
    "another carrier: garbage": (tell(TEXT, QUOTE, exotel=True), 1007, "protocol_error"),
    "another carrier: binary": (tell(BINARY, b"\x00\x01", exotel=True), 1003, "protocol_error"),
    "another carrier: media first": (tell(TEXT, b'{"event":"media","media":{"payload":"AAAA"}}', exotel=True), 1002, "protocol_error"),
}


# ---- in a call of their own


def in_a_call(*messages: tuple[int, bytes] | bytes, code: bool = True) -> Rudeness:
    async def do(here: House) -> int | None:
        async with here.own() as peer:
            await peer.send(TEXT, here.start())
            await trio.sleep(MOMENT)
            for message in messages:
                await (peer.stream.send_all(message) if isinstance(message, bytes) else peer.send(*message))
            if not code:
                await trio.sleep(MOMENT)
                return None
            answer: int = await peer.receive_close()
            return answer

    return do


def jump(milliseconds: int) -> tuple[int, bytes]:
    media = {"track": "inbound", "timestamp": str(milliseconds), "payload": SAID}
    return TEXT, json.dumps({"event": "media", "streamSid": "MZ9", "media": media}).encode()


async def steal(here: House) -> int | None:
    """The token of a call that has its stream already; and another call waits for one, or there would be no way in."""
    async with here.own() as peer:
        await peer.send(TEXT, here.start())
        await trio.sleep(MOMENT)
        used, before = here.start(), len(here.talking)
        await here.expect()
        stolen = await tell(TEXT, used)(here)
        assert len(here.talking) == before
        await peer.send(*STOP)
        await peer.receive_close()
    await here.expected_stream_comes()
    return stolen


STOP = (TEXT, b'{"event":"stop","streamSid":"MZ9"}')
OWN: dict[str, Row] = {
    "garbage": (in_a_call((TEXT, b"{")), 1007, "protocol_error"),
    "binary where text belongs": (in_a_call((BINARY, b"\x00")), 1003, "protocol_error"),
    "something of another stream": (in_a_call((TEXT, MEDIA.replace(b"MZ9", b"MZ8"))), 1008, "protocol_error"),
    "a message without end": (in_a_call((TEXT, b'{"event":"' + b"x" * 10_001)), 1009, "line_broken"),
    "half a frame, and then nothing": (in_a_call(HALF, code=False), None, "line_broken"),
    "stop, twice": (in_a_call(STOP, STOP), 1000, None),
    "timestamps that jump": (in_a_call(jump(999_999_999), jump(0), jump(500), STOP), 1000, None),
    "the token once more": (steal, 1008, "reused_token"),
}


async def complaint(here: House, what: str, row: Row) -> str | None:
    """What is not as it should be about one rudeness."""
    rudeness, answer, counter = row
    here.log.clear()
    before, requests = here.counters, Counter(here.door.statistics().requests)
    await here.expect()
    got = await rudeness(here)
    await trio.sleep(MOMENT)
    counted = here.counters - before
    if got != answer:
        return f"{what}: is answered {got}, not {answer}"
    if counted != ({counter: 1} if counter is not None else {}):
        return f"{what}: counts {counted}, not {counter}"
    if answer is not None and answer < 1000 and here.door.statistics().requests[answer] != requests[answer] + 1:
        return f"{what}: the door counts no {answer}"
    if answer != 1000 and (counter or str(answer)).replace("_", " ") not in here.log.text:
        return f"{what}: is not logged"
    if quoted := [secret for secret in (CALLER, CALLER[2:], SAID, QUOTE.decode(), here.token) if secret in here.log.text]:
        return f"{what}: the log has {quoted}"
    return None


@pytest.fixture
def clock() -> MockClock:
    """Somebody speaks all the time here: the kernel gets a shorter moment than elsewhere, or virtual time would be as slow as real time."""
    return MockClock(autojump_threshold=0.004)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "trioaudio")
    return caplog


@pytest.mark.parametrize("rows", [HTTP, UPGRADES], ids=["webhook", "upgrade"])
async def test_a_request_is_refused(rows: dict[str, Row], clock: MockClock, logged: pytest.LogCaptureFixture) -> None:
    async with house(logged) as here:
        for what, row in rows.items():
            assert await complaint(here, what, row) is None
            if row[0] is not replay:
                await here.expected_stream_comes()


async def test_a_stranger_with_a_websocket_is_refused(clock: MockClock, logged: pytest.LogCaptureFixture) -> None:
    async with house(logged) as here:
        for what, row in STRANGERS.items():
            assert await complaint(here, what, row) is None
            await here.expected_stream_comes()


async def test_who_misbehaves_in_a_call_ends_that_alone(clock: MockClock, logged: pytest.LogCaptureFixture) -> None:
    async with house(logged) as here:
        for what, row in OWN.items():
            assert await complaint(here, what, row) is None
