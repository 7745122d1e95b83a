"""A rude world at a Twilio listener, over real sockets: each gets its refusal, and the call beside it goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio

from trioaudio import Call, Limits, OpenFrontDoor, Server, Timeouts, open_front_door, open_server
from trioaudio.sources import twilio
from trioaudio.sources.twilio import TwilioListener
from trioaudio.testing import FakeTwilio, FakeTwilioCall, SocketWeb

VOICE = "https://voice.example.com/twilio/voice"


@dataclass
class House:
    """A server that listens, and one call that goes on in it."""

    door: OpenFrontDoor
    listener: TwilioListener
    server: Server
    fake: FakeTwilio
    web: SocketWeb
    call: FakeTwilioCall


@asynccontextmanager
async def house() -> AsyncGenerator[House, None]:
    async def hear(call: Call) -> None:
        async with call.accept() as channel:
            async for _ in channel:
                pass

    fake = FakeTwilio()
    with trio.fail_after(20):
        async with (
            open_front_door(
                port=0, public_url="https://voice.example.com", timeouts=Timeouts(http_header=0.2, handshake=0.2), limits=Limits()
            ) as door,
            twilio.listen(door, auth_token=fake.auth_token)() as listener,
            open_server(listener, hear) as server,
        ):
            web = SocketWeb(door.addresses[0])
            async with fake.dial(web, VOICE) as call:
                await call.wait_connected()
                yield House(door, listener, server, fake, web, call)
                assert (call.outcome, call.line.carrier.errors) == ("connected", [])


async def until(condition: Callable[[], object]) -> None:
    """What another task counts has no event."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.005)


async def send_too_much(call: FakeTwilioCall) -> None:
    call.line.send('{"event":"media","streamSid":"' + "x" * 70_000 + '"}')


async def drop_in_the_middle_of_a_frame(call: FakeTwilioCall) -> None:
    await trio.lowlevel.checkpoint()
    pipe = call.line.websocket._pipe  # type: ignore[attr-defined]  # there is no public way to be that rude
    pipe.write_nowait(b"\x81\xfe\x01\x00half")
    pipe.end_writing()


@pytest.mark.parametrize(("rudeness", "ended"), [(send_too_much, 1), (drop_in_the_middle_of_a_frame, 0)])
async def test_whoever_breaks_the_websocket_ends_or_mends_their_own_call_alone(
    rudeness: Callable[[FakeTwilioCall], Awaitable[None]], ended: int
) -> None:
    async with house() as here, here.fake.dial(here.web, VOICE) as rude:
        await rude.wait_connected()
        await until(lambda: len([call for call in here.server.calls if call.channel is not None]) == 2)
        await rudeness(rude)
        await until(lambda: "line_broken" in here.listener.counters and here.server.statistics().ended["broken"] == ended)
        assert here.listener.counters["line_broken"] == 1
        assert here.call.outcome == "connected"


async def test_an_upgrade_without_a_signature_is_answered_403_and_slow_ones_are_not_waited_for() -> None:
    async with house() as here:
        url = f"wss://voice.example.com/twilio/media/{here.fake.account}"
        with pytest.raises(trio.BrokenResourceError, match="403"):
            async with here.web.open_websocket(url, {}):
                pass
        with pytest.raises(trio.BrokenResourceError, match="403"):
            async with here.web.open_websocket(url, {"X-Twilio-Signature": here.fake.sign(url, {})}):
                pass
        async with await trio.open_tcp_stream(*here.door.addresses[0]) as slow:
            await slow.send_all(b"POST /twilio/voice HTTP/1.1\r\nHost: voice")
            answer = b"".join([piece async for piece in slow])
        assert b" 408 " in answer
        assert here.listener.counters == {"bad_upgrade_signature": 1, "unexpected_upgrade": 1}
