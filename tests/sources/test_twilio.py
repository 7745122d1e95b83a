"""Calls through Twilio: from the webhook to the goodbye, on the virtual clock; and whoever tries what is not allowed."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest
import trio
from testing.phone_pairs import twilio_listener, twilio_source

from trioaudio import Call, Dtmf, Interruption, Secret, Server, TurnInterrupted, open_server, open_session
from trioaudio.abc import PhoneSource
from trioaudio.audio import MULAW_8K, PCM16_24K, Frame
from trioaudio.sources import twilio
from trioaudio.sources.twilio import TwilioListener
from trioaudio.testing import (
    FakeTwilio,
    MemoryFrontDoor,
    Network,
    Script,
    cancel_sweep,
    check_listener,
    check_source,
    memory_websockets,
    open_memory_door,
    say,
)
from trioaudio.wire.phone import PhoneWire
from trioaudio.wire.twilio import TWILIO
from trioaudio.wire.twilio_carrier import TwilioCarrier

BASE = "https://voice.example.com/twilio"
pytestmark = pytest.mark.usefixtures("virtual_clock")


def speech(seconds: float) -> Frame:
    return Frame(b"\x12" * round(8000 * seconds), MULAW_8K)


class House:
    """A server with a listener of Twilio's, and a Twilio that calls it."""

    def __init__(self, door: MemoryFrontDoor, listener: TwilioListener, server: Server, fake: FakeTwilio) -> None:
        self.door, self.listener, self.server, self.fake = door, listener, server, fake

    async def post(self, path: str, form: Mapping[str, str], token: str | None = None) -> int:
        url, body = f"{BASE}/{path}", urlencode(form).encode()
        signed = self.fake.sign(url, form) if token is None else token
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed}
        return (await self.door.request("POST", url, headers, body)).status


@asynccontextmanager
async def house(handle: Callable[[Call], Awaitable[object]], **options: object) -> AsyncGenerator[House, None]:
    fake = FakeTwilio(status_url=f"{BASE}/status")
    async with (
        open_memory_door() as door,
        twilio.listen(door, auth_token=fake.auth_token, **options)() as listener,  # type: ignore[arg-type]  # pass them on
        open_server(listener, handle) as server,
    ):
        yield House(door, listener, server, fake)


async def hear(call: Call) -> None:
    async with call.accept() as channel:
        async for _ in channel:
            pass


def test_the_source_keeps_its_contract() -> None:
    assert not check_source(twilio_source).not_checked


def test_the_listener_keeps_its_contract() -> None:
    assert not check_listener(twilio_listener).not_checked


async def test_a_call_is_answered_heard_and_ended() -> None:
    said: list[object] = []

    async def handle(call: Call) -> None:
        said.extend((call.caller, call.called, call.parameter("customer")))
        async with call.accept() as channel:
            channel.on(Dtmf, said.append)
            await channel.send_audio(speech(0.5))
            await channel.wait_played()
            await channel.hang_up()

    async with house(handle) as here, here.fake.dial(here.door, f"{BASE}/voice?customer=7") as call:
        line = await call.wait_connected()
        line.press("5")
        assert await call.wait_ended() == "ended"
    assert said == ["+15550100", "+15550199", "7", Dtmf("5")]
    assert line.heard() == speech(0.5).data
    assert not line.ended_here
    assert call.documents[-1].endswith("<Response><Hangup/></Response>")
    assert not line.carrier.errors


async def test_an_answer_in_the_telephones_encoding_passes_undecoded() -> None:
    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            async for frame in channel:
                await channel.send_audio(frame)

    voice = bytes(range(256)) * 10
    async with house(handle) as here, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        line.speak(voice)
        await line.wait_hears(2560)
        assert voice in line.heard()


@pytest.mark.parametrize("delay", [0.0, 0.06])
async def test_what_was_heard_of_an_interrupted_turn_is_what_the_caller_heard(delay: float) -> None:
    interruptions: list[Interruption] = []
    told: list[TurnInterrupted] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on(TurnInterrupted, told.append)
            with channel.turn("long") as turn:
                turn.send_nowait(speech(1.0))
                turn.send_nowait(speech(0.0))
            async for _ in channel:
                if trio.current_time() > 0.7 and not interruptions:
                    interruptions.append(await channel.interrupt().settled())

    async with house(handle) as here, here.fake.dial(here.door, network=Network(delay=delay, jitter=0.004, seed=1)) as call:
        line = await call.wait_connected()
        await trio.sleep(1.5)
    (truth,) = line.carrier.clears
    (receipt,) = interruptions[0].turns
    assert receipt.evidence == "exact"
    assert receipt.heard_ms == pytest.approx(truth.played_ms, abs=10)
    assert told[0].receipt == receipt


@pytest.mark.parametrize(("reason", "word"), [("busy", "busy"), ("declined", "rejected")])
async def test_a_call_that_is_refused_costs_nobody_anything(reason: str, word: str) -> None:
    async with house(lambda call: call.reject(reason)) as here, here.fake.dial(here.door) as call:
        assert await call.wait_ended() == "rejected"
    assert call.reason == word
    assert not call.lines


async def test_a_call_can_be_sent_elsewhere_unanswered_or_handed_over_later() -> None:
    async def hand_over(call: Call) -> None:
        async with call.accept() as channel:
            await channel.transfer("+15550123")

    for handle, outcome in ((lambda call: call.redirect("+15550123"), "redirected"), (hand_over, "transferred")):
        async with house(handle) as here, here.fake.dial(here.door) as call:
            assert (await call.wait_ended(), call.reason) == (outcome, "+15550123")


async def test_a_call_whose_websocket_breaks_goes_on_in_another_one() -> None:
    heard: list[object] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on(Dtmf, heard.append)
            await hear_all(channel)

    async def hear_all(channel: object) -> None:
        async for _ in channel:  # type: ignore[attr-defined]
            pass

    async with house(handle) as here, here.fake.dial(here.door) as call:
        for lines in (1, 2, 3):
            await trio.sleep(0.5)
            assert len(call.lines) == lines
            call.line.press(str(lines))
            await trio.sleep(0.1)
            call.line.fail()
        assert await call.wait_ended() == "ended"
        assert len(call.lines) == 3
        await trio.sleep(10)
        assert here.server.statistics().ended["broken"] == 1
    assert heard == [Dtmf("1"), Dtmf("2"), Dtmf("3")]
    assert here.listener.counters == {"line_broken": 3, "rejoined": 2}


async def test_what_twilio_leaves_out_is_heard_as_silence() -> None:
    frames: list[Frame] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            async for frame in channel:
                frames.append(frame)  # noqa: PERF401 - as they come

    async with house(handle) as here, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        await trio.sleep(0.2)
        line.skip(0.4)
        await trio.sleep(1.0)
        assert max(frame.num_samples for frame in frames) == pytest.approx(3200, abs=160)
        assert sum(frame.num_samples for frame in frames) == pytest.approx(8 * 1200, abs=320)


async def test_audio_that_has_piled_up_is_handed_on_in_few_frames_whole_and_in_order() -> None:
    ours, theirs = memory_websockets()
    wire, carrier = PhoneWire(TWILIO), TwilioCarrier("MZ1", "CA1", "AC1", trio.current_time())
    for message in carrier.greeting():
        wire.receive_untrusted(message, trio.current_time())
    source, voice = PhoneSource(ours, wire), bytes(range(250)) * 32
    for place in range(0, len(voice), 160):
        theirs.send_nowait(carrier.media(voice[place : place + 160], place // 8))
    frames = [await source.receive() for _ in range(3)]
    assert [frame.num_samples for frame in frames if isinstance(frame, Frame)] == [3200, 3200, 1600]
    assert [frame.media_time for frame in frames if isinstance(frame, Frame)] == [0, 3200, 6400]
    assert b"".join(frame.data for frame in frames if isinstance(frame, Frame)) == voice


async def test_keys_are_pressed_between_two_streams_and_the_call_goes_on() -> None:
    heard: list[object] = []

    async def handle(call: Call) -> None:
        async with call.accept(on={Dtmf: heard.append}) as channel:
            await channel.send_digits("12#")
            heard.append("pressed")
            await channel.send_audio(speech(0.2))
            async for _ in channel:
                pass

    async with house(handle) as here, here.fake.dial(here.door) as call:
        await call.wait_connected()
        await trio.sleep(3)
        assert (call.digits, len(call.lines)) == ("12#", 2)
        call.line.press("7")
        await trio.sleep(0.1)
        assert call.line.heard() == speech(0.2).data
        assert here.server.statistics().active == 1
    assert heard == ["pressed", Dtmf("7")]


async def test_what_a_broken_line_cut_off_is_not_taken_for_heard() -> None:
    receipts: list[TurnInterrupted] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on(TurnInterrupted, receipts.append)
            channel.on("interrupt", lambda _: channel.interrupt())
            with channel.turn("cut") as turn:
                turn.send_nowait(speech(1.0))
            async for _ in channel:
                pass

    async with house(handle) as here, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        await trio.sleep(0.5)
        line.fail()
        await trio.sleep(0.5)
        assert len(call.lines) == 2
    assert [receipt.receipt.heard_ms for receipt in receipts] == [pytest.approx(500, abs=25)]


async def test_what_is_said_after_the_line_was_made_again_is_counted_from_there() -> None:
    receipts: list[TurnInterrupted] = []

    async def handle(call: Call) -> None:
        async with call.accept(on={TurnInterrupted: receipts.append}) as channel:
            await channel.send_audio(speech(0.2))
            await trio.sleep(1)
            await channel.send_digits("1")
            with channel.turn("second") as turn:
                turn.send_nowait(speech(1.0))
            await trio.sleep(0.5)
            channel.interrupt()
            await trio.sleep(0.5)

    async with house(handle) as here, here.fake.dial(here.door) as call:
        await call.wait_connected()
        await trio.sleep(5)
    assert [receipt.receipt.heard_ms for receipt in receipts] == [pytest.approx(500, abs=25)]


async def test_what_was_heard_when_the_line_was_given_up_is_known_to_be() -> None:
    network, waited = Network(delay=0.1), []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.send_audio(speech(0.2))
            await trio.sleep(0.35)  # it has been heard, and the mark that says so is on its way
            await channel.send_digits("1")
            begun = trio.current_time()
            await channel.hang_up()
            waited.append(trio.current_time() - begun)

    async with house(handle) as here, here.fake.dial(here.door, network=network) as call:
        await call.wait_connected()
        await trio.sleep(40)
    assert waited[0] < 1


async def test_twilio_tells_who_answered_and_what_went_wrong(caplog: pytest.LogCaptureFixture) -> None:
    events: list[object] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on("twilio.answered_by", events.append)
            async for _ in channel:
                pass

    async with house(handle) as here, here.fake.dial(here.door) as call:
        await call.wait_connected()
        form = {"CallSid": call.sid, "AccountSid": here.fake.account}
        assert await here.post("status", {**form, "AnsweredBy": "machine_end_beep"}) == 204
        assert await here.post("status", {**form, "StreamEvent": "stream-error", "StreamError": "31931 - overflow"}) == 204
        await trio.sleep(0.1)
    assert events == ["machine_end_beep"]
    assert here.listener.counters["stream_error"] == 1
    assert "more than ten minutes" in caplog.text


async def test_mu_law_passes_undecoded_both_ways_if_the_model_takes_it() -> None:
    """Mu-law has two zeros, 7F and FF: one that was decoded on its way would come out as the other."""
    zeros = bytes([0x7F, 0xFF]) * 4000
    answer = say(1.0, "zeros")
    answer[:] = [Frame(zeros, MULAW_8K)]
    model = Script(answer, formats=(PCM16_24K, MULAW_8K))

    async def converse(call: Call) -> None:
        async with call.accept() as channel, open_session(channel, model) as session:
            await session.wait_closed()

    async with house(converse) as here, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        line.speak(zeros)
        await line.wait_hears(8000)
        await trio.sleep(1)
    assert line.heard() == zeros
    assert zeros in b"".join(frame.data for frame in model.appended)


async def test_who_listens_to_both_sides_hears_the_caller_left_and_the_callee_right() -> None:
    heard = bytearray()

    async def listen(call: Call) -> None:
        async with call.accept() as channel:
            assert channel.input_format.num_channels == 2
            async for frame in channel:
                heard.extend(frame.data)

    async with house(listen, own_twiml=True, one_way=True, track="both") as here:
        media = f"wss://voice.example.com/twilio/media/{here.fake.account}"
        async with here.fake.dial(here.door, media, track="both_tracks") as call:
            line = await call.wait_connected()
            line.speak(b"\x12" * 1600)
            line.speak(b"\x34" * 3200, "outbound")
            await trio.sleep(1)
    left, right = heard[0::2], heard[1::2]
    assert left.strip(b"\xff") == b"\x12" * 1600
    assert right.strip(b"\xff") == b"\x34" * 3200
    assert left.index(b"\x12") == right.index(b"\x34"), "they began at the same moment"
    assert line.carrier.errors == []


async def test_a_stream_of_somebodys_own_twiml_is_a_call_if_that_is_wanted() -> None:
    async def handle(call: Call) -> None:
        assert call.parameters == {"session": "s-17"}
        await hear(call)

    document = f'<Response><Connect><Stream url="wss://voice.example.com/twilio/media/{{}}"><Parameter name="session" value="s-17"/></Stream></Connect></Response>'  # noqa: E501, F541
    from trioaudio.abc import Request, Response

    async with house(handle, own_twiml=True) as here:

        async def mine(_: Request) -> Response:
            return Response(document.format(here.fake.account))

        with here.door.route("POST", "/mine", mine, auth="signature"):
            async with here.fake.dial(here.door, "https://voice.example.com/mine") as call:
                await call.wait_connected()
                await trio.sleep(0.5)
        assert here.server.statistics().ended["caller"] == 1


# ---- what is not allowed


async def test_nobody_answers_a_webhook_that_is_not_signed(caplog: pytest.LogCaptureFixture) -> None:
    async with house(hear) as here:
        form = {"CallSid": "CA1", "AccountSid": here.fake.account, "From": "+15550100"}
        for path in ("voice", "next", "status"):
            assert await here.post(path, form, token="wrong") == 403
            assert await here.post(path, form, token=here.fake.sign(f"{BASE}/{path}", {})) == 403
        assert await here.post("voice", {"From": "+15550100"}) == 400
        assert here.listener.counters == {"bad_signature": 6, "malformed_webhook": 1}
        assert here.server.statistics().total == 0
    assert "+1555" not in caplog.text


async def test_two_tokens_are_good_during_a_change_and_accounts_have_their_own() -> None:
    tokens = {"AC1": [Secret("new"), Secret("old")], "AC2": [Secret("other")]}
    async with open_memory_door() as door:
        opened = twilio.listen(door, credentials=lambda account: tokens.get(account, []))
        async with opened() as listener, open_server(listener, lambda call: call.reject()):
            for account, token, outcome in (
                ("AC1", "old", "rejected"),
                ("AC1", "new", "rejected"),
                ("AC2", "new", "failed"),
                ("AC3", "new", "failed"),
            ):
                async with FakeTwilio(auth_token=token, account=account).dial(door) as call:
                    assert await call.wait_ended() == outcome


async def test_an_upgrade_that_is_not_signed_or_not_expected_is_refused_and_uses_up_nothing() -> None:
    answered = trio.Event()

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            answered.set()
            await channel.hang_up()

    async with house(handle) as here:
        url = f"wss://voice.example.com/twilio/media/{here.fake.account}"
        good = {"X-Twilio-Signature": here.fake.sign(url, {})}
        with pytest.raises(trio.BrokenResourceError, match="403 no call waits"):
            await here.door.open_websocket(url, good)
        for headers in ({}, {"X-Twilio-Signature": here.fake.sign("https" + url[3:], {})}):
            with pytest.raises(trio.BrokenResourceError, match="403 this is not signed"):
                await here.door.open_websocket(url, headers)
        async with here.fake.dial(here.door) as call:
            await call.wait_ended()
        assert answered.is_set()
        assert here.listener.counters == {"bad_upgrade_signature": 2, "unexpected_upgrade": 1}


START = {
    "event": "start",
    "streamSid": "MZ1",
    "start": {"streamSid": "MZ1", "callSid": "CA1", "accountSid": "AC1", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}},
}


def start(**changed: object) -> str:
    return json.dumps({**START, "start": {**START["start"], **changed}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("messages", "code", "counter"),
    [
        ([], 1008, "no_start"),
        (['{"event":"connected"}'], 1008, "no_start"),
        (["garbage"], 1007, "protocol_error"),
        ([b"\x00"], 1003, "protocol_error"),
        (['{"event":"media","media":{"payload":"AAAA"}}'], 1002, "protocol_error"),
        ([start(mediaFormat={"encoding": "audio/opus", "sampleRate": 48000})], 1003, "protocol_error"),
        ([start()], 1008, "no_token"),
        ([start(customParameters={"trioaudio-token": "guessed"})], 1008, "unknown_token"),
        ([start(customParameters={"trioaudio-token": "TOKEN"})], 1008, "wrong_call"),
    ],
)
async def test_a_stranger_with_a_websocket_is_refused_and_a_call_that_waits_does_not_notice(
    messages: list[str | bytes], code: int, counter: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(hear) as here, trio.open_nursery() as nursery:
        call_form = {"CallSid": "CA9", "AccountSid": here.fake.account, "From": "+15550100"}
        nursery.start_soon(here.post, "voice", call_form)
        await trio.sleep(0.1)
        url = f"wss://voice.example.com/twilio/media/{here.fake.account}"
        stranger = await here.door.open_websocket(url, {"X-Twilio-Signature": here.fake.sign(url, {})})
        token = await token_of(here, call_form)
        for message in messages:
            await stranger.send(message.replace("TOKEN", token) if isinstance(message, str) else message)
        with pytest.raises((trio.EndOfChannel, trio.BrokenResourceError)):
            while True:
                await stranger.receive()
        assert stranger.close_code == code
        assert here.listener.counters == {counter: 1}
        assert len(here.server.calls) == 1  # it still waits
        mine = await here.door.open_websocket(url, {"X-Twilio-Signature": here.fake.sign(url, {})})
        await mine.send(start(callSid="CA9", accountSid=here.fake.account, customParameters={"trioaudio-token": token}))
        await trio.sleep(0.1)
        assert here.server.calls[0].channel is not None
        await mine.aclose()
    assert counter.replace("_", " ") in caplog.text
    assert "guessed" not in caplog.text
    assert token not in caplog.text


async def token_of(here: House, form: Mapping[str, str]) -> str:
    """What Twilio is told when it asks again about the same call."""
    url = f"{BASE}/voice"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": here.fake.sign(url, form)}
    response = await here.door.request("POST", url, headers, urlencode(form).encode())
    return str(response.body).partition('value="')[2].partition('"')[0]


async def test_a_token_is_good_once() -> None:
    async with house(hear) as here, here.fake.dial(here.door) as one, here.fake.dial(here.door) as other:
        first = await one.wait_connected()
        await other.wait_connected()
        token = first.carrier.parameters
        url = f"wss://voice.example.com/twilio/media/{here.fake.account}"
        async with here.fake.dial(here.door) as third:
            headers = {"X-Twilio-Signature": here.fake.sign(url, {})}
            thief = None
            while third.outcome == "ringing" and thief is None:
                try:
                    thief = await here.door.open_websocket(url, headers)
                except trio.BrokenResourceError:
                    await trio.lowlevel.checkpoint()
            assert thief is not None
            await thief.send(start(callSid=one.sid, accountSid=here.fake.account, customParameters=token))
            with pytest.raises((trio.EndOfChannel, trio.BrokenResourceError)):
                await thief.receive()
        assert here.listener.counters["reused_token"] == 1
        assert [one.outcome, other.outcome] == ["connected", "connected"]


@pytest.mark.parametrize(
    ("message", "code"), [("garbage", 1007), (b"\x00", 1003), ('{"event":"dtmf","streamSid":"MZother","dtmf":{"digit":"1"}}', 1008)]
)
async def test_a_line_that_does_not_speak_the_protocol_ends_its_own_call_alone(
    message: str | bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(hear) as here, here.fake.dial(here.door) as other, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        await other.wait_connected()
        line.send(message)
        await call.wait_ended()
        assert line.websocket.close_code == code
        assert here.listener.counters == {"protocol_error": 1}
        assert other.outcome == "connected"
        assert here.server.statistics().ended["broken"] == 1


async def test_stop_twice_and_jumps_of_time_end_nothing() -> None:
    async with house(hear) as here, here.fake.dial(here.door) as call:
        line = await call.wait_connected()
        for timestamp in (999_999_999, 0, 500):
            line.send(line.carrier.media(b"\x12" * 160, timestamp))
        await trio.sleep(0.5)
        assert call.outcome == "connected"
        line.send(line.carrier.stop())
        line.send(line.carrier.stop())
        await call.wait_ended()
        assert here.server.statistics().ended["caller"] == 1
        assert here.listener.counters == {}


async def test_nobody_who_takes_no_calls_keeps_twilio_waiting() -> None:
    fake = FakeTwilio()
    async with open_memory_door() as door, twilio.listen(door, auth_token=fake.auth_token)(), fake.dial(door) as call:
        assert await call.wait_ended() == "rejected"
        assert trio.current_time() < 15


def test_a_call_can_be_cancelled_anywhere() -> None:
    async def scenario() -> None:
        async with house(hear) as here, here.fake.dial(here.door) as call:
            line = await call.wait_connected()
            line.speak(speech(0.06))
            await trio.sleep(0.1)

    logging.getLogger("trioaudio").setLevel(logging.CRITICAL)
    try:
        assert cancel_sweep(scenario, steps_of="everybody", limit=50)
    finally:
        logging.getLogger("trioaudio").setLevel(logging.NOTSET)
