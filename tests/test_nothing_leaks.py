"""A planted secret, voice, number and planted words never show up in what built-ins leave behind, however they fail.

One test for all: a new built-in plugin that has no scenario here fails `test_every_builtin_is_looked_at`.
"""

from __future__ import annotations

import importlib
import json
import sys
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trio
from planted import CYCLE, NUMBER, PLAIN, SECRET, WORDS, Leavings, found_in, voice
from testing.carrier_pairs import FAKES

from trioaudio import (
    Agent,
    Call,
    CallSummary,
    CapabilityError,
    Channel,
    Dtmf,
    Event,
    Fault,
    Limits,
    OptionError,
    Reconnect,
    Secret,
    Session,
    Timeouts,
    load_config,
    open_channel,
    open_server,
    open_session,
    trace_session,
)
from trioaudio.__main__ import main
from trioaudio._door.metrics import call_metrics, exposition
from trioaudio._plugins import choose_model, choose_source, list_plugins
from trioaudio.abc import Listener, WebSocket
from trioaudio.audio import PCM16_24K, AudioFormat, Frame
from trioaudio.models.openai import open_openai
from trioaudio.sources import anycarrier, browser, carriers, genesys, twilio
from trioaudio.sources.asterisk import AsteriskListener
from trioaudio.sources.audiosocket import AudioSocketListener
from trioaudio.sources.memory import memory_exchange, memory_pair
from trioaudio.testing import (
    ElevenLabsEmulator,
    ElevenLabsReply,
    FakeAsterisk,
    FakeBrowser,
    FakeCarrier,
    FakeGenesys,
    FakeTwilio,
    GeminiEmulator,
    GeminiReply,
    MemoryFrontDoor,
    OpenAIEmulator,
    OpenAIFault,
    OpenAILiveEmulator,
    OpenAILiveServerOptions,
    OpenAIReply,
    OpenAIServerOptions,
    Script,
    ScriptedFarEnd,
    calls,
    memory_websockets,
    open_call,
    open_memory_door,
    run_virtual,
    say,
)

Scenario = Callable[[Leavings], Awaitable[None]]

CLOUD = '''
from contextlib import asynccontextmanager
from typing import Annotated

from trioaudio import Secret
from trioaudio.abc import Model, Option, model_plugin, require_private
from trioaudio.models.parrot import open_parrot


@model_plugin("cloud", virtual=True)
@asynccontextmanager
async def open_cloud(
    *,
    key: Annotated[Secret, Option(env="CLOUD_KEY")],
    pin: Annotated[str, Option(secret=True)] = "",
    fails: bool = False,
    url: str = "wss://cloud.example.com",
    insecure: bool = False,
):
    """A model that needs a key."""
    require_private(url, insecure=insecure)
    if fails:
        raise ConnectionRefusedError(f"the cloud refused {key}")
    async with open_parrot() as model:
        yield model
'''


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the package ``planted-cloud``, whose model takes a key."""
    site = tmp_path / "site"
    info = site / "planted_cloud-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: planted-cloud\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[trioaudio.models]\ncloud = planted_cloud:open_cloud\n", encoding="utf-8")
    (site / "planted_cloud.py").write_text(CLOUD, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("planted_cloud", None)


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of the planted voice, and silence after it."""
    np, soundfile = pytest.importorskip("numpy"), pytest.importorskip("soundfile")
    said = np.frombuffer(voice(1.5, PCM16_24K).data, np.int16)
    soundfile.write(tmp_path / "caller.wav", np.concatenate([said, np.zeros(48_000, np.int16)]), 24_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "caller.wav"


def planted_agent() -> Agent:
    """An agent with a key for its provider, and one in a variable."""
    return Agent(f"Say {WORDS}, {{name}}.", tools=[fails], variables={"name": PLAIN}, provider_options={"api_key": PLAIN})


def fails(city: str) -> str:
    """Fail."""
    raise LookupError(f"nothing is known of {len(city)} letters")


# ---- what is done


@asynccontextmanager
async def watched(leavings: Leavings, channel: Channel, *more: object) -> AsyncGenerator[None, None]:
    """Keep every event of a channel; look at it, and at them, when it has been used."""
    events: list[Event] = []
    for name in (
        "audio",
        "commit",
        "dtmf",
        "error",
        "turn_started",
        "turn_played",
        "turn_interrupted",
        "audio_dropped",
        "hangup",
        "closed",
    ):
        channel.on(name, events.append)
    try:
        yield
    finally:
        leavings.add_objects("a channel", channel, channel.statistics(), events, *more)


async def talk(leavings: Leavings, channel: Channel, model: Any, agent: Agent | None = None) -> Session:
    """A whole conversation: both speak, the caller interrupts, keys are pressed."""
    async with watched(leavings, channel), open_session(channel, model, agent or planted_agent()) as session:
        with trace(leavings, session):
            await trio.sleep(1.8)
            with session.subscribe("turn_started") as started:
                session.commit()
                with suppress(CapabilityError):
                    await session.respond(WORDS)
                await anext(aiter(started))
            await trio.sleep(0.3)
            interruption = session.interrupt()
            assert interruption.turns, "nothing was said"
            leavings.add_objects("an interruption", interruption)
            await channel.send_audio(voice(0.5, channel.output_format))
            channel.emit(Dtmf("1"))
            channel.emit(Fault(OSError("the disk is full"), "the recording has stopped"))
            await channel.wait_played()
    leavings.add_objects("a session", session, session.transcript)
    return session


def trace(leavings: Leavings, session: Session) -> Any:
    """Trace it too, where there is an SDK."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Exporter(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            for span in spans:
                assert isinstance(span, ReadableSpan)
                leavings.add(f"span {span.name}", span.to_json())
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Exporter()))
    return trace_session(session, tracer_provider=provider)


async def memory_to_parrot(leavings: Leavings) -> None:
    source, far_end = memory_pair(PCM16_24K)
    async with open_channel(source) as channel:
        far_end.say(voice(2.0, PCM16_24K))
        far_end.say(Frame(bytes(96_000), PCM16_24K))
        await talk(leavings, channel, choose_model("parrot?speed=4"))
    leavings.add_objects("a far end", far_end, source)


async def wavfile_to_parrot(leavings: Leavings) -> None:
    async with open_channel("wavfile:caller.wav", record="call.wav") as channel:
        await talk(leavings, channel, "parrot")
        leavings.add_objects("a recording", channel.recording)


async def memory_listener(leavings: Leavings) -> None:
    """Calls that are served: one that talks, one whose handler fails, one that is refused, one whose model fails."""
    exchange = memory_exchange()

    async def handle(call: Call) -> None:
        leavings.add_objects("a call", call)
        if call.parameters["wish"] == "none":
            await call.reject("declined")
            return
        async with call.accept() as channel, watched(leavings, channel, call):
            if call.parameters["wish"] == "failure":
                channel.on("audio", fail_on)
                await channel.wait_closed()
            await talk(leavings, channel, "parrot" if call.parameters["wish"] == "talk" else "parrot?speed=-1")
            await channel.hang_up()

    async with open_server(exchange, handle, on_summary=lambda summary: leavings.add_objects("a summary", summary)) as server:
        for wish in ("talk", "failure", "none", "model"):
            far_end = exchange.dial(NUMBER, NUMBER, parameters={"wish": wish}, headers={"Authorization": f"Bearer {PLAIN}"})
            far_end.say(voice(2.0, PCM16_24K))
            far_end.say(Frame(bytes(96_000), PCM16_24K))
        await trio.sleep(60)
        leavings.add_objects("a server", server, server.statistics())
        leavings.add("metrics", exposition(call_metrics(server.statistics())))
        exchange.close()
        await server.wait_ended()


def fail_on(event: object) -> None:
    """A listener's bug."""
    raise LookupError(f"what to do with {event}?")


async def a_listener_fails(leavings: Leavings) -> None:
    source, far_end = memory_pair(PCM16_24K)
    await refused(leavings, lambda channel: channel.on("audio", fail_on), source, lambda: far_end.say(voice(0.02, PCM16_24K)))


async def an_instrument_fails(leavings: Leavings) -> None:
    class Meter:
        def caller_heard(self, frame: Frame, now: float) -> None:
            raise LookupError(f"cannot measure {frame}")

        def agent_handed(self, *_: object) -> None:
            raise LookupError

    source, far_end = memory_pair(PCM16_24K)
    meter: Any = Meter()
    async with open_channel(source, instruments=[meter]) as channel, watched(leavings, channel):
        far_end.say(voice(0.02, PCM16_24K))
        await channel.send_audio(voice(0.5, PCM16_24K))
        await channel.wait_played()


async def refused(leavings: Leavings, prepare: Callable[[Channel], object], source: Any, begin: Callable[[], object]) -> None:
    """A channel that ends with an error."""
    try:
        async with open_channel(source) as channel, watched(leavings, channel):
            prepare(channel)
            begin()
            await channel.wait_closed()
    except* Exception as group:  # noqa: BLE001 - whatever it is, it is looked at
        leavings.add_error("a channel that failed", group)


async def a_far_end_breaks(leavings: Leavings) -> None:
    for harm in (lambda far: far.fail(OSError("no route")), lambda far: far.stall()):
        far = ScriptedFarEnd(format=PCM16_24K)
        async with open_channel(far.source, timeouts=Timeouts(write=1.0)) as channel, watched(leavings, channel, far):
            with channel.turn("a") as turn:
                turn.send_nowait(voice(2.0, PCM16_24K))
                harm(far)
                await trio.sleep(5)
                try:
                    await turn.send(voice(1.0, PCM16_24K))
                except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                    leavings.add_error("a far end that broke", exc)


async def audio_is_refused(leavings: Leavings) -> None:
    """Audio that is no audio, too much of it, or in another format: complaints must not quote it."""
    source, _ = memory_pair(PCM16_24K)
    async with open_channel(source, limits=Limits(max_turn=0.1)) as channel, watched(leavings, channel):
        bad: list[Any] = [
            voice(0.1, PCM16_24K).base64 + "!",
            voice(0.1, PCM16_24K).base64[:-3],
            voice(0.1, PCM16_24K).data + b"\0",
            voice(0.1, AudioFormat("pcm16", 8_000)),
            list(CYCLE * 4),
            memoryview(CYCLE * 9)[:-1],
        ]
        for audio in bad:
            try:
                await channel.send_audio(audio)
            except (ValueError, TypeError) as exc:
                leavings.add_error("audio that was refused", exc)
            else:
                raise AssertionError("it was not refused")
        with channel.turn("a") as turn:
            for _ in range(10):
                try:
                    turn.send_nowait(voice(0.1, PCM16_24K))
                except trio.WouldBlock as exc:
                    leavings.add_error("a turn that was full", exc)


async def a_tool_fails(leavings: Leavings) -> None:
    script = Script([say(0.5, "a", transcript=WORDS), calls(("fails", {"city": WORDS}))], greets=True)
    async with open_call(script, planted_agent()) as (caller, session):
        events: list[Event] = []
        session.on("tool.called", events.append).on("tool.returned", events.append).on("tool.call", events.append)
        await session.wait_event("tool.returned")
        await session.channel.wait_played()
        leavings.add_objects("a tool", caller, session, session.agent, events)


async def memory_to_openai(leavings: Leavings) -> None:
    """A whole call with an emulated server, and one that it ends in anger."""
    emulator = OpenAIEmulator(lambda _: OpenAIReply(WORDS, voice(3.0, PCM16_24K)))
    source, far_end = memory_pair(PCM16_24K)
    async with open_channel(source) as channel:
        far_end.say(voice(2.0, PCM16_24K))
        far_end.say(Frame(bytes(96_000), PCM16_24K))
        await talk(leavings, channel, emulator.model, planted_agent().replace(provider_options={}))
    leavings.add_objects("an emulator", emulator, emulator.sessions)
    angry = OpenAIEmulator(faults=[OpenAIFault("event:session.created", "close 1011 overloaded")])
    try:
        async with open_call(angry.model, planted_agent()):
            pass
    except (OptionError, trio.BrokenResourceError) as exc:
        leavings.add_error("a model that left", exc)


async def memory_to_others(leavings: Leavings) -> None:
    """A whole call with each of the other emulated servers, and one that each ends in anger."""
    fault = [OpenAIFault("0s", "close 1011 overloaded")]
    dialect = OpenAIServerOptions(dialect="xai")
    said = voice(3.0, PCM16_24K)
    for good, bad in (
        (OpenAIEmulator(lambda _: OpenAIReply(WORDS, said), dialect), OpenAIEmulator(None, dialect, faults=fault)),
        (GeminiEmulator(lambda _: GeminiReply(WORDS, said)), GeminiEmulator(faults=fault)),
        (ElevenLabsEmulator(lambda _: ElevenLabsReply(WORDS, said)), ElevenLabsEmulator(faults=fault)),
    ):
        source, far_end = memory_pair(PCM16_24K)
        async with open_channel(source) as channel:
            far_end.say(voice(2.0, PCM16_24K))
            far_end.say(Frame(bytes(96_000), PCM16_24K))
            await talk(leavings, channel, good.model, planted_agent().replace(provider_options={}))
        leavings.add_objects("an emulator", good, good.sessions)
        try:
            async with open_call(bad.model, planted_agent().replace(provider_options={}, reconnect=Reconnect(attempts=0))) as (_, session):
                leavings.add_objects("an end", await session.wait_closed())
        except (OptionError, trio.BrokenResourceError) as exc:
            leavings.add_error("a model that left", exc)


async def twilio_listener(leavings: Leavings) -> None:
    """A call that talks, one that sends a voice where a word belongs, and one that is signed with a wrong token."""
    fake = FakeTwilio(auth_token=SECRET)

    async def handle(call: Call) -> None:
        async with call.accept() as channel, watched(leavings, channel, call):
            await talk(leavings, channel, "parrot")

    def told(summary: CallSummary) -> None:
        leavings.add_objects("a summary", summary)

    async with (
        open_memory_door() as door,
        twilio.listen(door, auth_token=fake.auth_token)() as listener,
        open_server(listener, handle, on_summary=told) as server,
    ):
        async with fake.dial(door, caller=NUMBER, parameters={"key": PLAIN}) as call:
            line = await call.wait_connected()
            line.speak(voice(2.0, AudioFormat("mulaw", 8_000)))
            await trio.sleep(8)
            leavings.add_objects("a carrier", fake, call, line, listener)
        async with fake.dial(door, caller=NUMBER) as call:
            line = await call.wait_connected()
            line.send(voice(0.1, PCM16_24K).base64)
            await call.wait_ended()
        async with FakeTwilio(auth_token=PLAIN).dial(door, caller=NUMBER) as call:
            await call.wait_ended()
        leavings.add("metrics", exposition(call_metrics(server.statistics())))


async def browser_listener(leavings: Leavings) -> None:
    """A page that talks and writes, one with a wrong token, one that breaks the protocol, and one that says no hello."""
    spoken = AudioFormat("pcm16", 48_000)

    async def handle(call: Call) -> None:
        async with call.accept() as channel, watched(leavings, channel, call):
            await talk(leavings, channel, "parrot")

    async with (
        open_memory_door() as door,
        browser.listen(door, token=Secret(SECRET))() as listener,
        open_server(listener, handle, on_summary=lambda summary: leavings.add_objects("a summary", summary)) as server,
    ):
        async with FakeBrowser(token=SECRET).call(door) as call:
            call.speak(voice(2.0, spoken))
            await trio.sleep(1)
            call.write(WORDS)
            await trio.sleep(7)
            leavings.add_objects("a page's call", call.page.hello, listener)
        async with FakeBrowser(token=PLAIN).call(door, token_as_subprotocol=True) as call:
            await call.over.wait()
        async with FakeBrowser(token=SECRET).call(door) as call:
            await call.wait_ready()
            call.send(voice(0.1, PCM16_24K).base64)
            await call.over.wait()
        async with FakeBrowser(token=SECRET).call(door) as call:
            await call.wait_ready()
            call.send(voice(0.1, PCM16_24K).data + b"\0")
            await call.over.wait()
        headers = {"Sec-WebSocket-Protocol": "trioaudio.v1"}
        websocket = await door.open_websocket("wss://voice.example.com/ws", headers)
        await websocket.send(json.dumps({"t": "hello", "v": SECRET, "token": SECRET}))
        leavings.add("why it was refused", str(await websocket.receive()))
        leavings.add("metrics", exposition(call_metrics(server.statistics())))


async def carrier_listeners(leavings: Leavings) -> None:
    """A call of each of Twilio's sister carriers, whose address has the key, and somebody who guessed it wrongly."""

    async def handle(call: Call) -> None:
        async with call.accept() as channel, watched(leavings, channel, call):
            await talk(leavings, channel, "parrot")

    for name, (fake, _) in [*FAKES.items(), ("anycarrier", FAKES["telnyx"])]:
        key = {"api_key": PLAIN, "client_secret": b64encode(SECRET.encode()).decode()} if name == "genesys" else {}
        carrier = fake(**key)
        async with (
            open_memory_door() as door,
            carrier_opener(name, carrier)(door) as listener,
            open_server(listener, handle, on_summary=lambda summary: leavings.add_objects("a summary", summary)),
        ):
            base = f"wss://voice.example.com/{name}"
            url = base if name == "genesys" else f"{base}/{quote(SECRET, safe='')}"
            async with carrier.dial(door, url, caller=NUMBER, parameters={"key": PLAIN}) as line:
                line.speak(voice(2.0, line.format))
                await trio.sleep(8)
                leavings.add_objects("a carrier", carrier, line, listener)
            try:
                await door.open_websocket(base if name == "genesys" else f"{base}/{PLAIN.replace('/', '-')}", {"x-api-key": "guessed"})
            except trio.BrokenResourceError as exc:
                leavings.add_error("a wrong key", exc)


def carrier_opener(name: str, carrier: FakeCarrier) -> Callable[[MemoryFrontDoor], AbstractAsyncContextManager[Listener]]:
    """The listener that this carrier may call."""
    if isinstance(carrier, FakeGenesys):
        return lambda door: genesys.open_genesys(door, key=carrier.api_key, client_secret=carrier.client_secret)
    return lambda door: getattr(anycarrier if name == "anycarrier" else carriers, f"open_{name}")(door, key=Secret(SECRET))


async def memory_to_openai_live(leavings: Leavings) -> None:
    """A whole call with an emulated full-duplex server, and one whose account is empty."""
    emulator = OpenAILiveEmulator()
    source, far_end = memory_pair(PCM16_24K)
    async with open_channel(source) as channel:
        far_end.say(voice(2.0, PCM16_24K))
        await talk(leavings, channel, emulator.model, planted_agent().replace(provider_options={}))
    leavings.add_objects("an emulator", emulator, emulator.sessions)
    try:
        async with open_call(OpenAILiveEmulator(OpenAILiveServerOptions(fatal="insufficient_quota")).model, planted_agent()):
            pass
    except (OptionError, trio.BrokenResourceError) as exc:
        leavings.add_error("a model that refused", exc)


async def audiosocket_listener(leavings: Leavings) -> None:
    """A call that talks, one whose id is used, and somebody who sends a voice instead of an id."""
    listener, asterisk = AudioSocketListener(), FakeAsterisk(PCM16_24K, line_open=True)

    async def handle(call: Call) -> None:
        async with call.accept() as channel, watched(leavings, channel, call):
            await talk(leavings, channel, "parrot")

    async with open_server(listener, handle, on_summary=lambda summary: leavings.add_objects("a summary", summary)) as server:
        id = listener.ids.issue(trio.current_time(), {"caller": NUMBER, "key": PLAIN})
        async with asterisk.audiosocket_to(listener.take, id) as far:
            far.speak(voice(2.0, PCM16_24K))
            await trio.sleep(8)
            leavings.add_objects("a far end", far, asterisk, listener)
        for shown in (id, None):
            async with asterisk.audiosocket_to(listener.take, shown) as far:
                far.send_bytes(voice(0.1, PCM16_24K).data)
                await far.outcome()
        leavings.add("metrics", exposition(call_metrics(server.statistics())))


async def asterisk_listener(leavings: Leavings) -> None:
    """A call that talks, one that begins with garbage, and one whose audio breaks the protocol."""
    listener, asterisk = AsteriskListener(password=Secret(SECRET)), FakeAsterisk(PCM16_24K, line_open=True)

    async def handle(call: Call) -> None:
        async with call.accept() as channel, watched(leavings, channel, call):
            await talk(leavings, channel, "parrot")

    def serve(websocket: WebSocket) -> Awaitable[None]:
        return listener.serve(websocket, {"caller": NUMBER, "key": PLAIN})

    async with open_server(listener, handle, on_summary=lambda summary: leavings.add_objects("a summary", summary)) as server:
        async with asterisk.websocket_to(serve) as far:
            far.speak(voice(2.0, PCM16_24K))
            await trio.sleep(8)
            leavings.add_objects("a far end", far, asterisk, listener)
        async with asterisk.websocket_to(serve) as far:
            await trio.sleep(0.1)
            far.send(voice(0.1, PCM16_24K).data + b"\0")
            await far.outcome()
        ours, theirs = memory_websockets()
        await ours.send(voice(0.1, PCM16_24K).data)
        await serve(theirs)
        leavings.add("metrics", exposition(call_metrics(server.statistics())))


async def asterisk_source(leavings: Leavings) -> None:
    """An Asterisk that cannot be reached, whose URL is a secret."""
    opener = choose_source(f"asterisk:ws://127.0.0.1:1/media/{SECRET}")
    leavings.add_objects("an opener", opener)
    try:
        async with opener():
            pass
    except trio.BrokenResourceError as exc:
        leavings.add_error("an Asterisk that is not there", exc)
    leavings.add("what it said", opener.text)


SCENARIOS: dict[str, Scenario] = {
    "listener asterisk": asterisk_listener,
    "source asterisk": asterisk_source,
    "listener audiosocket": audiosocket_listener,
    "source memory, model parrot": memory_to_parrot,
    "source memory, model openai": memory_to_openai,
    "source memory, model openai-live": memory_to_openai_live,
    "source memory, model elevenlabs, model gemini, model xai": memory_to_others,
    "listener twilio": twilio_listener,
    "listener browser": browser_listener,
    ", ".join(f"listener {name}" for name in (*FAKES, "anycarrier")): carrier_listeners,
    "source wavfile, model parrot": wavfile_to_parrot,
    "listener memory": memory_listener,
    "a listener fails": a_listener_fails,
    "an instrument fails": an_instrument_fails,
    "a far end breaks": a_far_end_breaks,
    "audio is refused": audio_is_refused,
    "a tool fails": a_tool_fails,
}


def leavings_of(scenario: str) -> Leavings:
    """Run a scenario on the virtual clock; its own failure is looked at as well."""
    leavings = Leavings()
    with leavings.logged():
        run_virtual(SCENARIOS[scenario], leavings)
    assert len(leavings.texts) > 3, "nothing was looked at"
    return leavings


# ---- what is looked for


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_call_shows_neither_secret_nor_audio_nor_number(scenario: str, caller: Path) -> None:
    assert not leavings_of(scenario).leaks()


def test_every_builtin_is_looked_at() -> None:
    builtins = {f"{info.kind} {info.name}" for info in list_plugins() if info.package == "trioaudio"}
    assert {each for each in builtins if not any(each in scenario for scenario in SCENARIOS)} == set()


COMMANDS: dict[str, tuple[str, ...]] = {
    "a call": ("--model", "cloud"),
    "a call with a spec": ("--model", f"cloud?key={SECRET.replace('=', '%3D')}&pin={SECRET.replace('=', '%3D')}"),
    "a call that fails": ("--model", "cloud?fails"),
    "a wrong option": ("--model", f"cloud?pni={SECRET.replace('=', '%3D')}"),
    "a wrong key": ("--model", f"cloud?key={SECRET.replace('=', '%3D')}%0A"),
}


@pytest.mark.parametrize("way", ["variable", "file", "settings"])
@pytest.mark.parametrize("command", [*COMMANDS, "plugins", "plugins cloud", "config", "config that is wrong"])
def test_a_command_shows_neither_secret_nor_audio(
    command: str, way: str, cloud: None, caller: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leavings = Leavings()
    plant(way, monkeypatch)
    make_call = ("run", "--source", "wavfile:caller.wav", "--fast", "--linger", "1", "--timeline", "call.png", "--log-level", "debug")
    words = [*make_call, *COMMANDS[command]] if command in COMMANDS else command.split()[: 2 if "cloud" in command else 1]
    if way == "settings" and command != "plugins" and command != "plugins cloud":
        words += ["--config", "trioaudio.toml"]
    if command == "config that is wrong":
        Path("trioaudio.toml").write_text(f"[models.cloud]\nkey = {json.dumps(SECRET)}\npni = {json.dumps(SECRET)}\n", encoding="utf-8")
        words = ["config", "--config", "trioaudio.toml"]
    with leavings.logged():
        code = main(words)
    assert code in (0, 1, 2)
    for text in capfd.readouterr():
        leavings.add("printed", text)
    assert not leavings.leaks()
    assert (code == 0) == ("wrong" not in command and "fails" not in command)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_key_travels_in_the_clear_only_if_that_is_asked_for(
    allowed: bool, cloud: None, caller: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("variable", monkeypatch)
    insecure = ["--insecure"] if allowed else []
    code = main(["run", "--source", "wavfile:caller.wav", "--model", "cloud?url=ws://cloud.example.com", "--fast", *insecure])
    refusal = "trioaudio: no key is sent over ws:// to cloud.example.com: use wss://, or allow it with --insecure\n"
    assert (code, capfd.readouterr().err) == ((0, "") if allowed else (2, refusal))


def plant(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the cloud its key."""
    Path("key").write_text(SECRET + "\n", encoding="utf-8")
    Path("trioaudio.toml").write_text(f"[models.cloud]\nkey = {json.dumps(SECRET)}\n", encoding="utf-8")
    if way == "variable":
        monkeypatch.setenv("CLOUD_KEY", SECRET)
    elif way == "file":
        monkeypatch.setenv("CLOUD_KEY_FILE", "key")


async def test_a_key_that_is_sent_shows_nowhere_else() -> None:
    """Over a true socket, to a server that takes it, to one that refuses it, and to none."""

    from trioaudio.testing import OpenAIEmulator, OpenAIFault

    leavings, key = Leavings(), Secret(SECRET)
    with leavings.logged():
        for faults in ((), (OpenAIFault("event:session.created", "close 1008 who are you"),)):
            emulator = OpenAIEmulator(faults=faults)
            async with emulator.listen() as url:
                await attempt(leavings, open_openai("planted", base_url=url, key=key))
            leavings.add_objects("an emulator", emulator, emulator.sessions)
        await attempt(leavings, open_openai("planted", base_url=url, key=key))
        await attempt(leavings, open_openai("planted", base_url="wss://[::1]:1", key=key))
        await attempt(leavings, open_openai("planted", base_url="ws://192.0.2.1", key=key))
    assert not leavings.leaks()


async def attempt(leavings: Leavings, opening: Any) -> None:
    """Open a model and begin a session with it."""
    try:
        async with opening as model:
            leavings.add_objects("a model", model)
            await model.start(planted_agent().replace(provider_options={}), PCM16_24K, PCM16_24K)
    except (trio.BrokenResourceError, OSError, ValueError) as exc:
        leavings.add_error("a model that did not begin", exc)


def test_what_opens_a_plugin_shows_no_secret(cloud: None, caller: Path) -> None:
    leavings = Leavings()
    plant("settings", pytest.MonkeyPatch())
    config = load_config("trioaudio.toml", {})
    leavings.add_objects("settings", config, config.model("cloud"), Secret(SECRET))

    async def open_it() -> None:
        async with config.model("cloud?fails")():
            pass

    try:
        trio.run(open_it)
    except ConnectionRefusedError as exc:
        leavings.add_error("a model that cannot be opened", exc)
    with pytest.raises(OptionError) as raised:
        config.model(f"cloud?key={SECRET}%0A")
    leavings.add("an option that is refused", str(raised.value))
    assert not leavings.leaks()


# ---- that it would be found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"connecting with {SECRET}", "secret"),
        ("cloud?key=swordfish/4711%3Dsesame%2Bopen", "secret"),
        (repr(CYCLE * 3), "audio"),
        (repr(bytearray(CYCLE * 3)), "audio"),
        ((CYCLE * 3).hex(), "audio"),
        (str(list(CYCLE * 3)), "audio"),
        (repr(memoryview(CYCLE * 3).cast("h").tolist()), "audio"),
        (voice(0.02, PCM16_24K).base64, "audio"),
        (voice(0.02, PCM16_24K).base64[5:60], "audio"),
        (f"call from {NUMBER}", "number"),
        (f"Bearer {PLAIN}", "plain secret"),
        (f"agent: {WORDS}", "words"),
    ],
)
def test_what_is_planted_is_found_in_every_form(text: str, what: str) -> None:
    assert what in found_in(text)


def test_what_is_planted_is_found_in_arrays_and_in_g711() -> None:
    np = pytest.importorskip("numpy")
    from trioaudio.audio import Converter

    assert "audio" in found_in(str(np.frombuffer(CYCLE * 30, np.int16)))
    eight = AudioFormat("pcm16", 8_000)
    for name in ("mulaw", "alaw"):
        coded = Converter(eight, AudioFormat(name, 8_000)).convert(voice(0.1, eight))  # type: ignore[arg-type]  # both are encodings
        assert "audio" in found_in(coded.base64)


def show_data(frame: Frame) -> str:
    return f"<Frame {frame.data!r}>"


def show_value(secret: Secret) -> str:
    return f"<Secret {secret.reveal()}>"


@pytest.mark.parametrize("scenario", ["source memory, model parrot", "a listener fails", "an instrument fails"])
def test_audio_in_a_repr_would_be_found(scenario: str, caller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Frame, "__repr__", show_data)
    assert any("audio" in found for _, found, _ in leavings_of(scenario).leaks())


def test_a_number_in_a_summary_would_be_found(caller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio._serving.task.mask_number", str)
    assert any("number" in found for _, found, _ in leavings_of("listener memory").leaks())


def test_a_secret_in_a_repr_would_be_found(cloud: None, caller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Secret, "__repr__", show_value)
    leavings = Leavings()
    plant("settings", monkeypatch)

    async def open_it() -> None:
        async with load_config("trioaudio.toml", {}).model("cloud?fails")():
            pass

    try:
        trio.run(open_it)
    except ConnectionRefusedError as exc:
        leavings.add_error("a model that cannot be opened", exc)
    assert any("secret" in found for _, found, _ in leavings.leaks())
