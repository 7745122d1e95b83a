"""GPT-Live at work: a whole call with the emulated server, in one direction and the other, and how it ends."""

from __future__ import annotations

import pytest
import trio

from trioaudio import (
    Agent,
    ModelRefused,
    OptionError,
    ResponseCreated,
    ResponseDone,
    Secret,
    SessionError,
    SessionUsage,
    ToolReturned,
    tool,
)
from trioaudio.audio import MULAW_8K, PCM16_16K, PCM16_24K, Frame
from trioaudio.models.openai_live import live_sessions_url, open_openai_live, open_openai_live_over
from trioaudio.testing import OpenAILiveEmulator, OpenAILiveServerOptions, memory_websockets, open_call, say

virtual = pytest.mark.usefixtures("virtual_clock")


@virtual
async def test_says_again_what_the_caller_said_and_tells_it_as_an_answer(openai_live_emulator: OpenAILiveEmulator):
    statuses: list[str] = []
    async with open_call(openai_live_emulator.model, Agent("Be brief.", voice="marin")) as (caller, session):
        session.on(ResponseDone, lambda event: statuses.append(event.status))
        await trio.sleep(1.0)
        caller.speak(say(1.0, "hello"))
        await trio.sleep(6.0)
        assert 0.98 <= sum(frame.num_samples for frame in caller.ear.heard_frames() if frame.pcm.any()) / 8000 <= 1.1
        spoken = [(line.speaker, line.text) for line in session.transcript]
        assert spoken == [("caller", "1.8 seconds"), ("agent", "You spoke for 1.8 seconds.")]
    server = openai_live_emulator.last
    assert statuses == ["completed"]
    assert 6.8 <= server.heard_seconds <= 7.1
    assert server.session["instructions"] == "Be brief."
    assert server.session["audio"]["output"] == {"voice": "marin"}
    assert not server.errors


@virtual
async def test_streams_silence_of_which_nothing_is_told(openai_live_emulator: OpenAILiveEmulator):
    events: list[str] = []
    async with open_call(openai_live_emulator.model) as (caller, session):
        session.on(ResponseCreated, lambda event: events.append(event.name))
        usage = await session.wait_event(SessionUsage)
        assert (usage.seconds, not caller.ear.handed) == (10.0, True)
    assert not events
    assert openai_live_emulator.last.sent["session.output_audio.delta"] >= 95


@virtual
async def test_is_closed_in_order(openai_live_emulator: OpenAILiveEmulator):
    async with open_call(openai_live_emulator.model):
        await trio.sleep(1.0)
    assert openai_live_emulator.last.received["session.close"] == 1
    assert openai_live_emulator.last.sent["session.closed"] == 1


@virtual
async def test_what_it_delegates_is_a_call_of_one_tool_and_its_result_something_to_speak_about(openai_live_emulator: OpenAILiveEmulator):
    @tool
    def delegate() -> str:
        """Do what was asked for."""
        return "It is sunny."

    async with open_call(openai_live_emulator.model, Agent(tools=[delegate], greeting="Good morning.")) as (_, session):
        await trio.sleep(0.1)
        delegation = openai_live_emulator.last.delegate()
        openai_live_emulator.wake()
        await session.wait_event(ToolReturned)
        await trio.sleep(0.1)
    greeting, result = openai_live_emulator.last.context
    assert "Good morning." in greeting[1]
    assert result == ("commentary", "It is sunny.", delegation)


@virtual
async def test_different_formats_of_a_channel_are_one_for_the_service(openai_live_emulator: OpenAILiveEmulator):
    async with openai_live_emulator.model() as model:
        await model.start(Agent(), MULAW_8K, PCM16_24K)
        assert openai_live_emulator.last.session["audio"]["format"] == {"type": "audio/pcmu", "rate": 8000}
        for _ in range(50):
            model.append_nowait(Frame.silence(160, MULAW_8K))
        await model.receive()
        await model.receive()
        event = await model.receive()
        assert event.frame.format == PCM16_24K


@virtual
class TestTheEnd:
    async def test_of_a_session_that_has_expired_is_broken_and_worth_another_try(self):
        emulator = OpenAILiveEmulator(OpenAILiveServerOptions(lasts=5.0))
        async with open_call(emulator.model) as (_, session):
            await trio.sleep(20)
            assert len(emulator.sessions) >= 2
            assert session.transcript == []

    async def test_of_one_without_credit_is_for_good(self):
        emulator = OpenAILiveEmulator(OpenAILiveServerOptions(fatal="insufficient_quota"))
        async with emulator.model() as model:
            with pytest.raises(ModelRefused, match="insufficient_quota"):
                await model.start(Agent(), PCM16_24K, PCM16_24K)

    async def test_with_a_server_that_never_puts_it_away_comes_all_the_same(self):
        ours, theirs = memory_websockets()
        async with open_openai_live_over(ours, "gpt-live-1") as model:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(model.start, Agent(), PCM16_16K, PCM16_16K)
                await theirs.receive()
                await theirs.send('{"type":"session.started","session":{"id":"live_1"}}')
            before = trio.current_time()
        assert trio.current_time() - before == pytest.approx(10.0, abs=0.1)

    async def test_of_all_credit_during_a_call_is_told_as_what_it_is(self, openai_live_emulator: OpenAILiveEmulator):
        async with openai_live_emulator.model() as model:
            await model.start(Agent(), PCM16_24K, PCM16_24K)
            openai_live_emulator.last.complain("credit_balance_exhausted")
            openai_live_emulator.wake()
            events = []
            with pytest.raises(ModelRefused, match="credit_balance_exhausted"):
                while True:
                    events.append(await model.receive())
            assert isinstance(events[-1], SessionError)


@virtual
async def test_an_error_alone_ends_nothing(openai_live_emulator: OpenAILiveEmulator):
    async with open_call(openai_live_emulator.model) as (caller, session):
        await trio.sleep(0.5)
        openai_live_emulator.last.complain("something_odd")
        openai_live_emulator.wake()
        error = await session.wait_event(SessionError)
        caller.speak(say(0.5, "hello"))
        await trio.sleep(4.0)
        assert error.code == "something_odd"
        assert len(session.transcript) == 2
    assert len(openai_live_emulator.sessions) == 1


@virtual
async def test_provider_options_that_there_are_not_are_refused(openai_live_emulator: OpenAILiveEmulator):
    async with openai_live_emulator.model() as model:
        with pytest.raises(OptionError, match="delegat"):
            await model.start(Agent(provider_options={"delegat": "x"}), PCM16_24K, PCM16_24K)


def test_the_url_of_sessions_has_no_query():
    assert live_sessions_url("https://api.openai.com/v1/") == "wss://api.openai.com/v1/live/sessions"
    with pytest.raises(OptionError):
        live_sessions_url("somewhere")


async def test_over_a_socket_a_wrong_key_is_refused_for_good_and_the_right_one_is_not():
    emulator = OpenAILiveEmulator(OpenAILiveServerOptions(key="right"))
    async with emulator.listen() as url:
        with pytest.raises(ModelRefused, match="401"):
            async with open_openai_live("gpt-live-1", base_url=url, key=Secret("wrong")):
                pass
        async with open_openai_live("gpt-live-1", base_url=url, key=Secret("right")) as model:
            await model.start(Agent(), MULAW_8K, MULAW_8K)
            assert (await model.receive()).name == "session.created"
    assert emulator.last.sent["session.closed"] == 1
