"""The admin port tells whether a server lives, whether it takes calls, and what it has counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pytest
import trio
from trio.testing import MockClock

from trioaudio import AdminPort, Call, FrontDoorError, OpenFrontDoor, open_admin_port, open_server
from trioaudio.testing import ScriptedExchange
from web.http_client import Client

LINE = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[a-z0-9_]+"\})? -?[0-9.]+)')


async def ask(admin: AdminPort, path: str) -> tuple[int, str]:
    port = int(admin.url.rpartition(":")[2].strip("/"))
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        status, _, body = await Client(stream).get(path)
        return status, body.decode()


async def answer(call: Call) -> None:
    async with call.accept() as channel:
        await channel.wait_closed()


async def refuse(call: Call) -> None:
    await call.reject('"planted"')


def value(metrics: str, name: str) -> float:
    (found,) = re.findall(rf"^{re.escape(name)} (.+)$", metrics, re.MULTILINE)
    return float(found)


async def test_it_is_ready_while_new_calls_are_taken(autojump_clock: MockClock) -> None:
    async with open_admin_port(0) as admin:
        assert await ask(admin, "/healthz") == (200, "alive\n")
        assert await ask(admin, "/readyz") == (503, "not ready yet\n")
        exchange = ScriptedExchange()
        async with open_server(exchange, answer) as admin.server:
            assert (await ask(admin, "/readyz"))[0] == 200
            exchange.dial()
            await trio.sleep(1)
            admin.server.drain(10)
            assert await ask(admin, "/readyz") == (503, "going away: new calls are refused\n")
            assert (await ask(admin, "/healthz"))[0] == 200
        assert (await ask(admin, "/readyz"))[0] == 503


async def test_metrics_are_what_prometheus_reads(door: OpenFrontDoor, autojump_clock: MockClock) -> None:
    exchange = ScriptedExchange()
    async with open_admin_port(0, door) as admin, open_server(exchange, answer) as admin.server:
        exchange.dial()
        await trio.sleep(1)
        status, metrics = await ask(admin, "/metrics")
        assert status == 200
        assert metrics.endswith("\n")
        assert not [line for line in metrics.splitlines() if not LINE.fullmatch(line)]
        assert value(metrics, "trioaudio_calls_active") == 1
        assert value(metrics, "trioaudio_tasks") > 1
        names = re.findall(r"^# TYPE (\S+)", metrics, re.MULTILINE)
        assert len(names) == len(set(names))


async def test_the_words_of_an_app_and_of_callers_are_no_labels(autojump_clock: MockClock) -> None:
    exchange = ScriptedExchange()
    async with open_admin_port(0) as admin, open_server(exchange, refuse) as admin.server:
        exchange.dial()
        await trio.sleep(1)
        _, metrics = await ask(admin, "/metrics")
        assert "planted" not in metrics
        assert value(metrics, 'trioaudio_calls_rejected_total{reason="other"}') == 1
        assert value(metrics, 'trioaudio_calls_ended_total{reason="rejected"}') == 1


async def test_what_a_listener_counts_is_shown(autojump_clock: MockClock) -> None:
    class Counting(ScriptedExchange):
        counters: ClassVar[Mapping[str, int]] = {"turned_away": 3}

    async with open_admin_port(0) as admin, open_server(Counting(), answer) as admin.server:
        _, metrics = await ask(admin, "/metrics")
        assert re.findall(r'^trioaudio_listeners_total\{what="(.*)"\} 3$', metrics, re.MULTILINE) == ["scripted.turned_away"]


async def test_a_port_in_use_is_named_with_its_own_option(door: OpenFrontDoor, autojump_clock: MockClock) -> None:
    with pytest.raises(FrontDoorError, match="--admin-port"):
        async with open_admin_port(door.addresses[0][1]):
            pass
