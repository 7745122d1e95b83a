"""Serving: who answers a call, how it ends, and that no call can harm another."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trioaudio import (
    Agent,
    Call,
    CallSummary,
    Choice,
    EndReason,
    OptionError,
    ParameterError,
    Rejection,
    Server,
    Timeouts,
    open_server,
)
from trioaudio.testing import STAMPED, Script, ScriptedExchange, say, stamp

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def answer(call: Call) -> None:
    """Stay on the line until the far party hangs up."""
    async with call.accept() as channel:
        await channel.wait_closed()


class House:
    """A server, its exchange and the summaries it has given."""

    def __init__(self) -> None:
        self.exchange = ScriptedExchange()
        self.summaries: list[CallSummary] = []
        self.server: Server
        self._ended = trio.lowlevel.ParkingLot()

    @asynccontextmanager
    async def open(self, handle_call: Any = None, **options: Any) -> AsyncGenerator[House]:
        async with open_server(self.exchange, handle_call, on_summary=self._note, **options) as self.server:
            yield self

    def _note(self, summary: CallSummary) -> None:
        self.summaries.append(summary)
        self._ended.unpark_all()

    @property
    def reasons(self) -> list[EndReason]:
        return [summary.reason for summary in self.summaries]

    async def wait_reason(self) -> EndReason:
        """Wait until a call has ended; why."""
        if not self.summaries:
            await self._ended.park()
        return self.summaries[-1].reason


@pytest.fixture
def house() -> House:
    return House()


class TestVerbs:
    """Accept, reject, redirect: exactly one of them."""

    async def test_an_accepted_call_is_a_channel(self, house: House) -> None:
        async def greet(call: Call) -> None:
            async with call.accept() as channel:
                with channel.turn("hello", format=STAMPED) as turn:
                    turn.send_nowait(stamp("hello", 0, 4_000))
                await channel.hang_up()

        async with house.open(greet):
            call = house.exchange.dial()
            await call.wait_over()
        assert call.far_end.heard("hello") == 4_000

    async def test_a_rejected_call_is_told_why(self, house: House) -> None:
        async with house.open(lambda call: call.reject("declined")):
            call = house.exchange.dial()
            assert await call.wait_decided() == "rejected"
        assert call.told == "declined"
        assert house.reasons == ["rejected"]

    async def test_a_redirected_call_goes_elsewhere(self, house: House) -> None:
        async with house.open(lambda call: call.redirect("+4930654321")):
            call = house.exchange.dial()
            assert await call.wait_decided() == "redirected"
        assert call.told == "+4930654321"
        assert house.reasons == ["redirected"]

    @pytest.mark.parametrize("second", ["accept", "reject", "redirect"])
    async def test_a_second_verb_says_that_there_was_a_first(self, house: House, second: str) -> None:
        complaints: list[str] = []

        async def answer_twice(call: Call) -> None:
            async with call.accept():
                with pytest.raises(RuntimeError, match="accepted already") as caught:
                    if second == "accept":
                        async with call.accept():
                            pass
                    else:
                        await getattr(call, second)("somewhere")
                complaints.append(str(caught.value))

        async with house.open(answer_twice):
            call = house.exchange.dial()
            await call.wait_over()
        assert len(complaints) == 1
        assert call.verbs == ["answer"]

    async def test_a_handler_that_does_nothing_rejects_politely(self, house: House) -> None:
        async def overlook(call: Call) -> None:
            await trio.lowlevel.checkpoint()

        async with house.open(overlook):
            call = house.exchange.dial()
            await call.wait_decided()
        assert (call.outcome, call.told) == ("rejected", "declined")

    async def test_a_caller_who_hangs_up_while_it_rings_is_no_failure(self, house: House) -> None:
        async with house.open(answer):
            call = house.exchange.dial(answer_takes=5)
            await trio.sleep(1)
            call.hang_up()
            assert await house.wait_reason() == "caller"
            assert house.server.statistics().handler_failures == 0


class TestParameters:
    """What comes with a call is text; a handler reads it with a type."""

    async def read(self, house: House, read: Callable[[Call], object], **parameters: str) -> object:
        values: list[object] = []

        async def handle(call: Call) -> None:
            values.append(read(call))
            await call.reject()

        async with house.open(handle):
            await house.exchange.dial(parameters=parameters).wait_decided()
        return values[0] if values else None

    async def test_a_parameter_is_read_as_its_type(self, house: House) -> None:
        assert await self.read(house, lambda call: call.parameter("floor", int), floor="7") == 7

    async def test_a_parameter_that_did_not_come_has_its_default(self, house: House) -> None:
        assert await self.read(house, lambda call: call.parameter("floor", int, None)) is None

    async def test_a_parameter_of_the_wrong_type_is_refused_without_its_value(self, house: House) -> None:
        def read(call: Call) -> object:
            with pytest.raises(ParameterError, match="'floor' is not of its type; expected: int") as caught:
                call.parameter("floor", int)
            return str(caught.value)

        assert "hunter2" not in str(await self.read(house, read, floor="hunter2"))

    async def test_a_missing_parameter_is_named_with_those_that_came(self, house: House) -> None:
        def read(call: Call) -> object:
            with pytest.raises(ParameterError, match=r"no parameter 'floor' \(it has room\)"):
                call.parameter("floor")
            return True

        assert await self.read(house, read, room="b")


class TestChoose:
    """Who answers is decided before the call is answered."""

    async def test_an_agent_is_joined_to_the_default_model(self, house: House) -> None:
        script, anna = Script(say(1.0, "a")), Agent("You are Anna.")
        async with house.open(model=script, choose=lambda call: anna):
            await house.exchange.dial().far_end.wait_hears("a")
        assert script.agent == anna

    async def test_a_model_may_be_chosen_for_each_call(self, house: House) -> None:
        scripts = {"1": Script(say(1.0, "a")), "2": Script(say(1.0, "b"))}
        async with house.open(choose=lambda call: scripts[call.called or ""]):
            first, second = house.exchange.dial(called="1"), house.exchange.dial(called="2")
            await first.far_end.wait_hears("a")
            await second.far_end.wait_hears("b")

    async def test_an_async_choose_may_take_its_time(self, house: House) -> None:
        async def choose(call: Call) -> Choice:
            await trio.sleep(2)
            return Choice(Script(say(1.0, "a")), name="anna")

        async with house.open(choose=choose):
            call = house.exchange.dial()
            await call.far_end.wait_hears("a")
            call.hang_up()
            await house.wait_reason()
        assert house.summaries[0].agent == "anna"

    async def test_a_choose_that_takes_too_long_leaves_it_to_the_default(self, house: House) -> None:
        async def choose(call: Call) -> Agent:
            await trio.sleep_forever()
            raise AssertionError

        async with house.open(model=Script(say(1.0, "a")), choose=choose):
            began = trio.current_time()
            await house.exchange.dial().far_end.wait_hears("a")
            assert trio.current_time() - began == pytest.approx(Timeouts().choose, abs=0.1)
            assert house.server.statistics().choose_timeouts == 1

    async def test_a_rejection_is_told_to_the_far_party(self, house: House) -> None:
        async with house.open(model="parrot", choose=lambda call: Rejection("closed-on-sundays")):
            call = house.exchange.dial()
            await call.wait_decided()
        assert (call.told, call.verbs) == ("closed-on-sundays", ["reject"])

    @pytest.mark.parametrize("chosen", [ValueError("no such tenant"), "no-such-model", 42], ids=["raises", "unknown model", "nonsense"])
    async def test_a_choose_that_fails_rejects_its_call_alone(self, house: House, chosen: Any, caplog: pytest.LogCaptureFixture) -> None:
        def choose(call: Call) -> Any:
            if call.called == "good":
                return None
            if isinstance(chosen, Exception):
                raise chosen
            return chosen

        async with house.open(model=Script(say(1.0, "a")), choose=choose):
            bad, good = house.exchange.dial(), house.exchange.dial(called="good")
            await good.far_end.wait_hears("a")
            assert (bad.outcome, bad.told) == ("rejected", "unavailable")
            assert house.server.statistics().choose_failures == 1
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1

    async def test_a_server_that_nobody_would_answer_for_does_not_open(self) -> None:
        with pytest.raises(OptionError, match="nobody would answer"):
            async with open_server(ScriptedExchange()):
                pass
