"""Browsers at a real door: whose pages may connect, and under which name, is settled before any websocket is opened."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from trioaudio import Call, FrontDoorError, OpenFrontDoor, Secret, Server, UpgradeRefusedError, open_front_door, open_server
from trioaudio.sources import browser
from trioaudio.testing import FakeBrowser

from .http_client import Client


async def hear(call: Call) -> None:
    async with call.accept() as channel:
        async for _ in channel:
            pass


@asynccontextmanager
async def house(**options: object) -> AsyncGenerator[tuple[OpenFrontDoor, Server, str], None]:
    with trio.fail_after(20):
        async with (
            open_front_door(port=0) as door,
            browser.listen(door, **options)() as listener,  # type: ignore[arg-type]  # passed on
            open_server(listener, hear) as server,
        ):
            yield door, server, f"ws://127.0.0.1:{door.addresses[0][1]}/ws"


async def status_of(url: str, fake: FakeBrowser, **headers: str) -> int:
    """101, or with what the websocket was refused."""
    try:
        async with fake.call(url, headers=headers) as call:
            await call.wait_ready()
            return 101
    except UpgradeRefusedError as exc:
        return exc.status


@pytest.mark.parametrize("cookie", [{}, {"Cookie": "session=17"}])
async def test_a_page_of_another_origin_cannot_connect_with_or_without_cookies(cookie: dict[str, str]) -> None:
    async with house(origins=["https://app.example.com"]) as (door, server, url):
        port = door.addresses[0][1]
        for origin in (
            *("https://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1", f"http://localhost:{port}"),
            *("https://app.example.com.evil.example", "https://app.example.com:444", "http://app.example.com", "file://"),
        ):
            assert await status_of(url, FakeBrowser(origin=origin), **cookie) == 403, origin
        assert server.statistics().total == 0
        assert await status_of(url, FakeBrowser(), **cookie) == 101
        assert await status_of(url, FakeBrowser(origin="https://APP.example.com"), **cookie) == 101
        assert await status_of(url, FakeBrowser(origin=None), **cookie) == 403
        assert server.statistics().total == 2


async def test_a_name_that_is_not_ours_is_refused_by_which_a_page_was_tricked_into_reaching_us() -> None:
    async with house() as (door, server, _):
        for path, extra in (("/", ()), ("/ws", ("Connection: Upgrade", "Upgrade: websocket", "Origin: http://rebound.example"))):
            async with await trio.open_tcp_stream(*door.addresses[0]) as stream:
                shake = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: trioaudio.v1")
                status, _, body = await Client(stream).get(path, *extra, *(shake if extra else ()), host="rebound.example")
                assert (status, b"not called rebound.example" in body) == (403, True)
        assert server.statistics().total == 0


async def test_a_call_works_over_real_sockets_and_a_killed_page_ends_it() -> None:
    async with house(token=Secret("open sesame")) as (_, server, url):
        async with FakeBrowser(token="open sesame", origin=None).call(url) as call:
            await call.wait_ready()
            assert call.outcome == "answered"
            call.fail()
            await call.over.wait()
        while server.statistics().active:  # noqa: ASYNC110 - what another task counts has no event
            await trio.sleep(0.005)
        assert server.statistics().ended["broken"] == 1


async def test_where_others_can_reach_the_door_somebody_must_be_asked_who_they_are() -> None:
    async with open_front_door(port=0, public_url="https://voice.example.com") as door:
        with pytest.raises(FrontDoorError, match="asks nobody who they are"):
            async with browser.listen(door)():
                pass
        async with browser.listen(door, token=Secret("x"))() as listener:
            assert (listener.auth, listener.where) == ("token", "https://voice.example.com/")
        with pytest.raises(FrontDoorError, match="is no origin"):
            async with browser.listen(door, token=Secret("x"), origins=["*.example.com"])():
                pass
