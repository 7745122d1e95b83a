"""A telephone app, called by a Twilio in the same process: what the caller truly heard, over good and bad lines."""

# mypy: allow-untyped-defs

import pytest
import trio

from trioaudio import Agent, Call, open_server, open_session
from trioaudio.audio import MULAW_8K
from trioaudio.sources import twilio
from trioaudio.testing import FakeTwilio, Network, Script, open_memory_door, say

HELLO = b"\x12" * 8_000  # a second of something that is no silence


async def answer(call: Call, model: str | Script) -> None:
    """The app: a machine that knows the way."""
    async with call.accept() as channel, open_session(channel, model, Agent("You tell people the way.")) as session:
        await session.wait_closed()


async def test_an_answer_stops_when_the_caller_speaks(fake_twilio):
    model = Script(say(9.0, item="the way"), say(1.0, item="sorry"), formats=(MULAW_8K,))
    async with (
        open_memory_door("https://voice.example.com") as door,
        open_server(twilio.listen(door, auth_token=fake_twilio.auth_token), lambda call: answer(call, model)),
        fake_twilio.dial(door, caller="+15550100") as call,
    ):
        line = await call.wait_connected()
        await line.wait_hears(16_000)
        line.speak(HELLO)
        await trio.sleep(3)
        (cut,) = line.carrier.clears
        ((item, heard),) = model.truncations
    assert item == "the way"
    assert heard == cut.played_ms * 8, "the model is told what was heard, to the sample"
    assert line.carrier.errors == [], "Twilio would have complained"


@pytest.mark.parametrize("seed", range(3))
async def test_a_bad_network_costs_time_and_no_words(fake_twilio, seed):
    model = Script(say(2.0, item="the way"), formats=(MULAW_8K,))
    async with (
        open_memory_door("https://voice.example.com") as door,
        open_server(twilio.listen(door, auth_token=fake_twilio.auth_token), lambda call: answer(call, model)),
        fake_twilio.dial(door, network=Network(delay=0.08, jitter=0.04, loss=0.02, seed=seed)) as call,
    ):
        line = await call.wait_connected()
        await line.wait_hears(16_000)
    assert line.carrier.errors == []


async def test_a_broken_line_is_joined_again(fake_twilio):
    model = Script(say(1.0, item="hello"), say(1.0, item="again"), formats=(MULAW_8K,))
    async with (
        open_memory_door("https://voice.example.com") as door,
        open_server(twilio.listen(door, auth_token=fake_twilio.auth_token), lambda call: answer(call, model)) as server,
        fake_twilio.dial(door) as call,
    ):
        line = await call.wait_connected()
        await line.wait_hears(8_000)
        line.fail()
        await trio.sleep(1)
        call.line.speak(HELLO)
        await call.line.wait_hears(8_000)
        assert (len(call.lines), server.statistics().total) == (2, 1)


async def test_a_stranger_is_not_let_in(fake_twilio):
    stranger = FakeTwilio(auth_token="not-yours")
    async with (
        open_memory_door("https://voice.example.com") as door,
        open_server(twilio.listen(door, auth_token=fake_twilio.auth_token), lambda call: answer(call, "parrot")) as server,
        stranger.dial(door) as call,
    ):
        assert await call.wait_ended() == "failed"
        assert server.statistics().total == 0


async def test_the_app_speaks_the_protocol_of_its_model(fake_twilio, openai_emulator):
    async with (
        open_memory_door("https://voice.example.com") as door,
        open_server(
            twilio.listen(door, auth_token=fake_twilio.auth_token),
            model=openai_emulator.model,
            agent=Agent("You tell people the way.", greeting="Where to?"),
        ),
        fake_twilio.dial(door) as call,
    ):
        line = await call.wait_connected()
        await line.wait_hears(1_600)
    (session,) = openai_emulator.sessions
    assert not session.errors
