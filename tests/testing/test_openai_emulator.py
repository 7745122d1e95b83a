"""The emulator of an OpenAI server: faults by script, keys, ports, and a fixture for people's own tests."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from trioaudio import Agent, AudioDelta, LocalProtocolError, OptionError, Reconnect, ResponseDone
from trioaudio.abc import WebSocket, open_socket
from trioaudio.audio import MULAW_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.testing import (
    MemoryWebSocket,
    OpenAIEmulator,
    OpenAIFault,
    OpenAIMessage,
    OpenAIReply,
    OpenAIServerOptions,
    espeak_voice,
    in_words,
    memory_websockets,
    read_openai_faults,
)
from trioaudio.testing.fixtures import OpenCall
from trioaudio.wire.openai_server import ClientSecrets


async def test_the_fixture_answers_a_call(call: OpenCall, openai_emulator: OpenAIEmulator) -> None:
    async with call(openai_emulator.model) as (_, session):
        await session.send_message("Are you there?")
        await trio.sleep(2.0)
    assert session.transcript[-1].text == "Are you there?"
    assert len(openai_emulator.sessions) == 1


async def test_it_says_something_unasked(call: OpenCall, openai_emulator: OpenAIEmulator) -> None:
    async with call(openai_emulator.model) as (_, session):
        openai_emulator.say(OpenAIReply("Are you still there?"))
        await trio.sleep(1.0)
    assert session.transcript[-1].text == "Are you still there?"


def test_before_anybody_has_connected_there_is_nobody_to_talk_to() -> None:
    with pytest.raises(LocalProtocolError, match="connect first"):
        OpenAIEmulator().say(OpenAIReply("Hello?"))


class Pinged(MemoryWebSocket):
    """Notes when it was asked whether the far end is there."""

    def __init__(self) -> None:
        super().__init__()
        self.pings: list[int] = []

    def ping(self) -> None:
        self.pings.append(round(trio.current_time()))


@pytest.mark.usefixtures("virtual_clock")
async def test_it_pings_every_20_s_whatever_the_client_sends_as_the_live_service_does() -> None:
    ours, theirs = memory_websockets(MemoryWebSocket, Pinged)
    assert isinstance(theirs, Pinged)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(OpenAIEmulator().serve, theirs, model="emulated", key="emulated"))  # noqa: ASYNC113 - it may be late
        for _ in range(65):
            await trio.sleep(1.0)
            ours.send_nowait('{"type":"input_audio_buffer.clear"}')
        nursery.cancel_scope.cancel()
    assert theirs.pings == [20, 40, 60]


# ---- faults


async def kind(websocket: WebSocket) -> str:
    return str(json.loads(await websocket.receive())["type"])


@pytest.mark.usefixtures("virtual_clock")
class TestFaults:
    @pytest.mark.parametrize(("at", "when"), [("3.2s", 3.2), ("event:session.created", 0.0), ("event:session.created#1", 0.0)])
    async def test_the_connection_closes_when_it_was_told_to(self, at: str, when: float) -> None:
        ours, theirs = memory_websockets()
        await OpenAIEmulator(faults=[OpenAIFault(at, "close 1011 overloaded")]).serve(theirs, model="m", key=None)
        assert trio.current_time() == pytest.approx(when, abs=1e-5)
        assert await kind(ours) == "session.created"
        with pytest.raises(trio.EndOfChannel):
            await ours.receive()
        assert (ours.close_code, ours.close_reason) == (1011, "overloaded")

    async def test_it_breaks_without_a_goodbye(self) -> None:
        ours, theirs = memory_websockets()
        await OpenAIEmulator(faults=[OpenAIFault("1s", "break")]).serve(theirs, model="m", key=None)
        await ours.receive()
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive()

    async def test_it_may_read_nothing_for_a_while(self) -> None:
        ours, theirs = memory_websockets()
        emulator = OpenAIEmulator(faults=[OpenAIFault("0.5s", "deaf 2.5")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: emulator.serve(theirs, model="m", key=None))
            assert await kind(ours) == "session.created"
            await trio.sleep(1.0)
            ours.send_nowait('{"type":"input_audio_buffer.clear"}')
            assert await kind(ours) == "input_audio_buffer.cleared"
            assert trio.current_time() == pytest.approx(3.0, abs=1e-3)
            await ours.aclose()

    async def test_an_event_may_be_waited_for_until_it_has_come_twice(self, call: OpenCall) -> None:
        emulator = OpenAIEmulator(faults=[OpenAIFault("event:response.created#2", "close 1001")])
        async with call(emulator.model, Agent(reconnect=Reconnect(attempts=0))) as (_, session):
            await session.respond()
            await trio.sleep(5.0)
            await session.respond()
            end = await session.wait_closed()
        assert trio.current_time() == pytest.approx(5.0, abs=0.1)
        assert "1001" in str(end.error)

    async def test_a_stalled_server_still_listens(self) -> None:
        ours, theirs = memory_websockets()
        emulator = OpenAIEmulator(faults=[OpenAIFault("event:session.created", "stall 2.5")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: emulator.serve(theirs, model="m", key=None))
            assert await kind(ours) == "session.created"
            ours.send_nowait('{"type":"input_audio_buffer.clear"}')
            assert await kind(ours) == "input_audio_buffer.cleared"
            assert trio.current_time() == pytest.approx(2.5, abs=1e-3)
            await ours.aclose()


@pytest.mark.parametrize(
    ("at", "do"),
    [
        ("soon", "break"),
        ("3", "break"),
        ("event:", "break"),
        ("1s", "explode"),
        ("1s", "close"),
        ("1s", "stall a"),
        ("1s", "deaf"),
        ("1s", "break it"),
        ("1s", "send"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(at: str, do: str) -> None:
    with pytest.raises(OptionError, match="write"):
        OpenAIFault(at, do)


def test_faults_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nat = "3.2s"\ndo = "break"\n\n[[fault]]\nat = "event:response.done#3"\ndo = "stall 1"\n', encoding="utf-8")
    assert read_openai_faults(file) == [OpenAIFault("3.2s", "break"), OpenAIFault("event:response.done#3", "stall 1")]


@pytest.mark.parametrize(
    "content", ["[[fault]]\nat = 3\n", "fault = 1", "x = [", '[[fault]]\nat = "1s"\ndo = "break"\nwhy = ""', "other = 1"]
)
def test_a_file_of_faults_that_makes_no_sense_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=r"faults\.toml"):
        read_openai_faults(file)


def test_a_file_of_faults_that_is_missing_is_named() -> None:
    with pytest.raises(OptionError, match="no such file"):
        read_openai_faults("missing.toml")


# ---- at a port


async def greeted(url: str, **options: Any) -> tuple[dict[str, Any], WebSocket]:
    async with open_socket(f"{url}/realtime?model=m", **options) as websocket:
        message = json.loads(await websocket.receive())
        if message["type"] == "error":
            with pytest.raises(trio.EndOfChannel):
                await websocket.receive()
        return message, websocket


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer right"}, {"api-key": "right"}])
async def test_a_key_may_come_in_either_header(headers: dict[str, str]) -> None:
    with trio.fail_after(10):
        async with OpenAIEmulator(options=OpenAIServerOptions(keys=frozenset({"right"}))).listen() as url:
            message, _ = await greeted(url, headers=headers)
    assert message["type"] == "session.created"


async def test_a_browser_sends_its_key_as_a_subprotocol() -> None:
    with trio.fail_after(10):
        async with OpenAIEmulator(options=OpenAIServerOptions(keys=frozenset({"right"}))).listen() as url:
            message, websocket = await greeted(url, subprotocols=["realtime", "openai-insecure-api-key.right"])
    assert message["type"] == "session.created"
    assert websocket.subprotocol == "realtime"


@pytest.mark.parametrize(
    ("headers", "code", "close"),
    [({}, "invalid_api_key", 3000), ({"Authorization": "Bearer right", "OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000)],
)
async def test_whom_it_does_not_want_it_tells_why_after_the_websocket_has_opened(headers: dict[str, str], code: str, close: int) -> None:
    with trio.fail_after(10):
        async with OpenAIEmulator(options=OpenAIServerOptions(keys=frozenset({"right"}))).listen() as url:
            message, websocket = await greeted(url, headers=headers)
    assert message["error"]["code"] == code
    assert (websocket.close_code, websocket.close_reason) == (close, f"invalid_request_error.{code}")


async def test_whom_azure_does_not_want_it_does_not_let_in() -> None:
    options = OpenAIServerOptions(keys=frozenset({"right"}), refuses="azure")
    with trio.fail_after(10):
        async with OpenAIEmulator(options=options).listen() as url:
            with pytest.raises(trio.BrokenResourceError, match="401"):
                await greeted(url, headers={"api-key": "wrong"})
            message, _ = await greeted(url.replace("/v1", "/openai/v1"), headers={"api-key": "right"})
    assert message["type"] == "session.created"


async def test_a_connection_that_breaks_is_reset_without_a_goodbye() -> None:
    emulator = OpenAIEmulator(faults=[OpenAIFault("event:session.created", "break")])
    with trio.fail_after(10):
        async with emulator.listen() as url, open_socket(f"{url}/realtime?model=m") as websocket:
            with pytest.raises(trio.BrokenResourceError):
                while True:
                    await websocket.receive()
    assert websocket.close_code == 1006


async def posted(url: str, key: str, body: object) -> tuple[int, Any]:
    """What is answered to a request for an ephemeral key."""
    content = json.dumps(body).encode()
    host, _, port = url.removeprefix("ws://").removesuffix("/v1").partition(":")
    head = f"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(content)}\r\n"
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(f"{head}Connection: close\r\n\r\n".encode() + content)
        answer = b"".join([chunk async for chunk in stream])
    top, _, content = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(content)


async def test_an_ephemeral_key_begins_the_session_it_was_given_out_for() -> None:
    session = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief."}
    with trio.fail_after(10):
        async with OpenAIEmulator(options=OpenAIServerOptions(keys=frozenset({"right"}))).listen() as url:
            status, secret = await posted(url, "right", {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": session})
            assert status == 200
            async with open_socket(f"{url}/realtime", headers={"Authorization": f"Bearer {secret['value']}"}) as websocket:
                created = json.loads(await websocket.receive())
            refused = [await posted(url, "wrong", {}), await posted(url, "right", {"session": {"type": "realtime", "voice": "x"}})]
    assert {name: created["session"][name] for name in session} == session
    assert [(status, answer["error"]["code"]) for status, answer in refused] == [(401, "invalid_api_key"), (400, "unknown_parameter")]


def test_an_ephemeral_key_begins_nothing_once_it_has_expired() -> None:
    secrets = ClientSecrets({"right"})
    _, secret = secrets.issue_untrusted(b"", "right", epoch=1_000.0)
    assert secret["expires_at"] == 1_600
    assert secrets.accepts(secret["value"], 1_599.0)
    assert not secrets.accepts(secret["value"], 1_600.0)


# ---- voices, and what can be read back


async def test_words_are_spoken_by_a_voice(virtual_clock: None) -> None:
    async def slow_voice(text: str, format: AudioFormat) -> Frame:
        await trio.sleep(1.0)
        return Frame.silence(format.rate // 10 * len(text), format)

    async with OpenAIEmulator(in_words, voice=slow_voice).model() as model:
        await model.start(Agent(), PCM16_24K, PCM16_24K)
        await model.send_text("ten chars.")
        await model.respond()
        heard = []
        while not isinstance(event := await model.receive(), ResponseDone):
            heard += [event.frame] if isinstance(event, AudioDelta) else []
    assert sum(frame.duration for frame in heard) == pytest.approx(1.0)
    assert trio.current_time() == pytest.approx(1.1, abs=0.02)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
async def test_espeak_speaks_in_the_format_of_the_session() -> None:
    with trio.fail_after(20):
        spoken = await espeak_voice()("Good morning, and welcome.", MULAW_8K)
    assert spoken.format == MULAW_8K
    assert 0.8 < spoken.duration < 3.0
    assert abs(spoken.pcm).max() > 1_000


def test_without_espeak_nobody_is_promised_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OptionError, match="apt install espeak-ng"):
        espeak_voice()


async def test_every_message_is_shown_to_a_witness(call: OpenCall) -> None:
    seen: list[OpenAIMessage] = []
    emulator = OpenAIEmulator(witness=seen.append)
    async with call(emulator.model) as (_, session):
        await session.send_message("Are you there?")
        await trio.sleep(2.0)
    assert [(message.session, message.received) for message in seen[:2]] == [(1, False), (1, True)]
    assert Counter(json.loads(message.data)["type"] for message in seen if message.received) == emulator.last.received


# ---- the websocket within one process


async def test_what_one_end_sends_the_other_receives_until_it_is_closed() -> None:
    one, other = memory_websockets()
    await one.send("a")
    one.send_nowait(b"b")
    await one.aclose(4000, "enough")
    assert [message async for message in other] == ["a", b"b"]
    assert (other.close_code, other.close_reason) == (4000, "enough")
    with pytest.raises(trio.BrokenResourceError, match="enough"):
        other.send_nowait("c")
    with pytest.raises(trio.ClosedResourceError):
        await one.receive()


async def test_only_one_task_receives() -> None:
    one, _ = memory_websockets()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(MemoryWebSocket.receive, one)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await one.receive()
        nursery.cancel_scope.cancel()
