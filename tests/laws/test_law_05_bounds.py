"""Law 5: bounds are in milliseconds of audio; who can wait, waits; a reader never does; inbound the oldest goes first."""

from __future__ import annotations

import pytest
import trio
from speech import push, utter
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from trioaudio import AudioDropped, Limits, open_channel
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.testing import STAMPED, ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd(Paced(lead=0.02, ear=True))


class TestOutbound:
    @pytest.mark.parametrize("chunk", [0.005, 0.02, 0.05])
    async def test_a_producer_waits_while_the_bound_is_reached(self, far: ScriptedFarEnd, chunk: float):
        async with open_channel(far.source, limits=Limits(outbound=0.4)) as channel, trio.open_nursery() as nursery:
            turn = channel.turn("a")
            nursery.start_soon(utter, turn, say(10.0, "a", chunk=chunk))
            for _ in range(20):
                await trio.sleep(0.1)
                queued = turn.ledger.queued / STAMPED.rate
                assert 0.4 - 0.02 - chunk <= queued <= 0.4 + chunk
            nursery.cancel_scope.cancel()

    async def test_a_frame_is_admitted_whole_while_there_is_any_room(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel:
            with trio.fail_after(0.001):
                await channel.turn("a").send(stamp("a", 0, 80_000))

    async def test_a_channel_is_bounded_not_each_of_its_turns(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel:
            for item in "abc":
                with trio.move_on_after(0.001):
                    await utter(channel.turn(item), say(10.0, item, chunk=0.02))
            assert channel.statistics().queued_ms <= 120

    async def test_the_bound_counts_the_audio_of_each_turn_in_its_own_format(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.5)) as channel:
            turn = channel.turn("a", format=PCM16_24K)
            with trio.move_on_after(0.001):
                while True:
                    await turn.send(bytes(960))
            assert channel.statistics().queued_ms == pytest.approx(500, abs=20)

    async def test_sending_is_a_checkpoint_also_when_there_is_room(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            with assert_checkpoints():
                await turn.send(stamp("a", 0, 160))
            with assert_checkpoints():
                await channel.send_audio(b"")

    async def test_room_that_is_made_goes_to_all_who_wait(self, far: ScriptedFarEnd):
        done: list[int] = []

        async def produce(number: int) -> None:
            await turn.send(stamp("a", number * 80, 80))
            done.append(number)

        async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(0.3, "a"))
            for number in range(30):
                nursery.start_soon(produce, number)
            await trio.sleep(2)
            assert sorted(done) == list(range(30))

    async def test_room_for_several_goes_to_several_at_once(self):
        far = ScriptedFarEnd(Buffering(lead=0.4))
        done: list[float] = []

        async def produce() -> None:
            await turn.send(stamp("a", 0, 160))
            done.append(trio.current_time())

        async with open_channel(far.source, limits=Limits(outbound=0.5)) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(2.0, "a", chunk=0.4))
            await wait_all_tasks_blocked()
            for _ in range(4):
                nursery.start_soon(produce)
        assert done == [pytest.approx(0.8, abs=0.01)] * 4


class TestAReader:
    async def test_never_waits_and_is_bounded_by_max_turn(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.1, max_turn=5.0)) as channel:
            turn = push(channel.turn("a"), say(5.0, "a"))
            assert turn.ledger.queued == 40_000
            with pytest.raises(trio.WouldBlock, match="max_turn"):
                turn.send_nowait(stamp("a", 40_000, 160))

    async def test_is_refused_past_it_counted_and_told_once(self, far: ScriptedFarEnd):
        told: list[AudioDropped] = []
        async with open_channel(far.source, limits=Limits(max_turn=1.0), on={AudioDropped: told.append}) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            for _ in range(10):
                with pytest.raises(trio.WouldBlock):
                    turn.send_nowait(stamp("a", 0, 160))
            assert channel.statistics().refused_ms == pytest.approx(200)
            assert [(event.direction, event.milliseconds) for event in told] == [("outbound", 20)]
            assert turn.ledger.accepted == 8000
            await trio.sleep(0.5)
            turn.send_nowait(stamp("a", 8000, 160))
            assert turn.ledger.accepted == 8160

    async def test_finds_two_minutes_by_default(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), [stamp("a", 0, 120 * STAMPED.rate)])
            with pytest.raises(trio.WouldBlock):
                turn.send_nowait(stamp("a", 0, 1))

    async def test_without_a_turn_finds_the_channels_bound(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel:
            for start in range(0, 800, 160):
                channel.send_audio_nowait(stamp("a", start, 160))
            with pytest.raises(trio.WouldBlock):
                channel.send_audio_nowait(stamp("a", 800, 160))
            await trio.sleep(1)
            assert far.heard("a") == 800


class TestEmptyAudio:
    async def test_is_ignored(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            await turn.send(b"")
            turn.send_nowait("")
            assert turn.ledger.accepted == 0
            await trio.sleep(1)
            assert far.ear.handed == []

    async def test_does_not_end_somebodys_turn(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            await channel.send_audio(b"")
            channel.send_audio_nowait(b"")
            assert not turn.ended


class TestInbound:
    """Who reads too slowly loses the oldest; see also tests/test_inbox.py."""

    async def test_the_oldest_audio_is_dropped_past_the_bound(self):
        far = ScriptedFarEnd()
        async with open_channel(far.source, limits=Limits(inbound=1.0)) as channel:
            reader = aiter(channel)
            far.speak(say(3.0, "caller"))
            await trio.sleep(5)
            first = await anext(reader)
            assert first.media_time == 16_000
            assert channel.statistics().inbound_dropped_ms == pytest.approx(2000)

    async def test_the_reader_of_the_source_never_waits_for_the_app(self):
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            aiter(channel)
            far.speak(say(30.0, "caller"))
            await trio.sleep(31)
            assert channel.statistics().received_ms == pytest.approx(30_000)


async def test_a_long_chunk_does_not_fill_a_buffering_far_end_past_its_lead():
    far = ScriptedFarEnd(Buffering(lead=1.5))
    async with open_channel(far.source) as channel:
        push(channel.turn("a"), [stamp("a", 0, 30 * STAMPED.rate)])
        await wait_all_tasks_blocked()
        assert 1.5 <= far.ear.end <= 1.9


async def test_chunks_go_to_a_buffering_far_end_as_they_come():
    far = ScriptedFarEnd(Buffering(lead=1.5))
    async with open_channel(far.source) as channel:
        for start in range(0, 8000, 1000):
            channel.send_audio_nowait(Frame(stamp("a", start, 1000).data, STAMPED))
        await wait_all_tasks_blocked()
        assert [frame.num_samples for _, frame in far.ear.handed] == [1000] * 8
