"""Law 4, late audio dies at the door: what belongs to an ended turn or an old generation is dropped, and counted."""

from __future__ import annotations

import pytest
import trio
from speech import push, utter

from trioaudio import Limits, TurnInterruptedError, open_channel
from trioaudio.abc import Buffering, Played
from trioaudio.testing import ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd(Buffering(lead=5.0, ear=True))


async def test_a_reader_that_keeps_pushing_after_an_interruption_is_not_heard(far: ScriptedFarEnd):
    async with open_channel(far.source) as channel:
        turn = push(channel.turn("a"), say(1.0, "a"))
        await trio.sleep(0.5)
        channel.interrupt()
        for start in range(8000, 16_000, 800):
            with pytest.raises(TurnInterruptedError, match="begin a new one"):
                turn.send_nowait(stamp("a", start, 800))
            await trio.sleep(0.1)
        await trio.sleep(5)
        assert far.heard("a") == 4000
        assert turn.ledger.late == 8000
        assert channel.statistics().late_ms == pytest.approx(1000)


async def test_a_reader_that_keeps_pushing_is_not_heard_in_the_next_turn_either(far: ScriptedFarEnd):
    async with open_channel(far.source) as channel:
        stale = push(channel.turn("stale"), say(1.0, "stale"))
        await trio.sleep(0.5)
        channel.interrupt()
        fresh = push(channel.turn("fresh"), say(0.5, "fresh"))
        with pytest.raises(TurnInterruptedError):
            stale.send_nowait(stamp("stale", 8000, 800))
        fresh.end()
        await fresh.wait_played()
        await trio.sleep(0.01)
        assert (far.heard("stale"), far.heard("fresh")) == (4000, 4000)


async def test_an_ended_turn_takes_no_more(far: ScriptedFarEnd):
    async with open_channel(far.source) as channel:
        with channel.turn("a") as turn:
            pass
        with pytest.raises(trio.ClosedResourceError, match="the turn a has ended"):
            await turn.send(stamp("a", 0, 160))
        with pytest.raises(trio.ClosedResourceError):
            turn.send_nowait(stamp("a", 0, 160))
        assert turn.ledger.late == 320


async def test_a_turn_that_was_followed_by_another_takes_no_more(far: ScriptedFarEnd):
    """There is one mouth: starting a turn ends the one before it; what it has accepted is still heard."""
    async with open_channel(far.source) as channel:
        first = push(channel.turn("first"), say(0.5, "first"))
        push(channel.turn("second"), say(0.5, "second"))
        with pytest.raises(trio.ClosedResourceError):
            first.send_nowait(stamp("first", 4000, 160))
        await channel.wait_played()
        await trio.sleep(0.01)
        assert (far.heard("first"), far.heard("second")) == (4000, 4000)


async def test_a_producer_blocked_in_a_turn_that_is_followed_by_another_is_told(far: ScriptedFarEnd):
    async def produce(turn) -> None:
        with pytest.raises(trio.ClosedResourceError, match="has ended"):
            await utter(turn, say(60.0, "first"))
        told.append(trio.current_time())

    told: list[float] = []
    async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(produce, channel.turn("first"))
        await trio.sleep(0.5)
        channel.turn("second")
        await trio.testing.wait_all_tasks_blocked()
        assert told == [0.5]


class TestAPositionReport:
    async def test_of_audio_that_was_cleared_says_nothing_about_what_came_after(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(1.0)
            await channel.interrupt().settled()
            turn = push(channel.turn("b"), say(1.0, "b"))
            await trio.sleep(0.2)
            far.signal(Played(7900, clears=0))
            await trio.sleep(0.1)
            assert turn.ledger.heard == 2400
            assert channel.statistics().late_reports == 1

    async def test_that_comes_after_the_settlement_changes_nothing_more(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(1.0)
            far.acknowledge_late(10.0)
            final = await channel.interrupt().settled()
            far.signal(Played(4000, clears=0, final=True))
            await trio.sleep(0.1)
            assert turn.receipt == final.turns[0]
            assert (turn.receipt.heard, turn.receipt.evidence) == (8000, "estimated")
            assert channel.statistics().late_reports == 1

    async def test_of_what_is_said_now_does_not_count_for_what_is_still_being_settled(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(1.0)
            far.acknowledge_late(10.0)
            interruption = channel.interrupt()
            turn = push(channel.turn("b"), say(1.0, "b"))
            await trio.sleep(0.1)
            far.signal(Played(20_000, clears=1))
            await trio.sleep(0.01)
            assert turn.ledger.heard == 8000
            assert (await interruption.settled()).turns[0].heard == 8000

    async def test_of_a_generation_that_is_still_to_come_is_not_believed(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(1.0)
            far.signal(Played(24_000, clears=1))
            await trio.sleep(0.1)
            assert turn.ledger.heard == 8800


@pytest.mark.parametrize("end", ["close", "hang up", "fail"])
async def test_after_the_end_of_the_channel_nothing_is_accepted(far: ScriptedFarEnd, end: str):
    error = trio.ClosedResourceError if end == "close" else trio.BrokenResourceError
    async with open_channel(far.source) as channel:
        turn = push(channel.turn("a"), say(1.0, "a"))
        await trio.sleep(0.5)
        {"close": channel.close, "hang up": far.hang_up, "fail": far.fail}[end]()
        await trio.sleep(0.1)
        with pytest.raises(error):
            turn.send_nowait(stamp("a", 8000, 160))
        with pytest.raises(error):
            await turn.send(stamp("a", 8000, 160))
        with pytest.raises(error):
            channel.turn("b")
        with pytest.raises(error):
            await channel.send_audio(stamp("b", 0, 160))
        assert turn.ledger.late == 320
        handed = len(far.ear.handed)
        await trio.sleep(5)
        assert len(far.ear.handed) == handed
