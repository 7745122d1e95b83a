"""Serving: who answers a call, how it ends, and that no call can harm another."""

from __future__ import annotations

import json
import logging
import math
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
    Limits,
    OptionError,
    ParameterError,
    Reconnect,
    Rejection,
    ResponseDone,
    Server,
    Timeouts,
    TurnPlayed,
    TurnStarted,
    Usage,
    open_server,
    open_session,
    serve,
)
from trioaudio._audiofiles import read_audio
from trioaudio.audio import PCM16_16K, Frame
from trioaudio.clips import clip_path
from trioaudio.lowlevel import ticker_statistics
from trioaudio.testing import STAMPED, Script, ScriptedExchange, ScriptedFarEnd, breaks, ends, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


async def answer(call: Call) -> None:
    """Stay on the line until the far party hangs up."""
    async with call.accept() as channel:
        await channel.wait_closed()


async def raises(error: BaseException) -> None:
    """A task that fails in its first step, so that no other can cancel it before."""
    raise error


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


async def silent(call: Call) -> None:
    """Accept, and never end by oneself."""
    async with call.accept():
        await trio.sleep_forever()


class TestEnds:
    """Every call ends with one reason and one summary."""

    async def test_the_caller_hangs_up(self, house: House) -> None:
        async with house.open(answer):
            call = house.exchange.dial()
            await call.wait_decided()
            call.hang_up()
            assert await house.wait_reason() == "caller"

    async def test_the_handler_returns(self, house: House) -> None:
        async def be_brief(call: Call) -> None:
            async with call.accept():
                await trio.sleep(1)

        async with house.open(be_brief):
            call = house.exchange.dial()
            assert await house.wait_reason() == "agent"
        assert call.far_end.goodbyes == 1

    async def test_a_handler_that_is_cut_off_by_a_hang_up_has_not_failed(self, house: House) -> None:
        async def talk_on(call: Call) -> None:
            async with call.accept() as channel:
                while True:
                    await channel.send_audio(Frame.silence(160, channel.output_format))

        async with house.open(talk_on):
            call = house.exchange.dial()
            await trio.sleep(1)
            call.hang_up()
            assert await house.wait_reason() == "caller"
            assert house.server.statistics().handler_failures == 0
        assert house.summaries[0].error is None

    async def test_the_connection_breaks(self, house: House) -> None:
        async with house.open(answer):
            call = house.exchange.dial()
            await call.wait_decided()
            call.far_end.fail(OSError("cable cut"))
            assert await house.wait_reason() == "broken"
        assert house.summaries[0].error == "OSError"

    async def test_the_model_breaks(self, house: House) -> None:
        async with house.open(model=Script((say(0.5, "a"), breaks())), agent=Agent(reconnect=Reconnect(attempts=0))):
            call = house.exchange.dial()
            assert await house.wait_reason() == "model_failed"
        assert call.far_end.goodbyes == 1
        assert house.summaries[0].error == "BrokenResourceError"

    async def test_the_model_is_lost_and_had_back(self, house: House) -> None:
        script = Script([say(0.5, "a"), breaks()], say(0.5, "b"))
        async with house.open(model=script):
            call = house.exchange.dial()
            await call.far_end.wait_hears("a", 4_000)
            await trio.sleep(1)
            call.far_end.speak(say(0.5, "caller"))
            await call.far_end.wait_hears("b", 4_000)
            call.hang_up()
            assert await house.wait_reason() == "caller"
        assert house.summaries[0].reconnects == 1

    async def test_another_model_takes_the_place_of_one_that_is_not_there(self, house: House) -> None:
        async with house.open(model=Script(start_errors=[trio.BrokenResourceError("no")]), fallback=Script(say(0.5, "b"))):
            call = house.exchange.dial()
            await call.far_end.wait_hears("b", 4_000)
            call.hang_up()
            assert await house.wait_reason() == "caller"

    async def test_the_model_is_never_there(self, house: House) -> None:
        async with house.open(model=Script(starts_after=math.inf)):
            call = house.exchange.dial()
            assert await house.wait_reason() == "model_failed"
            assert house.server.statistics().handler_failures == 0
        assert call.far_end.goodbyes == 1

    async def test_the_model_ends_the_session_in_order(self, house: House) -> None:
        async with house.open(model=Script((say(0.5, "a"), ends()))):
            call = house.exchange.dial()
            assert await house.wait_reason() == "agent"
        assert call.far_end.heard("a") == 4_000

    async def test_the_caller_is_transferred(self, house: House) -> None:
        handed_over: list[str] = []

        async def hand_over(target: str) -> None:
            await trio.lowlevel.checkpoint()
            handed_over.append(target)

        async def transfer(call: Call) -> None:
            async with call.accept() as channel:
                await channel.transfer("+4930654321")

        far_end = ScriptedFarEnd()
        far_end.source.capabilities, far_end.source.transfer = frozenset({"transfer"}), hand_over  # type: ignore[method-assign]
        async with house.open(transfer):
            house.exchange.dial(far_end)
            assert await house.wait_reason() == "transferred"
        assert handed_over == ["+4930654321"]

    async def test_a_handler_that_knows_better_says_so(self, house: House) -> None:
        async def transfer_by_other_means(call: Call) -> None:
            async with call.accept():
                call.end_reason = "transferred"

        async with house.open(transfer_by_other_means):
            house.exchange.dial()
            assert await house.wait_reason() == "transferred"

    async def test_a_summary_has_the_figures_and_no_number(self, house: House) -> None:
        async with house.open(model=Script(say(2.0, "a"))):
            call = house.exchange.dial(caller="+4930123456", called="+4930999911")
            await call.far_end.wait_hears("a", 8_000)
            call.hang_up()
            await house.wait_reason()
        line = house.summaries[0].as_json()
        summary = json.loads(line)
        assert "\n" not in line
        assert "30123456" not in line
        assert (summary["caller"][-2:], summary["called"][-2:]) == ("56", "11")
        assert (summary["reason"], summary["direction"], summary["turns"]) == ("caller", "inbound", 1)
        assert summary["heard_ms"] == pytest.approx(1_000, abs=100)
        assert summary["duration_ms"] == pytest.approx(1_000, abs=100)

    async def test_summaries_go_to_a_logger_of_their_own(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "trioaudio.calls")
        async with house.open(lambda call: call.reject()):
            await house.exchange.dial().wait_decided()
        lines = [record.getMessage() for record in caplog.records if record.name == "trioaudio.calls"]
        assert [json.loads(line)["reason"] for line in lines] == ["rejected"]

    async def test_what_the_models_of_a_call_used_is_added_up(self, house: House) -> None:
        script = Script()
        async with house.open(model=script):
            call = house.exchange.dial()
            await call.wait_decided()
            await trio.testing.wait_all_tasks_blocked()
            for answer in ("1", "2"):
                script.emit(ResponseDone(answer, usage=Usage(input_tokens=10, output_tokens=3)))
            await trio.sleep(1)
            call.hang_up()
            await house.wait_reason()
        assert (house.summaries[0].usage["input_tokens"], house.summaries[0].usage["output_tokens"]) == (20, 6)


class TestLimits:
    """What a call may take, and how many there may be."""

    async def test_a_call_that_lasts_too_long_is_hung_up(self, house: House) -> None:
        async with house.open(answer, limits=Limits(call_length=60)):
            call = house.exchange.dial()
            began = trio.current_time()
            assert await house.wait_reason() == "limit"
            assert trio.current_time() - began == pytest.approx(60, abs=0.5)
        assert call.far_end.goodbyes == 1

    async def test_a_handler_sees_a_limit_as_any_other_end(self, house: House) -> None:
        went_on: list[str] = []

        async def account(call: Call) -> None:
            async with call.accept() as channel:
                went_on.append((await channel.wait_closed()).kind)
            went_on.append("and accounts for it")

        async with house.open(account, limits=Limits(call_length=60)):
            house.exchange.dial()
            await house.wait_reason()
        assert went_on == ["closed", "and accounts for it"]

    async def test_a_handler_that_does_not_end_then_is_cancelled(self, house: House) -> None:
        async with house.open(silent, limits=Limits(call_length=60)):
            house.exchange.dial()
            assert await house.wait_reason() == "limit"

    async def test_a_call_that_only_rings_is_limited_too(self, house: House) -> None:
        async def ponder(call: Call) -> None:
            await trio.sleep_forever()

        async with house.open(ponder, limits=Limits(call_length=60)):
            call = house.exchange.dial()
            assert await call.wait_decided() == "rejected"
        assert call.told == "unavailable"

    async def test_a_call_in_which_nobody_speaks_is_hung_up(self, house: House) -> None:
        async with house.open(model=Script(say(5.0, "a")), limits=Limits(idle_hang_up=10)):
            house.exchange.dial()
            began = trio.current_time()
            assert await house.wait_reason() == "limit"
            assert trio.current_time() - began == pytest.approx(15, abs=0.5)

    async def test_a_caller_who_speaks_keeps_an_idle_call(self, house: House) -> None:
        voice = read_audio(clip_path("caller"), PCM16_16K).cut(0, 4 * PCM16_16K.rate)
        async with house.open(answer, limits=Limits(idle_hang_up=10)):
            far_end = ScriptedFarEnd(format=PCM16_16K)
            house.exchange.dial(far_end)
            await trio.sleep(8)
            far_end.speak(voice)
            await trio.sleep(8)
            assert not house.summaries
            assert await house.wait_reason() == "limit"

    async def test_a_call_that_costs_too_much_is_hung_up(self, house: House) -> None:
        async def spend(call: Call) -> None:
            async with call.accept() as channel:
                for _ in range(3):
                    call.report_usage(cost=0.4)
                await channel.wait_closed()

        async with house.open(spend, limits=Limits(cost_per_call=1.0)):
            house.exchange.dial()
            assert await house.wait_reason() == "limit"
        assert house.summaries[0].cost == pytest.approx(1.2)

    async def test_one_call_too_many_is_busy(self, house: House) -> None:
        async with house.open(answer, limits=Limits(calls=2)):
            calls = [house.exchange.dial() for _ in range(3)]
            await calls[2].wait_decided()
            await trio.testing.wait_all_tasks_blocked()
        assert [call.told for call in calls] == [None, None, "busy"]
        assert [call.outcome for call in calls] == ["answered", "answered", "rejected"]

    async def test_a_place_is_free_again_when_a_call_has_ended(self, house: House) -> None:
        async with house.open(answer, limits=Limits(calls=1)):
            first = house.exchange.dial()
            await first.wait_decided()
            first.hang_up()
            await house.wait_reason()
            second = house.exchange.dial()
            assert await second.wait_decided() == "answered"

    async def test_one_caller_cannot_take_all_places(self, house: House) -> None:
        async with house.open(answer, limits=Limits(calls_per_caller=1)):
            greedy = [house.exchange.dial(caller="+4930123456") for _ in range(2)]
            other = house.exchange.dial(caller="+4930654321")
            for call in (*greedy, other):
                await call.wait_decided()
            assert [call.outcome for call in (*greedy, other)] == ["answered", "rejected", "answered"]


class TestFailures:
    """What goes wrong in a call stays there."""

    async def test_a_handler_that_raises_ends_its_own_call_alone(self, house: House, caplog: pytest.LogCaptureFixture) -> None:
        ids: list[str] = []

        async def fail_for_one(call: Call) -> None:
            async with call.accept() as channel:
                if call.called == "bad":
                    ids.append(call.id)
                    raise ZeroDivisionError
                await channel.wait_closed()

        async with house.open(fail_for_one):
            good, bad = house.exchange.dial(), house.exchange.dial(called="bad")
            await bad.wait_over()
            assert await house.wait_reason() == "broken"
            assert good.outcome == "answered"
            assert not good.over
            assert house.server.statistics().handler_failures == 1
        assert bad.far_end.goodbyes == 1
        [record] = [record for record in caplog.records if record.exc_info]
        assert (record.name, ids[0] in record.getMessage()) == ("trioaudio.serve", True)
        assert house.summaries[0].error == "ZeroDivisionError"

    async def test_a_handler_that_raises_while_it_rings_rejects_its_call(self, house: House) -> None:
        async def fail(call: Call) -> None:
            raise ZeroDivisionError

        async with house.open(fail):
            call = house.exchange.dial()
            assert await call.wait_decided() == "rejected"
        assert call.told == "unavailable"

    async def test_a_group_of_errors_is_one_failure_of_one_call(self, house: House) -> None:
        async def fail_twice(call: Call) -> None:
            async with call.accept(), trio.open_nursery() as nursery:
                nursery.start_soon(raises, ValueError())
                nursery.start_soon(raises, KeyError())

        async with house.open(fail_twice):
            house.exchange.dial()
            assert await house.wait_reason() == "broken"
            assert house.server.statistics().handler_failures == 1

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    async def test_what_is_meant_for_the_process_leaves_the_server(self, house: House, kind: type[BaseException]) -> None:
        async def stop(call: Call) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(raises, kind())
                nursery.start_soon(raises, ValueError())

        house.exchange.dial()
        with pytest.RaisesGroup(kind, flatten_subgroups=True):
            await serve(house.exchange, stop)

    async def test_a_listener_that_breaks_leaves_the_server(self, house: House) -> None:
        house.exchange.fail(trio.BrokenResourceError("the exchange is on fire"))
        with pytest.RaisesGroup(pytest.RaisesExc(trio.BrokenResourceError, match="on fire"), flatten_subgroups=True):
            await serve(house.exchange, answer)

    async def test_a_call_that_is_never_connected_is_given_up(self, house: House) -> None:
        async with house.open(answer, timeouts=Timeouts(answer=7)):
            began = trio.current_time()
            stuck, good = house.exchange.dial(answer_takes=math.inf), house.exchange.dial()
            assert await house.wait_reason() == "broken"
            assert trio.current_time() - began == pytest.approx(7, abs=0.1)
            assert stuck.over
            assert not good.over
            assert house.server.statistics().listener_faults == 1

    async def test_a_plugin_that_raises_when_it_should_answer_harms_this_call_alone(self, house: House) -> None:
        async with house.open(answer):
            house.exchange.dial(answer_raises=RuntimeError("a bug of the plugin"))
            assert await house.wait_reason() == "broken"
            assert await house.exchange.dial().wait_decided() == "answered"

    async def test_a_plugin_that_raises_when_it_should_reject_harms_this_call_alone(self, house: House) -> None:
        async with house.open(model="parrot", choose=lambda call: Rejection()):
            house.exchange.dial(reject_raises=RuntimeError("a bug of the plugin"))
            assert await house.wait_reason() == "rejected"
            assert await house.exchange.dial().wait_decided() == "rejected"
            assert house.server.statistics().listener_faults == 1

    async def test_whoever_reads_summaries_cannot_cost_a_call(self) -> None:
        exchange = ScriptedExchange()
        async with open_server(exchange, answer, on_summary=lambda summary: 1 / 0) as server:
            call = exchange.dial()
            await call.wait_decided()
            call.hang_up()
            await call.wait_over()
            assert await exchange.dial().wait_decided() == "answered"
            assert server.statistics().ended["caller"] == 1


class TestManyCalls:
    """200 calls at once, and one of them fails."""

    @pytest.mark.parametrize("step", range(7))
    async def test_a_handler_that_raises_at_any_of_its_checkpoints_leaves_199_alone(self, house: House, step: int) -> None:
        async def handle(call: Call) -> None:
            async def checkpoint(n: int) -> None:
                await trio.lowlevel.checkpoint()
                if call.called == "bad" and n == step:
                    raise ZeroDivisionError

            await checkpoint(0)
            async with call.accept() as channel:
                await checkpoint(1)
                async with open_session(channel, Script(say(0.5, "a"))) as session:
                    await checkpoint(2)
                    await session.wait_event(TurnStarted)
                    await checkpoint(3)
                    await session.wait_event(TurnPlayed)
                    await checkpoint(4)
                await checkpoint(5)
                await channel.wait_closed()
            await checkpoint(6)

        async with house.open(handle):
            calls = [house.exchange.dial(called="bad" if i == 100 else "good") for i in range(200)]
            good = [call for i, call in enumerate(calls) if i != 100]
            for call in good:
                await call.far_end.wait_hears("a", 4_000)
            for call in calls:
                call.hang_up()
            for call in calls:
                await call.wait_over()
            await trio.testing.wait_all_tasks_blocked()
            assert house.server.statistics().handler_failures == 1
            assert house.server.statistics().active == 0
        assert all(call.far_end.heard("a") == 4_000 for call in good)
        assert house.reasons.count("caller") >= 199
        assert len(house.summaries) == 200
        assert ticker_statistics().parked == 0


class TestDrain:
    """A server that goes away in order."""

    async def test_it_is_not_ready_at_once_and_refuses_politely(self, house: House) -> None:
        async with house.open(answer) as opened:
            running = house.exchange.dial()
            await running.wait_decided()
            assert opened.server.ready
            opened.server.drain(timeout=60)
            assert not opened.server.ready
            late = house.exchange.dial()
            await late.wait_decided()
            assert (late.outcome, late.told) == ("rejected", "unavailable")
            assert not running.over

    async def test_calls_that_end_in_time_end_by_themselves(self, house: House) -> None:
        async with house.open(answer):
            call = house.exchange.dial()
            await call.wait_decided()
            house.server.drain(timeout=60)
            await trio.sleep(10)
            call.hang_up()
            await house.server.wait_ended()
        assert house.reasons == ["caller"]

    async def test_the_rest_hear_a_clip_whole_and_are_hung_up(self, house: House) -> None:
        async with house.open(model=Script(say(60.0, "a"))):
            call = house.exchange.dial()
            await call.far_end.wait_hears("a")
            house.server.drain(timeout=5, clip=stamp("goodbye", 0, 16_000))
            await house.server.wait_ended()
        assert call.far_end.heard("goodbye") == 16_000
        assert call.far_end.goodbyes == 1
        assert house.reasons == ["drained"]

    async def test_without_a_clip_they_hear_two_quiet_tones(self, house: House) -> None:
        async with house.open(answer):
            call = house.exchange.dial(ScriptedFarEnd(format=PCM16_16K))
            await call.wait_decided()
            house.server.drain(timeout=0)
            await house.server.wait_ended()
        assert sum(frame.duration for frame in call.far_end.ear.heard_frames()) == pytest.approx(0.6, abs=0.05)

    async def test_a_call_that_still_rings_is_rejected_in_the_end(self, house: House) -> None:
        async def ponder(call: Call) -> None:
            await trio.sleep_forever()

        async with house.open(ponder):
            call = house.exchange.dial()
            await trio.sleep(1)
            house.server.drain(timeout=5)
            await house.server.wait_ended()
        assert (call.outcome, call.told) == ("rejected", "unavailable")

    async def test_a_second_drain_can_only_be_shorter(self, house: House) -> None:
        async with house.open(silent):
            house.exchange.dial()
            await trio.sleep(1)
            house.server.drain(timeout=600)
            house.server.drain(timeout=5)
            began = trio.current_time()
            house.server.drain(timeout=700)
            await house.server.wait_ended()
            assert trio.current_time() - began < 15

    async def test_progress_can_be_watched(self, house: House) -> None:
        async with house.open(answer):
            calls = [house.exchange.dial() for _ in range(3)]
            await trio.sleep(1)
            house.server.drain(timeout=60)
            calls[0].hang_up()
            await trio.sleep(1)
            statistics = house.server.statistics()
        assert (statistics.ready, statistics.draining, statistics.active, statistics.ended["caller"]) == (False, True, 2, 1)

    async def test_serve_returns_after_a_drain(self, house: House) -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve, house.exchange, answer)
            house.exchange.dial()
            await trio.sleep(1)
            server.drain(timeout=1)

    async def test_serve_returns_when_its_listeners_and_their_calls_have_ended(self, house: House) -> None:
        house.exchange.dial().hang_up()
        house.exchange.close()
        await serve(house.exchange, answer)

    async def test_leaving_the_block_hangs_up_what_is_left(self, house: House) -> None:
        async with house.open(silent):
            call = house.exchange.dial()
            await call.wait_decided()
            await trio.sleep(1)
        assert call.far_end.goodbyes == 1
        assert house.reasons == ["drained"]
