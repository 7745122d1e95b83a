"""Losing the model never loses the call: it is had back, told what was heard, and nobody waits for ever."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise

import pytest
import trio

from trioaudio import (
    Agent,
    Called,
    Limits,
    ModelRefused,
    ModelUnavailable,
    OptionError,
    OutputTranscriptDelta,
    Reconnect,
    Returned,
    Said,
    SessionEnd,
    SessionExpiring,
    Status,
    ToolReturned,
    TurnPlayed,
    open_channel,
    open_session,
    tool,
)
from trioaudio.abc import Model
from trioaudio.audio import PCM16_8K, PCM16_16K, Frame
from trioaudio.clips import clip_path
from trioaudio.testing import Script, ScriptedFarEnd, breaks, calls, count_stamped, ends, open_call, say, stays_silent

pytestmark = pytest.mark.usefixtures("virtual_clock")

QUICK = Reconnect(delay=0.1, jitter=0.0, hold=None)
AGENT = Agent(reconnect=QUICK)


async def back(script: Script) -> None:
    """Wait until there is another connection, and a moment longer."""
    number = len(script.connections)
    for _ in range(3_000):
        await trio.sleep(0.01)
        if any(told.connection > number and told.verb == "start" for told in script.told):
            await trio.sleep(0.1)
            return
    raise AssertionError("it was not had back within 30 s")


# ---- it is had back


async def test_a_lost_model_is_had_back_and_the_call_goes_on() -> None:
    seen: list[tuple[str, str]] = []
    script = Script(say(0.5, "a"), say(0.5, "b"))
    async with open_call(script, AGENT, on={Status: lambda event: seen.append((event.status, event.detail))}) as (caller, _):
        await caller.wait_hears("a", 4_000)
        script.fail()
        await back(script)
        caller.speak(say(0.5, "caller"))
        await caller.wait_hears("b", 4_000)
    assert seen == [
        ("connecting", "script"),
        ("connected", "script"),
        ("reconnecting", "BrokenResourceError"),
        ("connected", "script"),
        ("closed", "closed"),
    ]


async def test_attempts_are_further_and_further_apart_and_spread_by_chance() -> None:
    def delays(rules: Reconnect) -> list[float]:
        from random import Random

        return [rules.delay_before(attempt, Random(1)) for attempt in range(1, 8)]

    assert delays(Reconnect(delay=0.1, factor=2, longest_delay=1.0, jitter=0)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert all(0.5 <= delay <= 1.0 for delay in delays(Reconnect(delay=1.0, factor=1, jitter=0.5)))


async def test_it_is_tried_as_often_as_was_said_with_the_delays_that_were_said() -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 3])
    async with open_call(script, AGENT) as (_, session):
        await trio.sleep(1)
        script.fail()
        await trio.sleep(5)
        session.close()
    starts = [told.time for told in script.told if told.verb == "start"]
    assert [round(later - sooner, 2) for sooner, later in pairwise(starts[1:])] == [0.2, 0.4, 0.8]


async def test_when_it_is_not_to_be_had_back_the_session_ends_with_attempts_and_cause() -> None:
    cause = trio.BrokenResourceError("nobody there")
    script = Script(start_errors=[None, *[cause] * 9])
    async with open_call(script, Agent(reconnect=Reconnect(attempts=3, hold=None))) as (caller, session):
        await trio.sleep(1)
        script.fail()
        end = await session.wait_closed()
        assert (await session.channel.wait_closed()).kind == "closed"
    assert end.kind == "model"
    assert isinstance(end.error, ModelUnavailable)
    assert end.error.attempts == 3
    assert end.error.__cause__ is cause
    assert caller.goodbyes == 1


async def test_it_is_given_up_after_the_time_that_was_said() -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 99])
    async with open_call(script, Agent(reconnect=Reconnect(attempts=99, give_up_after=7, hold=None))) as (_, session):
        await trio.sleep(1)
        script.fail()
        lost_at = trio.current_time()
        end = await session.wait_closed()
        assert trio.current_time() - lost_at == pytest.approx(7, abs=0.1)
    assert isinstance(end.error, ModelUnavailable)


async def test_who_is_refused_does_not_ask_again() -> None:
    script = Script(start_errors=[None, ModelRefused("no quota")])
    async with open_call(script, AGENT) as (_, session):
        await trio.sleep(1)
        script.fail()
        end = await session.wait_closed()
    assert isinstance(end.error, ModelUnavailable)
    assert (end.error.attempts, len(script.connections)) == (1, 2)
    assert isinstance(end.error.__cause__, ModelRefused)


async def test_a_model_that_refuses_in_the_middle_of_the_call_is_not_asked_again() -> None:
    script = Script()
    async with open_call(script, AGENT) as (_, session):
        script.fail(ModelRefused("the account is closed"))
        end = await session.wait_closed()
    assert isinstance(end.error, ModelUnavailable)
    assert len(script.connections) == 1


async def test_a_model_that_breaks_again_and_again_is_given_up() -> None:
    class Flapping(Script):
        def greeting(self) -> list[object]:  # type: ignore[override]
            return [breaks()]

    script = Flapping()
    async with open_call(script, Agent(reconnect=Reconnect(attempts=4, hold=None))) as (_, session):
        with trio.fail_after(60):
            assert isinstance((await session.wait_closed()).error, ModelUnavailable)
    assert len(script.connections) == 5


async def test_a_model_that_ends_the_session_in_order_ends_it() -> None:
    async with open_call(Script([say(0.2, "a"), ends()]), AGENT) as (_, session):
        assert await session.wait_closed() == SessionEnd("model")


async def test_a_model_that_is_open_already_cannot_be_opened_again() -> None:
    script, caller = Script(), ScriptedFarEnd()
    async with open_channel(caller.source) as channel, script() as model, open_session(channel, model, AGENT) as session:
        script.fail(cause := trio.BrokenResourceError("the cable"))
        assert await session.wait_closed() == SessionEnd("model", cause)


async def test_a_session_that_is_closed_while_its_model_is_away_ends_at_once() -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 99])
    async with open_call(script, AGENT) as (_, session):
        script.fail()
        await trio.sleep(0.3)
        session.commit()
        session.close()
        with trio.fail_after(0.5):
            assert await session.wait_closed() == SessionEnd("closed")


async def test_a_caller_who_hangs_up_meanwhile_ends_the_call() -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 99])
    async with open_call(script, AGENT) as (caller, session):
        script.fail()
        await trio.sleep(0.3)
        caller.hang_up()
        with trio.fail_after(1):
            assert (await session.wait_closed()).kind == "channel"


async def test_a_mistake_of_the_plugin_while_it_is_had_back_is_loud() -> None:
    script = Script(start_errors=[None, KeyError("a bug of the plugin")])
    with pytest.RaisesGroup(KeyError):
        async with open_call(script, AGENT) as (_, session):
            script.fail()
            await session.wait_closed()


# ---- the caller's audio


async def test_what_the_caller_says_meanwhile_reaches_the_next_connection_whole_and_in_order() -> None:
    script = Script(pause=None)
    async with open_call(script, AGENT) as (caller, _):
        caller.speak(say(3.0, "caller"))
        await trio.sleep(1)
        script.fail()
        await back(script)
        await trio.sleep(3)
    later = [told.value.data for told in script.told if told.verb == "append" and told.connection == 2]
    assert b"".join(frame.data for frame in say(3.0, "caller")).endswith(b"".join(later))
    assert count_stamped(script.appended, "caller") >= 24_000


async def test_of_what_the_caller_says_meanwhile_the_oldest_goes_and_is_counted() -> None:
    script = Script(pause=None, start_errors=[None, *[trio.BrokenResourceError("no")] * 5])
    dropped: list[float] = []
    async with open_call(script, AGENT, limits=Limits(gap_audio=1.0)) as (caller, session):
        session.channel.on("audio_dropped", lambda event: dropped.append(event.milliseconds))
        script.fail()
        caller.speak(say(2.5, "caller"))
        await trio.sleep(8)
        heard = [told.value for told in script.told if told.verb == "append"]
    assert sum(dropped) + count_stamped(heard, "caller") / 8 == pytest.approx(2_500, abs=40)
    assert sum(dropped) > 1_000


class HalfDead(Script):
    """Its first connection can be read and not written to, after a second."""

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Model, None]:
        async with super()._opened() as model:
            opened_at, take = trio.current_time(), model.append_nowait

            def append_nowait(frame: Frame) -> None:
                if len(self.connections) == 1 and trio.current_time() > opened_at + 1:
                    raise trio.BrokenResourceError("nobody takes it")
                take(frame)

            model.append_nowait = append_nowait  # type: ignore[method-assign]
            yield model


async def test_what_a_connection_does_not_take_any_more_the_next_one_hears() -> None:
    script = HalfDead(pause=None)
    async with open_call(script, AGENT) as (caller, _):
        caller.speak(say(3.0, "caller"))
        await trio.sleep(4)
    assert len(script.connections) == 2
    first = [told.value for told in script.told if told.verb == "append" and told.connection == 1]
    second = [told.value for told in script.told if told.verb == "append" and told.connection == 2]
    assert b"".join(frame.data for frame in say(3.0, "caller")).endswith(b"".join(frame.data for frame in second))
    assert count_stamped(first, "caller") + count_stamped(second, "caller") >= 24_000


async def test_an_utterance_that_nobody_has_understood_is_heard_again() -> None:
    script = Script(stays_silent(), say(0.5, "b"), greets=False)
    async with open_call(script, AGENT) as (caller, _):
        caller.speak(say(0.5, "caller"))
        await trio.sleep(2)
        script.fail()
        await caller.wait_hears("b", 4_000)
        again = [told.value for told in script.told if told.verb == "append" and told.connection == 2]
        assert count_stamped(again, "caller") == 4_000
    assert not script.requests  # it has heard for itself that there is something to answer


async def test_an_utterance_of_which_the_words_are_known_is_told_in_words_and_answered() -> None:
    script = Script(stays_silent(), say(0.5, "b"), greets=False, transcripts=["Where is my parcel?"])
    async with open_call(script, AGENT) as (caller, _):
        caller.speak(say(0.5, "caller"))
        await trio.sleep(2)
        script.fail()
        await caller.wait_hears("b", 4_000)
    assert script.seeds == [[Said("caller", "Where is my parcel?")]]
    assert script.requests == [None]


# ---- the agent's answers, as heard


async def test_what_has_come_of_an_answer_is_played_to_its_end_and_the_rest_is_asked_for() -> None:
    script = Script(say(4.0, "a"), say(0.5, "rest"), speed=1.0)
    async with open_call(script, AGENT) as (caller, _):
        await caller.wait_hears("a", 8_000)
        script.emit(OutputTranscriptDelta("a", "Your parcel is in"))
        await trio.sleep(0.01)
        script.fail()
        await caller.wait_hears("rest", 4_000)
        assert caller.heard("a") >= 8_000
    assert script.seeds == [[Said("agent", "Your parcel is in")]]
    assert "Go on where you stopped" in str(script.requests[0])


async def test_an_answer_that_is_complete_is_not_asked_for_again() -> None:
    script = Script(say(2.0, "a", transcript="Welcome."))
    async with open_call(script, AGENT) as (caller, session):
        await caller.wait_hears("a", 4_000)
        script.fail()
        await session.wait_event(TurnPlayed)
        await back(script) if len(script.connections) == 1 else None
        assert caller.heard("a") == 16_000
    assert not script.requests
    assert script.seeds == [[Said("agent", "Welcome.")]]


async def test_of_an_interrupted_answer_only_the_words_that_were_heard_are_told() -> None:
    script = Script(say(4.0, "a", transcript="one two three four five six seven eight"))
    async with open_call(script, AGENT) as (caller, session):
        await caller.wait_hears("a", 16_000)  # half of it
        session.interrupt()
        await trio.sleep(1)
        script.fail()
        await back(script)
    assert script.seeds == [[Said("agent", "one two three four")]]


async def test_a_greeting_of_which_nothing_was_heard_is_said_again() -> None:
    script = Script(stays_silent(), say(0.5, "hello"), greets=False)
    async with open_call(script, Agent(greeting="Hello.", reconnect=QUICK)) as (caller, session):
        await trio.sleep(1)
        script.fail()
        await caller.wait_hears("hello", 4_000)
        await session.wait_spoken()
    assert script.sayings == ["Hello.", "Hello."]


async def test_what_is_asked_for_meanwhile_waits_for_the_next_connection() -> None:
    script = Script(say(0.5, "b"), greets=False)
    async with open_call(script, AGENT) as (caller, session):
        script.fail()
        await trio.sleep(0.05)
        await session.send_message("Hello?")
        await caller.wait_hears("b", 4_000)
    assert [told.connection for told in script.told if told.verb == "text"] == [2]


async def test_an_item_of_a_lost_connection_is_not_truncated_in_the_next() -> None:
    script = Script(say(8.0, "a"))
    async with open_call(script, AGENT) as (caller, session):
        await caller.wait_hears("a", 4_000)
        script.fail()
        await trio.sleep(1)
        session.interrupt()
        await trio.sleep(1)
    assert (script.truncations, script.cancels) == ([], [])


async def test_what_a_dead_connection_was_to_be_told_of_an_item_nobody_is_told() -> None:
    script = Script(say(8.0, "a"))
    async with open_call(script, AGENT) as (caller, session):
        await caller.wait_hears("a", 4_000)
        script.stall()
        session.interrupt()
        await trio.sleep(0.5)
        script.fail()
        await trio.sleep(1)
    assert len(script.connections) == 2
    assert (script.truncations, script.cancels) == ([], [])


# ---- tools


def looking(seconds: float) -> Agent:
    async def look_up() -> str:
        """Look."""
        await trio.sleep(seconds)
        return "in Berlin"

    return Agent(tools=[tool(look_up)], reconnect=QUICK)


async def test_a_result_that_comes_while_the_model_is_away_is_told_with_what_went_before() -> None:
    script = Script([calls("look_up")], say(0.5, "b"), start_errors=[None, trio.BrokenResourceError("no")])
    async with open_call(script, looking(1.2)) as (caller, _):
        await trio.sleep(1.1)
        script.fail()
        await caller.wait_hears("b", 4_000)
    assert script.seeds == [[Called("call-1", "look_up", "{}"), Returned("call-1", "in Berlin")]]
    assert script.results == []
    assert script.requests == [None]


async def test_a_result_that_comes_later_is_told_in_words_once() -> None:
    returned: list[object] = []
    script = Script([calls("look_up")], say(0.5, "b"))
    async with open_call(script, looking(3.0), on={ToolReturned: returned.append}) as (caller, session):
        await trio.sleep(1)
        script.fail()
        await caller.wait_hears("b", 4_000)
        await session.wait_spoken()
    assert script.texts == ["What you looked up before has come back: in Berlin"]
    assert (script.results, script.requests, len(returned)) == ([], [], 1)


async def test_a_result_the_dead_connection_was_told_of_is_not_told_again() -> None:
    script = Script([calls("look_up")], stays_silent(), say(0.5, "b"))
    async with open_call(script, looking(0.1)) as (caller, _):
        await trio.sleep(1)
        script.fail()
        await caller.wait_hears("b", 4_000)
    assert [result.call_id for result in script.results] == ["call-1"]
    assert script.seeds == [[Called("call-1", "look_up", "{}"), Returned("call-1", "in Berlin")]]
    assert script.requests == [None, None]


# ---- a provider that remembers


RESUMES = frozenset({"commit", "cancel", "truncate", "text", "say", "respond", "tools", "history", "resume"})


async def test_a_provider_that_remembers_is_told_nothing_and_gets_results_by_their_names() -> None:
    script = Script([calls("look_up")], say(0.5, "b"), capabilities=RESUMES)
    async with open_call(script, looking(2.0)) as (caller, _):
        await trio.sleep(1)
        script.fail()
        await caller.wait_hears("b", 4_000)
    assert [told.value for told in script.told if told.verb == "resume"] == ["token-1"]
    assert (script.seeds, [result.output for result in script.results]) == ([], ["in Berlin"])


async def test_a_provider_that_has_forgotten_is_told_anew() -> None:
    script = Script(say(0.5, "a", transcript="Welcome."), capabilities=RESUMES, start_errors=[None, trio.BrokenResourceError("unknown")])
    async with open_call(script, AGENT) as (caller, _):
        await caller.wait_hears("a", 4_000)
        script.fail()
        await trio.sleep(2)
    assert [told.value for told in script.told if told.verb in ("resume", "seed")] == ["token-1", [Said("agent", "Welcome.")]]


# ---- other models


def fails() -> AbstractAsyncContextManager[Model]:
    raise trio.BrokenResourceError("nobody there")


async def opened_with(first: Callable[[], AbstractAsyncContextManager[Model]], *fallback: Script, item: str) -> str:
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel, open_session(channel, first, AGENT, fallback=fallback) as session:
        await caller.wait_hears(item, 1_000)
        return session.transcript[-1].text if session.transcript else ""


async def test_a_model_that_cannot_be_opened_is_replaced_by_the_next() -> None:
    await opened_with(fails, Script(say(0.5, "b")), item="b")


async def test_a_model_that_does_not_start_is_replaced_by_the_next() -> None:
    await opened_with(Script(start_errors=[trio.BrokenResourceError("no")]), Script(say(0.5, "b")), item="b")


async def test_if_nobody_can_be_opened_the_first_error_comes_out_bare_with_a_note_of_the_others() -> None:
    with pytest.raises(trio.BrokenResourceError, match="nobody there") as caught:
        await opened_with(fails, Script(start_errors=[trio.BrokenResourceError("nor here")]), item="b")
    assert "nor here" in str(caught.value.__notes__)


async def test_after_some_failures_another_model_takes_over_in_its_own_format() -> None:
    first = Script(say(0.5, "a", transcript="Welcome."), start_errors=[None, *[trio.BrokenResourceError("no")] * 9])
    second = Script(say(1.0, "b"), greets=False, formats=[PCM16_16K])
    caller = ScriptedFarEnd(format=PCM16_8K)
    async with open_channel(caller.source) as channel, open_session(channel, first, AGENT, fallback=second) as session:
        await trio.sleep(11)
        first.fail()
        await back(second)
        caller.speak(Frame(b"\1\0" * 4_000, PCM16_8K))
        turn = await session.wait_event(TurnPlayed)
        assert turn.receipt.heard == pytest.approx(8_000, abs=40)
    assert len(first.connections) == 3
    assert second.seeds == [[Said("agent", "Welcome.")]]
    assert {frame.format for frame in second.appended} == {PCM16_16K}


async def test_another_model_is_told_what_was_heard_in_its_own_samples() -> None:
    first = Script(start_errors=[None, ModelRefused("no quota")])
    second = Script(say(4.0, "b"), formats=[PCM16_16K])
    caller = ScriptedFarEnd(format=PCM16_8K)
    async with open_channel(caller.source) as channel, open_session(channel, first, AGENT, fallback=second) as session:
        first.fail()
        await session.wait_event("turn_started")
        await trio.sleep(1)
        interruption = session.interrupt()
        await trio.sleep(1)
    assert second.truncations == [("b", 2 * interruption.turns[0].heard)]


# ---- before it expires


async def test_before_a_connection_expires_another_one_takes_over_while_nobody_speaks() -> None:
    seen: list[str] = []
    script = Script(say(0.5, "a", transcript="Welcome."), say(0.5, "b"))
    async with open_call(script, AGENT, on={Status: lambda event: seen.append(event.status)}) as (caller, _):
        await caller.wait_hears("a", 4_000)
        script.emit(SessionExpiring(60.0))
        caller.speak(say(40.0, "caller"))
        first = script.connection
        await trio.sleep(29)
        assert len(script.connections) == 1
        await trio.sleep(2)
        second = script.connection
        assert second is not first
        assert first.closed_at is None  # somebody speaks, as far as the model says
        await trio.sleep(15)
        assert first.closed_at is not None
    assert script.seeds[0][0] == Said("agent", "Welcome.")
    assert seen == ["connecting", "connected", "connected", "closed"]
    assert count_stamped(script.appended, "caller") == 320_000


async def test_a_connection_that_breaks_while_another_stands_by_is_replaced_at_once() -> None:
    script = Script(say(300.0, "a"))
    async with open_call(script, AGENT) as _:
        script.emit(SessionExpiring(60.0))
        await trio.sleep(40)
        first, second = script.connections
        first.finish(trio.BrokenResourceError("the cable"))
        await trio.sleep(0.01)
        assert first.closed_at is not None
        assert len(script.connections) == 2
        assert second.closed_at is None


async def test_a_change_is_made_in_time_whoever_speaks() -> None:
    script = Script(say(300.0, "a"))
    async with open_call(script, AGENT) as _:
        script.emit(SessionExpiring(60.0))
        await trio.sleep(57)
        assert script.connections[0].closed_at is None
        await trio.sleep(2)
        assert script.connections[0].closed_at is not None
        assert len(script.connections) == 2


async def test_who_resumes_only_what_is_closed_makes_a_short_gap_in_silence() -> None:
    script = Script(say(0.5, "a"), capabilities=RESUMES, resumes_while_open=False)
    async with open_call(script, AGENT) as _:
        script.emit(SessionExpiring(60.0))
        await trio.sleep(32)
        first, second = script.connections
        assert first.closed_at is not None
        assert second.closed_at is None
    assert [told.value for told in script.told if told.verb == "resume"] == ["token-1"]


# ---- what the caller hears meanwhile


async def test_a_long_gap_sounds_and_ends_when_the_model_is_back() -> None:
    script = Script(say(0.5, "b"), greets=False, start_errors=[None, *[trio.BrokenResourceError("no")] * 5])
    async with open_call(script, Agent(reconnect=Reconnect(jitter=0))) as (_, session):
        await trio.sleep(1)
        script.fail()
        lost_at = trio.current_time()
        await session.channel.wait_event("turn_started")
        assert trio.current_time() - lost_at == pytest.approx(1.5, abs=0.05)
        await session.channel.wait_event(TurnPlayed)
        back_at = next(told.time for told in script.told if told.connection == len(script.connections))
        assert trio.current_time() - back_at < 0.5


async def test_a_short_gap_is_silent() -> None:
    script = Script()
    async with open_call(script, Agent(reconnect=Reconnect())) as (_, session):
        script.fail()
        await trio.sleep(5)
        assert session.channel.statistics().turns == 0


async def test_on_giving_up_a_clip_is_heard_to_its_end_and_the_caller_is_let_go(tmp_path: object) -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 9])
    rules = Reconnect(attempts=2, hold=None, on_failure=str(clip_path("caller")))
    played: list[TurnPlayed] = []
    async with open_call(script, Agent(reconnect=rules)) as (_, session):
        session.channel.on(TurnPlayed, played.append)
        script.fail()
        end = await session.wait_closed()
        await session.channel.wait_closed()
    assert isinstance(end.error, ModelUnavailable)
    assert played[0].receipt.heard_ms > 7_000
    assert played[0].receipt.lost == 0


async def test_on_giving_up_the_caller_may_be_transferred() -> None:
    far, targets = ScriptedFarEnd(), []

    async def hand_over(target: str) -> None:
        await trio.lowlevel.checkpoint()
        targets.append(target)

    far.source.capabilities, far.source.transfer = frozenset({"transfer"}), hand_over  # type: ignore[method-assign]
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 9])
    async with open_call(script, Agent(reconnect=Reconnect(attempts=1, hold=None, then="sales")), caller=far) as (_, session):
        script.fail()
        await session.wait_closed()
    assert targets == ["sales"]


async def test_on_giving_up_the_channel_may_be_left_to_the_app() -> None:
    script = Script(start_errors=[None, *[trio.BrokenResourceError("no")] * 9])
    async with open_call(script, Agent(reconnect=Reconnect(attempts=1, hold=None, then="leave"))) as (caller, session):
        script.fail()
        await session.wait_closed()
        session.channel.turn("sorry").send_nowait(say(0.1, "sorry")[0])
        await caller.wait_hears("sorry", 800)


async def test_if_no_model_is_to_be_had_at_the_beginning_the_clip_is_heard_before_the_error() -> None:
    rules = Reconnect(on_failure=str(clip_path("caller")))
    played: list[TurnPlayed] = []
    async with open_channel(ScriptedFarEnd().source, on={TurnPlayed: played.append}) as channel:
        with pytest.raises(trio.BrokenResourceError, match=r"^no$"):
            async with open_session(channel, Script(start_errors=[trio.BrokenResourceError("no")]), Agent(reconnect=rules)):
                pytest.fail("there is no model")
    assert played[0].receipt.heard_ms > 7_000


@pytest.mark.parametrize(
    "wrong", [{"attempts": -1}, {"delay": math.inf}, {"jitter": 2}, {"hold": ""}, {"fallback_after": 0}, {"attempts": True}]
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=f"Reconnect.{next(iter(wrong))} is "):
        Reconnect(**wrong)  # type: ignore[arg-type]
