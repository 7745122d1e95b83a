"""A provider's REST interface is asked again only when that cannot do a thing twice, and no key is ever shown."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from trioaudio import InsecureConnectionError, OpenFrontDoor, OptionError, RemoteProtocolError, RestError, Secret, UnansweredError
from trioaudio.abc import Request, Response, Rest, basic, open_rest

pytest.importorskip("httpx2")


def url_of(door: OpenFrontDoor) -> str:
    host, port = door.addresses[0][:2]
    return f"http://{host}:{port}/v1"


class Provider:
    """Answers what it was told to, in order; the last answer for ever."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.requests = list(answers), list[Request]()

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def rest(door: OpenFrontDoor) -> AsyncGenerator[Rest, None]:
    async with open_rest(url_of(door), headers={"Authorization": basic("AC1", Secret("hush"))}) as opened:
        yield opened


class TestAsking:
    async def test_what_is_asked_arrives_with_its_key_and_the_answer_comes_back(self, door: OpenFrontDoor, rest: Rest) -> None:
        provider = Provider(Response(b'{"value": 7}', status=201))
        door.route("POST", "/v1/keys", provider, auth="none")
        answer = await rest.request("POST", "/keys", body={"seconds": 60}, query={"page": "1"})
        (seen,) = provider.requests
        assert (answer.status, answer.json()) == (201, {"value": 7})
        assert seen.headers["authorization"] == "Basic QUMxOmh1c2g="
        assert seen.body == b'{"seconds":60}'

    async def test_a_form_is_sent_as_one(self, door: OpenFrontDoor, rest: Rest) -> None:
        provider = Provider(Response("ok"))
        door.route("POST", "/v1/Calls.json", provider, auth="none")
        await rest.request("POST", "/Calls.json", form={"To": "+49 30"})
        assert provider.requests[0].body == b"To=%2B49+30"

    async def test_no_json_is_an_error_of_the_other_side(self, door: OpenFrontDoor, rest: Rest) -> None:
        door.route("GET", "/v1/x", Provider(Response("[" * 100_000)), auth="none")
        with pytest.raises(RemoteProtocolError, match="expected JSON"):
            (await rest.request("GET", "/x")).json()

    async def test_an_answer_without_end_is_not_read_to_its_end(self, door: OpenFrontDoor, rest: Rest) -> None:
        door.route("GET", "/v1/x", Provider(Response(b"." * (2**20 + 1))), auth="none")
        with pytest.raises(RemoteProtocolError, match="at most 1048576 are expected"):
            await rest.request("GET", "/x")


class TestRepeating:
    @pytest.mark.parametrize(
        ("method", "status", "times"), [("GET", 503, 3), ("GET", 404, 1), ("POST", 503, 1), ("POST", 429, 3), ("DELETE", 500, 3)]
    )
    async def test_only_what_may_be_done_twice_is_asked_again(
        self, door: OpenFrontDoor, rest: Rest, autojump_clock: MockClock, method: str, status: int, times: int
    ) -> None:
        provider = Provider(Response("too bad\x1b", status=status))
        door.route(method, "/v1/x", provider, auth="none")
        with pytest.raises(RestError, match=f"{method} /x at 127.0.0.1: refused with status {status}: too bad") as caught:
            await rest.request(method, "/x")
        assert (caught.value.status, caught.value.said, len(provider.requests)) == (status, "too bad", times)

    async def test_one_failure_is_mended_by_asking_again(self, door: OpenFrontDoor, rest: Rest, autojump_clock: MockClock) -> None:
        door.route("GET", "/v1/x", Provider(Response("", status=502), Response("fine")), auth="none")
        assert (await rest.request("GET", "/x")).body == b"fine"

    @pytest.mark.parametrize(("method", "times"), [("POST", 1), ("GET", 3)])
    async def test_a_dial_that_may_have_happened_is_not_repeated(self, autojump_clock: MockClock, method: str, times: int) -> None:
        async with server(hang_up) as (url, asked), open_rest(url) as rest:
            with pytest.raises(UnansweredError, match="it may have been done"):
                await rest.request(method, "/Calls")
        assert len(asked) == times

    async def test_who_never_answers_is_given_up(self, autojump_clock: MockClock) -> None:
        async with server(trio.sleep_forever) as (url, asked), open_rest(url, within=7) as rest:
            with pytest.raises(UnansweredError, match="no answer within 7 s"):
                await rest.request("POST", "/Calls")
        assert len(asked) == 1

    async def test_what_cannot_be_reached_says_so(self, autojump_clock: MockClock) -> None:
        async with open_rest("http://127.0.0.1:1") as rest:
            with pytest.raises(trio.BrokenResourceError, match="cannot be reached") as caught:
                await rest.request("POST", "/x")
        assert not isinstance(caught.value, UnansweredError)


class TestKeys:
    async def test_no_key_is_shown(self, door: OpenFrontDoor, rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
        door.route("GET", "/v1/x", Provider(Response("no", status=403)), auth="none")
        with caplog.at_level(logging.DEBUG), pytest.raises(RestError) as caught:
            await rest.request("GET", "/x")
        assert "hush" not in caplog.text + str(caught.value)
        assert "QUMxOmh1c2g" not in caplog.text + repr(caught.value)

    async def test_no_key_travels_where_others_can_read_it(self) -> None:
        with pytest.raises(InsecureConnectionError):
            async with open_rest("http://api.example.com"):
                pass

    async def test_a_url_is_a_url(self) -> None:
        with pytest.raises(OptionError, match="https://HOST"):
            async with open_rest("api.example.com"):
                pass


async def hang_up() -> None:
    await trio.lowlevel.checkpoint()


@asynccontextmanager
async def server(then: Callable[[], Awaitable[None]]) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """A server that reads the beginning of each request, does what it is told, and closes."""
    asked: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            asked.append(bytes(await stream.receive_some()))
            await then()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, serve, [listener])
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}", asked
        nursery.cancel_scope.cancel()
