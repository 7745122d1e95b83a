"""Tests of an app that talks to OpenAI: the server is an emulated one, in the same process and on the virtual clock."""

# mypy: allow-untyped-defs

import wave

import trio

from trioaudio import Agent, TurnInterrupted, open_channel, open_session
from trioaudio.audio import PCM16_16K, Frame
from trioaudio.clips import clip_path
from trioaudio.testing import OpenAICall, OpenAIEmulator, OpenAIFault, OpenAIQuestion, OpenAIReply, ScriptedFarEnd, tone


async def rooms_left(day: str) -> int:
    """How many rooms are left on a day."""
    return 7 if day == "today" else 0


HOTEL = Agent("You are the receptionist of a small hotel.", tools=[rooms_left])


def receptionist(question: OpenAIQuestion) -> OpenAIReply:
    """Stands for the model: it looks first, then it tells."""
    if question.results:
        return OpenAIReply(f"There are {question.results[0]} rooms left.", tone(5.0, question.format))
    return OpenAIReply(calls=(OpenAICall("rooms_left", '{"day": "today"}'),))


async def test_the_agent_looks_before_it_answers(call):
    emulator = OpenAIEmulator(receptionist)
    async with call(emulator.model, HOTEL) as (_, session):
        await session.send_message("Have you got a room?")
        await trio.sleep(6.0)
    assert list(emulator.last.conversation.results.values()) == ["7"]
    assert session.transcript[-1].text == "There are 7 rooms left."
    assert emulator.last.errors == [], "the server refused something"


def speech() -> Frame:
    """Somebody speaks, from 0.7 to 2.5 s."""
    with wave.open(str(clip_path("caller"))) as file:
        return Frame(file.readframes(3 * file.getframerate()), PCM16_16K)


async def test_the_server_learns_what_was_heard(virtual_clock):
    caller, emulator = ScriptedFarEnd(format=PCM16_16K), OpenAIEmulator(receptionist)
    async with open_channel(caller.source) as channel, open_session(channel, emulator.model, HOTEL) as session:
        await session.send_message("Have you got a room?")
        caller.speak(speech())
        interrupted = await session.wait_event(TurnInterrupted)
        await trio.sleep(3.0)
    [(item_id, _, heard_ms)] = emulator.last.conversation.truncations
    assert (item_id, heard_ms) == (interrupted.item_id, interrupted.heard * 1000 // 24_000)
    assert emulator.last.heard[-1].duration > 1.5, "and it heard who interrupted"


async def test_a_server_that_thinks_for_long_is_waited_for(call):
    emulator = OpenAIEmulator(receptionist, faults=[OpenAIFault("event:response.created#2", "stall 2.5")])
    async with call(emulator.model, HOTEL) as (_, session):
        await session.send_message("Have you got a room?")
        await trio.sleep(2.4)
        assert not any(line.speaker == "agent" for line in session.transcript)
        await trio.sleep(6.0)
    assert session.transcript[-1].text == "There are 7 rooms left."


async def test_the_agent_answers_once_when_its_tool_has_returned(call, openai_emulator):
    async with call(openai_emulator.model, HOTEL) as (_, session):
        await session.send_message('/call rooms_left {"day": "tomorrow"}')
        await trio.sleep(3.0)
    assert openai_emulator.last.received["response.create"] == 2, "one for the message, one for what the tool found"
    assert session.transcript[-1].text == "0"
