"""``trioaudio serve`` with somebody else's listener, as real processes: calls, going away, and what a rude world does to it."""

from __future__ import annotations

import gc
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import trio
from trio_websocket import open_websocket_url

from trioaudio.abc import WebSocket, adopt_socket, open_socket

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "wire"
HANG = 30
TOKEN = {"Authorization": "Bearer sesame"}
SILENCE = bytes(320)


@pytest.fixture(autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example, installed."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "trioaudio_wire-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: trioaudio-wire\nVersion: 0.1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[trioaudio.listeners]\nwire = trioaudio_wire:open_wire\n", encoding="utf-8")
    shutil.copy(EXAMPLE / "trioaudio_wire.py", folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("WIRE_TOKEN", "sesame")
    monkeypatch.syspath_prepend(folder)
    return folder


@dataclass
class Running:
    """A server that is ready for calls."""

    process: subprocess.Popen[str]
    account: str
    url: str
    admin: str

    def ready(self) -> int:
        return status(self.admin + "readyz")

    def metric(self, name: str) -> float:
        with urlopen(self.admin + "metrics") as answer:
            (found,) = re.findall(rf"^{re.escape(name)} (.+)$", answer.read().decode(), re.MULTILINE)
        return float(found)

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=HANG)
        return self.process.returncode, out, err


def status(url: str, **headers: str) -> int:
    try:
        with urlopen(Request(url, headers=headers)) as answer:
            return int(answer.status)
    except OSError as error:
        return int(getattr(error, "code", 0))


@pytest.fixture
def serving(process: Start) -> Iterator[Callable[..., Any]]:
    """Starts a server; kills it when the test has forgotten to end it."""

    @contextmanager
    def serve(*more: object) -> Iterator[Running]:
        words = ("serve", "wire", "--model", "parrot", "--port", 0, "--admin-port", 0, *more)
        with process(*words) as started:
            try:
                assert started.stdout is not None
                account = ""
                while "Ctrl-C" not in account:
                    line = started.stdout.readline()
                    assert line, started.communicate()
                    account += line
                url = re.search(r"(ws://\S+)\{line\}", account)
                admin = re.search(r"(http://\S+)healthz", account)
                assert url
                assert admin
                yield Running(started, account, url[1] + "reception", admin[1])
            finally:
                started.kill()

    return serve


async def until(condition: Callable[[], bool]) -> None:
    """Another process has no events for us: look again and again."""
    with trio.fail_after(HANG):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def talk(websocket: WebSocket, blocks: int = 10_000) -> int:
    """Be a caller who says nothing until the call is over, and keeps time; returns how many bytes were heard."""
    heard = 0

    async def speak() -> None:
        try:
            for _ in range(blocks):
                await websocket.send(SILENCE)
                await trio.sleep(0.02)
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        async for message in websocket:
            heard += len(message)
        nursery.cancel_scope.cancel()
    return heard


def test_it_says_where_it_is_and_goes_away_in_order(serving: Callable[..., Any], folder: Path) -> None:
    async def call(server: Running) -> None:
        async with open_socket(server.url, headers=TOKEN) as websocket:
            for _ in range(5):
                await websocket.send(SILENCE)
            await until(lambda: server.metric("trioaudio_calls_active") == 1)
            server.process.send_signal(signal.SIGTERM)
            await until(lambda: server.ready() == 503)
            with pytest.raises(trio.BrokenResourceError, match="503"):  # refused, in words
                async with open_socket(server.url, headers=TOKEN):
                    pass
            await websocket.send(SILENCE)  # this call goes on until it ends by itself

    with serving("--record", "calls") as server:
        assert (server.ready(), status(server.admin + "healthz")) == (200, 200)
        trio.run(call, server)
        code, out, err = server.ended()
    assert (code, err) == (0, "")
    assert re.search(r"listener +wire +ws://127\.0\.0\.1:\d+/wire/\{line\} +\(checks a token\)", server.account)
    assert "SIGTERM: going away; calls have 30 s to end" in out
    assert "1 call is left, for at most 30 s" in out
    assert out.endswith("gone, after 2 calls\n")
    assert sorted(path.suffix for path in folder.glob("calls/*/*")) == [".json", ".json", ".wav"]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_calls_that_do_not_end_hear_a_farewell(serving: Callable[..., Any]) -> None:
    async def call(server: Running) -> tuple[int, int | None]:
        header = (b"Authorization", b"Bearer sesame")
        async with (
            open_websocket_url(server.url, extra_headers=[header]) as connection,
            adopt_socket(connection) as websocket,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_interrupt_once_there, server)
            heard = await talk(websocket)
        return heard, websocket.close_code

    with serving("--drain-timeout", 0.3) as server:
        heard, code = trio.run(call, server)
        gc.collect()
        assert server.ended()[0] == 0
    assert heard >= 2 * 0.5 * 8_000
    assert code in (1000, 1001)


async def _interrupt_once_there(server: Running) -> None:
    await until(lambda: server.metric("trioaudio_calls_active") == 1)
    server.process.send_signal(signal.SIGINT)


def test_a_second_ctrl_c_ends_it_at_once(serving: Callable[..., Any]) -> None:
    async def call(server: Running) -> None:
        async with open_socket(server.url, headers=TOKEN) as websocket, trio.open_nursery() as nursery:
            nursery.start_soon(_interrupt_once_there, server)

            @nursery.start_soon
            async def again() -> None:
                await until(lambda: server.ready() == 503)
                server.process.send_signal(signal.SIGINT)

            await talk(websocket)

    with serving() as server:
        began = time.monotonic()
        trio.run(call, server)
        code, out, err = server.ended()
    assert (code, err) == (130, "")
    assert "at once, then" in out
    assert time.monotonic() - began < 15


def test_without_calls_it_is_gone_at_once(serving: Callable[..., Any]) -> None:
    with serving() as server:
        server.process.send_signal(signal.SIGINT)
        code, out, err = server.ended()
    assert (code, err) == (0, "")
    assert out.endswith("gone, after 0 calls\n")


def test_a_rude_world_does_no_harm(serving: Callable[..., Any]) -> None:
    async def visit(server: Running) -> int:
        host, port = re.search(r"//(.+):(\d+)/", server.url).groups()  # type: ignore[union-attr]

        async def garbage() -> None:
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                await stream.send_all(bytes(range(256)) * 100)

        async def dies() -> None:
            async with open_socket(server.url, headers=TOKEN) as websocket:
                await websocket.send(SILENCE)
                await websocket.send("this is no audio")
                with pytest.raises((trio.EndOfChannel, trio.BrokenResourceError)):
                    while True:
                        await websocket.receive()

        async def vanishes() -> None:
            sock = socket.create_connection((host, int(port)))
            head = "GET /wire/1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            sock.sendall((head + "Sec-WebSocket-Key: a2tra2tra2tra2tra2traw==\r\nAuthorization: Bearer sesame\r\n\r\n").encode())
            await trio.sleep(0.2)
            sock.close()

        async def intrudes() -> None:
            with pytest.raises(trio.BrokenResourceError, match="401"):
                async with open_socket(server.url, headers={"Authorization": "Bearer guess"}):
                    pass

        async with open_socket(server.url, headers=TOKEN) as websocket:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    for rude in (garbage, dies, vanishes, intrudes):
                        nursery.start_soon(rude)
            await websocket.send(SILENCE)
            await until(lambda: server.metric("trioaudio_calls_active") == 1)
            return int(server.metric("trioaudio_calls_active"))

    with serving() as server:
        assert trio.run(visit, server) == 1
        assert server.metric("trioaudio_http_handler_failures_total") == 0
        server.process.send_signal(signal.SIGTERM)
        code, out, err = server.ended()
    assert (code, "Traceback" in err) == (0, False)
    assert "gone, after 11 calls" in out


class TestRefusals:
    """What cannot be is one line and exit 2."""

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (
                ["memory:x", "--model", "parrot"],
                "the callers of 'memory:x' are in the program that opens it, and here is none; use another listener",
            ),
            (["wires", "--model", "parrot"], "there is no listener 'wires'; did you mean 'wire'?"),
            (["wire?tokn=1", "--model", "parrot"], "wire has no option 'tokn'; did you mean 'token'?"),
            (["wire", "--model", "parrott"], "there is no model 'parrott'; did you mean 'parrot'?"),
            (["wire", "--model", "parrot", "--agent", "missing.toml"], "missing.toml"),
            (["wire", "--model", "parrot", "--tls-cert", "missing.pem"], "missing.pem cannot be read: No such file or directory"),
            (["wire", "--model", "parrot", "--tls-key", "missing.pem"], "--tls-key is given without --tls-cert"),
            (["wire", "--model", "parrot", "--config", "missing.toml"], "missing.toml cannot be read"),
            (["wire", "--model", "parrot", "--adress", "::"], "'--adress' is not understood here"),
        ],
    )
    def test_what_is_asked_for_wrongly(self, trioaudio: Command, words: list[str], complaint: str) -> None:
        assert complaint in trioaudio("serve", *words).complaint

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            (["--public-url", "nonsense"], "'nonsense' is no public URL"),
            (["--trusted-proxy", "nonsense"], "'nonsense' is no address of a proxy"),
            (["--host", "203.0.113.9"], "203.0.113.9 is no address of this machine"),
        ],
    )
    def test_a_door_that_cannot_be_opened(self, process: Start, more: list[str], complaint: str) -> None:
        with process("serve", "wire", "--model", "parrot", "--port", 0, *more) as started:
            out, err = started.communicate(timeout=HANG)
        assert (started.returncode, out, err.count("\n")) == (2, "", 1)
        assert complaint in err

    @pytest.mark.parametrize("option", ["--port", "--admin-port"])
    def test_a_port_in_use(self, process: Start, option: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with process("serve", "wire", "--model", "parrot", "--port", 0, option, port) as started:
                out, err = started.communicate(timeout=HANG)
        assert (started.returncode, out, err.count("\n")) == (2, "", 1)
        assert f"port {port} of 127.0.0.1 is in use" in err
        assert f"({option}; 0 is any that is free)" in err


class TestSettings:
    """Options that stand in a file or in the environment."""

    def test_without_a_model_nobody_would_answer(self, trioaudio: Command) -> None:
        complaint = 'nobody would answer: name the model, --model SPEC, or model = "SPEC" in the section [serve]'
        assert trioaudio("serve", "wire").complaint == complaint

    @pytest.mark.parametrize("way", ["file", "variable"])
    def test_a_setting_counts_as_its_option(self, process: Start, folder: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            if way == "variable":
                monkeypatch.setenv("TRIOAUDIO_SERVE_PORT", str(port))
            lines = f"[serve]\nmodel = 'parrot'\nport = {port if way == 'file' else 0}\n"
            (folder / "trioaudio.toml").write_text(lines, encoding="utf-8")
            with process("serve", "wire", "--config", "trioaudio.toml") as started:
                out, err = started.communicate(timeout=HANG)
        assert (started.returncode, out) == (2, "")
        assert f"port {port} of 127.0.0.1 is in use" in err

    def test_an_option_beats_a_setting(self, trioaudio: Command, folder: Path) -> None:
        (folder / "trioaudio.toml").write_text("[serve]\nmodel = 'parrot'\n", encoding="utf-8")
        assert "there is no model 'parrott'" in trioaudio("serve", "wire", "--config", "trioaudio.toml", "--model", "parrott").complaint
