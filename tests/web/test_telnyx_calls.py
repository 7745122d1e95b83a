"""Calls of Telnyx's, from the webhook to the end: what its call control is told, over real sockets, and whom nobody believes."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from wire.carriers_say import CARRIERS

from trioaudio import Call, CapabilityError, OptionError, RestError, Secret, Server, open_front_door, open_server
from trioaudio.abc import Listener, Request, Response, WebSocket
from trioaudio.audio import MULAW_8K, Frame
from trioaudio.sources.carriers import open_telnyx
from trioaudio.testing import MemoryFrontDoor, open_memory_door

pytest.importorskip("httpx2")
ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
PUBLIC = "https://voice.example.com"
KEY = "KEY0secret"


class Telnyx:
    """A Telnyx: webhooks that it signs, call control at a port of this machine, media websockets through a door in memory."""

    def __init__(self, door: MemoryFrontDoor, nursery: trio.Nursery) -> None:
        self.door, self._nursery = door, nursery
        self._key = ed25519.Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()
        self.commands: list[tuple[str, dict[str, object]]] = []
        """What its call control was told, with the path behind the call's name."""
        self.failures: list[Response] = []
        self.opens_streams = True
        self.lines: list[WebSocket] = []
        self.heard: list[dict[str, object]] = []
        self._events = 0

    async def post(self, kind: str, call: str = "v3:1", *, signer: object = None, at: float = 0.0, **payload: object) -> int:
        """A webhook, signed ``at`` seconds from now; its status."""
        self._events += 1
        numbers = {"from": "+15550100", "to": "+15550199"}
        event = {"id": f"e{self._events}", "event_type": kind, "payload": {"call_control_id": call, **numbers, **payload}}
        return await self.send(json.dumps({"data": event}).encode(), signer or self._key, at)

    async def send(self, body: bytes, signer: object, at: float = 0.0) -> int:
        timestamp = str(int(time.time() + at))
        signed = base64.b64encode(signer.sign(f"{timestamp}|".encode() + body)).decode()  # type: ignore[attr-defined]
        headers = {"Telnyx-Signature-Ed25519": signed, "Telnyx-Timestamp": timestamp}
        return (await self.door.request("POST", f"{PUBLIC}/telnyx/voice", headers, body)).status

    async def rings(self, call: str = "v3:1") -> None:
        assert await self.post("call.initiated", call, direction="incoming", state="parked") == 200

    async def command(self, request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response("{}", 401)
        call, command = request.values.get("call", ""), request.values.get("command", "dial")
        body = json.loads(request.body)
        self.commands.append((command, body))
        if self.failures:
            return self.failures.pop(0)
        if command in ("answer", "streaming_start") and self.opens_streams:
            self._nursery.start_soon(self._stream, call, body["stream_url"])
        return Response(json.dumps({"data": {"call_control_id": "v3:9"} if command == "dial" else {"result": "ok"}}))

    async def _stream(self, call: str, url: str) -> None:
        line = await self.door.open_websocket(url)
        self.lines.append(line)
        await line.send(CARRIERS["telnyx"].start.replace('"call_control_id":"', f'"call_control_id":"{call}","was":"'))
        try:
            while True:
                self.heard.append(json.loads(await line.receive()))
                if self.heard[-1]["event"] == "mark":
                    await line.send(json.dumps(self.heard[-1]))
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    def told(self) -> list[str]:
        return [command for command, _ in self.commands]


class House:
    def __init__(self, telnyx: Telnyx, listener: Listener, server: Server) -> None:
        self.telnyx, self.listener, self.server = telnyx, listener, server


@asynccontextmanager
async def house(handle: Callable[[Call], Awaitable[object]], **options: object) -> AsyncGenerator[House, None]:
    async with open_memory_door() as door, open_front_door(port=0) as company, trio.open_nursery() as nursery:
        telnyx = Telnyx(door, nursery)
        with (
            company.route("POST", "/v2/calls", telnyx.command, auth="token"),
            company.route("POST", "/v2/calls/{call}/actions/{command}", telnyx.command, auth="token"),
        ):
            rest_url = f"http://127.0.0.1:{company.addresses[0][1]}/v2"
            given = {"api_key": Secret(KEY), "public_key": telnyx.public_key, "rest_url": rest_url, **options}
            async with open_telnyx(door, **given) as listener, open_server(listener, handle) as server:  # type: ignore[arg-type]
                with trio.fail_after(5):  # noqa: ASYNC100 - the block has them
                    yield House(telnyx, listener, server)
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for comes over sockets
        await trio.lowlevel.checkpoint()


async def hear(call: Call) -> None:
    async with call.accept() as channel:
        async for _ in channel:
            pass


async def test_a_call_is_answered_heard_and_ended_by_command(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[object] = []

    async def handle(call: Call) -> None:
        seen.extend((call.caller, call.called, call.direction))
        async with call.accept() as channel:
            await channel.send_audio(Frame(b"\x12" * 320, MULAW_8K))
            await channel.wait_played()
            await channel.send_digits("12#")
            await channel.hang_up()

    async with house(handle) as here:
        await here.telnyx.rings()
        await until(lambda: "hangup" in here.telnyx.told())
        assert here.telnyx.told() == ["answer", "send_dtmf", "hangup"]
        answer, keys, _ = (body for _, body in here.telnyx.commands)
        assert answer["stream_bidirectional_mode"] == "rtp"
        assert (answer["stream_codec"], answer["stream_bidirectional_codec"]) == ("PCMU", "PCMU")
        assert str(answer["stream_url"]).startswith("wss://voice.example.com/telnyx/media/")
        assert keys["digits"] == "12#"
        assert len({body["command_id"] for _, body in here.telnyx.commands}) == 3
        await until(lambda: here.telnyx.lines[0].close_code is not None)
        await here.telnyx.post("call.hangup", hangup_cause="normal_clearing")
        assert not here.listener.counters
    assert seen == ["+15550100", "+15550199", "inbound"]
    assert any(each["event"] == "media" for each in here.telnyx.heard)
    assert KEY not in caplog.text
    assert str(answer["stream_url"]).rpartition("/")[2] not in caplog.text


async def test_a_handler_that_only_goes_away_ends_the_call_too_and_one_that_hands_it_over_does_not() -> None:
    async def go(call: Call) -> None:
        async with call.accept():
            pass

    async def hand_over(call: Call) -> None:
        async with call.accept() as channel:
            await channel.transfer("+15550123")

    for handle, told in ((go, ["answer", "hangup"]), (hand_over, ["answer", "transfer"])):
        async with house(handle) as here:
            await here.telnyx.rings()
            await until(lambda: sum(here.server.statistics().ended.values()))
        assert here.telnyx.told() == told


@pytest.mark.parametrize(
    ("handle", "told"),
    [
        (lambda call: call.reject("busy"), ("reject", "cause", "USER_BUSY")),
        (lambda call: call.reject("declined"), ("reject", "cause", "CALL_REJECTED")),
        (lambda call: call.redirect("+15550123"), ("transfer", "to", "+15550123")),
    ],
)
async def test_a_call_that_is_not_taken_is_not_answered(handle: Callable[[Call], Awaitable[object]], told: tuple[str, str, str]) -> None:
    async with house(handle) as here:
        await here.telnyx.rings()
        await until(lambda: here.telnyx.commands)
        ((command, body),) = here.telnyx.commands
        assert (command, body[told[1]]) == (told[0], told[2])


async def test_a_call_whose_websocket_breaks_gets_another_one() -> None:
    async with house(hear) as here:
        await here.telnyx.rings()
        await until(lambda: len(here.server.calls) and here.telnyx.heard)
        here.telnyx.lines[0].fail()  # type: ignore[attr-defined]  # it is one in memory
        await here.telnyx.post("streaming.stopped")
        await until(lambda: here.listener.counters.get("rejoined"))
        assert here.telnyx.told() == ["answer", "streaming_start"]
        await here.telnyx.lines[1].send(CARRIERS["telnyx"].stop or "")
        await here.telnyx.post("call.hangup", hangup_cause="normal_clearing")
        await until(lambda: sum(here.server.statistics().ended.values()))


async def test_a_command_is_sent_again_by_its_id_and_one_to_a_call_that_is_over_is_no_failure() -> None:
    over = Response('{"errors":[{"code":"90018","title":"Call has already ended"}]}', 422)

    async def go(call: Call) -> None:
        async with call.accept() as channel:
            here.telnyx.failures += [Response("", 503), over]
            await channel.hang_up()

    async with house(go) as here:
        await here.telnyx.rings()
        await until(lambda: sum(here.server.statistics().ended.values()))
        assert here.telnyx.told() == ["answer", "hangup", "hangup"]
        assert here.telnyx.commands[1] == here.telnyx.commands[2]
        assert not here.listener.counters


@pytest.mark.parametrize("trouble", ["refused", "unreachable", "gone"])
async def test_a_call_that_cannot_be_answered_is_no_call(trouble: str) -> None:
    async with house(hear) as here:
        here.telnyx.opens_streams = False
        here.telnyx.failures += [Response('{"errors":[{"code":"10015"}]}', 422)] if trouble == "refused" else []
        await here.telnyx.rings()
        await until(lambda: here.telnyx.commands)
        if trouble == "unreachable":
            await here.telnyx.post("streaming.failed", failure_reason="connection_failed")
        elif trouble == "gone":
            await here.telnyx.post("call.hangup", hangup_cause="originator_cancel")
        await until(lambda: sum(here.server.statistics().ended.values()))
        assert here.telnyx.told() == (["answer"] if trouble == "gone" else ["answer", "hangup"])


async def test_nobody_is_believed_who_has_not_signed_what_he_says_now(caplog: pytest.LogCaptureFixture) -> None:
    async with house(hear) as here:
        stranger = ed25519.Ed25519PrivateKey.generate()
        assert await here.telnyx.post("call.initiated", signer=stranger, direction="incoming") == 403
        assert await here.telnyx.post("call.initiated", at=-400, direction="incoming") == 403
        assert (await here.telnyx.door.request("POST", f"{PUBLIC}/telnyx/voice", {}, b"{}")).status == 403
        assert await here.telnyx.send(b"[]", here.telnyx._key) == 400
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await here.telnyx.door.open_websocket("wss://voice.example.com/telnyx/media/guessed")
        assert here.listener.counters == {"bad_signature": 2, "stale_webhook": 1, "malformed_webhook": 1, "unexpected_upgrade": 1}
        assert not here.telnyx.commands
    assert "5550" not in caplog.text


async def test_a_webhook_that_comes_twice_is_one_call_and_a_token_is_good_once() -> None:
    async with house(hear) as here:
        here.telnyx.opens_streams = False
        for _ in range(2):
            here.telnyx._events = 0
            await here.telnyx.rings()
        await until(lambda: here.telnyx.commands)
        url = str(here.telnyx.commands[0][1]["stream_url"])
        first, second, wrong = [await here.telnyx.door.open_websocket(url) for _ in range(3)]
        await wrong.send(CARRIERS["telnyx"].start)
        await until(lambda: here.listener.counters.get("wrong_call"))
        for line in (first, second):
            await line.send(CARRIERS["telnyx"].start.replace('"call_control_id":"', '"call_control_id":"v3:1","was":"'))
        await until(lambda: here.listener.counters.get("reused_token"))
        assert here.telnyx.told() == ["answer"]
        assert first.close_code is None
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await here.telnyx.door.open_websocket(url)


DIAL = {"connection": "app1", "dial_allow": "+49", "dials_a_minute": 2}


async def test_whoever_is_dialled_and_picks_up_is_a_call_and_a_leg_that_others_dial_is_not() -> None:
    events: list[object] = []

    async def handle(call: Call) -> None:
        events.extend((call.direction, call.called))
        async with call.accept(on={"telnyx.answered_by": events.append}) as channel:
            async for _ in channel:
                pass

    async with house(handle, **DIAL) as here:
        listener: object = here.listener
        sid = await listener.dial("+4930123456", "+15550100", detect_machine=True)  # type: ignore[attr-defined]
        (_, asked), state = here.telnyx.commands[0], here.telnyx.commands[0][1]["client_state"]
        assert (asked["connection_id"], asked["answering_machine_detection"]) == ("app1", "detect")
        assert asked["webhook_url"] == f"{PUBLIC}/telnyx/voice"
        await here.telnyx.post("call.initiated", "v3:9", direction="outgoing", client_state=state)
        await here.telnyx.post("call.answered", "v3:8", client_state="c29tZWJvZHk=")
        await here.telnyx.post("call.answered", "v3:9", client_state=state, to="+4930123456")
        await until(lambda: here.telnyx.heard)
        await here.telnyx.post("call.machine.detection.ended", "v3:9", result="machine")
        await until(lambda: len(events) == 3)
        await here.telnyx.lines[0].send(CARRIERS["telnyx"].stop or "")
        await here.telnyx.post("call.hangup", "v3:9", hangup_cause="normal_clearing")
        assert await listener.wait_over(sid) == "completed"  # type: ignore[attr-defined]
        assert here.telnyx.told() == ["dial", "streaming_start"]
    assert events == ["outbound", "+4930123456", "machine"]


async def test_a_dial_is_allowed_counted_and_never_sent_twice() -> None:
    async with house(hear, **DIAL) as here:
        dial = here.listener.dial  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match=r"begin with \+49"):
            await dial("+15550100", "+15550100")
        here.telnyx.failures += [Response("", 503)]
        with pytest.raises(RestError, match="503"):
            await dial("+4930123456", "+15550100")
        assert await dial("+4930123456", "+15550100") == "v3:9"
        with pytest.raises(ValueError, match="last minute"):
            await dial("+4930123456", "+15550100")
        assert here.telnyx.told() == ["dial", "dial"]
    async with house(hear) as here:
        with pytest.raises(CapabilityError, match="TELNYX_CONNECTION_ID"):
            await here.listener.dial("+4930123456", "+15550100")  # type: ignore[attr-defined]


async def test_streams_that_are_started_elsewhere_are_taken_by_their_key_and_can_be_ended() -> None:
    async def go(call: Call) -> None:
        async with call.accept() as channel:
            await channel.hang_up()

    async with house(go, key=Secret("k3y")) as here:
        await here.telnyx._stream("v3:7", "wss://voice.example.com/telnyx/k3y")
        assert here.telnyx.told() == ["hangup"]
        assert not here.listener.counters


async def test_an_account_of_which_half_is_missing_is_told_what_to_set() -> None:
    async with open_memory_door() as door:
        with pytest.raises(OptionError, match=r"set TELNYX_PUBLIC_KEY .*Public Key\); .*TELNYX_STREAM_KEY"):
            async with open_telnyx(door, api_key=Secret(KEY)):
                pass
        with pytest.raises(OptionError, match="32 bytes"):
            async with open_telnyx(door, api_key=Secret(KEY), public_key="c2hvcnQ="):
                pass
