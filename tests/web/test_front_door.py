"""The front door answers what is asked of it, within its limits, and nobody's mistake is anybody else's."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trioaudio import (
    FrontDoorError,
    InsecureConnectionError,
    Limits,
    LocalProtocolError,
    OpenFrontDoor,
    OptionError,
    Timeouts,
    open_front_door,
    server_tls,
)
from trioaudio.abc import FrontDoor, Request, Response, Upgrade, open_socket
from web.conftest import PEM
from web.http_client import Client
from web.raw_websocket import CLOSE, TEXT, RawPeer

Asked = Callable[..., Any]


@asynccontextmanager
async def client_of(door: OpenFrontDoor) -> AsyncGenerator[Client, None]:
    async with await trio.open_tcp_stream(*door.addresses[0]) as stream:
        yield Client(stream)


async def hello(request: Request) -> Response:
    return Response("hello")


def seen(door: FrontDoor, method: str = "GET", path: str = "/seen", **more: Any) -> list[Request]:
    """Requests that arrive at a path."""
    requests: list[Request] = []

    async def note(request: Request) -> Response:
        requests.append(request)
        return Response("noted")

    door.route(method, path, note, auth=more.get("auth", "none"))
    return requests


class TestRequests:
    async def test_a_handler_sees_what_was_asked(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, path="/calls/{name}/x")
        async with client_of(door) as client:
            assert (await client.get("/calls/an%2Fn/x?a=1&a=2&b=%C3%BC&c", "X-Two: one", "X-Two: two"))[0] == 200
        (request,) = requests
        assert (request.method, request.path, request.values, request.client) == ("GET", "/calls/an/n/x", {"name": "an/n"}, "127.0.0.1")
        assert (request.query["a"], request.query.all("a"), request.query["b"], request.query["c"]) == ("1", ["1", "2"], "ü", "")
        assert (request.headers["x-TWO"], request.headers.all("X-Two")) == ("one", ["one", "two"])
        assert request.url == "http://localhost/calls/an%2Fn/x?a=1&a=2&b=%C3%BC&c"

    async def test_a_form_is_read(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST")
        async with client_of(door) as client:
            await client.post("/seen", b"From=%2B4930&Empty=&From=2", "Content-Type: application/x-www-form-urlencoded; charset=UTF-8")
        assert requests[0].form().pairs == (("From", "+4930"), ("Empty", ""), ("From", "2"))

    @pytest.mark.parametrize(("kind", "body"), [("text/plain", b"a=1"), ("application/x-www-form-urlencoded", b"a=%FF")])
    async def test_what_is_no_form_is_400(self, door: OpenFrontDoor, autojump_clock: MockClock, kind: str, body: bytes) -> None:
        async def read(request: Request) -> Response:
            return Response(request.form()["a"])

        door.route("POST", "/form", read, auth="none")
        async with client_of(door) as client:
            assert (await client.post("/form", body, f"Content-Type: {kind}"))[0] == 400
        assert door.statistics().handler_failures == 0

    async def test_a_chunked_body_is_put_together(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST")
        async with client_of(door) as client:
            await client.say(
                "POST /seen HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            )
            assert (await client.answer())[0] == 200
        assert requests[0].body == b"abcde"

    async def test_who_waits_for_100_is_told_to_go_on(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST")
        async with client_of(door) as client:
            await client.say("POST /seen HTTP/1.1", "Host: localhost", "Content-Length: 3", "Expect: 100-continue")
            assert (await client.answer())[0] == 100
            await client.stream.send_all(b"abc")
            assert (await client.answer())[0] == 200
        assert requests[0].body == b"abc"

    async def test_a_repr_tells_no_secrets(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST")
        async with client_of(door) as client:
            await client.post("/seen?token=planted", b"planted", "Authorization: planted")
        assert "planted" not in repr(requests) + repr(requests[0].headers) + repr(requests[0].query)


class TestAnswers:
    async def test_a_connection_is_kept_for_more(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        door.route("GET", "/", hello, auth="none")
        async with client_of(door) as client:
            for path, status in (("/", 200), ("/nothing", 404), ("/", 200)):
                assert (await client.get(path))[0] == status
            await client.say("POST / HTTP/1.1", "Host: localhost", "Content-Length: 0")
            status, headers, body = await client.answer()
            assert (status, headers["allow"], body) == (405, "GET, HEAD", b"405: only GET, HEAD is served here\n")
        assert door.statistics().connections_total == 1
        assert door.statistics().requests == {200: 2, 404: 1, 405: 1}

    async def test_head_is_get_without_the_body(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        door.route("GET", "/", hello, auth="none")
        async with client_of(door) as client:
            await client.say("HEAD / HTTP/1.1", "Host: localhost")
            status, headers, _ = await client.answer(head=True)
            assert (status, headers["content-length"]) == (200, "5")
            assert (await client.get("/"))[2] == b"hello"

    async def test_a_handler_that_raises_costs_its_own_request_alone(
        self, door: OpenFrontDoor, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def wrong(request: Request) -> Response:
            raise ZeroDivisionError("planted")

        async def unspeakable(request: Request) -> Response:
            return Response(headers={"X": "a\r\nSet-Cookie: b"})

        door.route("GET", "/wrong", wrong, auth="none")
        door.route("GET", "/unspeakable", unspeakable, auth="none")
        door.route("GET", "/", hello, auth="none")
        async with client_of(door) as client:
            assert (await client.get("/wrong"))[0::2] == (500, b"500: something went wrong here\n")
            assert (await client.get("/unspeakable"))[0] == 500
            assert (await client.get("/"))[0] == 200
        assert door.statistics().handler_failures == 2
        assert [record.exc_info and record.exc_info[0] for record in caplog.records][:1] == [ZeroDivisionError]
        assert len(caplog.records) == 2

    async def test_a_handler_that_takes_too_long_is_answered_for(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async def dawdle(request: Request) -> Response:
            await trio.sleep_forever()
            raise AssertionError

        door.route("GET", "/", dawdle, auth="none")
        async with client_of(door) as client:
            assert (await client.get("/"))[0] == 503
        assert door.statistics().handler_failures == 1

    async def test_a_route_that_is_closed_is_gone(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async with client_of(door) as client:
            with door.route("GET", "/", hello, auth="none"):
                assert (await client.get("/"))[0] == 200
            assert (await client.get("/"))[0] == 404

    async def test_two_cannot_have_one_path(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        door.route("GET", "/a", hello, auth="none")
        door.route("POST", "/a", hello, auth="none")
        with pytest.raises(FrontDoorError, match="/a is taken already"):
            door.route("GET", "/a", hello, auth="none")
        for path in ("a", "/a?b", "/{a}b", "/{}"):
            with pytest.raises(FrontDoorError, match="is no path"):
                door.route("GET", path, hello, auth="none")

    async def test_closing_waits_for_nobody(self, autojump_clock: MockClock) -> None:
        began = trio.current_time()
        async with open_front_door(port=0) as door:
            client = await trio.open_tcp_stream(*door.addresses[0])
            await trio.sleep(1)
        assert trio.current_time() - began < 1.1
        assert await client.receive_some(1) == b""
        await client.aclose()


class TestLimits:
    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["GET / HTTP/1.1", "Host: localhost", "X: " + "x" * 3_000], 431),
            (["GET /" + "x" * 3_000 + " HTTP/1.1", "Host: localhost"], 431),
            (["POST / HTTP/1.1", "Host: localhost", "Content-Length: 2001"], 413),
            (["POST / HTTP/1.1", "Host: localhost", "Content-Length: -1"], 400),
            (["POST / HTTP/1.1", "Host: localhost", "Content-Length: 3", "Content-Length: 4"], 400),
            (["POST / HTTP/1.1", "Host: localhost", "Content-Length: 3", "Transfer-Encoding: chunked"], 200),
            (["POST / HTTP/1.1", "Host: localhost", "Transfer-Encoding: gzip"], 501),
            (["GET / HTTP/1.1"], 400),
            (["GET / HTTP/1.1", "Host: a b"], 400),
            (["GET http://localhost/ HTTP/1.1", "Host: localhost"], 400),
            (["GET /%ff HTTP/1.1", "Host: localhost"], 400),
            (["GET /?a=%ff HTTP/1.1", "Host: localhost"], 400),
            (["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),
        ],
    )
    async def test_what_is_too_much_or_wrong_is_refused_in_plain_words(
        self, door: OpenFrontDoor, autojump_clock: MockClock, lines: list[str], status: int
    ) -> None:
        door.route("GET", "/", hello, auth="none")
        door.route("POST", "/", hello, auth="none")
        async with client_of(door) as client:
            await client.say(*lines, body=b"0\r\n\r\n" if status == 200 else b"")
            answered, headers, body = await client.answer()
        assert (answered, headers["content-type"]) == (status, "text/plain; charset=utf-8")
        assert status == 200 or body.startswith(f"{status}: ".encode())

    async def test_a_chunked_body_that_grows_too_long_is_413(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST")
        async with client_of(door) as client:
            await client.say("POST /seen HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", body=b"7d1\r\n" + bytes(2_001))
            assert (await client.answer())[0] == 413
            assert await client.left()
        assert not requests

    @pytest.mark.parametrize(
        ("begun", "status", "seconds"),
        [
            (b"GET / HT", 408, 5),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabc", 408, 10),
            (b"", None, 5),
        ],
    )
    async def test_who_dawdles_is_not_waited_for(
        self, door: OpenFrontDoor, autojump_clock: MockClock, begun: bytes, status: int | None, seconds: float
    ) -> None:
        door.route("POST", "/", hello, auth="none")
        async with client_of(door) as client:
            began = trio.current_time()
            await client.stream.send_all(begun)
            if status is not None:
                assert (await client.answer())[0] == status
            assert await client.left()
            assert trio.current_time() - began == pytest.approx(seconds, abs=0.1)

    async def test_a_drop_a_second_does_not_keep_the_door_open(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async with client_of(door) as client, trio.open_nursery() as nursery:

            @nursery.start_soon
            async def drip() -> None:
                for byte in b"GET / HTTP/1.1\r\n":
                    await client.stream.send_all(bytes([byte]))
                    await trio.sleep(1)

            assert (await client.answer())[0] == 408
            assert trio.current_time() < 6
            nursery.cancel_scope.cancel()

    async def test_an_idle_connection_is_closed(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async with client_of(door) as client:
            await client.get("/")
            began = trio.current_time()
            assert await client.left()
            assert trio.current_time() - began == pytest.approx(15, abs=0.1)

    async def test_more_connections_than_allowed_are_turned_away(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        streams = [await trio.open_tcp_stream(*door.addresses[0]) for _ in range(20)]
        await trio.sleep(0.1)
        async with client_of(door) as client:
            status, headers, body = await client.answer()
            assert (status, headers["retry-after"], body) == (503, "1", b"503: too many connections; try again\n")
        assert door.statistics().connections_refused == 1
        for stream in streams:
            await stream.aclose()
        await trio.sleep(0.1)
        async with client_of(door) as client:
            assert (await client.get("/"))[0] == 404

    async def test_draining_lets_go_of_idle_connections_and_keeps_none(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        door.route("GET", "/", hello, auth="none")
        async with client_of(door) as idle, client_of(door) as late:
            await idle.get("/")
            await late.stream.send_all(b"GET / HTTP/1.1\r\n")
            await trio.sleep(0.1)
            door.drain()
            with trio.fail_after(0.1):
                assert await idle.left()
            await late.stream.send_all(b"Host: localhost\r\n\r\n")
            status, headers, _ = await late.answer()
            assert (status, headers["connection"]) == (200, "close")
        async with client_of(door) as new:
            assert (await new.get("/"))[0] == 200
            assert await new.left()


class TestWebsockets:
    async def test_a_subprotocol_is_agreed_on(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        offered: list[tuple[str, ...]] = []

        async def accept(upgrade: Upgrade) -> None:
            offered.append(upgrade.subprotocols)
            with pytest.raises(LocalProtocolError, match="did not offer"):
                await upgrade.accept("c")
            websocket = await upgrade.accept("b")
            await websocket.send(f"{upgrade.request.url} {websocket.subprotocol}")
            with pytest.raises(LocalProtocolError, match="already"):
                await upgrade.reject()

        door.websocket("/ws", accept, auth="none")
        async with open_socket(door.public_url("/ws", websocket=True) + "?x=1", subprotocols=["a", "b"]) as websocket:
            assert websocket.subprotocol == "b"
            assert await websocket.receive() == f"ws://127.0.0.1:{door.addresses[0][1]}/ws?x=1 b"
        assert offered == [("a", "b")]

    async def test_a_rejection_says_why(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async def reject(upgrade: Upgrade) -> None:
            await upgrade.reject(401, "who are you?")

        door.websocket("/ws", reject, auth="token")
        async with client_of(door) as client:
            head = await RawPeer(client.stream, masks=True).shake_hands_as_client("/ws")
            assert head.startswith("HTTP/1.1 401 ")
        with pytest.raises(trio.BrokenResourceError, match="does not open a websocket: 401"):
            async with open_socket(door.public_url("/ws", websocket=True)):
                pass
        assert door.statistics().requests == {401: 2}

    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["Upgrade: websocket", "Connection: Upgrade"], 426),
            (["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8"], 426),
            (["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short"], 400),
            (["Upgrade: websocket"], 426),
            ([], 426),
        ],
    )
    async def test_what_is_no_handshake_is_refused(
        self, door: OpenFrontDoor, autojump_clock: MockClock, lines: list[str], status: int
    ) -> None:
        door.websocket("/ws", never, auth="none")
        async with client_of(door) as client:
            assert (await client.get("/ws", *lines))[0] == status

    async def test_who_does_not_decide_is_decided_for(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async def dawdle(upgrade: Upgrade) -> None:
            await trio.sleep_forever()

        async def forget(upgrade: Upgrade) -> None:
            await trio.lowlevel.checkpoint()

        for handler, status in ((dawdle, 503), (forget, 500)):
            with door.websocket("/ws", handler, auth="none"), pytest.raises(trio.BrokenResourceError, match=str(status)):
                async with open_socket(door.public_url("/ws", websocket=True), timeouts=Timeouts(start=9)):
                    pass
        assert door.statistics().handler_failures == 2

    async def test_a_handler_that_raises_closes_its_own_websocket_alone(
        self, door: OpenFrontDoor, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def echo(upgrade: Upgrade) -> None:
            websocket = await upgrade.accept()
            async for message in websocket:
                await websocket.send(str(10 // len(message)))

        door.websocket("/ws", echo, auth="none")
        url = door.public_url("/ws", websocket=True)
        async with open_socket(url) as good, open_socket(url) as bad:
            await bad.send("")
            with pytest.raises(trio.EndOfChannel):
                await bad.receive()
            assert bad.close_code == 1011
            await good.send("12345")
            assert await good.receive() == "2"
            assert door.statistics().websockets == 1
        assert [record.levelno for record in caplog.records] == [logging.ERROR]

    async def test_a_handler_that_lets_the_end_of_its_websocket_out_has_not_failed(
        self, door: OpenFrontDoor, autojump_clock: MockClock
    ) -> None:
        async def listen(upgrade: Upgrade) -> None:
            websocket = await upgrade.accept()
            while True:
                await websocket.receive()

        door.websocket("/ws", listen, auth="none")
        async with open_socket(door.public_url("/ws", websocket=True)) as websocket:
            await websocket.send("x")
        await trio.sleep(0.1)
        assert (door.statistics().handler_failures, door.statistics().websockets) == (0, 0)

    async def test_a_handler_that_returns_closes_the_websocket(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async def greet(upgrade: Upgrade) -> None:
            await (await upgrade.accept()).send("hello and goodbye")

        door.websocket("/ws", greet, auth="none")
        async with open_socket(door.public_url("/ws", websocket=True)) as websocket:
            assert [message async for message in websocket] == ["hello and goodbye"]
            assert websocket.close_code == 1000

    async def test_what_is_sent_behind_the_handshake_is_received(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        async def echo(upgrade: Upgrade) -> None:
            websocket = await upgrade.accept()
            async for message in websocket:
                await websocket.send(message)

        door.websocket("/ws", echo, auth="none")
        async with client_of(door) as client:
            peer = RawPeer(client.stream, masks=True)
            lines = ["GET /ws HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: keep-alive, Upgrade"]
            lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: a2tra2tra2tra2tra2traw=="]
            await client.say(*lines, body=peer.frame(TEXT, b"hasty"))
            assert (await peer.read_head()).startswith("HTTP/1.1 101 ")
            assert await peer.receive() == (TEXT, b"hasty")

    async def test_websockets_outlive_a_drain_and_hear_of_the_end(self, autojump_clock: MockClock) -> None:
        async def echo(upgrade: Upgrade) -> None:
            websocket = await upgrade.accept()
            async for message in websocket:
                await websocket.send(message)

        async with open_front_door(port=0) as door:
            door.websocket("/ws", echo, auth="none")
            stream = await trio.open_tcp_stream(*door.addresses[0])
            peer = RawPeer(stream, masks=True)
            await peer.shake_hands_as_client()
            door.drain()
            await peer.send(TEXT, b"still here")
            assert await peer.receive() == (TEXT, b"still here")
        assert await peer.receive_close() == 1001
        await stream.aclose()


async def never(upgrade: Upgrade) -> None:
    raise AssertionError("nobody should come so far")


class TestWhoAsks:
    HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: a2tra2tra2tra2tra2traw==")

    @pytest.mark.parametrize(
        ("host", "origin", "status"),
        [
            ("localhost", None, 401),
            ("127.0.0.1:{port}", None, 401),
            ("localhost:{port}", "http://localhost:{port}", 401),
            ("LOCALHOST.:{port}", None, 401),
            ("[::1]:{port}", None, 401),
            ("voice.example.com", "https://voice.example.com", 401),
            ("localhost", "https://app.example.com", 401),
            ("localhost", "https://evil.example.com", 403),
            ("localhost", "null", 403),
            ("localhost", "http://localhost:1", 403),
            ("evil.example.com", None, 403),
            ("evil.example.com", "http://evil.example.com", 403),
        ],
    )
    async def test_host_and_origin_are_checked_before_a_websocket_is_opened(
        self, autojump_clock: MockClock, host: str, origin: str | None, status: int
    ) -> None:
        async def reject(upgrade: Upgrade) -> None:
            await upgrade.reject(401)

        async with open_front_door(port=0, public_url="https://voice.example.com", allowed_origins=["https://app.example.com"]) as door:
            door.websocket("/ws", reject, auth="token")
            port = door.addresses[0][1]
            lines = [*self.HANDSHAKE, *([f"Origin: {origin}".format(port=port)] if origin else [])]
            async with client_of(door) as client:
                assert (await client.get("/ws", *lines, host=host.format(port=port)))[0] == status

    async def test_what_is_signed_needs_no_names(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        requests = seen(door, "POST", auth="signature")
        unsigned = seen(door, "POST", "/unsigned", auth="token")
        async with client_of(door) as client:
            for path in ("/seen", "/unsigned"):
                await client.say(f"POST {path} HTTP/1.1", "Host: inner.name", "Origin: http://x.example", "Content-Length: 0")
                await client.answer()
        assert (len(requests), unsigned) == (1, [])

    async def test_a_url_is_what_the_outside_world_sees(self, autojump_clock: MockClock) -> None:
        async with open_front_door(port=0, public_url="https://voice.example.com/tel/") as door:
            requests = seen(door, auth="token")
            assert door.public_url("/seen") == "https://voice.example.com/tel/seen"
            assert door.public_url("/ws", websocket=True) == "wss://voice.example.com/tel/ws"
            async with client_of(door) as client:
                await client.get("/seen?x=%20&y", host="127.0.0.1")
        assert requests[0].url == "https://voice.example.com/tel/seen?x=%20&y"

    @pytest.mark.parametrize(
        ("proxies", "lines", "client", "url"),
        [
            ([], ["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"], "127.0.0.1", "http://localhost/seen"),
            (["127.0.0.1"], ["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"], "9.9.9.9", "https://localhost/seen"),
            (["127.0.0.0/8", "10.0.0.0/8"], ["X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3"], "9.9.9.9", "http://localhost/seen"),
            (["127.0.0.1"], ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: [2001:db8::1]:4711"], "2001:db8::1", "http://localhost/seen"),
            (["127.0.0.1"], ["X-Forwarded-For: 9.9.9.9:80", "X-Forwarded-Proto: gopher"], "9.9.9.9", "http://localhost/seen"),
            (["127.0.0.1"], ["X-Forwarded-For: nonsense"], "127.0.0.1", "http://localhost/seen"),
            (["127.0.0.1"], ["X-Forwarded-Host: [::1]:99"], "127.0.0.1", "http://[::1]:99/seen"),
        ],
    )
    async def test_only_trusted_proxies_are_believed(
        self, autojump_clock: MockClock, proxies: list[str], lines: list[str], client: str, url: str
    ) -> None:
        async with open_front_door(port=0, trusted_proxies=proxies) as door:
            requests = seen(door)
            async with client_of(door) as asking:
                await asking.get("/seen", *lines)
        assert (requests[0].client, requests[0].url) == (client, url)

    @pytest.mark.parametrize("more", [{"host": "0.0.0.0"}, {"public_url": "https://voice.example.com"}])
    async def test_what_asks_nobody_who_they_are_is_not_shown_to_the_world(self, autojump_clock: MockClock, more: dict[str, str]) -> None:
        async with open_front_door(port=0, **more) as door:
            with pytest.raises(FrontDoorError, match=r"^/ws asks nobody who they are.*--no-auth"):
                door.websocket("/ws", never, auth="none")
            door.websocket("/ws", never, auth="cookie")
        async with open_front_door(port=0, no_auth=True, **more) as door:
            door.websocket("/ws", never, auth="none")


class TestOpening:
    async def test_a_port_in_use_is_named_with_the_remedy(self, door: OpenFrontDoor, autojump_clock: MockClock) -> None:
        port = door.addresses[0][1]
        with pytest.raises(FrontDoorError, match=rf"^port {port} of 127.0.0.1 is in use; .*--port"):
            async with open_front_door(port=port):
                pass

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"host": "203.0.113.9"}, "203.0.113.9 is no address of this machine"),
            ({"public_url": "voice.example.com"}, "is no public URL"),
            ({"trusted_proxies": ["proxy"]}, "is no address of a proxy"),
            ({"allowed_origins": ["*"]}, "is no origin"),
        ],
    )
    async def test_what_cannot_be_is_said(self, autojump_clock: MockClock, options: dict[str, Any], complaint: str) -> None:
        with pytest.raises(FrontDoorError, match=re.escape(complaint)):
            async with open_front_door(port=0, **options):
                pass

    def test_certificates_that_are_none(self, tmp_path: Path) -> None:
        key, certificate = re.findall(r"-----BEGIN.*?-----END [A-Z ]+-----\n", PEM.read_text(), re.DOTALL)
        (tmp_path / "key.pem").write_text(key)
        (tmp_path / "cert.pem").write_text(certificate)
        (tmp_path / "none.pem").write_text("hello")
        assert server_tls(tmp_path / "cert.pem", tmp_path / "key.pem")
        for arguments, complaint in (
            (("missing.pem",), "missing.pem cannot be read: No such file"),
            (("cert.pem", "missing.pem"), "missing.pem cannot be read: No such file"),
            (("cert.pem",), r"cert.pem is no PEM file .* \(--tls-key\)"),
            (("none.pem", "key.pem"), "are no PEM files"),
        ):
            with pytest.raises(FrontDoorError, match=complaint):
                server_tls(*(tmp_path / name for name in arguments))

    @pytest.mark.parametrize("url", ["http://localhost/", "ws:///x", "ws://a:b@localhost/", "ws://localhost:x/", "ws://[/"])
    async def test_a_websocket_is_not_opened_by_any_url(self, autojump_clock: MockClock, url: str) -> None:
        with pytest.raises(OptionError):
            async with open_socket(url):
                pass


async def test_a_websocket_to_another_machine_is_encrypted(autojump_clock: MockClock) -> None:
    with pytest.raises(InsecureConnectionError):
        async with open_socket("ws://voice.example.com/"):
            pass


HTTP = st.sampled_from([b"GET / HTTP/1.1\r\n", b"POST /ws HTTP/1.1\r\n", b"Host: localhost\r\n", b"Content-Length: ", b"\r\n", b"\r\n\r\n"])
MORE = st.sampled_from(
    [b"Transfer-Encoding: chunked\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Sec-WebSocket-Version: 13\r\n", b"9\r\n"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.one_of(st.binary(max_size=40), HTTP, MORE), max_size=12))
def test_no_bytes_bring_the_door_down(pieces: list[bytes]) -> None:
    async def main() -> None:
        async with open_front_door(port=0, limits=Limits(http_header=1_024, http_body=1_024)) as door:
            door.route("GET", "/", hello, auth="none")
            door.websocket("/ws", never, auth="none")
            async with client_of(door) as rude:
                for piece in pieces:
                    await rude.stream.send_all(piece)
                await rude.stream.send_eof()
                while await rude.stream.receive_some(1_000):
                    pass
            async with client_of(door) as client:
                assert (await client.get("/"))[2] == b"hello"

    trio.run(main, clock=MockClock(autojump_threshold=0.02))


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([b"\x81\x85\0\0\0\0hello", b"\x89\x80\0\0\0\0", b"\x01\x80\0\0\0\0"])), max_size=8
    )
)
def test_no_bytes_on_a_websocket_raise_anything_but_a_broken_socket(pieces: list[bytes]) -> None:
    async def main() -> None:
        async def listen(upgrade: Upgrade) -> None:
            async for _ in await upgrade.accept():
                pass

        async with open_front_door(port=0, limits=Limits(message=1_024)) as door:
            door.websocket("/ws", listen, auth="none")
            async with client_of(door) as rude:
                peer = RawPeer(rude.stream, masks=True)
                await peer.shake_hands_as_client()
                try:
                    for piece in pieces:
                        await rude.stream.send_all(piece)
                    await peer.send(CLOSE)
                    await peer.receive_close()
                except (trio.BrokenResourceError, trio.EndOfChannel):
                    pass
            assert door.statistics().handler_failures == 0
            async with open_socket(door.public_url("/ws", websocket=True)) as websocket:
                await websocket.send("x")

    trio.run(main, clock=MockClock(autojump_threshold=0.02))
