"""Law 10: a slow subscriber hurts only itself: audio drops the oldest and shows the gap, other events become `SubscriberLagged`."""

from __future__ import annotations

import pytest
import trio

from trioaudio import Audio, Dtmf, Fault, Limits, SubscriberLagged, open_channel
from trioaudio.audio import Frame
from trioaudio.testing import STAMPED, ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd()


class TestAudio:
    async def test_drops_the_oldest_and_shows_the_gap(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=1.0)) as channel:
            with channel.subscribe(Audio) as events:
                far.speak(say(3.0, "caller"))
                await trio.sleep(4)
                first = await events.receive()
                assert (first.frame.media_time, first.dropped) == (16_000, 16_000)
                second = await events.receive()
                assert (second.frame.media_time, second.dropped) == (16_160, 0)

    async def test_keeps_as_much_as_the_bound_says(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=1.0)) as channel:
            with channel.subscribe(Audio) as events:
                far.speak(say(1.0, "caller"))
                await trio.sleep(2)
                frames = [(await events.receive()).frame for _ in range(50)]
                assert sum(frame.duration for frame in frames) == pytest.approx(1.0)
                assert channel.statistics().lagged_events == 0

    async def test_of_one_long_block_displaces_as_many_as_it_takes(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=1.0)) as channel:
            with channel.subscribe(Audio) as events:
                for start in range(0, 8000, 160):
                    channel.emit(Audio(stamp("a", start, 160)))
                channel.emit(Audio(stamp("a", 8000, 7200)))
                assert events.receive_nowait().frame.media_time == 7200
                assert channel.statistics().lagged_events == 45

    async def test_keeps_a_block_that_is_longer_than_the_bound(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=0.1)) as channel:
            with channel.subscribe(Audio) as events:
                channel.emit(Audio(stamp("a", 0, 8000)))
                assert events.receive_nowait().frame.num_samples == 8000

    async def test_lost_does_not_cost_the_other_events(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=0.1)) as channel:
            with channel.subscribe("audio", "dtmf") as events:
                far.press("1")
                far.speak(say(3.0, "caller"))
                await trio.sleep(4)
                far.press("2")
                await trio.sleep(0.1)
                got = [events.receive_nowait() for _ in range(7)]
                assert got[0] == Dtmf("1")
                assert got[-1] == Dtmf("2")
                assert sum(isinstance(event, Audio) for event in got) == 5


class TestOtherEvents:
    async def test_overflow_into_subscriber_lagged_and_reading_goes_on(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(control_events=10)) as channel:
            with channel.subscribe(Dtmf) as events:
                far.press("1" * 30)
                await trio.sleep(1)
                with pytest.raises(SubscriberLagged, match="missed 30 events") as raised:
                    await events.receive()
                assert raised.value.missed == 30
                far.press("9")
                assert await events.receive() == Dtmf("9")
            assert channel.statistics().lagged_events == 30

    async def test_up_to_the_bound_are_kept(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe(Dtmf) as events:
                far.press("1" * 256)
                await trio.sleep(1)
                assert [await events.receive() for _ in range(256)] == [Dtmf("1")] * 256

    async def test_of_an_iterator_that_is_too_slow_end_it_loudly(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(control_events=10)) as channel:
            with channel.subscribe(Dtmf) as events, pytest.raises(SubscriberLagged):
                far.press("1" * 30)
                async for _ in events:
                    await trio.sleep(1)


class TestTheOthers:
    async def test_are_not_hurt(self, far: ScriptedFarEnd):
        keys: list[str] = []
        async with open_channel(far.source, limits=Limits(control_events=10)) as channel:
            channel.on(Dtmf, lambda event: keys.append(event.digit))
            with channel.subscribe(Dtmf) as slow, channel.subscribe(Dtmf) as quick:
                for digit in "0123456789" * 5:
                    far.press(digit)
                    assert await quick.receive() == Dtmf(digit)
                with pytest.raises(SubscriberLagged):
                    await slow.receive()
        assert keys == list("0123456789" * 5)

    async def test_hear_that_an_async_listener_was_too_slow_and_the_call_goes_on(self, far: ScriptedFarEnd):
        heard: list[str] = []
        faults: list[Fault] = []

        async def dawdle(event: Dtmf) -> None:
            heard.append(event.digit)
            await trio.sleep(10)

        async with open_channel(far.source, limits=Limits(control_events=10), on={Dtmf: dawdle, Fault: faults.append}) as channel:
            far.press("1" * 30)
            await trio.sleep(30)
            assert heard == ["1"]
            assert [(type(fault.error), "dawdle" in fault.what) for fault in faults] == [(SubscriberLagged, True)]
            far.press("2")
            await trio.sleep(30)
            assert heard == ["1"]
            await channel.send_audio(stamp("a", 0, 160))

    async def test_are_heard_by_the_reader_of_the_audio_though_a_subscription_lags(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(subscription_audio=0.1)) as channel:
            with channel.subscribe(Audio):
                far.speak(say(1.0, "caller"))
                reader = aiter(channel)
                frames: list[Frame] = [await anext(reader) for _ in range(50)]
        assert [frame.media_time for frame in frames] == list(range(0, 8000, STAMPED.frame_samples))


class TestASubscription:
    async def test_has_one_reader_at_a_time(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            with channel.subscribe(Dtmf) as events:
                nursery.start_soon(events.receive)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(trio.BusyResourceError, match="another task"):
                    await events.receive()
                nursery.cancel_scope.cancel()

    async def test_loses_nothing_when_its_reader_is_cancelled(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe(Dtmf) as events:
                got: list[Dtmf] = []
                for digit in "0123456789":
                    far.press(digit)
                    with trio.move_on_after(0.001 * (int(digit) % 3)):
                        while True:
                            got.append(await events.receive())
                await trio.sleep(0.1)
                while len(got) < 10:
                    got.append(events.receive_nowait())
                assert "".join(event.digit for event in got) == "0123456789"

    async def test_that_is_closed_still_gives_what_has_come_and_then_ends(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe(Dtmf) as events:
                channel.emit(Dtmf("1"))
            channel.emit(Dtmf("2"))
            assert [event async for event in events] == [Dtmf("1")]
            with pytest.raises(trio.EndOfChannel):
                events.receive_nowait()

    async def test_without_events_would_block(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe(Dtmf) as events, pytest.raises(trio.WouldBlock):
                events.receive_nowait()

    async def test_is_a_checkpoint_also_when_an_event_is_there(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe(Dtmf) as events:
                channel.emit(Dtmf("1"))
                with trio.testing.assert_checkpoints():
                    await events.receive()
