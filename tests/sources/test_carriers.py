"""Calls of Twilio's sister carriers and of Genesys: their sources keep the contract, and who does not know the key is no caller."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from testing.carrier_pairs import FAKES, OPENERS, address, carrier_listener, fake, fake_source
from wire.carriers_say import CARRIERS

from trioaudio import Call, Dtmf, Secret, Timeouts, TurnInterrupted, open_server
from trioaudio.audio import Frame
from trioaudio.sources import carriers
from trioaudio.testing import CarrierFault, Network, check_listener, check_source, open_memory_door

pytestmark = pytest.mark.usefixtures("virtual_clock")
every_carrier = pytest.mark.parametrize("name", FAKES)


@every_carrier
def test_the_source_keeps_its_contract(name: str) -> None:
    assert not check_source(partial(fake_source, name)).not_checked


@every_carrier
def test_the_listener_keeps_its_contract(name: str) -> None:
    assert not check_listener(partial(carrier_listener, name)).not_checked


@every_carrier
def test_there_is_a_fixture_of_each_fake(name: str, request: pytest.FixtureRequest) -> None:
    assert type(request.getfixturevalue(f"fake_{name}")) is FAKES[name][0]


@every_carrier
async def test_a_call_is_answered_heard_and_ended(name: str) -> None:
    keys, told = list[str](), list[object]()

    async def handle(call: Call) -> None:
        told.extend([call.parameters.get("session"), call.caller])
        async with call.accept() as channel:
            channel.on(Dtmf, lambda key: keys.append(key.digit))
            await channel.send_audio(said)
            await trio.sleep(1)
            await channel.hang_up()

    async with open_memory_door() as door, OPENERS[name](door) as listener, open_server(listener, handle):
        async with fake(name).dial(door, address(name), parameters={"session": "s-17"}) as line:
            said = Frame(b"\x12" * 4100 * line.format.sample_bytes, line.format)  # no whole number of frames
            line.press("5")
            await trio.sleep(5)
            assert line.over
            assert not line.carrier.errors
            assert line.heard().rstrip(line.format.silence(1)) == said.data
        assert keys == ["5"]
        assert told == ["s-17", "+15550100" if name in ("telnyx", "exotel", "genesys") else None]
        assert bool(listener.counters.get("left_to_the_carrier")) == (name not in ("vonage", "genesys"))


@every_carrier
@pytest.mark.parametrize("marks_survive_clear", [True, False], ids=["marks come back", "marks are lost"])
async def test_what_was_heard_of_an_interrupted_answer_is_what_the_carrier_played(name: str, marks_survive_clear: bool) -> None:
    cut: list[float] = []

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            channel.on(TurnInterrupted, lambda event: cut.append(event.receipt.heard_ms))
            with channel.turn("a", format=channel.output_format) as turn:
                await turn.send(Frame.silence(40_000, channel.output_format))
                await trio.sleep(1.0)
                channel.interrupt()
            await trio.sleep(1.0)

    carrier = fake(name, marks_survive_clear=marks_survive_clear)
    async with (
        open_memory_door() as door,
        OPENERS[name](door) as listener,
        open_server(listener, handle),
        carrier.dial(door, address(name), network=Network(delay=0.08, jitter=0.02, seed=7)) as line,
    ):
        await trio.sleep(3)
        (cleared,) = line.carrier.clears
        assert cut == [pytest.approx(cleared.played_ms, abs=40)]


async def test_who_does_not_know_the_key_is_refused_and_counted() -> None:
    async with open_memory_door() as door, carriers.open_telnyx(door, key=Secret("k3y")) as listener:
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await door.open_websocket(address("telnyx", "guessed"))
        assert listener.counters == {"wrong_key": 1}


async def test_a_stream_must_start_within_the_time_that_was_set() -> None:
    async with open_memory_door() as door, carriers.open_exotel(door, key=Secret("k3y"), timeouts=Timeouts(start=0.5)) as listener:
        await door.open_websocket(address("exotel"))
        await trio.sleep(0.4)
        assert listener.counters == {}
        await trio.sleep(0.2)
        assert listener.counters == {"no_start": 1}


async def test_another_carrier_s_words_are_not_taken_for_a_call() -> None:
    async with open_memory_door() as door, carriers.open_telnyx(door, key=Secret("k3y")) as listener:
        websocket = await door.open_websocket(address("telnyx"))
        await websocket.send(CARRIERS["plivo"].start)
        await trio.sleep(6)
        assert listener.counters == {"no_start": 1}
        assert websocket.close_code == 1008


@pytest.mark.parametrize("do", ["garbage", "binary", "start_again", "stop_again", "swap", "skip", "stall", "fail", "hang_up"])
async def test_what_goes_wrong_on_a_line_ends_that_call_alone(do: str) -> None:
    ended = list[str]()

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            ended.append((await channel.wait_closed()).kind)

    async with open_memory_door() as door, OPENERS["telnyx"](door) as listener, open_server(listener, handle) as server:
        faulty = fake("telnyx", faults=[CarrierFault(1.0, do)])  # type: ignore[arg-type]  # pytest's parameters have no types
        async with faulty.dial(door, address("telnyx")), fake("telnyx").dial(door, address("telnyx")) as other:
            await trio.sleep(3)
            assert not other.over
            assert server.statistics().active >= 1
    assert len(ended) == 2
