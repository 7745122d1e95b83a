"""The plugin ``openai``: how it is opened and refused, and whole calls with the emulated server."""

from __future__ import annotations

import json
from functools import partial

import pytest
import trio
from wire import openai_says as says
from wire.openai_emulated import speech

from trioaudio import (
    Agent,
    AudioDelta,
    CapabilityError,
    InsecureConnectionError,
    OptionError,
    Reconnect,
    ResponseDone,
    Secret,
    SessionError,
    ToolReturned,
    TurnInterrupted,
    TurnPlayed,
    open_channel,
    open_session,
)
from trioaudio.audio import MULAW_8K, PCM16_24K, Frame
from trioaudio.models.openai import open_openai, open_openai_over, realtime_url
from trioaudio.testing import (
    MemoryWebSocket,
    OpenAICall,
    OpenAIEmulator,
    OpenAIFault,
    OpenAIQuestion,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    memory_websockets,
    open_call,
)

ONCE = Agent(reconnect=Reconnect(attempts=0))


def long_reply(question: OpenAIQuestion) -> OpenAIReply:
    return OpenAIReply("one two three four", Frame.silence(5 * question.format.rate, question.format))


# ---- being opened


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("wss://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("https://x.openai.azure.com/openai/v1/", "wss://x.openai.azure.com/openai/v1/realtime?model=gpt-realtime"),
        ("http://127.0.0.1:8080/v1?region=eu", "ws://127.0.0.1:8080/v1/realtime?region=eu&model=gpt-realtime"),
    ],
)
def test_the_model_is_found_below_the_base_url(base: str, url: str) -> None:
    assert realtime_url(base, "gpt-realtime") == url


def test_a_name_with_odd_letters_is_written_safely() -> None:
    assert realtime_url("ws://127.0.0.1/v1", "a/b&c=d").endswith("?model=a%2Fb%26c%3Dd")


async def test_without_a_key_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY_FILE", raising=False)
    with pytest.raises(OptionError, match="OPENAI_API_KEY"):
        async with open_openai("gpt-realtime"):
            pass


async def test_a_key_never_travels_unencrypted_to_another_machine() -> None:
    with pytest.raises(InsecureConnectionError, match="example"):
        async with open_openai("gpt-realtime", base_url="ws://example.org/v1", key=Secret("sk-planted")):
            pass


@pytest.mark.parametrize("base_url", ["ftp://x/v1", "api.openai.com", ""])
async def test_what_is_no_url_is_refused(base_url: str) -> None:
    with pytest.raises(OptionError, match="base_url"):
        async with open_openai("gpt-realtime", base_url=base_url):
            pass


async def test_an_option_out_of_its_range_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(OptionError, match="speed"):
        async with open_openai("gpt-realtime", speed=9.0):
            pass


@pytest.mark.usefixtures("virtual_clock")
class TestStarting:
    async def test_a_key_that_is_refused_is_an_error_that_says_so(self) -> None:
        emulator = OpenAIEmulator(options=OpenAIServerOptions(keys=frozenset({"right"})))
        with pytest.raises(trio.BrokenResourceError, match=r"Incorrect API key.*invalid_api_key"):
            async with emulator.model() as model:
                await model.start(Agent(), PCM16_24K, PCM16_24K)

    async def test_a_server_that_leaves_before_the_session_exists_is_named_with_its_reason(self) -> None:
        emulator = OpenAIEmulator(faults=[OpenAIFault("event:session.created", "close 1011 overloaded")])
        with pytest.raises(trio.BrokenResourceError, match=r"1011 \(overloaded\)"):
            async with emulator.model() as model:
                await model.start(Agent(), PCM16_24K, PCM16_24K)

    async def test_it_waits_for_the_servers_word_however_long_it_takes(self) -> None:
        emulator = OpenAIEmulator(faults=[OpenAIFault("event:session.created", "stall 3")])
        async with emulator.model() as model:
            await model.start(Agent(), MULAW_8K, MULAW_8K)
        assert trio.current_time() >= 3

    async def test_the_body_of_its_block_fails_with_its_own_error(self) -> None:
        with pytest.raises(KeyError):
            async with OpenAIEmulator().model():
                raise KeyError("mine")


# ---- being used


@pytest.mark.usefixtures("virtual_clock")
class TestCalls:
    async def test_the_caller_is_answered(self) -> None:
        emulator = OpenAIEmulator()
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, caller=caller) as (_, session):
            with session.subscribe(TurnPlayed) as played:
                caller.speak(speech())
                receipt = (await anext(aiter(played))).receipt
        assert receipt.heard / PCM16_24K.rate == pytest.approx(2.2, abs=0.3)
        assert [line.speaker for line in session.transcript] == ["caller", "agent"]
        assert emulator.sessions[-1].errors == []

    async def test_telephone_audio_passes_through_in_its_own_format(self) -> None:
        caller = ScriptedFarEnd(format=MULAW_8K)
        async with open_call(OpenAIEmulator().model, caller=caller) as (_, session):
            assert (session.input_format, session.output_format) == (MULAW_8K, MULAW_8K)

    async def test_the_server_is_told_what_the_caller_has_heard_when_they_interrupted(self) -> None:
        emulator = OpenAIEmulator(long_reply)
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, Agent(greeting="Hello!"), caller=caller) as (_, session):
            with session.subscribe(TurnInterrupted) as interrupted:
                await trio.sleep(1.0)
                caller.speak(speech())
                receipt = (await anext(aiter(interrupted))).receipt
                await trio.sleep(1.0)
        [(item, part, ms)] = emulator.sessions[-1].conversation.truncations[:1]
        assert (item, part, ms) == (receipt.item_id, 0, receipt.heard * 1000 // PCM16_24K.rate)
        assert emulator.sessions[-1].errors == []

    async def test_a_greeting_is_asked_for(self) -> None:
        asked: list[str] = []

        def answer(question: OpenAIQuestion) -> OpenAIReply:
            asked.append(question.instructions)
            return OpenAIReply("Good morning.")

        async with open_call(OpenAIEmulator(answer).model, Agent("Be kind.", greeting="Good morning.")):
            await trio.sleep(1.0)
        assert "Be kind." in asked[0]
        assert "Good morning." in asked[0]

    async def test_a_tool_is_called_and_its_result_answered_once(self) -> None:
        def answer(question: OpenAIQuestion) -> OpenAIReply:
            return (
                OpenAIReply(f"It is {question.results[0]}.")
                if question.results
                else OpenAIReply(calls=(OpenAICall("temperature", '{"city":"Rome"}'),))
            )

        async def temperature(city: str) -> str:
            await trio.sleep(30 * 0.9)
            return f"warm in {city}"

        emulator = OpenAIEmulator(answer)
        async with open_call(emulator.model, Agent(tools=[temperature])) as (_, session):
            with session.subscribe(ToolReturned, ResponseDone) as events:
                await session.respond()
                await trio.sleep(40.0)
            assert [type(event).__name__ async for event in events] == ["ResponseDone", "ToolReturned", "ResponseDone"]
        assert session.transcript[-1].text == "It is warm in Rome."
        assert emulator.sessions[-1].errors == []

    async def test_text_is_answered(self) -> None:
        async with open_call(OpenAIEmulator().model) as (_, session):
            await session.send_message("How are you?")
            await trio.sleep(2.0)
        assert session.transcript[-1].text == "How are you?"

    async def test_words_for_word_is_what_it_cannot_say(self) -> None:
        async with open_call(OpenAIEmulator().model) as (_, session):
            with pytest.raises(CapabilityError, match="say"):
                await session.say("Exactly this.")

    @pytest.mark.parametrize(
        ("do", "kind", "why"),
        [("close 1000", "model", None), ("close 1001 Your session hit the maximum duration", "model", "1001"), ("break", "model", "1006")],
    )
    async def test_the_end_of_the_connection_ends_the_session_and_says_why(self, do: str, kind: str, why: str | None) -> None:
        emulator = OpenAIEmulator(faults=[OpenAIFault("5s", do)])
        async with open_call(emulator.model, ONCE) as (_, session):
            end = await session.wait_closed()
        assert end.kind == kind
        assert why in str(end.error) if why else end.error is None

    async def test_a_server_that_talks_nonsense_breaks_the_connection_and_no_more(self) -> None:
        emulator = OpenAIEmulator(faults=[OpenAIFault("1s", "send nonsense")])
        async with open_call(emulator.model, ONCE) as (_, session):
            end = await session.wait_closed()
        assert "is not JSON" in str(end.error)

    async def test_an_event_that_nobody_knows_and_an_error_end_nothing(self) -> None:
        faults = [OpenAIFault("1s", 'send {"type":"response.telepathy"}'), OpenAIFault("2s", "error server_error It broke.")]
        async with open_call(OpenAIEmulator(faults=faults).model) as (_, session):
            with session.subscribe(SessionError) as errors:
                await trio.sleep(3.0)
                assert await anext(aiter(errors)) == SessionError("server_error", "It broke.")
            await session.send_message("Still there?")
            await trio.sleep(2.0)
        assert session.transcript[-1].text == "Still there?"


# ---- a socket that is full


class Jammed(MemoryWebSocket):
    """Takes nothing at once while it is jammed, and nothing at all until it is free."""

    def __init__(self) -> None:
        super().__init__()
        self.free = trio.Event()
        self.free.set()
        self.sent: list[str] = []

    async def send(self, data: str | bytes) -> None:
        await self.free.wait()
        await super().send(data)

    def send_nowait(self, data: str | bytes) -> None:
        if not self.free.is_set():
            raise trio.WouldBlock
        super().send_nowait(data)
        self.sent.append(json.loads(data)["type"])


@pytest.mark.usefixtures("virtual_clock")
class TestJam:
    async def test_whoever_receives_never_waits_for_room_to_send(self) -> None:
        ours, theirs = memory_websockets(Jammed)
        assert isinstance(ours, Jammed)
        async with open_openai_over(ours) as model:
            theirs.send_nowait(says.session_created())
            theirs.send_nowait(says.session_updated())
            await model.start(Agent(), PCM16_24K, PCM16_24K)
            await model.respond("one")
            await model.respond("two")
            ours.free = trio.Event()
            for message in (
                says.response_created(),
                says.response_done(),
                says.response_created("resp_2"),
                says.audio(response_id="resp_2"),
            ):
                theirs.send_nowait(message)
            while not isinstance(await model.receive(), AudioDelta):
                pass
            assert ours.sent == ["session.update", "response.create"]
            ours.free.set()
            await model.append(Frame.silence(480, PCM16_24K))
            assert ours.sent == ["session.update", "response.create", "response.create", "input_audio_buffer.append"]

    async def test_a_command_that_is_cancelled_while_it_waits_is_told_whole_later(self) -> None:
        ours, theirs = memory_websockets(Jammed)
        assert isinstance(ours, Jammed)
        async with open_openai_over(ours) as model:
            theirs.send_nowait(says.session_created())
            theirs.send_nowait(says.session_updated())
            await model.start(Agent(), PCM16_24K, PCM16_24K)
            ours.free = trio.Event()
            with trio.move_on_after(1.0):
                await model.send_text("Hello")
            ours.free.set()
            await model.cancel()
            assert ours.sent == ["session.update", "conversation.item.create", "response.create", "response.cancel"]

    async def test_a_frame_that_found_no_room_and_waited_counts_once(self) -> None:
        ours, theirs = memory_websockets(Jammed)
        assert isinstance(ours, Jammed)
        async with open_openai_over(ours) as model:
            theirs.send_nowait(says.session_created())
            theirs.send_nowait(says.session_updated())
            await model.start(says.MANUAL, PCM16_24K, PCM16_24K)
            frame = Frame.silence(1_300, PCM16_24K)  # 54 ms; the server takes no utterance below 100 ms
            ours.free = trio.Event()
            with pytest.raises(trio.WouldBlock):
                model.append_nowait(frame)
            ours.free.set()
            await model.append(frame)
            await model.commit()
        assert ours.sent == ["session.update", "input_audio_buffer.append"]


# ---- over a real socket


async def test_a_call_over_a_port_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    emulator = OpenAIEmulator()
    with trio.fail_after(20):
        async with (
            emulator.listen() as url,
            open_channel(ScriptedFarEnd().source) as channel,
            open_session(channel, partial(open_openai, "gpt-realtime-2.1", base_url=url), Agent(greeting="Hello.")) as session,
        ):
            with session.subscribe(ResponseDone) as done:
                await anext(aiter(done))
    assert session.transcript[0].text == "Hello."
    assert emulator.sessions[-1].errors == []
