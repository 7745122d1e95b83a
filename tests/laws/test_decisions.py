"""The decisions that follow from the laws, each under its name."""

from __future__ import annotations

import random

import pytest
import trio
from speech import push, utter
from trio.testing import wait_all_tasks_blocked
from witness import Witness

from trioaudio import (
    Audio,
    Channel,
    Commit,
    Dtmf,
    Event,
    Interrupt,
    Limits,
    Timeouts,
    TurnInterrupted,
    TurnPlayed,
    TurnStarted,
    open_channel,
)
from trioaudio.abc import Buffering, Paced, Played
from trioaudio.testing import ScriptedFarEnd, run_virtual, say, stamp

virtual = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd(Buffering(lead=5.0, ear=True))


@virtual
class TestTheWishAndTheAct:
    async def test_a_wish_to_interrupt_stops_nothing_by_itself(self, far: ScriptedFarEnd):
        wishes: list[Interrupt] = []
        async with open_channel(far.source, on={Interrupt: wishes.append}) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            far.wish_interrupt()
            await trio.sleep(0.5)
            assert wishes == [Interrupt()]
            assert not turn.interrupted

    async def test_the_act_emits_no_wish(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.subscribe() as events:
                push(channel.turn("a"), say(1.0, "a"))
                await trio.sleep(0.5)
                await channel.interrupt().settled()
                await wait_all_tasks_blocked()
                kinds = [type(events.receive_nowait()) for _ in range(2)]
                assert kinds == [TurnStarted, TurnInterrupted]
                with pytest.raises(trio.WouldBlock):
                    events.receive_nowait()

    async def test_a_wish_may_be_answered_with_the_act(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.on(Interrupt, lambda _: channel.interrupt())
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            far.wish_interrupt()
            await trio.sleep(5)
            assert far.heard("a") == 4000


@virtual
class TestStateFirstEmitLast:
    async def test_a_listener_of_the_end_of_a_turn_finds_it_ended_and_may_begin_the_next(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            first = push(channel.turn("first"), say(0.5, "first"))

            def answer(event: TurnPlayed) -> None:
                assert (first.ledger.heard, first.receipt) == (4000, event.receipt)
                push(channel.turn("second"), say(0.5, "second")).end()

            channel.once(TurnPlayed, answer)
            first.end()
            await trio.sleep(2)
            assert far.heard("second") == 4000

    async def test_what_a_listener_says_during_an_interruption_is_not_interrupted_by_it(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            with channel.turn("first") as turn:
                push(turn, say(0.5, "first"))
            push(channel.turn("second"), say(0.5, "second"))
            await trio.sleep(0.4)
            channel.once(TurnPlayed, lambda _: push(channel.turn("third"), say(0.5, "third")).end())
            trio.lowlevel.current_clock().jump(0.2)  # the first is over; the interruption is the first to find out
            assert [receipt.item_id for receipt in channel.interrupt().turns] == ["second"]
            await trio.sleep(2)
            assert far.heard("third") == 4000

    async def test_a_listener_of_an_interruption_may_begin_the_next_turn(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.once(TurnInterrupted, lambda _: push(channel.turn("sorry"), say(0.5, "sorry")).end())
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            channel.interrupt()
            await trio.sleep(2)
            assert (far.heard("a"), far.heard("sorry")) == (4000, 4000)


@virtual
class TestAnImplicitTurn:
    async def test_begins_with_audio_that_has_no_turn(self, far: ScriptedFarEnd):
        started: list[str | None] = []
        async with open_channel(far.source, on={TurnStarted: lambda event: started.append(event.item_id)}) as channel:
            for start in range(0, 8000, 160):
                await channel.send_audio(stamp("a", start, 160))
            await channel.wait_played()
        assert started == [None]

    async def test_ends_when_it_has_been_dry_for_half_a_second_past_its_last_sample(self, far: ScriptedFarEnd):
        played: list[float] = []
        async with open_channel(far.source, on={TurnPlayed: lambda _: played.append(trio.current_time())}) as channel:
            await channel.send_audio(stamp("a", 0, 8000))
            await trio.sleep(1.4)
            await channel.send_audio(stamp("a", 8000, 800))
            await trio.sleep(5)
        assert played == [pytest.approx(2.0)]

    async def test_never_enters_somebodys_explicit_turn(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("mine"), say(0.5, "mine"))
            await channel.send_audio(stamp("theirs", 0, 800))
            assert (turn.ended, turn.ledger.accepted) == (True, 4000)
            await channel.wait_played()
            await trio.sleep(0.01)
            assert (far.heard("mine"), far.heard("theirs")) == (4000, 800)

    async def test_is_ended_by_an_explicit_one(self, far: ScriptedFarEnd):
        told: list[tuple[str | None, float]] = []
        async with open_channel(far.source, on={TurnPlayed: lambda e: told.append((e.receipt.item_id, trio.current_time()))}) as channel:
            await channel.send_audio(stamp("a", 0, 800))
            push(channel.turn("mine"), say(0.5, "mine")).end()
            await trio.sleep(2)
        assert told == [(None, pytest.approx(0.1)), ("mine", pytest.approx(0.6))]

    async def test_waits_as_long_as_the_timeouts_say(self, far: ScriptedFarEnd):
        played: list[float] = []
        on = {TurnPlayed: lambda _: played.append(trio.current_time())}
        async with open_channel(far.source, on=on, timeouts=Timeouts(implicit_turn=2.0)) as channel:
            await channel.send_audio(stamp("a", 0, 8000))
            await trio.sleep(5)
        assert played == [pytest.approx(3.0)]


@virtual
class TestWaitPlayed:
    async def test_waits_for_what_was_accepted_before_the_call_and_no_more(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(1.0, "a"))
            waited: list[float] = []

            async def wait() -> None:
                await turn.wait_played()
                waited.append(trio.current_time())

            nursery.start_soon(wait)
            await trio.sleep(0.5)
            push(turn, say(3.0, "a"))
            await trio.sleep(3)
            assert waited == [pytest.approx(1.0)]

    async def test_does_not_wait_for_the_end_of_the_turn(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            receipt = await turn.wait_played()
            assert (trio.current_time(), receipt.heard, turn.ended) == (pytest.approx(1.0), 8000, False)

    async def test_of_a_channel_waits_for_all_its_turns(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            for item in "abc":
                push(channel.turn(item), say(0.5, item))
            await channel.wait_played()
            assert trio.current_time() == pytest.approx(1.5)

    async def test_is_a_checkpoint_also_when_there_is_nothing_to_wait_for(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            with trio.testing.assert_checkpoints():
                await turn.wait_played()
            with trio.testing.assert_checkpoints():
                await channel.wait_played()
            assert trio.current_time() == 0

    @pytest.mark.parametrize("end", ["interrupt", "hang up", "fail", "close"])
    async def test_ends_when_the_rest_will_never_be_heard(self, far: ScriptedFarEnd, end: str):
        async def end_it(channel: Channel) -> None:
            await trio.sleep(0.5)
            {"interrupt": channel.interrupt, "hang up": far.hang_up, "fail": far.fail, "close": channel.close}[end]()

        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(3.0, "a"))
            nursery.start_soon(end_it, channel)
            receipt = await turn.wait_played()
            assert (trio.current_time(), receipt.heard, receipt.lost) == (0.5, 4000, 20_000)

    async def test_waits_for_all_of_a_bounded_stream(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel:
            turn = channel.turn("a")
            await utter(turn, say(8.0, "a"))
            await turn.wait_played()
            assert trio.current_time() == pytest.approx(8.0)

    async def test_of_many_marks_ends_each_in_its_own_time(self, far: ScriptedFarEnd):
        ended: list[tuple[int, float]] = []

        async def wait(number: int) -> None:
            await turn.wait_played()
            ended.append((number, round(trio.current_time(), 3)))

        paced = ScriptedFarEnd(Paced(lead=0.04, ear=True))
        async with open_channel(paced.source) as channel, trio.open_nursery() as nursery:
            turn = channel.turn("a")
            for number in range(5):
                push(turn, say(0.3, "a"))
                nursery.start_soon(wait, number)
                await wait_all_tasks_blocked()
        assert ended == [(number, pytest.approx(0.3 * (number + 1), abs=0.001)) for number in range(5)]

    async def test_ends_when_the_far_end_says_that_it_has_played_all(self):
        quick = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(quick.source) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(3.0, "a"))

            async def report_soon() -> None:
                await trio.sleep(1)
                quick.signal(Played(24_000))

            nursery.start_soon(report_soon)
            await turn.wait_played()
            assert trio.current_time() == 1

    async def test_follows_the_far_end_when_it_is_slower_than_was_reckoned(self):
        slow = ScriptedFarEnd(report_every=0.1, send_delay=lambda: 0.2)
        async with open_channel(slow.source) as channel:
            turn = push(channel.turn("a"), say(0.5, "a", chunk=0.5))
            await turn.wait_played()
            await trio.sleep(0.001)
            assert slow.heard("a") == 4000


@virtual
class TestBetweenTurns:
    async def said(self, channel: Channel) -> None:
        with channel.turn("a") as turn:
            await utter(turn, say(0.5, "a"))
        await channel.wait_event(TurnPlayed)

    @pytest.mark.parametrize(("after", "clears"), [(0.3, 1), (0.99, 1), (1.01, 0), (5.0, 0)])
    async def test_a_clear_is_sent_while_the_end_is_an_estimate_and_young(self, after: float, clears: int):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            await self.said(channel)
            await trio.sleep(after)
            interruption = channel.interrupt()
            await wait_all_tasks_blocked()
            assert (interruption.turns, far.ear.clears) == ((), clears)

    async def test_no_clear_is_sent_when_the_end_is_known(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            await self.said(channel)
            channel.interrupt()
            await wait_all_tasks_blocked()
            assert far.ear.clears == 0

    async def test_the_clear_is_sent_once(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        async with open_channel(far.source) as channel:
            await self.said(channel)
            for _ in range(5):
                channel.interrupt()
                await trio.sleep(0.1)
            assert far.ear.clears == 1

    async def test_no_turn_is_told_of_twice(self):
        far = ScriptedFarEnd(Buffering(lead=5.0))
        told: list[Event] = []
        async with open_channel(far.source) as channel:
            channel.on(TurnPlayed, told.append).on(TurnInterrupted, told.append)
            await self.said(channel)
            channel.interrupt()
            await trio.sleep(1)
        assert [type(event) for event in told] == [TurnPlayed]


@virtual
class TestHangUp:
    async def test_plays_out_what_was_accepted_and_says_goodbye(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            reason = await channel.hang_up()
            assert (reason.kind, trio.current_time(), far.goodbyes) == ("closed", pytest.approx(3.0), 1)
        assert far.heard("a") == 24_000

    async def test_waits_until_the_goodbye_has_been_said(self, far: ScriptedFarEnd):
        class Ceremonious(Witness):
            async def hang_up(self) -> None:
                await trio.sleep(0.5)
                await super().hang_up()

        async with open_channel(Ceremonious(far.source)) as channel:
            await channel.hang_up()
            assert (trio.current_time(), far.goodbyes) == (0.5, 1)

    async def test_accepts_no_more_for_the_turns_that_are_open(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            turn = push(channel.turn("a"), say(1.0, "a"))
            nursery.start_soon(channel.hang_up)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.ClosedResourceError):
                turn.send_nowait(stamp("a", 8000, 160))

    async def test_loses_what_cannot_be_played_out_in_time(self, far: ScriptedFarEnd):
        async with open_channel(far.source, timeouts=Timeouts(hang_up=1.0)) as channel:
            turn = push(channel.turn("a"), say(10.0, "a"))
            await channel.hang_up()
            assert (trio.current_time(), turn.receipt.heard) == (1.0, 8000)

    async def test_ends_when_the_far_party_hangs_up_first(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            push(channel.turn("a"), say(10.0, "a"))

            async def leave() -> None:
                await trio.sleep(1)
                far.hang_up()

            nursery.start_soon(leave)
            assert (await channel.hang_up()).kind == "hangup"
            assert trio.current_time() == 1


@virtual
async def test_a_turn_without_audio_leaves_no_trace(far: ScriptedFarEnd):
    told: list[Event] = []
    async with open_channel(far.source) as channel:
        channel.on(TurnStarted, told.append).on(TurnPlayed, told.append).on(TurnInterrupted, told.append)
        for number in range(100):
            with channel.turn(f"text only {number}"):
                await trio.sleep(0.01)
        assert not channel.interrupt()
    assert told == []


@virtual
async def test_a_turn_without_audio_does_not_keep_the_next_one_from_being_told_of(far: ScriptedFarEnd):
    played: list[tuple[str | None, float]] = []
    async with open_channel(far.source, on={TurnPlayed: lambda e: played.append((e.receipt.item_id, trio.current_time()))}) as channel:
        channel.turn("text only").end()
        push(channel.turn("a"), say(0.5, "a")).end()
        await trio.sleep(1)
        channel.turn("text only").end()
        push(channel.turn("b"), say(0.5, "b")).end()
        await trio.sleep(1)
    assert played == [("a", pytest.approx(0.5)), ("b", pytest.approx(1.5))]


@virtual
async def test_an_item_id_comes_back_in_events_and_receipts(far: ScriptedFarEnd):
    told: list[str | None] = []
    async with open_channel(far.source) as channel:
        channel.on(TurnStarted, lambda event: told.append(event.item_id))
        channel.on(TurnPlayed, lambda event: told.append(event.receipt.item_id))
        with channel.turn("item_42") as turn:
            await utter(turn, say(0.1, "item_42"))
        receipt = await turn.wait_played()
        await trio.sleep(0.1)
    assert [turn.item_id, receipt.item_id, *told] == ["item_42"] * 4


@pytest.mark.parametrize("seed", range(8))
def test_one_call_has_one_history_however_trio_shuffles_its_tasks(seed: int):
    """Each kind of timer has its own phase: on the virtual clock no two of them are due in one instant."""

    async def call(history: list[object]) -> None:
        far = ScriptedFarEnd(Paced(lead=0.04, can_clear=True), report_every=0.1, line_open=True)

        def echo(event: Audio) -> None:
            if turn and not turn[0].ended:
                turn[0].send_nowait(event.frame)

        turn = []
        async with open_channel(far.source, on={Audio: echo}) as channel:
            turn.append(channel.turn("echo"))
            for kind in (TurnStarted, TurnPlayed, TurnInterrupted, Dtmf, Commit):
                channel.on(kind, lambda event: history.append((trio.current_time(), event)))
            channel.on(Dtmf, lambda _: channel.interrupt())
            channel.on(Commit, lambda _: turn.insert(0, channel.turn("again")))
            far.speak(say(1.0, "caller"))
            await trio.sleep(0.507)
            far.press("1")
            await trio.sleep(0.25)
            far.signal(Commit())
            await trio.sleep(0.5)
        history.extend((when, frame.data) for when, frame in far.ear.handed)

    first: list[object] = []
    run_virtual(call, first, seed=1000)
    again: list[object] = []
    run_virtual(call, again, seed=random.Random(seed).randrange(10**9))
    assert again == first
    assert len(first) > 40
