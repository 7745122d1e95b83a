"""Law 6: control never waits behind audio; it is never dropped."""

from __future__ import annotations

import pytest
import trio
from speech import push

from trioaudio import Commit, Dtmf, Hangup, Interrupt, TurnInterrupted, open_channel
from trioaudio.abc import Buffering, Paced, Played
from trioaudio.testing import ScriptedFarEnd, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd(Buffering(lead=5.0, reports=True))


async def test_a_key_is_heard_at_once_while_nobody_reads_the_audio_before_it(far: ScriptedFarEnd):
    keys: list[tuple[str, float]] = []
    async with open_channel(far.source, on={Dtmf: lambda event: keys.append((event.digit, trio.current_time()))}):
        far.speak(say(60.0, "caller"))
        await trio.sleep(30)
        far.press("1#")
        await trio.sleep(1)
    assert keys == [("1", 30), ("#", 30)]


async def test_a_key_is_heard_at_once_while_a_write_is_stuck(far: ScriptedFarEnd):
    keys: list[float] = []
    async with open_channel(far.source, on={Dtmf: lambda _: keys.append(trio.current_time())}) as channel:
        push(channel.turn("a"), say(60.0, "a"))
        far.stall(3.0)
        await trio.sleep(1)
        far.press("1")
        await trio.sleep(1)
    assert keys == [1]


async def test_a_hang_up_is_heard_at_once_while_a_write_is_stuck(far: ScriptedFarEnd):
    heard: list[float] = []
    async with open_channel(far.source, on={Hangup: lambda _: heard.append(trio.current_time())}) as channel:
        far.stall()
        push(channel.turn("a"), say(60.0, "a"))
        await trio.sleep(1)
        far.hang_up()
        reason = await channel.wait_closed()
        assert reason.kind == "hangup"
    assert heard == [1]


async def test_a_position_report_is_heard_while_a_write_is_stuck(far: ScriptedFarEnd):
    async with open_channel(far.source) as channel:
        turn = push(channel.turn("a"), say(3.0, "a"))
        await trio.sleep(1)
        far.stall(3.0)
        push(turn, say(1.0, "a"))
        await trio.sleep(0.1)
        far.signal(Played(4000))
        await trio.sleep(0.01)
        assert turn.ledger.heard == pytest.approx(4080, abs=1)


async def test_of_ten_thousand_events_in_one_instant_none_is_lost(far: ScriptedFarEnd):
    told: list[object] = []
    async with open_channel(far.source) as channel:
        channel.on(Dtmf, told.append).on(Commit, told.append)
        for _ in range(5000):
            far.press("1")
            far.signal(Commit())
        await trio.sleep(1)
        assert told == [Dtmf("1"), Commit()] * 5000
        assert channel.statistics().control_events == 10_000


async def test_events_keep_their_order():
    far = ScriptedFarEnd(Paced())
    async with open_channel(far.source) as channel:
        with channel.subscribe() as events:
            sent = [Dtmf("1"), Interrupt(), Commit(), Dtmf("2"), Commit()]
            for event in sent:
                far.signal(event)
            assert [await events.receive() for _ in sent] == sent


async def test_an_interruption_that_answers_a_key_stops_the_far_end_while_much_audio_waits_inbound(far: ScriptedFarEnd):
    """A wish reaches the act without a task in between."""
    decided: list[float] = []
    async with open_channel(far.source) as channel:
        channel.on(Dtmf, lambda _: channel.interrupt())
        channel.on(TurnInterrupted, lambda event: decided.append(event.decided_at))
        far.speak(say(60.0, "caller"))
        push(channel.turn("a"), say(10.0, "a"))
        await trio.sleep(3)
        far.press("*")
        await trio.sleep(1)
    assert decided == [3]
