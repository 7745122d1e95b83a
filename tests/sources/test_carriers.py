"""Calls of Twilio's sister carriers: their sources keep the contract, and who does not know the key is no caller."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from testing.carrier_pairs import OPENERS, SpokenCarrier, spoken_source
from wire.carriers_say import CARRIERS, Spoken

from trioaudio import Call, Dtmf, Secret, open_server
from trioaudio.audio import Frame
from trioaudio.sources import carriers
from trioaudio.testing import CarrierLine, MemoryFrontDoor, check_source, open_memory_door

pytestmark = pytest.mark.usefixtures("virtual_clock")
every_carrier = pytest.mark.parametrize("name", CARRIERS)
BASE = "wss://voice.example.com"


@every_carrier
def test_the_source_keeps_its_contract(name: str) -> None:
    assert not check_source(partial(spoken_source, CARRIERS[name])).not_checked


@asynccontextmanager
async def called(door: MemoryFrontDoor, name: str, key: str = "k3y") -> AsyncGenerator[CarrierLine, None]:
    """The carrier opens a websocket and starts a stream."""
    spoken: Spoken = CARRIERS[name]
    websocket = await door.open_websocket(f"{BASE}/{name}/{key}")
    line = CarrierLine(websocket, SpokenCarrier(spoken, trio.current_time()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        yield line
        nursery.cancel_scope.cancel()


@every_carrier
async def test_a_call_is_answered_heard_and_ended(name: str) -> None:
    spoken, keys, told = CARRIERS[name], list[str](), list[object]()
    said = Frame(b"\x12" * 4100 * spoken.format.sample_bytes, spoken.format)  # no whole number of frames

    async def handle(call: Call) -> None:
        told.extend([call.parameters.get("session"), call.caller])
        async with call.accept() as channel:
            channel.on(Dtmf, lambda key: keys.append(key.digit))
            await channel.send_audio(said)
            await trio.sleep(1)
            await channel.hang_up()

    async with (
        open_memory_door() as door,
        OPENERS[name](door, key=Secret("k3y")) as listener,
        open_server(listener, handle),
        called(door, name) as line,
    ):
        line.press("5")
        await trio.sleep(5)
        assert line.over
        assert line.heard().rstrip(spoken.format.silence(1)) == said.data
        assert keys == ["5"]
        assert told[0] == spoken.session
        assert bool(listener.counters.get("left_to_the_carrier")) == (name != "vonage")


async def test_who_does_not_know_the_key_is_refused_and_counted() -> None:
    async with open_memory_door() as door, carriers.open_telnyx(door, key=Secret("k3y")) as listener:
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await door.open_websocket(f"{BASE}/telnyx/guessed")
        assert listener.counters == {"wrong_key": 1}


async def test_a_call_that_is_refused_is_closed_at_once() -> None:
    async with (
        open_memory_door() as door,
        carriers.open_plivo(door, key=Secret("k3y")) as listener,
        open_server(listener, lambda call: call.reject("busy")),
        called(door, "plivo") as line,
    ):
        await trio.sleep(1)
        assert line.over


async def test_another_carrier_s_words_are_not_taken_for_a_call() -> None:
    async with open_memory_door() as door, carriers.open_telnyx(door, key=Secret("k3y")) as listener:
        websocket = await door.open_websocket(f"{BASE}/telnyx/k3y")
        await websocket.send(CARRIERS["plivo"].start)
        await trio.sleep(6)
        assert listener.counters == {"no_start": 1}
        assert websocket.close_code == 1008
