"""The plugin ``openai`` with other servers: those of the beta, sloppy and silent ones, Azure; and with keys for a short time."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal

import pytest
import trio
from wire import openai_says as says
from wire.openai_emulated import speech

from trioaudio import Agent, ModelRefused, OptionError, RemoteProtocolError, RestError, Said, Secret, SessionUpdated, open_front_door
from trioaudio.abc import Model, Request, Response
from trioaudio.audio import MULAW_8K, PCM16_24K, AudioFormat
from trioaudio.models.openai import EphemeralKey, authenticate, open_openai, open_openai_over, realtime_url
from trioaudio.testing import (
    OpenAIEmulator,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    memory_websockets,
    open_call,
)

virtual = pytest.mark.usefixtures("virtual_clock")


def connecting(emulator: OpenAIEmulator, dialect: Literal["ga", "beta"] = "ga") -> Callable[[], AbstractAsyncContextManager[Model]]:
    """A way to open a model at an emulator, in a dialect."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Model, None]:
        ours, theirs = memory_websockets()
        serve = partial(emulator.serve, theirs, model="emulated", key="key", beta=dialect == "beta")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)  # noqa: ASYNC113 - it may be late
            async with open_openai_over(ours, dialect=dialect) as model:
                yield model
            nursery.cancel_scope.cancel()

    return opened


# ---- dialects


@virtual
@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K], ids=str)
async def test_a_call_with_a_server_of_the_beta(format: AudioFormat) -> None:
    emulator = OpenAIEmulator(options=OpenAIServerOptions(dialect="beta"))
    caller = ScriptedFarEnd(format=format)
    agent = Agent("Be kind.", voice="alloy", greeting="Hello.", provider_options={"speed": 1.1, "max_output_tokens": 500})
    async with open_call(connecting(emulator, "beta"), agent, caller=caller) as (_, session):
        await trio.sleep(2)
        caller.speak(speech(format))
        await trio.sleep(8)
        await session.create_item(Said("agent", "as I said"))
        assert await session.aside("Sum it up.")
    assert [line.speaker for line in session.transcript] == ["agent", "caller", "agent"]
    assert emulator.sessions[-1].errors == []


@virtual
async def test_a_call_with_a_server_that_leaves_out_half() -> None:
    emulator = OpenAIEmulator(options=OpenAIServerOptions(lenient=True))
    caller = ScriptedFarEnd(format=PCM16_24K)
    async with open_call(connecting(emulator), caller=caller) as (_, session):
        caller.speak(speech())
        await trio.sleep(8)
        await session.respond()
        await session.wait_spoken()
    assert [line.speaker for line in session.transcript][:2] == ["caller", "agent"]
    assert emulator.sessions[-1].errors == []


@virtual
async def test_a_server_that_never_acknowledges_is_believed_after_a_while() -> None:
    ours, theirs = memory_websockets()
    async with open_openai_over(ours, patience=2.0) as model:
        await model.start(Agent(), PCM16_24K, PCM16_24K)
        assert trio.current_time() == pytest.approx(4.0)
        assert await model.receive() == SessionUpdated(acknowledged=False)
        theirs.send_nowait(says.audio())
        assert (await model.receive()).name == "audio.output.delta"
    assert json.loads(await theirs.receive())["type"] == "session.update"


async def test_patience_is_a_time() -> None:
    with pytest.raises(OptionError, match="patience"):
        async with open_openai("m", base_url="ws://127.0.0.1:1/v1", patience=0.0):
            pass


# ---- Azure


def test_azures_older_address_has_deployments() -> None:
    url = realtime_url("wss://x.openai.azure.com/openai?api-version=2024-10-01-preview", "mine")
    assert url == "wss://x.openai.azure.com/openai/realtime?api-version=2024-10-01-preview&deployment=mine"


@pytest.mark.parametrize(
    ("status", "why"), [(401, "variable OPENAI_API_KEY"), (403, "variable OPENAI_API_KEY"), (404, "name of the model")]
)
async def test_a_key_that_is_refused_before_the_websocket_opens_says_what_to_check(status: int, why: str) -> None:
    async with refusing_door(status) as url:
        with pytest.raises(ModelRefused, match=f"{status}.*{why}"):
            async with open_openai("deployment", base_url=url, header="api-key", key=Secret("planted")):
                pass


async def test_a_server_that_is_busy_may_be_asked_again() -> None:
    async with refusing_door(503) as url:
        with pytest.raises(trio.BrokenResourceError, match="503") as caught:
            async with open_openai("deployment", base_url=url, key=Secret("planted")):
                pass
    assert not isinstance(caught.value, ModelRefused)


@asynccontextmanager
async def refusing_door(status: int) -> AsyncGenerator[str, None]:
    async with open_front_door("127.0.0.1", 0) as door:
        door.route("GET", "/v1/realtime", lambda _: answered(Response(b"no", status)), auth="none")
        yield f"ws://127.0.0.1:{door.addresses[0][1]}/v1"


async def answered(response: Response) -> Response:
    await trio.lowlevel.checkpoint()
    return response


# ---- keys for a short time


async def test_an_ephemeral_key_opens_a_session_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    emulator = OpenAIEmulator(lambda _: OpenAIReply("Hi."), OpenAIServerOptions(keys=frozenset({"planted-key"})))
    async with emulator.listen() as url:
        ephemeral = await authenticate("gpt-realtime", key=Secret("planted-key"), base_url=url, seconds=60)
        async with open_openai("gpt-realtime", base_url=url, key=ephemeral.value) as model:
            await model.start(Agent(), PCM16_24K, PCM16_24K)
    assert isinstance(ephemeral, EphemeralKey)
    assert ephemeral.value.reveal().startswith("ek_")
    assert ephemeral.session["model"] == "gpt-realtime"
    shown = repr(ephemeral) + caplog.text
    assert ephemeral.value.reveal() not in shown
    assert "planted-key" not in shown


async def test_what_is_asked_for_is_what_openai_documents() -> None:
    asked: list[tuple[str | None, object]] = []

    async def note(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        asked.append((request.headers.get("authorization"), json.loads(request.body)))
        return Response(b'{"value":"ek_1","expires_at":1790000000,"session":{"id":"sess_1"}}', 200, "application/json")

    async with open_front_door("127.0.0.1", 0) as door:
        door.route("POST", "/v1/realtime/client_secrets", note, auth="none")
        url = f"http://127.0.0.1:{door.addresses[0][1]}/v1"
        ephemeral = await authenticate("m", key=Secret("sk-1"), base_url=url, session={"instructions": "Be kind."})
    body = {
        "expires_after": {"anchor": "created_at", "seconds": 600},
        "session": {"type": "realtime", "model": "m", "instructions": "Be kind."},
    }
    assert asked == [("Bearer sk-1", body)]
    assert (ephemeral.value.reveal(), ephemeral.expires_at, ephemeral.session) == ("ek_1", 1_790_000_000, {"id": "sess_1"})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"{}", ModelRefused),
        (400, b"{}", RestError),
        (200, b"nonsense", RemoteProtocolError),
        (200, b'{"value":"ek_\\n","expires_at":1}', RemoteProtocolError),
        (200, b'{"value":"ek_1"}', RemoteProtocolError),
        (200, b'{"value":"ek_1","expires_at":1,"session":7}', RemoteProtocolError),
    ],
)
async def test_an_answer_that_is_no_key_is_an_error(status: int, body: bytes, kind: type[Exception]) -> None:
    async with open_front_door("127.0.0.1", 0) as door:
        door.route("POST", "/v1/realtime/client_secrets", lambda _: answered(Response(body, status)), auth="none")
        with pytest.raises(kind) as caught:
            await authenticate("m", key=Secret("sk-planted"), base_url=f"http://127.0.0.1:{door.addresses[0][1]}/v1")
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("seconds", [9, 7_201, 60.5])
async def test_a_key_lasts_as_long_as_the_service_allows(seconds: int) -> None:
    with pytest.raises(OptionError, match="10 to 7200"):
        await authenticate("m", key=Secret("x"), seconds=seconds)


async def test_without_a_key_there_is_no_ephemeral_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY_FILE", raising=False)
    with pytest.raises(OptionError, match="OPENAI_API_KEY"):
        await authenticate("m")
