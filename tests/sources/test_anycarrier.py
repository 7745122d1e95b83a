"""One address for the calls of all carriers: whose words they are is told from what is said first."""

from __future__ import annotations

import pytest
import trio
from testing.carrier_pairs import FAKES, KEY, address, fake

from trioaudio import Call, Secret, open_server
from trioaudio.abc import WebSocket
from trioaudio.audio import Frame
from trioaudio.sources import anycarrier
from trioaudio.testing import FakeTwilio, MemoryFrontDoor, open_memory_door

pytestmark = pytest.mark.usefixtures("virtual_clock")
URL = address("anycarrier")


class Heard:
    """Answers every call with a sound, and keeps whose it was."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None]] = []

    async def __call__(self, call: Call) -> None:
        self.calls.append((call.headers["carrier"], call.parameters.get("session")))
        async with call.accept() as channel:
            await channel.send_audio(Frame(b"\x12" * 1600 * channel.output_format.sample_bytes, channel.output_format))
            await channel.wait_closed()


@pytest.mark.parametrize("name", FAKES)
async def test_every_carrier_is_known_by_its_first_words(name: str) -> None:
    handle = Heard()
    async with open_memory_door() as door, anycarrier.listen(door, key=KEY)() as listener, open_server(listener, handle):
        async with fake(name).dial(door, URL, parameters={"session": "s-17"}) as line:
            await line.wait_hears(1600)
            assert not line.carrier.errors
        assert handle.calls == [(name, "s-17")]
        assert not listener.counters


async def test_twilio_is_known_too() -> None:
    handle = Heard()
    async with open_memory_door() as door, anycarrier.listen(door, key=KEY)() as listener, open_server(listener, handle):
        async with FakeTwilio().dial(door, URL, parameters={"session": "s-17"}) as call:
            await (await call.wait_connected()).wait_hears(1600)
        assert handle.calls == [("twilio", "s-17")]


async def opened(door: MemoryFrontDoor) -> WebSocket:
    return await door.open_websocket(URL)


@pytest.mark.parametrize(
    ("said", "counted", "code"),
    [
        (['{"event":"hello"}'] * 3, "unknown_carrier", 1008),
        (['{"event":"connected"}', '{"event":"start","start":{"id":"1"}}', '{"event":"media"}'], "unknown_carrier", 1008),
        ([b"\x00" * 320] * 3, "unknown_carrier", 1008),
        (["no JSON"], "protocol_error", 1007),
        (['{"event":"connected"}'], "no_start", 1008),
    ],
)
async def test_nobody_s_words_are_refused_and_counted(said: list[str | bytes], counted: str, code: int) -> None:
    async with open_memory_door() as door, anycarrier.listen(door, key=KEY)() as listener:
        websocket = await opened(door)
        for message in said:
            await websocket.send(message)
        await trio.sleep(6)
        assert listener.counters == {counted: 1}
        assert websocket.close_code == code


async def test_who_does_not_know_the_key_is_refused() -> None:
    async with open_memory_door() as door, anycarrier.listen(door, key=Secret("other"))() as listener:
        with pytest.raises(trio.BrokenResourceError, match="403"):
            await opened(door)
        assert listener.counters == {"wrong_key": 1}


async def test_genesys_is_told_goodbye_here_as_well() -> None:
    async with (
        open_memory_door() as door,
        anycarrier.listen(door, key=KEY)() as listener,
        open_server(listener, lambda call: call.reject("busy")),
        fake("genesys").dial(door, URL) as line,
    ):
        await line.wait_over()
        assert line.carrier.disconnected["outputVariables"] == {"rejected": "busy"}  # type: ignore[attr-defined]  # of Genesys's
