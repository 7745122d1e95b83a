"""The plugin ``gemini``: how it is opened and refused, and whole calls with the emulated server."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest
import trio
from wire.openai_emulated import speech

from trioaudio import (
    Agent,
    CapabilityError,
    InsecureConnectionError,
    ModelRefused,
    OptionError,
    ResponseDone,
    Said,
    Secret,
    SessionExpiring,
    ToolCancelled,
    ToolReturned,
    TurnDetection,
    TurnInterrupted,
    TurnPlayed,
    open_channel,
    open_session,
)
from trioaudio.abc import Model
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, Frame
from trioaudio.models.gemini import live_url, open_gemini
from trioaudio.testing import (
    GeminiCall,
    GeminiEmulator,
    GeminiQuestion,
    GeminiReply,
    GeminiServerOptions,
    OpenAIFault,
    ScriptedFarEnd,
    open_call,
)
from trioaudio.testing.fixtures import OpenCall
from trioaudio.wire.gemini import GeminiOptions

GEMINI = "wss://generativelanguage.googleapis.com"
SERVICE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def long_reply(question: GeminiQuestion) -> GeminiReply:
    return GeminiReply("one two three four", Frame.silence(5 * question.format.rate, question.format))


# ---- being opened


@pytest.mark.parametrize(
    ("base", "by_token", "url"),
    [
        (GEMINI, False, GEMINI + SERVICE),
        ("http://127.0.0.1:8080/proxy/", False, f"ws://127.0.0.1:8080/proxy{SERVICE}"),
        (GEMINI, True, f"{GEMINI}/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"),
        ("wss://x/ws/y.LlmBidiService/BidiGenerateContent", False, "wss://x/ws/y.LlmBidiService/BidiGenerateContent"),
    ],
)
def test_the_method_is_found_below_the_base_url(base: str, by_token: bool, url: str) -> None:
    assert live_url(base, by_token=by_token) == url


async def test_without_a_key_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GEMINI_API_KEY_FILE", "GOOGLE_API_KEY", "GOOGLE_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OptionError, match="GEMINI_API_KEY"):
        async with open_gemini("gemini-3.8-live"):
            pass


async def test_a_key_never_travels_unencrypted_to_another_machine() -> None:
    with pytest.raises(InsecureConnectionError, match="example"):
        async with open_gemini("gemini-3.8-live", base_url="ws://example.org", key=Secret("planted")):
            pass


@pytest.mark.parametrize("base_url", ["ftp://x/v1", "generativelanguage.googleapis.com", ""])
async def test_what_is_no_url_is_refused(base_url: str) -> None:
    with pytest.raises(OptionError, match="base_url"):
        async with open_gemini("gemini-3.8-live", base_url=base_url, key=Secret("planted")):
            pass


async def test_an_option_out_of_its_range_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(OptionError, match="temperature"):
        async with open_gemini("gemini-3.8-live", temperature=9.0):
            pass


async def start(model: Model, agent: Agent | None = None) -> None:
    await model.start(agent or Agent(), PCM16_16K, PCM16_24K)


@pytest.mark.usefixtures("virtual_clock")
class TestStarting:
    async def test_a_model_that_there_is_not_is_refused_for_good(self) -> None:
        emulator = GeminiEmulator(options=GeminiServerOptions(models=frozenset({"gemini-3.8-live"})))
        with pytest.raises(ModelRefused, match=r"1008 \(models/nonsense is not found"):
            async with emulator.model(name="nonsense") as model:
                await start(model)

    async def test_a_setup_that_is_refused_is_refused_for_good(self) -> None:
        with pytest.raises(ModelRefused, match="explicitVadSignal is not supported"):
            async with GeminiEmulator().model(GeminiOptions(voice_activity=True)) as model:
                await start(model)

    async def test_a_server_that_is_overloaded_can_be_tried_again(self) -> None:
        emulator = GeminiEmulator(faults=[OpenAIFault("0s", "close 1011 overloaded")])
        with pytest.raises(trio.BrokenResourceError, match=r"1011 \(overloaded\)") as caught:
            async with emulator.model() as model:
                await start(model)
        assert not isinstance(caught.value, ModelRefused)

    async def test_a_server_that_leaves_without_a_word_has_not_begun(self) -> None:
        emulator = GeminiEmulator(faults=[OpenAIFault("0s", "close 1000")])
        with pytest.raises(trio.BrokenResourceError, match="before it began"):
            async with emulator.model() as model:
                await start(model)

    async def test_the_body_of_its_block_fails_with_its_own_error(self) -> None:
        with pytest.raises(KeyError):
            async with GeminiEmulator().model():
                raise KeyError("mine")


@pytest.mark.usefixtures("virtual_clock")
class TestGoingOn:
    async def test_another_connection_goes_on_with_the_handle_once_this_one_is_closed(self) -> None:
        emulator = GeminiEmulator()
        async with emulator.model() as model:
            await start(model)
            await model.send_text("I am Ada.")
            while not isinstance(await model.receive(), ResponseDone):
                pass
            token = model.resume_token
        assert token is not None
        assert not model.resumes_while_open
        async with emulator.model() as model:
            model.resume(token)
            await start(model)
        assert ("user", "I am Ada.") in emulator.sessions[-1].conversation

    async def test_a_handle_that_nobody_knows_is_no_reason_not_to_begin_anew(self) -> None:
        async with GeminiEmulator().model() as model:
            model.resume("unknown")
            with pytest.raises(trio.BrokenResourceError) as caught:
                await start(model)
        assert not isinstance(caught.value, ModelRefused)

    @pytest.mark.parametrize("name", ["gemini-3.8-live", "gemini-2.5-flash-native-audio"])
    async def test_it_is_told_of_a_conversation_that_went_before(self, name: str) -> None:
        emulator = GeminiEmulator()
        async with emulator.model(name=name) as model:
            await start(model)
            await model.seed([Said("caller", "I am Ada."), Said("agent", "Hello, Ada.")])
            await model.send_text("Who am I?")
            while not isinstance(await model.receive(), ResponseDone):
                pass
        assert list(emulator.sessions[-1].conversation)[:2] == [("user", "I am Ada."), ("model", "Hello, Ada.")]

    async def test_a_connection_that_may_not_be_told_says_so(self) -> None:
        async with GeminiEmulator().model(GeminiOptions(history=False)) as model:
            await start(model)
            assert "history" not in model.capabilities
            with pytest.raises(CapabilityError):
                await model.seed([Said("caller", "Hi")])


# ---- being used


@pytest.mark.usefixtures("virtual_clock")
class TestCalls:
    async def test_the_caller_is_answered(self) -> None:
        emulator = GeminiEmulator()
        caller = ScriptedFarEnd(format=PCM16_16K)
        async with open_call(emulator.model, caller=caller) as (_, session):
            with session.subscribe(TurnPlayed) as played:
                caller.speak(speech(PCM16_16K))
                receipt = (await anext(aiter(played))).receipt
        assert receipt.heard / PCM16_24K.rate == pytest.approx(2.2, abs=0.3)
        assert [(line.speaker, line.text) for line in session.transcript] == [
            ("caller", "(2.2 s of speech)"), ("agent", "(2.2 s of what you said)"),
        ]  # fmt: skip
        assert emulator.sessions[-1].closing is None

    @pytest.mark.parametrize(("spoken", "heard"), [(MULAW_8K, PCM16_8K), (PCM16_16K, PCM16_16K), (PCM16_24K, PCM16_16K)], ids=str)
    async def test_it_hears_16_khz_and_from_a_telephone_8(self, spoken: object, heard: object) -> None:
        caller = ScriptedFarEnd(format=spoken)  # type: ignore[arg-type]  # pytest's parameters have no types
        async with open_call(GeminiEmulator().model, caller=caller) as (_, session):
            assert (session.input_format, session.output_format) == (heard, PCM16_24K)

    async def test_the_caller_interrupts_and_is_answered(self) -> None:
        emulator = GeminiEmulator(long_reply)
        caller = ScriptedFarEnd(format=PCM16_16K)
        async with open_call(emulator.model, Agent(greeting="Hello!"), caller=caller) as (_, session):
            with session.subscribe(TurnInterrupted, TurnPlayed) as turns:
                await trio.sleep(1.0)
                caller.speak(speech(PCM16_16K))
                interrupted, played = await anext(aiter(turns)), await anext(aiter(turns))
        assert isinstance(interrupted, TurnInterrupted)
        assert isinstance(played, TurnPlayed)
        assert interrupted.receipt.heard / PCM16_24K.rate == pytest.approx(1.8, abs=0.2)
        assert played.receipt.heard == 5 * PCM16_24K.rate
        assert emulator.sessions[-1].closing is None

    async def test_an_answer_that_the_app_stops_is_dropped_until_its_turn_is_over(self) -> None:
        emulator = GeminiEmulator(long_reply, GeminiServerOptions(speed=1.0))
        async with open_call(emulator.model) as (_, session):
            await session.respond()
            await trio.sleep(1.0)
            interruption = session.interrupt()
            assert interruption.turns
            with session.subscribe(TurnPlayed, ResponseDone) as events:
                await session.send_message("And now?")
                told = [type(await anext(aiter(events))).__name__ for _ in range(3)]
        assert told[0] == "ResponseDone"
        assert sorted(told[1:]) == ["ResponseDone", "TurnPlayed"]
        assert session.late_audio_ms > 3_000

    async def test_a_tool_is_called_and_its_result_answered_once(self) -> None:
        def answer(question: GeminiQuestion) -> GeminiReply:
            return (
                GeminiReply(f"It is {question.results[0]}.")
                if question.results
                else GeminiReply(calls=(GeminiCall("warmth", '{"city":"Rome"}'),))
            )

        async def warmth(city: str) -> str:
            await trio.sleep(27)
            return f"warm in {city}"

        emulator = GeminiEmulator(answer)
        async with open_call(emulator.model, Agent(tools=[warmth])) as (_, session):
            with session.subscribe(ToolReturned, ResponseDone) as events:
                await session.respond()
                await trio.sleep(40.0)
            assert [type(event).__name__ async for event in events] == ["ResponseDone", "ToolReturned", "ResponseDone"]
        assert session.transcript[-1].text == "It is warm in Rome."
        assert emulator.sessions[-1].closing is None

    async def test_a_caller_who_goes_on_has_no_use_for_what_a_tool_finds(self) -> None:
        def answer(question: GeminiQuestion) -> GeminiReply:
            return GeminiReply("Go on.") if question.heard else GeminiReply(calls=(GeminiCall("slowly"),))

        finished = []

        async def slowly() -> str:
            await trio.sleep(20)
            finished.append(True)
            return "done"

        emulator = GeminiEmulator(answer)
        caller = ScriptedFarEnd(format=PCM16_16K)
        async with open_call(emulator.model, Agent(tools=[slowly]), caller=caller) as (_, session):
            with session.subscribe(ToolCancelled, ToolReturned) as events:
                await session.respond()
                caller.speak(speech(PCM16_16K))
                await trio.sleep(40)
            assert [type(event).__name__ async for event in events] == ["ToolReturned", "ToolCancelled"]
        assert finished == []
        assert session.transcript[-1].text == "Go on."
        assert emulator.sessions[-1].closing is None

    async def test_where_turns_are_manual_the_app_says_when_one_is_complete(self) -> None:
        emulator = GeminiEmulator()
        caller = ScriptedFarEnd(format=PCM16_16K, line_open=True)
        agent = Agent(turn_detection=TurnDetection(mode="manual"))
        async with open_call(emulator.model, agent, caller=caller) as (_, session):
            with session.subscribe(TurnPlayed) as played:
                await trio.sleep(2.0)
                session.commit()
                await anext(aiter(played))
                await trio.sleep(1.0)
                session.commit()
                await anext(aiter(played))
        assert [line.text for line in session.transcript if line.speaker == "caller"] == ["(2.0 s of speech)", "(3.0 s of speech)"]
        assert emulator.sessions[-1].closing is None

    async def test_a_call_goes_on_with_the_handle_when_its_connection_breaks(self) -> None:
        emulator = GeminiEmulator()
        async with open_call(emulator.model) as (_, session):
            await session.send_message("I am Ada.")
            await trio.sleep(5.0)
            emulator.fail()
            await trio.sleep(5.0)
            await session.send_message("Still there?")
            await trio.sleep(5.0)
        assert [line.text for line in session.transcript] == ["I am Ada.", "Still there?"]
        assert len({line.item_id for line in session.transcript}) == 2  # the provider has no ids, and each connection makes its own
        first, second = emulator.sessions
        assert "handle" in second.setup["sessionResumption"]
        assert ("user", "I am Ada.") in second.conversation
        assert not first.connected

    async def test_the_app_learns_that_the_connection_will_end_and_then_that_it_has(self) -> None:
        emulator = GeminiEmulator(options=GeminiServerOptions(lasts=100, warns=40))
        async with open_call(emulator.model) as (_, session):
            with session.subscribe(SessionExpiring) as expiring:
                assert await anext(aiter(expiring)) == SessionExpiring(40.0)
            assert trio.current_time() == pytest.approx(60, abs=0.1)

    async def test_words_for_word_is_what_it_cannot_say(self) -> None:
        async with open_call(GeminiEmulator().model) as (_, session):
            with pytest.raises(CapabilityError, match="say"):
                await session.say("Exactly this.")

    async def test_the_fixture_answers_a_call(self, call: OpenCall, gemini_emulator: GeminiEmulator) -> None:
        async with call(gemini_emulator.model) as (_, session):
            await session.send_message("Are you there?")
            await trio.sleep(2.0)
            gemini_emulator.say(GeminiReply("Still here."))
            await trio.sleep(2.0)
        assert [line.text for line in session.transcript] == ["Are you there?", "Still here."]

    async def test_a_fault_comes_after_the_event_it_waits_for(self) -> None:
        emulator = GeminiEmulator(faults=[OpenAIFault("event:serverContent.turnComplete#2", "break")])
        async with emulator.model() as model:
            await start(model)
            for _ in range(2):
                await model.send_text("Hello")
                while not isinstance(await model.receive(), ResponseDone):
                    pass
            with pytest.raises(trio.BrokenResourceError):
                await model.receive()


# ---- over a real socket

VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize(
    ("key", "header", "path"),
    [("AIza-planted", "auto", ""), ("auth_tokens/planted", "auto", ""), ("ya29-planted", "bearer", VERTEX)],
)
async def test_each_kind_of_key_finds_its_way(key: str, header: Literal["auto", "bearer"], path: str) -> None:
    emulator = GeminiEmulator(options=GeminiServerOptions(keys=frozenset({key})))
    with trio.fail_after(20):
        async with (
            emulator.listen() as url,
            open_gemini("gemini-3.8-live", base_url=url + path, key=Secret(key), header=header) as model,
        ):
            await start(model)


async def test_a_call_over_a_port_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "planted")
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    emulator = GeminiEmulator(lambda question: GeminiReply("Hi."), GeminiServerOptions(keys=frozenset({"planted"})))
    with trio.fail_after(20):
        async with (
            emulator.listen() as url,
            open_channel(ScriptedFarEnd().source) as channel,
            open_session(channel, partial(open_gemini, "gemini-3.8-live", base_url=url), Agent(greeting="Hello.")) as session,
        ):
            with session.subscribe(ResponseDone) as done:
                await anext(aiter(done))
    assert session.transcript[0].text == "Hi."


async def test_an_address_that_has_no_websocket_is_refused_for_good() -> None:
    with trio.fail_after(20):
        async with GeminiEmulator().listen() as url:
            with pytest.raises(ModelRefused, match="404"):
                async with open_gemini("gemini-3.8-live", base_url=f"{url}/elsewhere", key=Secret("planted")):
                    pass


async def test_a_wrong_key_is_refused_for_good_and_never_shown() -> None:
    emulator = GeminiEmulator(options=GeminiServerOptions(keys=frozenset({"right"})))
    with trio.fail_after(20):
        async with emulator.listen() as url, open_gemini("gemini-3.8-live", base_url=url, key=Secret("planted")) as model:
            with pytest.raises(ModelRefused, match=r"1007 \(API key not valid") as caught:
                await start(model)
    assert "planted" not in str(caught.value)
