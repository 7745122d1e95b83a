"""Sessions of Genesys Cloud: who is let in, what is told at the end, and what only listens."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from testing.carrier_pairs import SECRET

from trioaudio import Call, Secret, open_server
from trioaudio.audio import MULAW_8K, Frame
from trioaudio.sources.genesys import GenesysListener, open_genesys
from trioaudio.testing import FakeGenesys, MemoryFrontDoor, cancel_sweep, open_memory_door

URL = "wss://voice.example.com/genesys"
CLIENT_SECRET = Secret(SECRET)


async def talk(call: Call) -> None:
    """Answer, and wait for the end."""
    async with call.accept() as channel:
        await channel.wait_closed()


@asynccontextmanager
async def served(handle: Any = talk, **options: Any) -> AsyncGenerator[tuple[MemoryFrontDoor, GenesysListener], None]:
    async with (
        open_memory_door() as door,
        open_genesys(door, key=Secret("k3y"), client_secret=CLIENT_SECRET, **options) as listener,
        open_server(listener, handle),
    ):
        yield door, listener


@pytest.fixture
def genesys(virtual_clock: None) -> FakeGenesys:
    return FakeGenesys(api_key="k3y", client_secret=SECRET)


@pytest.mark.parametrize(
    ("wrong", "counted"),
    [({"api_key": "guessed"}, "wrong_key"), ({"client_secret": SECRET[4:]}, "bad_signature"), ({"signed": False}, "bad_signature")],
)
async def test_who_is_not_genesys_is_refused_and_counted(virtual_clock: None, wrong: dict[str, Any], counted: str) -> None:
    stranger = FakeGenesys(**{"api_key": "k3y", "client_secret": SECRET, **wrong})
    async with served() as (door, listener):
        with pytest.raises(trio.BrokenResourceError, match="401"):
            async with stranger.dial(door, URL):
                pass
        assert listener.counters == {counted: 1}


async def test_an_upgrade_that_is_played_again_is_refused(genesys: FakeGenesys, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    open_websocket = MemoryFrontDoor.open_websocket

    async def overheard(door: MemoryFrontDoor, url: str, headers: Any = None) -> Any:
        seen.append(headers)
        return await open_websocket(door, url, headers)

    monkeypatch.setattr(MemoryFrontDoor, "open_websocket", overheard)
    async with served() as (door, listener):
        async with genesys.dial(door, URL):
            with pytest.raises(trio.BrokenResourceError, match="401"):
                await open_websocket(door, URL, seen[0])
        assert listener.counters["bad_signature"] == 1


async def test_a_connection_that_is_only_tried_is_opened_and_closed_and_is_no_call(genesys: FakeGenesys) -> None:
    async with served() as (door, listener):
        assert await genesys.try_connection(door, URL)
        assert listener.counters == {"connection_tested": 1}


async def test_a_long_call_answers_every_ping_and_its_end(genesys: FakeGenesys) -> None:
    async with served() as (door, _):
        async with genesys.dial(door, URL) as line:
            await trio.sleep(32)
        assert line.carrier.finished
        assert not line.carrier.errors


@pytest.mark.parametrize("verb", ["transfer", "redirect", "reject"])
async def test_the_flow_is_told_what_came_of_the_call(genesys: FakeGenesys, verb: str) -> None:
    async def handle(call: Call) -> None:
        if verb == "reject":
            await call.reject("busy")
        elif verb == "redirect":
            await call.redirect("sales")
        else:
            async with call.accept() as channel:
                await channel.transfer("sales")

    async with served(handle) as (door, _), genesys.dial(door, URL) as line:
        await line.wait_over()
        assert not line.ended_here
        assert not line.carrier.errors
        ended = line.carrier.disconnected  # type: ignore[attr-defined]  # of Genesys's carrier
        assert ended["reason"] == "completed"
        assert ended["outputVariables"] == ({"rejected": "busy"} if verb == "reject" else {"transfer": "sales"})


@pytest.mark.parametrize("channel", ["external", "internal"])
async def test_a_monitor_only_listens_to_the_channel_that_was_chosen(virtual_clock: None, channel: str) -> None:
    monitor = FakeGenesys(api_key="k3y", client_secret=SECRET, channels=("external", "internal"), monitor=True)
    heard = bytearray()

    async def handle(call: Call) -> None:
        async with call.accept() as channel:
            await channel.send_audio(Frame(b"\x12" * 8000, MULAW_8K))
            async for frame in channel:
                heard.extend(frame.data)

    async with served(handle, one_way=True, channel=channel) as (door, _):
        async with monitor.dial(door, URL) as line:
            line.speak(b"\x12" * 8000)
            await trio.sleep(3)
        assert line.carrier.chosen == (channel,)  # type: ignore[attr-defined]  # of Genesys's carrier
        assert not line.carrier.errors
        assert b"\x12" * 8000 in heard


async def test_a_session_that_counts_wrongly_is_told_so_and_closed(genesys: FakeGenesys) -> None:
    async with served() as (door, listener), genesys.dial(door, URL) as line:
        await trio.sleep(1)
        line.send(f'{{"version":"2","type":"ping","seq":99,"serverseq":0,"id":"{line.carrier.stream}","parameters":{{}}}}')
        await line.wait_over()
        assert line.carrier.disconnected["reason"] == "error"  # type: ignore[attr-defined]  # of Genesys's carrier
        assert listener.counters == {"protocol_error": 1}


def test_a_call_can_be_cancelled_anywhere() -> None:
    async def scenario() -> None:
        genesys = FakeGenesys(api_key="k3y", client_secret=SECRET)
        async with served() as (door, _), genesys.dial(door, URL) as line:
            line.speak(b"\x12" * 480)
            await trio.sleep(0.1)

    logging.getLogger("trioaudio").setLevel(logging.CRITICAL)
    try:
        assert cancel_sweep(scenario, steps_of="everybody", limit=50)
    finally:
        logging.getLogger("trioaudio").setLevel(logging.NOTSET)
