"""Events: callbacks and iterators, in order, none of them able to hurt the others."""

from __future__ import annotations

import functools

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioaudio import (
    AppEvent,
    Audio,
    Channel,
    Commit,
    ControlOverflowError,
    Dtmf,
    Hangup,
    Interrupt,
    SpeechStarted,
    TurnInterrupted,
    TurnStarted,
    open_channel,
)
from trioaudio.testing import ScriptedFarEnd, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd()


class TestOnAndOff:
    async def test_return_the_channel(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            assert channel.on(Commit, print).once("commit", print).off(Commit, print).off("commit", print) is channel

    async def test_a_listener_is_called_with_every_such_event(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source) as channel:
            channel.on(Dtmf, keys.append)
            far.press("12")
            await trio.sleep(1)
            channel.emit(Dtmf("3"))
        assert keys == [Dtmf("1"), Dtmf("2"), Dtmf("3")]

    async def test_a_class_and_its_name_select_the_same(self, far: ScriptedFarEnd):
        told: list[str] = []
        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: told.append("class")).on("commit", lambda _: told.append("name"))
            channel.emit("commit")
            channel.emit(Commit())
        assert told == ["class", "name"] * 2

    async def test_off_forgets_a_listener(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source) as channel:
            channel.on(Dtmf, keys.append).off("dtmf", keys.append)
            assert not channel.emit(Dtmf("1"))
        assert keys == []

    async def test_off_of_what_is_not_there_does_nothing(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.off(Dtmf, print)

    async def test_off_forgets_one_of_two_equal_listeners(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source) as channel:
            channel.on(Dtmf, keys.append).on(Dtmf, keys.append).off(Dtmf, keys.append)
            channel.emit(Dtmf("1"))
        assert keys == [Dtmf("1")]

    async def test_listeners_may_be_given_before_the_first_event_can_happen(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        far.press("1")
        async with open_channel(far.source, on={Dtmf: keys.append}):
            await trio.sleep(1)
        assert keys == [Dtmf("1")]

    async def test_after_the_end_of_the_channel_do_nothing(self, far: ScriptedFarEnd):
        async def listen(_: Commit) -> None:
            raise AssertionError

        async with open_channel(far.source) as channel:
            await channel.aclose()
            channel.on(Commit, listen).on(Commit, print)
            assert not channel.emit("commit")


class TestOnce:
    async def test_calls_a_listener_with_the_next_event_only(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source) as channel:
            channel.once(Dtmf, keys.append)
            assert channel.emit(Dtmf("1"))
            assert not channel.emit(Dtmf("2"))
        assert keys == [Dtmf("1")]

    async def test_is_removed_by_off(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source) as channel:
            channel.once(Dtmf, keys.append).off(Dtmf, keys.append).emit(Dtmf("1"))
        assert keys == []

    async def test_is_once_also_when_it_emits_the_same_event(self, far: ScriptedFarEnd):
        calls: list[str] = []

        def again(event: Dtmf) -> None:
            calls.append(event.digit)
            channel.emit(Dtmf("2"))

        async with open_channel(far.source) as channel:
            channel.once(Dtmf, again).emit(Dtmf("1"))
        assert calls == ["1"]

    async def test_of_an_async_listener_runs_once(self, far: ScriptedFarEnd):
        keys: list[str] = []

        async def listen(event: Dtmf) -> None:
            await trio.sleep(0.1)
            keys.append(event.digit)

        async with open_channel(far.source) as channel:
            channel.once(Dtmf, listen)
            far.press("123")
            await trio.sleep(1)
        assert keys == ["1"]


class TestEmit:
    async def test_says_whether_anybody_listens(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            assert not channel.emit("commit")
            with channel.subscribe(Commit):
                assert channel.emit("commit")
            assert not channel.emit("commit")
            with channel.subscribe():
                assert channel.emit("commit")

    async def test_makes_an_event_of_a_name_and_its_arguments(self, far: ScriptedFarEnd):
        keys: list[Dtmf] = []
        async with open_channel(far.source, on={Dtmf: keys.append}) as channel:
            channel.emit("dtmf", "7")
        assert keys == [Dtmf("7")]

    async def test_refuses_arguments_that_do_not_make_that_event(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with pytest.raises(TypeError):
                channel.emit("dtmf")
            with pytest.raises(TypeError, match="takes no further arguments"):
                channel.emit(Dtmf("1"), "2")

    @pytest.mark.parametrize("use", [Channel.on, Channel.once, Channel.off], ids=lambda use: use.__name__)
    async def test_an_unknown_name_is_refused_and_the_known_ones_listed(self, far: ScriptedFarEnd, use):
        async with open_channel(far.source) as channel:
            with pytest.raises(ValueError, match=r"'comit'.*audio, .*commit, .*'app.comit'"):
                use(channel, "comit", print)
            with pytest.raises(ValueError, match="comit"):
                channel.emit("comit")
            with pytest.raises(ValueError, match="comit"):
                channel.subscribe("comit")
            with pytest.raises(ValueError, match="comit"):
                await channel.wait_event("comit")


class TestNamesWithADot:
    async def test_belong_to_apps_and_carry_any_arguments(self, far: ScriptedFarEnd):
        told: list[tuple[object, ...]] = []
        async with open_channel(far.source) as channel:
            channel.on("app.score", lambda *args: told.append(args))
            assert channel.emit("app.score", 3, "nil")
            assert not channel.emit("app.other")
        assert told == [(3, "nil")]

    async def test_come_to_a_subscription_as_an_app_event(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe("mumble.text") as events:
                far.signal(AppEvent("mumble.text", ("hello",)))
                assert await events.receive() == AppEvent("mumble.text", ("hello",))

    async def test_come_to_who_subscribes_to_everything(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe() as events:
                channel.emit("app.score", 3)
                assert await events.receive() == AppEvent("app.score", (3,))


class TestEventsRunToCompletion:
    async def test_one_emitted_by_a_listener_waits_until_the_current_one_has_reached_everybody(self, far: ScriptedFarEnd):
        order: list[str] = []
        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: channel.emit(Interrupt()))
            channel.on(Commit, lambda _: order.append("commit"))
            channel.on(Interrupt, lambda _: order.append("interrupt"))
            channel.emit(Commit())
        assert order == ["commit", "interrupt"]

    async def test_an_interruption_by_a_listener_is_told_after_what_it_heard(self):
        order: list[str] = []
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            channel.on(TurnStarted, lambda _: channel.interrupt())
            channel.on(TurnStarted, lambda _: order.append("started"))
            channel.on(TurnInterrupted, lambda _: order.append("interrupted"))
            channel.turn("a").send_nowait(say(1.0, "a")[0])
            await trio.sleep(1)
        assert order == ["started", "interrupted"]

    async def test_subscribers_see_the_same_order_as_listeners(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: channel.emit(Interrupt()))
            with channel.subscribe(Commit, Interrupt) as events:
                channel.emit(Commit())
                assert [events.receive_nowait(), events.receive_nowait()] == [Commit(), Interrupt()]


class TestWhileAnEventIsDelivered:
    async def test_a_listener_that_is_removed_is_not_called_any_more(self, far: ScriptedFarEnd):
        told: list[str] = []

        def second(_: Commit) -> None:
            told.append("second")

        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: channel.off(Commit, second)).on(Commit, second)
            channel.emit("commit")
        assert told == []

    async def test_a_listener_that_is_added_is_called_from_the_next_event_on(self, far: ScriptedFarEnd):
        told: list[str] = []
        async with open_channel(far.source) as channel:
            channel.once(Commit, lambda _: channel.on(Commit, lambda _: told.append("late")))
            channel.emit("commit")
            assert told == []
            channel.emit("commit")
            assert told == ["late"]

    async def test_a_listener_may_remove_itself(self, far: ScriptedFarEnd):
        told: list[str] = []

        def first(_: Commit) -> None:
            told.append("first")
            channel.off(Commit, first)

        async with open_channel(far.source) as channel:
            channel.on(Commit, first).on(Commit, lambda _: told.append("second"))
            channel.emit("commit")
            channel.emit("commit")
        assert told == ["first", "second", "second"]

    async def test_a_listener_that_does_not_listen_any_more_but_is_added_again_goes_last(self, far: ScriptedFarEnd):
        told: list[str] = []

        def first(_: Commit) -> None:
            told.append("first")

        def second(_: Commit) -> None:
            told.append("second")

        async with open_channel(far.source) as channel:
            channel.on(Commit, first).on(Commit, second).off(Commit, first).on(Commit, first)
            channel.emit("commit")
        assert told == ["second", "first"]


class TestACircleOfListeners:
    @pytest.mark.parametrize("emits", [1, 2])
    async def test_is_bounded_and_breaks_the_channel_once(self, far: ScriptedFarEnd, emits: int):
        calls = 0

        def again(_: Commit) -> None:
            nonlocal calls
            calls += 1
            for _ in range(emits):
                channel.emit("commit")

        with pytest.RaisesGroup(ControlOverflowError):
            async with open_channel(far.source) as channel:
                channel.on(Commit, again).emit("commit")
                await trio.sleep_forever()
        assert calls == 257

    async def test_is_not_what_a_long_row_of_events_is(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: channel.emit(Interrupt())).on(Interrupt, lambda _: None)
            for _ in range(1000):
                channel.emit("commit")


class TestAnAsyncListener:
    async def test_runs_one_event_at_a_time_in_order(self, far: ScriptedFarEnd):
        log: list[str] = []

        async def listen(event: Dtmf) -> None:
            log.append(f"{event.digit} begins")
            await trio.sleep(0.1 * (10 - int(event.digit)))
            log.append(f"{event.digit} ends")

        async with open_channel(far.source, on={Dtmf: listen}):
            far.press("123")
            await trio.sleep(5)
        assert log == ["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]

    async def test_runs_beside_the_others(self, far: ScriptedFarEnd):
        times: list[float] = []

        async def listen(_: Commit) -> None:
            await trio.sleep(1)
            times.append(trio.current_time())

        async with open_channel(far.source) as channel:
            channel.on(Commit, listen).on(Commit, functools.partial(listen)).emit("commit")
            await trio.sleep(2)
        assert times == [1, 1]

    async def test_does_not_keep_emit_waiting(self, far: ScriptedFarEnd):
        async def listen(_: Commit) -> None:
            await trio.sleep(60)

        async with open_channel(far.source, on={Commit: listen}) as channel:
            assert channel.emit("commit")
            assert trio.current_time() == 0

    async def test_may_be_an_object_that_is_called(self, far: ScriptedFarEnd):
        class Listener:
            told = 0

            async def __call__(self, _: Commit) -> None:
                await trio.lowlevel.checkpoint()
                self.told += 1

        listener = Listener()
        async with open_channel(far.source, on={Commit: listener}) as channel:
            channel.emit("commit")
            await wait_all_tasks_blocked()
        assert listener.told == 1

    async def test_is_removed_by_off(self, far: ScriptedFarEnd):
        told: list[str] = []

        async def listen(event: Dtmf) -> None:
            await trio.lowlevel.checkpoint()
            told.append(event.digit)

        async with open_channel(far.source) as channel:
            channel.on(Dtmf, listen)
            channel.emit(Dtmf("1"))
            await wait_all_tasks_blocked()
            channel.off(Dtmf, listen)
            channel.emit(Dtmf("2"))
            await wait_all_tasks_blocked()
        assert told == ["1"]

    async def test_runs_in_a_task_that_bears_its_name(self, far: ScriptedFarEnd):
        names: list[str] = []

        async def note_name(_: Commit) -> None:
            await trio.lowlevel.checkpoint()
            names.append(trio.lowlevel.current_task().name)

        async with open_channel(far.source, on={Commit: note_name}) as channel:
            channel.emit("commit")
            await wait_all_tasks_blocked()
        assert "note_name" in names[0]
        assert "'commit'" in names[0]


async def test_a_def_that_returns_an_awaitable_is_a_type_error(far: ScriptedFarEnd):
    async def work() -> None:
        raise AssertionError

    with pytest.RaisesGroup(pytest.RaisesExc(TypeError, match="make it an 'async def'")):
        async with open_channel(far.source) as channel:
            channel.on(Commit, lambda _: work()).emit("commit")
            await trio.sleep_forever()


class TestSubscribe:
    async def test_is_a_plain_with_and_gives_events_from_then_on(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.emit(Dtmf("0"))
            with channel.subscribe("dtmf", Commit) as events:
                channel.emit(Dtmf("1"))
                channel.emit(Interrupt())
                channel.emit(Commit())
                assert [await events.receive(), await events.receive()] == [Dtmf("1"), Commit()]

    async def test_to_nothing_means_everything_but_audio(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe() as events:
                far.speak(say(0.1, "caller"))
                far.signal(SpeechStarted())
                await trio.sleep(0.05)
                far.press("1")
                assert [await events.receive(), await events.receive()] == [SpeechStarted(), Dtmf("1")]

    async def test_to_the_same_twice_gives_each_event_once(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe("dtmf", Dtmf) as events:
                channel.emit(Dtmf("1"))
                channel.emit(Dtmf("2"))
                assert [events.receive_nowait().digit, events.receive_nowait().digit] == ["1", "2"]

    async def test_ends_with_the_channel_after_what_has_come(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            events = channel.subscribe(Dtmf)
            channel.emit(Dtmf("1"))
        assert [event async for event in events] == [Dtmf("1")]

    async def test_to_a_closed_channel_ends_at_once(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            await channel.aclose()
            with channel.subscribe() as events:
                assert [event async for event in events] == []


class TestWaitEvent:
    async def test_gives_the_next_such_event(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:

            async def press_later() -> None:
                await trio.sleep(1)
                far.press("12")

            nursery.start_soon(press_later)
            assert await channel.wait_event(Dtmf) == Dtmf("1")
            assert trio.current_time() == 1

    async def test_raises_when_the_channel_closes_first(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0)
            far.hang_up()
            assert await channel.wait_event(Hangup) == Hangup()
            with pytest.raises(trio.ClosedResourceError, match="'dtmf'"):
                await channel.wait_event("dtmf")


async def test_audio_events_are_made_only_for_those_who_listen(far: ScriptedFarEnd):
    heard: list[int] = []
    async with open_channel(far.source) as channel:
        far.speak(say(1.0, "caller"))
        await trio.sleep(0.51)
        channel.once(Audio, lambda event: heard.append(event.frame.media_time))
        await trio.sleep(1)
    assert heard == [4160]
