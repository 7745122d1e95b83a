"""Callers in this very process: dialled by the program, served like any other."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from trioaudio import Call, PluginError, open_server, serve
from trioaudio._options import describe
from trioaudio._plugins import choose_listener, load_listener, open_listener
from trioaudio.abc import Injected, Listener, listener_plugin
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.sources.memory import memory_exchange, memory_exchange_of

pytestmark = pytest.mark.usefixtures("virtual_clock")


async def echo(call: Call) -> None:
    """Say back what is heard."""
    async with call.accept() as channel:
        async for frame in channel:
            await channel.send_audio(frame)


async def test_who_dials_is_answered_and_heard() -> None:
    exchange = memory_exchange()
    async with open_server(exchange, echo):
        caller = exchange.dial(caller="+4930123456")
        assert caller.outcome == "ringing"
        assert await caller.wait_decided() == "answered"
        caller.say(Frame.silence(480, PCM16_24K))
        assert (await caller.hear()).num_samples == 480


async def test_who_is_rejected_hears_why_and_nothing_else() -> None:
    exchange = memory_exchange()
    async with open_server(exchange, lambda call: call.reject("busy")):
        caller = exchange.dial()
        assert await caller.wait_decided() == "rejected"
        assert caller.told == "busy"
        with pytest.raises(trio.EndOfChannel):
            await caller.hear()


async def test_who_is_redirected_is_told_where_to() -> None:
    exchange = memory_exchange()
    async with open_server(exchange, lambda call: call.redirect("reception")):
        caller = exchange.dial()
        assert (await caller.wait_decided(), caller.told) == ("redirected", "reception")


async def test_what_comes_with_a_call_is_what_was_dialled_with() -> None:
    exchange, seen = memory_exchange(), []

    async def look(call: Call) -> None:
        seen.append((call.caller, call.called, call.account, dict(call.parameters), dict(call.headers), call.direction))
        await call.reject()

    async with open_server(exchange, look):
        caller = exchange.dial("anna", "bert", account="acme", parameters={"floor": "7"}, headers={"X-Id": "1"}, direction="outbound")
        await caller.wait_decided()
    assert seen == [("anna", "bert", "acme", {"floor": "7"}, {"x-id": "1"}, "outbound")]


async def test_a_caller_who_has_hung_up_before_the_answer_is_not_answered() -> None:
    exchange, reasons = memory_exchange(), []
    exchange.dial().hang_up()
    exchange.close()
    await serve(exchange, echo, on_summary=lambda summary: reasons.append(summary.reason))
    assert reasons == ["caller"]


async def test_a_server_opens_it_by_name_and_the_program_finds_it() -> None:
    async with open_server("memory:lobby", echo):
        assert await memory_exchange_of("lobby").dial().wait_decided() == "answered"
    with pytest.raises(PluginError, match="no listener is open as 'memory:lobby'"):
        memory_exchange_of("lobby")


async def test_a_name_is_given_once() -> None:
    async with open_listener("memory:lobby"):
        with pytest.raises(PluginError, match="open as 'memory:lobby' already"):
            async with open_listener("memory:lobby"):
                pass


def test_its_options_are_its_signature() -> None:
    assert [option.name for option in describe(load_listener("memory").open)] == ["name", "format", "lead"]
    assert choose_listener("memory:lobby?lead=0.1").embedded


class Bell(Injected):
    """Something a program owns and a listener wants."""


@listener_plugin("bell")
@asynccontextmanager
async def open_bell(name: str, bell: Bell, *, spare: Bell | None = None):  # type: ignore[no-untyped-def]  # as a plugin may be written
    """Ring."""
    exchange = memory_exchange()
    exchange.name = f"{name} {type(bell).__name__} {spare}"
    yield exchange


class TestGivenThings:
    """What a listener wants that is no option, the program gives."""

    @pytest.fixture
    def chosen(self, monkeypatch: pytest.MonkeyPatch) -> object:
        monkeypatch.setattr("trioaudio._plugins.load_listener", lambda name: open_bell)
        return choose_listener("bell:front")

    def test_it_is_no_option(self) -> None:
        assert [option.name for option in describe(open_bell.open)] == ["name"]

    def test_it_is_known_what_it_wants(self, chosen: object) -> None:
        assert chosen.wants == (Bell, Bell)  # type: ignore[attr-defined]

    async def test_it_is_given_by_its_type(self, chosen: object) -> None:
        listener: Listener
        async with chosen(Bell()) as listener:  # type: ignore[operator]
            assert listener.name.startswith("front Bell <")

    async def test_it_is_missed_by_name(self, chosen: object) -> None:
        with pytest.raises(PluginError, match="'bell' cannot be opened: its parameter 'bell' needs a Bell"):
            async with chosen():  # type: ignore[operator]
                pass
