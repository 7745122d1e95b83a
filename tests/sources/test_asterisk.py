"""Calls from Asterisk over its media websocket: who is let in, exact positions, flow control, how it ends; in both directions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from sources.asterisk_calls import answered, callers
from sources.spoken import hello
from trio.testing import MockClock

from trioaudio import Closed, Dtmf, Event, Fault, Hangup, OptionError, Secret, open_channel, open_front_door, open_server
from trioaudio.abc import Listener
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat
from trioaudio.clips import tone
from trioaudio.sources.asterisk import AsteriskListener, open_asterisk, open_asterisk_listener
from trioaudio.testing import AsteriskFault, ChannelOptions, FakeAsterisk, cancel_sweep, check_listener, check_source, memory_websockets
from trioaudio.wire.http_credentials import basic_untrusted


@pytest.mark.parametrize(("format", "json"), [(PCM16_24K, True), (MULAW_8K, False)], ids=str)
def test_its_source_keeps_the_contract(format: AudioFormat, json: bool) -> None:
    assert not check_source(lambda: answered(format, json=json)).not_checked


def test_the_listener_keeps_the_contract() -> None:
    assert not check_listener(callers).not_checked


def test_a_call_can_be_cancelled_anywhere() -> None:
    async def scenario() -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            far.speak(tone(0.1, PCM16_24K))
            await channel.send_audio(tone(0.05, PCM16_24K))
            await channel.wait_played()
            await channel.interrupt().settled()
            await channel.hang_up()

    cancel_sweep(scenario)


class TestWhatIsHeard:
    @pytest.mark.parametrize("json", [True, False], ids=["json", "plain"])
    async def test_an_interrupted_turn_is_known_to_the_sample(self, json: bool, autojump_clock: MockClock) -> None:
        async with answered(json=json) as (source, far), open_channel(source) as channel:
            for spoken in (0.5, 0.333, 1.01):
                before = len(far.arrivals)
                channel.turn("a").send_nowait(tone(3.0, PCM16_24K))
                await trio.sleep(spoken)
                [receipt] = (await channel.interrupt().settled()).turns
                await trio.sleep(0.5)
                assert receipt.evidence == "exact"
                assert receipt.heard == sum(frame.num_samples for frame in far.heard()[before:])
            assert not far.channel.losses

    async def test_a_turn_is_played_when_asterisk_says_so(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            with channel.turn("a") as turn:
                turn.send_nowait(tone(0.515, PCM16_24K))  # no whole frames
            await channel.wait_heard()
            assert (turn.receipt.heard, turn.receipt.evidence) == (round(0.515 * 24_000), "exact")
            assert b"".join(frame.data for frame in far.heard())[:24_720] == tone(0.515, PCM16_24K).data
            assert not far.channel.losses

    @pytest.mark.parametrize("seconds", [0.01, 0.02])
    async def test_the_shortest_word_is_played_too(self, seconds: float, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            with channel.turn("a") as turn:
                turn.send_nowait(tone(seconds, PCM16_24K))
            with trio.fail_after(1):
                await channel.wait_heard()
            assert far.heard()[0].data.startswith(tone(seconds, PCM16_24K).data)

    async def test_audio_that_comes_in_odd_pieces_has_no_gaps(self, autojump_clock: MockClock) -> None:
        said = tone(1.0, PCM16_24K)
        async with answered() as (source, far), open_channel(source) as channel:
            with channel.turn("a") as turn:
                for piece in said.split(731):
                    turn.send_nowait(piece)
                    await trio.sleep(0.02)
            await channel.wait_heard()
        assert b"".join(frame.data for frame in far.heard())[: len(said.data)] == said.data

    async def test_a_full_queue_is_waited_for(self, autojump_clock: MockClock) -> None:
        """Nobody is fed so far ahead; so Asterisk says it here without a reason."""
        async with answered() as (source, far), open_channel(source) as channel:
            far.send('{"event":"MEDIA_XOFF"}')
            await trio.sleep(0.1)
            channel.turn("a").send_nowait(tone(0.5, PCM16_24K))
            await trio.sleep(1.0)
            assert not far.arrivals
            far.send('{"event":"MEDIA_XON"}')
            await channel.wait_heard()
            assert sum(frame.num_samples for frame in far.heard()) == 12_000


class TestACall:
    async def test_what_came_with_it(self, autojump_clock: MockClock) -> None:
        listener = AsteriskListener()
        options = ChannelOptions(variables={"floor": "7"}, channel_id="pbx-1.9")
        query = {"caller": "+4930123", "called": "100", "channel": "forged"}
        async with FakeAsterisk(options=options).websocket_to(lambda websocket: listener.serve(websocket, query)):
            call = await listener.receive()
        assert (call.caller, call.called) == ("+4930123", "100")
        assert call.parameters == {
            "floor": "7",
            "caller": "+4930123",
            "called": "100",
            "channel_id": "pbx-1.9",
            "channel": f"WebSocket/{options.connection_id}",
        }

    async def test_it_rings_until_it_is_answered(self, autojump_clock: MockClock) -> None:
        listener = AsteriskListener()
        async with FakeAsterisk().websocket_to(listener.serve) as far:
            call = await listener.receive()
            assert not far.channel.answered
            async with call.answer():
                await trio.sleep(0.1)
                assert far.channel.answered

    async def test_keys_and_a_hang_up(self, autojump_clock: MockClock) -> None:
        events: list[Event] = []
        async with answered() as (source, far), open_channel(source) as channel:
            channel.on(Dtmf, events.append).on(Hangup, events.append)
            far.press("1#")
            await trio.sleep(0.1)
            far.hang_up()
            assert (await channel.wait_closed()).kind == "hangup"
        assert events == [Dtmf("1"), Dtmf("#"), Hangup()]

    @pytest.mark.parametrize(("code", "kind"), [(1000, "hangup"), (1001, "hangup"), (1011, "broken")])
    async def test_the_close_code_says_how_it_ended(self, code: int, kind: str, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            far.channel.closing = code
            far.hang_up()
            assert (await channel.wait_closed()).kind == kind

    async def test_we_hang_up_by_a_command(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far):
            async with open_channel(source):
                pass
            await far.outcome()
            assert far.channel.commands == ["ANSWER", "HANGUP"]

    async def test_what_asterisk_could_not_do_is_told(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            faults: list[Fault] = []
            channel.on(Fault, faults.append)
            far.send('{"event":"ERROR","error_text":"FLUSH_MEDIA not supported in passthrough mode"}')
            await trio.sleep(0.1)
        assert [str(fault.error) for fault in faults] == ["FLUSH_MEDIA not supported in passthrough mode"]

    @pytest.mark.parametrize("do", ["garbage", "fail", "hang_up", "stall"])
    async def test_faults_on_schedule(self, do: str, autojump_clock: MockClock) -> None:
        listener = AsteriskListener()
        fault = AsteriskFault(0.5, do)  # type: ignore[arg-type]  # pytest's parameters have no types
        ends: list[Closed] = []
        async with (
            FakeAsterisk(PCM16_24K, faults=[fault]).websocket_to(listener.serve),
            (await listener.receive()).answer() as source,
            open_channel(source, on={Closed: ends.append}) as channel,
        ):
            channel.turn("a").send_nowait(tone(1.0, PCM16_24K))
            with trio.move_on_after(5):
                await channel.wait_closed()
        assert [end.reason.kind for end in ends] == [{"garbage": "broken", "fail": "broken", "hang_up": "hangup", "stall": "closed"}[do]]

    @pytest.mark.parametrize(
        ("lines", "why"), [(["hello"], "garbage"), ([b"\xff"], "garbage"), ([], "no_start")], ids=["text", "audio", "nothing"]
    )
    async def test_what_begins_otherwise_is_refused(self, lines: list[str | bytes], why: str, autojump_clock: MockClock) -> None:
        listener = AsteriskListener()
        ours, theirs = memory_websockets()
        for line in lines:
            ours.send_nowait(line)
        await listener.serve(theirs)
        assert listener.counters[why] == 1
        assert ours.close_code == (1002 if lines else 1008)


class TestOverSockets:
    """Both directions of dialling, in real time."""

    async def test_asterisk_connects_and_a_caller_is_answered(self) -> None:
        async with serving(Secret("sesame")) as (url, listener), open_server(listener, model="parrot?hangover_ms=200") as server:
            async with FakeAsterisk(MULAW_8K, line_open=True).websocket(
                url, {"caller": "+4930123"}, user="asterisk", password="sesame"
            ) as far:
                far.speak(hello(MULAW_8K))
                await far.wait_heard(0.1)
                assert far.arrivals
                assert [call.caller for call in server.calls] == ["+4930123"]
            server.drain(2.0)
            await server.wait_ended()
            assert server.statistics().ended["caller"] == 1
        assert not far.channel.losses

    async def test_who_does_not_show_the_password_is_not_let_in(self) -> None:
        async with serving(Secret("sesame")) as (url, listener):
            for user, password in (("asterisk", "simsala"), ("other", "sesame"), ("", None)):
                with pytest.raises(trio.BrokenResourceError, match="401"):
                    async with FakeAsterisk().websocket(url, user=user, password=password):
                        pass
            assert listener.counters["unauthorized"] == 3

    async def test_we_connect_to_a_call_that_waits_in_asterisk(self) -> None:
        asterisk = FakeAsterisk(PCM16_8K, line_open=True)
        async with asterisk.incoming() as (url, far), open_asterisk(url) as source, open_channel(source) as channel:
            assert far.channel.answered
            with channel.subscribe(Dtmf) as keys:
                far.press("7")
                assert await anext(aiter(keys)) == Dtmf("7")
            with channel.turn("a") as turn:
                turn.send_nowait(tone(0.1, PCM16_8K))
            await channel.wait_heard()
            assert turn.receipt.evidence == "exact"
            with pytest.raises(trio.BrokenResourceError, match="409"):
                async with open_asterisk(url):
                    pass
            with pytest.raises(trio.BrokenResourceError, match="404"):
                async with open_asterisk(url[:-1] + "x"):
                    pass


@asynccontextmanager
async def serving(password: Secret | None) -> AsyncGenerator[tuple[str, Listener], None]:
    """A listener at a front door, and where that is."""
    async with open_front_door(port=0) as door, open_asterisk_listener(door, password=password) as listener:
        yield door.public_url("/asterisk/media", websocket=True), listener


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic /w==", "Bearer YTpi", "Basic YTpi\n\n=", "Basic \ud800"])
def test_credentials_that_are_none(header: str) -> None:
    assert basic_untrusted(header) in (("", ""), ("a", "b"))


def test_credentials() -> None:
    assert basic_untrusted("Basic YTpiOmM=") == ("a", "b:c")


async def test_a_lead_that_asterisk_could_not_keep(autojump_clock: MockClock) -> None:
    with pytest.raises(OptionError, match="at most 15 s"):
        async with open_asterisk("ws://127.0.0.1:1/media/x", lead=20):
            pass
