"""Calls of browsers: from the hello to the goodbye, on the virtual clock; and whoever tries what is not allowed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
import trio.lowlevel
from sources.spoken import hello
from testing.browser_pairs import browser_listener, browser_source

from trioaudio import (
    Call,
    Interruption,
    Limits,
    Mute,
    OptionError,
    Secret,
    Server,
    TextMessage,
    Timeouts,
    TurnInterrupted,
    open_channel,
    open_server,
    open_session,
)
from trioaudio.abc import Request
from trioaudio.audio import PCM16_24K, PCM16_48K, Frame
from trioaudio.sources import browser
from trioaudio.sources.browser import BrowserListener
from trioaudio.testing import (
    FakeBrowser,
    MemoryFrontDoor,
    Network,
    Script,
    cancel_sweep,
    check_listener,
    check_source,
    open_memory_door,
    say,
)

pytestmark = pytest.mark.usefixtures("virtual_clock")

Handle = Callable[[Call], Awaitable[object]]


def speech(seconds: float) -> Frame:
    return Frame(b"\x12\x13" * round(24_000 * seconds), PCM16_24K)


class House:
    """A server with a listener for browsers, at a door in memory."""

    def __init__(self, door: MemoryFrontDoor, listener: BrowserListener, server: Server) -> None:
        self.door, self.listener, self.server = door, listener, server


@asynccontextmanager
async def house(
    handle: Handle | None = None, *, limits: Limits | None = None, timeouts: Timeouts | None = None, **options: object
) -> AsyncGenerator[House, None]:
    served: dict[str, object] = {name: options.pop(name) for name in ("model", "agent") if name in options}
    async with (
        open_memory_door() as door,
        browser.listen(door, **options)() as listener,  # type: ignore[arg-type]  # passed on
        open_server(listener, handle, limits=limits, timeouts=timeouts, **served) as server,  # type: ignore[arg-type]
    ):
        yield House(door, listener, server)


async def hear(call: Call) -> None:
    async with call.accept() as channel:
        async for _ in channel:
            pass


def test_the_source_keeps_its_contract() -> None:
    assert not check_source(browser_source).not_checked


def test_the_listener_keeps_its_contract() -> None:
    assert not check_listener(browser_listener).not_checked


# ---- a call


async def test_somebody_talks_with_a_model_and_sees_how_it_goes(fake_browser: FakeBrowser) -> None:
    async with house(model="parrot") as here, fake_browser.call(here.door) as call:
        await call.wait_ready()
        call.speak(hello(PCM16_48K))
        await call.wait_hears(0.4)
        await trio.sleep(0.5)
        assert here.server.statistics().active == 1
    page = call.page
    assert page.states == ["connecting", "connected", "listening", "thinking", "speaking", "listening"]
    assert [(words.who, words.final) for words in page.words] == [("caller", True), ("agent", True)]
    assert page.goodbye is None
    assert call.complaint is None


async def test_the_talk_button_lets_the_model_answer_at_once_and_silences_it_when_pressed_again(fake_browser: FakeBrowser) -> None:
    loud = Frame(b"\x00\x20" * 48_000, PCM16_48K)
    async with house(model="parrot?engine=off") as here, FakeBrowser(line_open=False).call(here.door) as call:
        await call.wait_ready()
        call.press()
        call.speak(loud)
        call.let_go()
        await call.wait_hears(0.3)
        assert trio.current_time() < 1.5
        call.press()
        await trio.sleep(0.3)
        heard = len(call.heard()) / 48
        (receipt,) = call.page.receipts
        await trio.sleep(1.0)
        assert len(call.heard()) / 48 == heard
    assert receipt.reason == "interrupted"
    assert receipt.heard_ms == pytest.approx(heard, abs=1)
    assert receipt.heard_ms + receipt.dropped_ms == pytest.approx(1_000, abs=5)


async def test_what_is_written_reaches_the_model_and_whoever_listens() -> None:
    script = Script(say(0.5, "a"), greets=False)
    events: list[object] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel, open_session(channel, script) as session:
            session.on(TextMessage, events.append).on(Mute, events.append)
            await session.wait_closed()

    async with house(handle) as here, FakeBrowser().call(here.door) as call:
        await call.wait_for(lambda: "connected" in call.page.states)
        call.write("how late is it?")
        call.mute()
        await call.wait_for(lambda: call.page.muted)
        await call.wait_hears(0.4)
    assert script.texts == ["how late is it?"]
    assert events == [TextMessage("how late is it?"), Mute(True)]


@pytest.mark.parametrize(("delay", "latency"), [(0.0, 0.0), (0.06, 0.2)])
async def test_what_was_heard_of_an_interrupted_turn_is_what_sounded_at_the_page(delay: float, latency: float) -> None:
    interruptions: list[Interruption] = []
    told: list[TurnInterrupted] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on(TurnInterrupted, told.append)
            with channel.turn("long") as turn:
                turn.send_nowait(speech(2.0))
            await trio.sleep(0.7)
            interruptions.append(await channel.interrupt().settled())
            await channel.wait_closed()

    fake = FakeBrowser(latency=latency, network=Network(delay=delay, jitter=0.004, seed=1))
    async with house(handle) as here, fake.call(here.door) as call:
        await call.wait_ready()
        await trio.sleep(1.5)
        sounded = len(call.heard()) / 48
    (receipt,) = interruptions[0].turns
    assert receipt.evidence == "exact"
    assert receipt.heard_ms == pytest.approx(sounded, abs=0.1)
    assert told[0].receipt == receipt


async def test_a_goodbye_is_said_and_heard_to_its_end() -> None:
    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.send_audio(speech(0.5))
            await channel.hang_up()

    async with house(handle) as here, FakeBrowser(latency=0.1).call(here.door) as call:
        await call.over.wait()
    assert call.heard() == speech(0.5).data
    assert (call.page.goodbye, call.websocket.close_code) == ("hung up", 1000)


async def test_a_page_that_cannot_report_is_reckoned_with() -> None:
    told: list[TurnInterrupted] = []

    async def handle(call: Call) -> None:
        async with call.accept(on={TurnInterrupted: told.append}) as channel:
            channel.turn("long").send_nowait(speech(2.0))
            await trio.sleep(0.5)
            channel.interrupt()
            await channel.wait_closed()

    async with house(handle) as here, FakeBrowser(can=["clear"]).call(here.door) as call:
        await call.wait_ready()
        await trio.sleep(1.0)
    assert told[0].receipt.evidence == "estimated"
    assert call.page.words == []


# ---- who is turned away


@pytest.mark.parametrize(
    ("reason", "code", "number"), [("busy", "busy", 4429), ("declined", "declined", 4403), ("unavailable", "unavailable", 4503)]
)
async def test_a_call_that_is_refused_is_told_why(reason: str, code: str, number: int) -> None:
    async with house(lambda call: call.reject(reason)) as here, FakeBrowser().call(here.door) as call:
        await call.over.wait()
    assert (call.outcome, call.websocket.close_code) == (code, number)


async def test_one_call_too_many_hears_that_all_lines_are_busy() -> None:
    async with (
        house(hear, limits=Limits(calls=1)) as here,
        FakeBrowser().call(here.door) as first,
        FakeBrowser().call(here.door) as second,
    ):
        await second.over.wait()
        assert (first.outcome, second.outcome) == ("answered", "busy")


async def test_a_token_is_shown_in_the_hello_or_in_the_handshake() -> None:
    async with house(hear, token=Secret("open sesame")) as here:
        for token, early, outcome in (("open sesame", False, "answered"), ("open sesame", True, "answered"), ("sesame", True, "token")):
            async with FakeBrowser(token=token, origin=None).call(here.door, token_as_subprotocol=early) as call:
                await call.wait_for(lambda call=call: call.outcome != "ringing")  # type: ignore[misc]
                assert call.outcome == outcome
        async with FakeBrowser().call(here.door) as call:
            await call.over.wait()
        assert (call.outcome, call.websocket.close_code) == ("token", 4401)
        assert here.listener.counters["token"] == 2


async def test_the_token_may_be_in_a_variable_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER_TOKEN", "another one")
    monkeypatch.setenv("VOICE_TOKEN", "open sesame")
    async with open_memory_door() as door, browser.open_browser(door, token_env="VOICE_TOKEN") as listener, open_server(listener, hear):
        async with FakeBrowser(token="open sesame").call(door) as call:
            await call.wait_ready()
            assert call.outcome == "answered"
        with pytest.raises(OptionError, match="NO_SUCH_TOKEN"):
            async with browser.open_browser(door, token_env="NO_SUCH_TOKEN"):
                pass


async def test_who_names_no_origin_needs_a_token_and_who_speaks_something_else_goes() -> None:
    async with house(hear) as here:
        with pytest.raises(trio.BrokenResourceError, match="403 no origin"):
            async with FakeBrowser(origin=None).call(here.door):
                pass
        with pytest.raises(trio.BrokenResourceError, match=r"400 the subprotocol trioaudio\.v1"):
            await here.door.open_websocket("wss://voice.example.com/ws", {"Origin": "https://voice.example.com"})
        assert (here.listener.counters["no_origin"], here.listener.counters["no_protocol"]) == (1, 1)


async def test_an_app_says_by_the_cookie_whose_call_it_is() -> None:
    callers: list[str | None] = []

    async def authorise(request: Request) -> str | None:
        await trio.lowlevel.checkpoint()
        return {"session=17": "anna"}.get(request.headers.get("cookie", ""))

    async def handle(call: Call) -> None:
        callers.append(call.caller)
        await hear(call)

    async with house(handle, authorise=authorise) as here:
        async with FakeBrowser().call(here.door, headers={"Cookie": "session=17"}) as call:
            await call.wait_ready()
        with pytest.raises(trio.BrokenResourceError, match="403 you may not call here"):
            async with FakeBrowser().call(here.door, headers={"Cookie": "session=18"}):
                pass
    assert callers == ["anna"]
    assert here.listener.auth == "cookie"


@pytest.mark.parametrize(("first", "code"), [('{"t":"hello","v":9}', "hello"), (None, "late")])
async def test_who_says_no_hello_or_a_wrong_one_is_told_so(first: str | None, code: str) -> None:
    async with house(hear) as here:
        headers = {"Origin": "https://voice.example.com", "Sec-WebSocket-Protocol": "trioaudio.v1"}
        websocket = await here.door.open_websocket("wss://voice.example.com/ws", headers)
        if first is not None:
            await websocket.send(first)
        said = json.loads(await websocket.receive())
        assert (said["t"], said["code"]) == ("error", code)
        with pytest.raises(trio.EndOfChannel):
            await websocket.receive()
        assert here.listener.counters[code] == 1
        assert trio.current_time() == (5.0 if first is None else 0.0)


async def test_who_breaks_the_protocol_is_told_so_and_harms_nobody_else() -> None:
    async with house(hear) as here, FakeBrowser().call(here.door) as good, FakeBrowser().call(here.door) as bad:
        await bad.wait_ready()
        bad.send(b"odd")
        await bad.over.wait()
        await trio.sleep(0.1)
        assert (bad.outcome, bad.websocket.close_code) == ("protocol", 1007)
        assert good.outcome == "answered"
        assert here.server.statistics().ended["broken"] == 1


@pytest.mark.parametrize("option", [{"rate": 47_999}, {"lead": -1}, {"lead": 60}])
async def test_options_are_checked(option: dict[str, float]) -> None:
    async with open_memory_door() as door:
        with pytest.raises(OptionError):
            async with browser.listen(door, **option)():  # type: ignore[arg-type]  # that is what is checked
                pass


async def test_the_page_is_served_with_a_strict_policy_or_not_at_all() -> None:
    async with house(hear) as here:
        assert here.listener.where == "https://voice.example.com/"
        for path in ("/", "/index.html"):
            page = await here.door.request("GET", f"https://voice.example.com{path}")
            assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self';" in policy
            assert "connect-src 'self' wss://voice.example.com;" in policy
            assert "unsafe" not in policy
            assert page.headers["Cache-Control"] == "no-cache"
    async with house(hear, page=False) as here:
        assert (await here.door.request("GET", "https://voice.example.com/")).status == 404


# ---- many, slow ones, and bad networks


async def talk_all_the_time(call: Call) -> None:
    async with call.accept() as channel:
        with channel.turn() as turn:
            while True:
                await turn.send(speech(0.2))


async def test_two_hundred_calls_run_side_by_side_and_one_that_stalls_harms_none(fake_browser: FakeBrowser) -> None:
    impatient = Timeouts(write=2.5)
    async with house(talk_all_the_time, timeouts=impatient) as here, AsyncExitStack() as stack:
        fake = FakeBrowser(rate=24_000, line_open=False)
        sleeper, gone, *others = [await stack.enter_async_context(fake.call(here.door)) for _ in range(200)]
        await sleeper.wait_ready()
        sleeper.stall(2.8)
        gone.stall()
        await trio.sleep(2.7)
        for call in others:
            assert call.page.player is not None
            assert call.page.player.underruns == 0
            assert len(call.heard()) / 48_000 == pytest.approx(2.7, abs=0.1)
        await trio.sleep(0.101)
        assert sleeper.page.player is not None
        assert 1.5 < sleeper.page.player.queued <= 2.6  # lead, and a second
        await trio.sleep(0.9)
        assert here.server.statistics().ended["broken"] == 1
        assert here.server.statistics().active == 199


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_bad_network_is_hardly_heard(seed: int) -> None:
    """5 % of the packets late by 200 ms, 100 ms of jitter: turns of 3 s, made faster than they sound."""
    begun: list[float] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            for _ in range(20):
                begun.append(trio.current_time())
                with channel.turn() as turn:
                    for _ in range(30):
                        await turn.send(speech(0.1))
                await channel.wait_heard()
                await trio.sleep(1.0)
            await channel.hang_up()

    fake = FakeBrowser(rate=24_000, line_open=False, latency=0.03, network=Network(jitter=0.1, loss=0.05, seed=seed))
    async with house(handle) as here, fake.call(here.door) as call:
        await call.over.wait()
        player = call.page.player
        assert player is not None
        assert len(call.heard()) == 20 * len(speech(3.0).data)
        assert player.underrun < 0.01 * 60
        delays = [sounds - begins for sounds, begins in zip(player.begun_at.values(), begun, strict=True)]
        assert sum(delays) / len(delays) < 0.2


async def test_what_streams_in_real_time_is_hardly_broken_by_a_bad_network_either() -> None:
    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            turn = channel.turn(live=True)
            for _ in range(2_000):
                await turn.send(speech(0.02))
                await trio.sleep(0.02)
            turn.end()
            await channel.hang_up()

    fake = FakeBrowser(rate=24_000, line_open=False, network=Network(jitter=0.1, loss=0.05, seed=1))
    async with house(handle) as here, fake.call(here.door) as call:
        await call.over.wait()
        assert call.page.player is not None
        assert call.page.player.underrun < 0.01 * 40
        assert len(call.heard()) > 0.99 * 40 * 48_000


def test_a_call_can_be_cancelled_anywhere() -> None:
    async def scenario() -> None:
        async with browser_source() as (source, call), open_channel(source) as channel:
            await channel.send_audio(speech(0.3))
            await call.wait_hears(0.1)
            channel.interrupt()
            call.speak(speech(0.1))
            await trio.sleep(0.2)
            await channel.hang_up()

    cancel_sweep(scenario, seeds=(0,), limit=60)
