"""The plugin ``xai``: how it is opened, and whole calls with an emulated server that speaks its dialect."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from wire.openai_emulated import speech

from trioaudio import (
    Agent,
    InsecureConnectionError,
    OptionError,
    ResponseDone,
    Secret,
    SessionCreated,
    SessionExpiring,
    ToolReturned,
    TurnDetection,
    TurnInterrupted,
    TurnPlayed,
    open_channel,
    open_session,
)
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K, AudioFormat, Frame
from trioaudio.models.xai import open_xai
from trioaudio.testing import (
    OpenAICall,
    OpenAIEmulator,
    OpenAIQuestion,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    open_call,
)


def emulated(answer: object = None) -> OpenAIEmulator:
    return OpenAIEmulator(answer, OpenAIServerOptions(dialect="xai"))  # type: ignore[arg-type]


async def test_without_a_key_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XAI_API_KEY", "XAI_API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OptionError, match="XAI_API_KEY"):
        async with open_xai():
            pass


async def test_a_key_never_travels_unencrypted_and_options_are_checked_first() -> None:
    with pytest.raises(InsecureConnectionError, match="example"):
        async with open_xai(base_url="ws://example.org/v1", key=Secret("xai-planted")):
            pass
    with pytest.raises(OptionError, match="speed"):
        async with open_xai(speed=0.3, key=Secret("xai-planted")):
            pass


@pytest.mark.usefixtures("virtual_clock")
class TestCalls:
    @pytest.mark.parametrize("format", [PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K, MULAW_8K, ALAW_8K], ids=str)
    async def test_audio_passes_through_in_the_callers_own_format(self, format: AudioFormat) -> None:
        emulator = emulated()
        async with open_call(emulator.model, Agent(greeting="Hello."), caller=ScriptedFarEnd(format=format)) as (_, session):
            with session.subscribe(TurnPlayed) as played:
                receipt = (await anext(aiter(played))).receipt
            assert (session.input_format, session.output_format) == (format, format)
        assert receipt.lost == 0
        assert emulator.sessions[-1].errors == []

    async def test_the_caller_is_answered_and_the_greeting_said_word_for_word(self) -> None:
        emulator = emulated()
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, Agent(greeting="Good morning."), caller=caller) as (_, session):
            await session.wait_spoken()
            with session.subscribe(TurnPlayed) as played:
                caller.speak(speech())
                await anext(aiter(played))
        assert [f"{line.speaker}: {line.text}" for line in session.transcript] == [
            "agent: Good morning.",
            "caller: (2.2 s of speech)",
            "agent: (2.2 s of what you said)",
        ]
        assert emulator.sessions[-1].errors == []

    async def test_the_server_is_told_what_the_caller_has_heard_when_they_interrupted(self) -> None:
        emulator = emulated(lambda question: OpenAIReply("one two", Frame.silence(5 * question.format.rate, question.format)))
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, caller=caller) as (_, session):
            await session.respond()
            with session.subscribe(TurnInterrupted) as interrupted:
                await trio.sleep(1.0)
                caller.speak(speech())
                receipt = (await anext(aiter(interrupted))).receipt
                await trio.sleep(1.0)
        assert emulator.sessions[-1].conversation.truncations[0] == (receipt.item_id, 0, receipt.heard * 1000 // PCM16_24K.rate)
        assert emulator.sessions[-1].errors == []

    async def test_a_tool_is_called_once_and_its_result_answered_once(self) -> None:
        def answer(question: OpenAIQuestion) -> OpenAIReply:
            if question.results:
                return OpenAIReply(f"It is {question.results[0]}.")
            return OpenAIReply(calls=(OpenAICall("temperature", '{"city":"Rome"}'),))

        async def temperature(city: str) -> str:
            await trio.sleep(3.0)
            return f"warm in {city}"

        emulator = emulated(answer)
        async with open_call(emulator.model, Agent(tools=[temperature])) as (_, session):
            with session.subscribe(ToolReturned, ResponseDone) as events:
                await session.respond()
                await trio.sleep(10.0)
            assert [type(event).__name__ async for event in events] == ["ResponseDone", "ToolReturned", "ResponseDone"]
        assert session.transcript[-1].text == "It is warm in Rome."
        assert emulator.sessions[-1].errors == []

    async def test_a_session_is_known_to_last_an_hour(self) -> None:
        async with emulated().model() as model:
            await model.start(Agent(), PCM16_24K, PCM16_24K)
            assert [type(await model.receive()) for _ in range(2)] == [SessionCreated, SessionExpiring]

    async def test_turns_are_taken_by_hand(self) -> None:
        emulator = emulated()
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, Agent(turn_detection=TurnDetection(mode="manual")), caller=caller) as (_, session):
            caller.speak(speech())
            await trio.sleep(3.0)
            assert session.transcript == []
            session.commit()
            await session.wait_spoken()
            await trio.sleep(5.0)
        assert session.transcript[-1].speaker == "agent"
        assert emulator.sessions[-1].errors == []


async def test_a_call_over_a_port_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    emulator = OpenAIEmulator(options=OpenAIServerOptions(dialect="xai"))
    with trio.fail_after(20):
        async with (
            emulator.listen() as url,
            open_channel(ScriptedFarEnd().source) as channel,
            open_session(channel, partial(open_xai, base_url=url), Agent(greeting="Hello.")) as session,
        ):
            with session.subscribe(ResponseDone) as done:
                await anext(aiter(done))
    assert session.transcript[0].text == "Hello."
    assert emulator.sessions[-1].errors == []
