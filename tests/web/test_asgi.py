"""Browsers at an app of somebody else's: on an ASGI server of Trio's, on one of asyncio's, and on none."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from sources.spoken import hello

from trioaudio import RemoteProtocolError, Secret
from trioaudio.abc import Source
from trioaudio.audio import PCM16_48K
from trioaudio.sources import browser
from trioaudio.testing import FakeBrowser, FakeBrowserCall, check_source

from .asgi_server import Visit, scope_of, serving

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "asgi"


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"asgi_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def asgi_source() -> AsyncGenerator[tuple[Source, FakeBrowserCall], None]:
    """A source out of an app."""
    came, sources = trio.open_memory_channel[Source](1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with browser.open_asgi(scope, receive, send) as source:
            await came.send(source)
            await trio.sleep_forever()

    async with FakeBrowser(rate=24_000).call_to(serving(app)) as call:
        yield await sources.receive(), call
        assert call.complaint is None


def test_its_source_keeps_the_contract() -> None:
    assert not check_source(asgi_source).not_checked


async def talk_for_a_moment(call: FakeBrowserCall) -> None:
    await call.wait_for(lambda: "connected" in call.page.states)
    call.speak(hello(PCM16_48K))
    await call.wait_hears(0.1)
    assert call.outcome == "answered"
    assert len(call.heard()) / 48_000 > 0.09


async def test_the_example_of_an_app_on_trio_answers(virtual_clock: None) -> None:
    pytest.importorskip("starlette")
    pytest.importorskip("hypercorn")
    async with FakeBrowser().call_to(serving(example("on_trio").app)) as call:
        await talk_for_a_moment(call)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (scope_of(origin="https://evil.example"), "pages of this origin may not call here"),
        (scope_of(origin="https://evil.example", cookie="session=17"), "pages of this origin may not call here"),
        (scope_of(origin="null"), "pages of this origin may not call here"),
        (scope_of(origin="https://127.0.0.1:8000"), "pages of this origin may not call here"),
        (scope_of(origin="http://localhost:8000"), "pages of this origin may not call here"),
        (scope_of(origin=""), "no origin"),
        (scope_of(origin="http://rebound.example", host="rebound.example"), "this server is not called 'rebound.example'"),
        (scope_of(host=""), "this server is not called ''"),
        ({**scope_of(), "subprotocols": ["chat"]}, "subprotocol trioaudio.v1"),
    ],
)
async def test_a_page_that_may_not_call_is_refused_before_there_is_a_websocket(scope: dict[str, Any], words: str) -> None:
    visit = Visit(None, scope)
    with pytest.raises(RemoteProtocolError, match=words):
        async with browser.open_asgi(scope, visit.receive, visit.send):
            pass
    assert visit.said == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_where_the_server_can_it_says_why() -> None:
    visit = Visit(None, {**scope_of(origin="null"), "extensions": {"websocket.http.response": {}}})
    with pytest.raises(RemoteProtocolError):
        async with browser.open_asgi(visit.scope, visit.receive, visit.send):
            pass
    start, body = visit.said
    assert (start["status"], body["body"][:30]) == (403, b"403: pages of this origin may ")


@pytest.mark.parametrize(
    ("scope", "origins", "token"),
    [
        ({**scope_of(host="app.example.com", origin="https://app.example.com"), "server": None, "scheme": "wss"}, (), None),
        (scope_of(host="app.example.com", origin="https://app.example.com:443"), ["https://app.example.com"], None),
        (scope_of(host="LOCALHOST:8000", origin="http://localhost:8000"), (), None),
        (scope_of(origin=""), (), Secret("open sesame")),
    ],
)
async def test_who_may_call_may(virtual_clock: None, scope: dict[str, Any], origins: list[str], token: Secret | None) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with browser.open_asgi(scope, receive, send, origins=origins, token=token):
            await trio.sleep_forever()

    async with FakeBrowser(token="open sesame").call_to(serving(app, scope)) as call:
        await call.wait_ready()
        assert call.outcome == "answered"


async def test_who_shows_a_wrong_token_is_told_so_and_the_app_has_nothing_more_to_do(virtual_clock: None) -> None:
    errors: list[Exception] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with browser.open_asgi(scope, receive, send, token=Secret("open sesame")):
                pass
        except RemoteProtocolError as exc:
            errors.append(exc)

    async with FakeBrowser(token="sesame").call_to(serving(app)) as call:
        await call.over.wait()
    assert (call.outcome, call.websocket.close_code) == ("token", 4401)
    assert str(errors[0]) == "the token is not the one"


# ---- over real servers


@pytest.mark.slow
async def test_the_example_on_trio_under_hypercorn() -> None:
    pytest.importorskip("starlette")
    hypercorn = pytest.importorskip("hypercorn")
    from hypercorn.trio import serve

    config = hypercorn.Config()
    config.bind = ["127.0.0.1:0"]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            (address,) = await nursery.start(serve, example("on_trio").app, config)
            await talk_and_be_refused(address.replace("http", "ws") + "/ws")
            nursery.cancel_scope.cancel()


async def talk_and_be_refused(url: str) -> None:
    async with FakeBrowser().call(url) as call:
        await talk_for_a_moment(call)
    for origin in ("https://evil.example", "null"):
        with pytest.raises(trio.BrokenResourceError, match="403"):
            async with FakeBrowser(origin=origin).call(url, headers={"Cookie": "session=17"}):
                pass


@contextmanager
def under_uvicorn(app: Any) -> Iterator[str]:
    """The address of an app that runs on asyncio in a thread."""
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="wsproto", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/ws"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The wsproto:DeprecationWarning")
async def test_the_example_on_asyncio_under_uvicorn() -> None:
    pytest.importorskip("starlette")
    with trio.fail_after(20), under_uvicorn(example("on_asyncio").app) as url:
        await talk_and_be_refused(url)
    assert not [thread for thread in threading.enumerate() if thread.name == "trioaudio asgi"]
