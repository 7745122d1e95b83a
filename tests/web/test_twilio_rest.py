"""Calls that a server dials through Twilio's REST interface, over real sockets: never twice, never to just anybody."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from trioaudio import Call, RestError, open_server
from trioaudio.audio import MULAW_8K, Frame
from trioaudio.sources import twilio
from trioaudio.sources.twilio import DialRules, TwilioAccount, TwilioListener
from trioaudio.testing import FakePickUp, FakeTwilio, open_memory_door

pytest.importorskip("httpx2")
NUMBER, OURS = "+4930123456", "+15550100"


class Dialler:
    """A server that may dial German numbers, and a Twilio."""

    def __init__(self, fake: FakeTwilio, listener: TwilioListener, account: TwilioAccount) -> None:
        self.fake, self.listener, self.account = fake, listener, account
        self.calls: list[tuple[str, str | None]] = []
        self.events: list[object] = []


@asynccontextmanager
async def dialling(picks_up: FakePickUp = "human", failures: tuple[int, ...] = ()) -> AsyncGenerator[Dialler, None]:
    fake = FakeTwilio()

    async def handle(call: Call) -> None:
        dialler.calls.append((call.direction, call.called))
        async with call.accept(on={"twilio.answered_by": dialler.events.append}) as channel:
            await channel.send_audio(Frame(b"\x12" * 800, MULAW_8K))
            await channel.wait_played()
            await trio.sleep(0.05)
            await channel.hang_up()

    async with (
        open_memory_door() as door,
        fake.open_rest(door, picks_up, failures=failures) as url,
        twilio.open_account(fake.account, fake.auth_token, base_url=url) as account,
        twilio.listen(door, auth_token=fake.auth_token, rest=account, rules=DialRules(("+49",), a_minute=2))() as listener,
        open_server(listener, handle),
    ):
        dialler = Dialler(fake, listener, account)
        yield dialler


async def test_a_number_is_dialled_and_whoever_picks_up_is_a_call() -> None:
    async with dialling() as here:
        sid = await here.listener.dial(NUMBER, OURS, detect_machine=True)
        assert await here.listener.wait_over(sid) == "completed"
        assert here.calls == [("outbound", NUMBER)]
        assert here.events == ["human"]
        (call,) = here.fake.dialled
        assert call.asked["Url"] == "https://voice.example.com/twilio/voice"
        assert call.asked["MachineDetection"] == "DetectMessageEnd"


async def test_who_is_busy_is_no_call() -> None:
    async with dialling("busy") as here:
        assert await here.listener.wait_over(await here.listener.dial(NUMBER, OURS)) == "busy"
        assert here.calls == []


async def test_only_numbers_that_are_allowed_are_dialled_and_not_too_many() -> None:
    async with dialling() as here:
        with pytest.raises(ValueError, match=r"begin with \+49"):
            await here.listener.dial("+15550100", OURS)
        with pytest.raises(ValueError, match="country"):
            await here.listener.dial("+49 30 12", OURS)
        for _ in range(2):
            await here.listener.dial(NUMBER, OURS)
        with pytest.raises(ValueError, match="last minute"):
            await here.listener.dial(NUMBER, OURS)
        assert len(here.fake.dialled) == 2


async def test_a_dial_that_may_have_happened_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with dialling(failures=(503,)) as here:
        with pytest.raises(RestError, match="503"):
            await here.listener.dial(NUMBER, OURS)
        assert len(here.fake.dialled) == 1
        assert here.fake.auth_token.reveal() not in caplog.text


async def test_one_that_was_refused_for_being_too_many_is() -> None:
    async with dialling(failures=(429,)) as here:
        await here.listener.dial(NUMBER, OURS)
        assert len(here.fake.dialled) == 1


async def test_hanging_up_twice_is_no_error_and_a_call_can_be_sent_on() -> None:
    async with dialling() as here:
        sid = await here.listener.dial(NUMBER, OURS)
        await here.fake.dialled[0].wait_connected()
        await here.account.update(sid, "<Response><Dial>+15550177</Dial></Response>")
        assert await here.fake.dialled[0].wait_ended() == "transferred"
        await here.account.hang_up(sid)
        await here.account.hang_up("CA0000")
        assert here.fake.dialled[0].reason == "+15550177"
