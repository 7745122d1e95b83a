"""Law 8, owned tasks: leaving the block ends every task of the channel within the close timeout, whatever the peer does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from speech import babble, push

from trioaudio import Channel, Closed, CloseReason, Commit, Dtmf, Event, Timeouts, open_channel, start_channel
from trioaudio.abc import Buffering, Source
from trioaudio.audio import Frame
from trioaudio.lowlevel import ticker_statistics
from trioaudio.testing import ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")
CLOSE = Timeouts().close


def tasks_living() -> int:
    return trio.lowlevel.current_statistics().tasks_living


class Obstinate(Source):
    """A peer that never answers some of what it is asked."""

    def __init__(self, *never: str) -> None:
        self.far = ScriptedFarEnd(Buffering(lead=5.0))
        source = self.far.source
        self.input_format, self.output_format, self.far_end = source.input_format, source.output_format, source.far_end
        self.never = never

    async def _ask(self, what: str, answer: Callable[..., Awaitable], *args: object) -> object:
        if what in self.never:
            await trio.sleep_forever()
        return await answer(*args)

    async def receive(self) -> Frame | Event:
        if "stop talking" in self.never:
            await trio.lowlevel.checkpoint()
            await trio.sleep(0.001)
            return Dtmf("1")
        return await self._ask("receive", self.far.source.receive)

    def send_nowait(self, frame: Frame) -> None:
        if "send" in self.never and len(self.far.ear.handed) >= 2:
            raise trio.WouldBlock
        self.far.source.send_nowait(frame)

    async def send(self, frame: Frame) -> None:
        await self._ask("send", self.far.source.send, frame)

    async def clear(self) -> None:
        await self._ask("clear", self.far.source.clear)

    async def hang_up(self) -> None:
        await self._ask("hang_up", self.far.source.hang_up)


NEVER = [("send",), ("clear",), ("hang_up",), ("receive",), ("stop talking",), ("send", "clear"), ("send", "clear", "hang_up", "receive")]


@pytest.mark.parametrize("never", NEVER, ids=", ".join)
class TestAPeerThatNeverAnswers:
    async def test_cannot_hold_the_block_open(self, never: tuple[str, ...]):
        before = tasks_living()
        async with open_channel(Obstinate(*never)) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
        assert trio.current_time() - 0.5 <= CLOSE
        assert tasks_living() == before
        assert ticker_statistics().parked == 0

    async def test_cannot_hold_a_cancelled_block_open(self, never: tuple[str, ...]):
        before = tasks_living()
        with trio.move_on_after(0.5) as scope:
            async with open_channel(Obstinate(*never)) as channel:
                push(channel.turn("a"), say(3.0, "a"))
                await babble(channel)
        assert scope.cancelled_caught
        assert trio.current_time() - 0.5 <= CLOSE
        assert tasks_living() == before

    async def test_cannot_keep_aclose_and_wait_closed_waiting(self, never: tuple[str, ...]):
        async with open_channel(Obstinate(*never), timeouts=Timeouts(close=0.7)) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            channel.interrupt()
            await channel.aclose()
            assert trio.current_time() - 0.5 <= 0.7
            assert await channel.wait_closed() == CloseReason("closed")

    async def test_cannot_keep_an_interruption_from_being_settled(self, never: tuple[str, ...]):
        async with open_channel(Obstinate(*never)) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            interruption = channel.interrupt()
            channel.close()
            final = await interruption.settled()
            assert trio.current_time() - 0.5 <= CLOSE
            assert final.turns == interruption.turns


class TestTheBlock:
    async def test_is_left_at_once_when_nothing_is_in_the_way(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
        assert trio.current_time() == 0.5
        assert far.goodbyes == 1

    async def test_is_left_at_once_when_it_closes_before_anything_has_begun(self):
        far = ScriptedFarEnd()
        for _ in range(20):  # trio decides whether playback or the body runs first
            async with open_channel(far.source) as channel:
                channel.turn("a")
                channel.close()
                await channel.wait_closed()
            assert trio.current_time() == 0

    async def test_leaves_nobody_in_the_ticker(self):
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            assert ticker_statistics().parked == 1
        assert ticker_statistics().parked == 0

    async def test_does_not_wait_for_what_is_still_to_be_said(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(60.0, "a"))
            await trio.sleep(0.5)
        await trio.sleep(10)
        assert far.heard("a") == 4000

    async def test_waits_for_listeners_no_longer_than_the_close_timeout(self):
        far = ScriptedFarEnd()
        begun = trio.Event()

        async def dawdle(_: Commit) -> None:
            begun.set()
            await trio.sleep_forever()

        async with open_channel(far.source, on={Commit: dawdle}):
            far.signal(Commit())
            await begun.wait()
        assert trio.current_time() == CLOSE

    async def test_lets_listeners_finish_what_they_have(self):
        far = ScriptedFarEnd()
        done: list[str] = []

        async def write_down(event: Dtmf) -> None:
            await trio.sleep(0.1)
            done.append(event.digit)

        async with open_channel(far.source, on={Dtmf: write_down}):
            far.press("1234")
            await trio.testing.wait_all_tasks_blocked()
        assert done == ["1", "2", "3", "4"]

    async def test_swallows_no_cancellation(self):
        far = ScriptedFarEnd()
        after = False
        with trio.CancelScope() as scope:
            async with open_channel(far.source):
                scope.cancel()
                await trio.lowlevel.checkpoint()
            after = True
        assert scope.cancelled_caught
        assert not after

    async def test_a_hundred_times_leaves_nothing_behind(self):
        before = tasks_living()
        for number in range(100):
            far = ScriptedFarEnd()
            with trio.move_on_after(0.01 * (number % 7)):
                async with open_channel(far.source) as channel:
                    push(channel.turn("a"), say(1.0, "a"))
                    await trio.sleep(0.03)
                    channel.interrupt()
                    await channel.wait_played()
            assert (tasks_living(), ticker_statistics().parked) == (before, 0)


class TestClose:
    async def test_does_not_cancel_the_body(self):
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            channel.close()
            await trio.sleep(10)
            reached = True
        assert reached

    async def test_is_the_same_twice_as_once(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            channel.close()
            channel.close()
            await channel.aclose()
            await channel.aclose()
        assert (far.goodbyes, far.ear.clears) == (1, 1)

    async def test_shuts_the_door_at_once(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            channel.close()
            with pytest.raises(trio.ClosedResourceError, match="this channel is closed"):
                turn.send_nowait(stamp("a", 0, 160))

    async def test_wakes_producers_and_those_who_wait(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        woken: list[str] = []

        async def produce(channel: Channel) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await babble(channel)
            woken.append("producer")

        async def wait_played(channel: Channel) -> None:
            await channel.wait_played()
            woken.append("wait_played")

        async def wait_event(channel: Channel) -> None:
            with pytest.raises(trio.ClosedResourceError, match="'commit'"):
                await channel.wait_event(Commit)
            woken.append("wait_event")

        async def read(channel: Channel) -> None:
            async for _ in channel:
                pass
            woken.append("reader")

        async def iterate(channel: Channel) -> None:
            with channel.subscribe("dtmf") as events:
                async for _ in events:
                    pass
            woken.append("subscriber")

        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            for task in (produce, wait_played, wait_event, read, iterate):
                nursery.start_soon(task, channel)
            await trio.sleep(2)
            channel.close()
            await trio.testing.wait_all_tasks_blocked()
            assert sorted(woken) == ["producer", "reader", "subscriber", "wait_event", "wait_played"]

    async def test_lets_a_reader_have_what_has_come(self):
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            far.speak(say(0.2, "caller"))
            await trio.sleep(1)
            channel.close()
            assert len([frame async for frame in reader]) == 10

    async def test_says_goodbye_after_the_clear(self):
        order: list[str] = []

        class Polite(Obstinate):
            async def clear(self) -> None:
                await trio.sleep(0.1)
                order.append("clear")

            async def hang_up(self) -> None:
                await trio.sleep(0.1)
                order.append("goodbye")

        async with open_channel(Polite()) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
        assert order == ["clear", "goodbye"]

    async def test_is_told_last_with_reason_and_statistics(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, ear=True))
        events: list[Event] = []
        async with open_channel(far.source) as channel:
            with channel.subscribe() as subscription:
                push(channel.turn("a"), say(3.0, "a"))
                await trio.sleep(0.5)
                await channel.aclose()
                events = [event async for event in subscription]
        assert isinstance(events[-1], Closed)
        assert events[-1].reason == CloseReason("closed")
        assert events[-1].statistics.sent_ms == pytest.approx(3000)
        assert not channel.emit("commit")


class TestAStartedChannel:
    async def test_lives_in_the_nursery_and_ends_with_close(self):
        far = ScriptedFarEnd()
        async with trio.open_nursery() as nursery:
            channel = await start_channel(nursery, far.source)
            await channel.send_audio(stamp("a", 0, 800))
            await channel.wait_played()
            channel.close()
        assert far.goodbyes == 1

    async def test_ends_with_the_nursery(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        before = tasks_living()
        async with trio.open_nursery() as nursery:
            channel = await start_channel(nursery, far.source)
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        assert (far.goodbyes, far.ear.clears, tasks_living()) == (1, 1, before)

    async def test_ends_when_the_far_party_hangs_up(self):
        far = ScriptedFarEnd()
        async with trio.open_nursery() as nursery:
            channel = await start_channel(nursery, far.source)
            far.hang_up()
        assert (await channel.wait_closed()).kind == "hangup"


async def test_closing_a_channel_that_is_not_speaking_takes_no_time() -> None:
    far = ScriptedFarEnd()
    begun = trio.current_time()
    async with open_channel(far.source):
        await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() == begun
    assert far.goodbyes == 1
