"""Calls of SignalWire's and Plivo's: their webhooks are asked and told in XML as Twilio's are, and signed in ways of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import trio
from testing.phone_pairs import signalwire_listener
from wire.carriers_say import CARRIERS

from trioaudio import Call, OptionError, RestError, Secret, Server, open_front_door, open_server
from trioaudio.abc import Listener, Request, Response, WebSocket
from trioaudio.audio import MULAW_8K, Frame
from trioaudio.sources.carriers import open_plivo, open_signalwire
from trioaudio.testing import FakePickUp, FakeTwilio, MemoryFrontDoor, check_listener, open_memory_door
from trioaudio.wire.plivo_signature import signature

PUBLIC = "https://voice.example.com"
TOKEN = "t0ken"


async def hear(call: Call) -> None:
    async with call.accept() as channel:
        async for _ in channel:
            pass


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for comes over sockets
        await trio.lowlevel.checkpoint()


# ---- SignalWire


@asynccontextmanager
async def signalwire(
    handle: Callable[[Call], Awaitable[object]], **options: object
) -> AsyncGenerator[tuple[MemoryFrontDoor, Listener, FakeTwilio]]:
    """A server, and who calls it: Twilio's documents and streams, and a form that is signed in Twilio's way, are SignalWire's too."""
    fake = FakeTwilio(auth_token="PSK_1")
    async with (
        open_memory_door() as door,
        open_signalwire(door, signing_key=fake.auth_token, **options) as listener,  # type: ignore[arg-type]
        open_server(listener, handle),
    ):
        with trio.fail_after(30):  # noqa: ASYNC100 - the block has them
            yield door, listener, fake


SIGNALWIRE = f"{PUBLIC}/signalwire/voice"


def test_signalwire_s_listener_keeps_its_contract(virtual_clock: object) -> None:
    assert not check_listener(signalwire_listener).not_checked


async def test_a_signalwire_call_is_answered_heard_pressed_and_ended(virtual_clock: object) -> None:
    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.send_digits("1")
            await channel.send_audio(Frame(b"\x12" * 800, MULAW_8K))
            await channel.hang_up()

    async with signalwire(handle) as (door, listener, fake), fake.dial(door, SIGNALWIRE) as call:
        assert await call.wait_ended() == "ended"
        assert call.line.heard() == b"\x12" * 800
        assert (call.digits, len(call.lines)) == ("1", 2)
        assert "/signalwire/media/" in call.documents[0]
        assert call.documents[-1].endswith("<Response><Hangup/></Response>")
        assert listener.counters == {"rejoined": 1}


async def test_who_has_not_signalwire_s_key_or_is_of_another_project_is_refused(virtual_clock: object) -> None:
    async with signalwire(hear, project="another") as (door, listener, fake), fake.dial(door, SIGNALWIRE) as call:
        assert await call.wait_ended() == "failed"
        async with FakeTwilio(auth_token="PSK_2", account="another").dial(door, SIGNALWIRE) as other:
            assert await other.wait_ended() == "failed"
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await door.open_websocket("wss://voice.example.com/signalwire/media/guessed")
        assert listener.counters == {"bad_signature": 2, "unexpected_upgrade": 1}


@pytest.mark.parametrize(("picks_up", "outcome"), [("human", "completed"), ("busy", "busy")])
async def test_signalwire_dials_and_hangs_up_by_rest(picks_up: FakePickUp, outcome: str) -> None:
    pytest.importorskip("httpx2")

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.hang_up()

    fake = FakeTwilio(auth_token="PSK_1")
    async with open_memory_door() as door, fake.open_rest(door, picks_up) as url:
        options = {"signing_key": fake.auth_token, "rest": True, "project": fake.account, "api_token": fake.auth_token}
        with pytest.raises(OptionError, match="SIGNALWIRE_SPACE"):
            async with open_signalwire(door, **options):  # type: ignore[arg-type]
                pass
        opening = open_signalwire(door, **options, rest_url=url, dial_allow="+49")  # type: ignore[arg-type]
        async with opening as listener, open_server(listener, handle):
            sid = await listener.dial("+4930123456", "+15550100")  # type: ignore[attr-defined]
            assert await listener.wait_over(sid) == outcome  # type: ignore[attr-defined]
            await listener.end_dialled(sid)  # type: ignore[attr-defined]


# ---- Plivo


class Plivo:
    """A Plivo: forms that it signs, XML that it obeys by hand, a REST interface at a port of this machine."""

    def __init__(self, door: MemoryFrontDoor) -> None:
        self.door = door
        self.asked: list[tuple[str, str, object]] = []
        """What its REST interface was asked for."""
        self.failures: list[Response] = []
        self._nonces = 0

    async def post(self, place: str, token: str = TOKEN, nonce: str | None = None, **form: str) -> tuple[int, ElementTree.Element]:
        self._nonces += 1
        nonce, url = nonce or f"n{self._nonces}", f"{PUBLIC}/plivo/{place}"
        form = {"CallUUID": "c4", "From": "+15550100", "To": "+15550199", "Direction": "inbound", **form}
        headers = {"X-Plivo-Signature-V3": signature(url, list(form.items()), nonce, token), "X-Plivo-Signature-V3-Nonce": nonce}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        response = await self.door.request("POST", url, headers, urlencode(form).encode())
        body = str(response.body)
        return response.status, ElementTree.fromstring(body if body.startswith("<") else "<none/>")

    async def rest(self, request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        assert request.headers["authorization"].startswith("Basic ")
        self.asked.append((request.method, request.path.removeprefix("/v1/Account/MA1/"), json.loads(request.body or b"null")))
        return self.failures.pop(0) if self.failures else Response('{"request_uuid": "r1"}', 201)


@asynccontextmanager
async def plivo(handle: Callable[[Call], Awaitable[object]], **options: object) -> AsyncGenerator[tuple[Plivo, Listener, Server]]:
    async with open_memory_door() as door, open_front_door(port=0) as company:
        fake = Plivo(door)
        with (
            company.route("POST", "/v1/Account/MA1/Call/", fake.rest, auth="token"),
            company.route("POST", "/v1/Account/MA1/Call/{call}/", fake.rest, auth="token"),
            company.route("DELETE", "/v1/Account/MA1/Call/{call}/", fake.rest, auth="token"),
            company.route("DELETE", "/v1/Account/MA1/Request/{call}/", fake.rest, auth="token"),
            company.route("POST", "/v1/Account/MA1/Call/{call}/DTMF/", fake.rest, auth="token"),
        ):
            given: Mapping[str, object] = {"auth_id": "MA1", "auth_token": Secret(TOKEN), **options}
            given = {**given, "rest_url": f"http://127.0.0.1:{company.addresses[0][1]}/v1"}
            async with open_plivo(door, **given) as listener, open_server(listener, handle) as server:  # type: ignore[arg-type]
                with trio.fail_after(5):  # noqa: ASYNC100 - the block has them
                    yield fake, listener, server


async def stream(fake: Plivo, xml: ElementTree.Element, call: str = "c4") -> WebSocket:
    """Do what the XML says: open its websocket, and start the stream."""
    line = await fake.door.open_websocket((xml[0].text or "").strip())
    await line.send(CARRIERS["plivo"].start.replace('"callId":"c4"', f'"callId":"{call}"'))
    return line


async def gone(line: WebSocket) -> None:
    with pytest.raises(trio.EndOfChannel):
        while True:
            message = json.loads(await line.receive())
            if message["event"] == "checkpoint":
                await line.send(json.dumps({"event": "playedStream", "name": message["name"]}))


async def test_a_plivo_call_is_answered_and_ended() -> None:
    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.send_audio(Frame(b"\x12" * 160, MULAW_8K))
            await channel.hang_up()

    async with plivo(handle) as (fake, listener, _):
        status, xml = await fake.post("voice")
        assert (status, [each.tag for each in xml]) == (200, ["Stream", "Redirect"])
        assert (xml[0].get("bidirectional"), xml[0].get("keepCallAlive")) == ("true", "true")
        await gone(await stream(fake, xml))
        _, after = await fake.post("next")
        assert [each.tag for each in after] == ["Hangup"]
        assert (await fake.post("status", CallStatus="completed"))[0] == 204
        assert not listener.counters


@pytest.mark.parametrize(
    ("handle", "told"),
    [
        (lambda call: call.reject("busy"), '<Hangup reason="busy" />'),
        (lambda call: call.reject("declined"), '<Hangup reason="rejected" />'),
        (lambda call: call.redirect("+15550123"), "<Dial><Number>+15550123</Number></Dial>"),
    ],
)
async def test_a_plivo_call_that_is_not_taken_is_told_so(handle: Callable[[Call], Awaitable[object]], told: str) -> None:
    async with plivo(handle) as (fake, _, _):
        _, xml = await fake.post("voice")
        assert ElementTree.tostring(xml[0], encoding="unicode") == told


async def test_a_plivo_call_is_handed_over_and_another_one_goes_on_in_another_websocket() -> None:
    async def hand_over(call: Call) -> None:
        async with call.accept() as channel:
            await channel.transfer("+15550123")

    async with plivo(hand_over) as (fake, _, _):
        await gone(await stream(fake, (await fake.post("voice"))[1]))
        assert (await fake.post("next"))[1][0][0].text == "+15550123"
    async with plivo(hear) as (fake, listener, server):
        line = await stream(fake, (await fake.post("voice"))[1])
        await until(lambda: server.calls and server.calls[0].channel is not None)
        line.fail()  # type: ignore[attr-defined]  # it is one in memory
        await until(lambda: listener.counters.get("line_broken"))
        _, again = await fake.post("next")
        await (await stream(fake, again)).send(CARRIERS["plivo"].stop or "")
        await until(lambda: sum(server.statistics().ended.values()))
        assert listener.counters == {"line_broken": 1, "rejoined": 1}


async def test_who_has_not_plivo_s_token_and_who_says_again_what_was_said_is_refused() -> None:
    async with plivo(lambda call: call.reject("busy"), old_auth_token=Secret("old")) as (fake, listener, _):
        assert (await fake.post("voice", token="wrong"))[0] == 403
        assert (await fake.post("voice", token="old", nonce="once"))[0] == 200
        assert (await fake.post("voice", nonce="once", CallUUID="c5"))[0] == 403
        assert (await fake.post("voice", CallUUID="<c6>"))[0] == 400
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await fake.door.open_websocket("wss://voice.example.com/plivo/media/guessed")
        assert listener.counters == {"bad_signature": 1, "reused_nonce": 1, "malformed_webhook": 1, "unexpected_upgrade": 1}


async def test_plivo_dials_presses_keys_and_hangs_up_by_rest() -> None:
    pytest.importorskip("httpx2")
    events: list[object] = []

    async def handle(call: Call) -> None:
        async with call.accept(on={"plivo.answered_by": events.append}) as channel:
            events.append(call.direction)
            await channel.send_digits("12#")
            async for _ in channel:
                pass

    async with plivo(handle, rest=True, dial_allow="+49") as (fake, listener, _):
        dial, over = listener.dial, listener.wait_over  # type: ignore[attr-defined]
        fake.failures.append(Response("", 503))
        with pytest.raises(RestError, match="503"):
            await dial("+4930123456", "+15550100")
        assert len(fake.asked) == 1
        assert await dial("+4930123456", "+15550100", detect_machine=True) == "r1"
        _, path, asked = fake.asked[1]
        assert (path, asked["answer_url"], asked["hangup_url"]) == ("Call/", f"{PUBLIC}/plivo/voice", f"{PUBLIC}/plivo/status")  # type: ignore[index]
        await listener.end_dialled("r1")  # type: ignore[attr-defined]
        line = await stream(fake, (await fake.post("voice", RequestUUID="r1", Direction="outbound"))[1])
        await until(lambda: len(fake.asked) == 4)
        await fake.post("status", Machine="true", CallStatus="in-progress")
        await until(lambda: len(events) == 2)
        fake.failures.append(Response("", 404))
        await listener.end_dialled("r1")  # type: ignore[attr-defined]
        assert fake.asked[2:] == [
            ("DELETE", "Request/r1/", None),
            ("POST", "Call/c4/DTMF/", {"digits": "12#", "leg": "aleg"}),
            ("DELETE", "Call/c4/", None),
        ]
        assert line.close_code is None
        await fake.post("status", RequestUUID="r1", CallStatus="timeout")
        assert await over("r1") == "no-answer"
    assert events == ["outbound", "machine"]


async def test_a_plivo_stream_of_one_s_own_xml_is_ended_and_handed_over_by_rest() -> None:
    pytest.importorskip("httpx2")

    async def end(call: Call) -> None:
        async with call.accept() as channel:
            await channel.hang_up()

    async def hand_over(call: Call) -> None:
        async with call.accept() as channel:
            await channel.transfer("+15550123")

    for handle, asked in ((end, ("DELETE", None)), (hand_over, ("POST", f"{PUBLIC}/plivo/next"))):
        async with plivo(handle, rest=True, key=Secret("k3y")) as (fake, listener, _):
            line = await fake.door.open_websocket("wss://voice.example.com/plivo/k3y")
            await line.send(CARRIERS["plivo"].start)
            await gone(line)
            ((method, path, body),) = fake.asked
            assert (method, path, body and body["aleg_url"]) == (asked[0], "Call/c4/", asked[1])  # type: ignore[index]
            told = (await fake.post("next"))[1][0]
            assert told.tag == ("Dial" if handle is hand_over else "Hangup")
            assert not listener.counters


async def test_an_account_of_which_half_is_missing_is_told_what_to_set() -> None:
    async with open_memory_door() as door:
        for opening, words in (
            (open_plivo(door, auth_id="MA1"), "set PLIVO_AUTH_TOKEN; .*PLIVO_STREAM_KEY"),
            (open_signalwire(door), "set SIGNALWIRE_SIGNING_KEY .*; .*SIGNALWIRE_STREAM_KEY"),
        ):
            with pytest.raises(OptionError, match=words):
                async with opening:
                    pass
