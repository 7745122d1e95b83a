"""Law 1, ledger: of every turn, after every step, it is known what became of each sample, and on what evidence."""

from __future__ import annotations

import numpy as np
import pytest
import trio
from speech import push, utter
from witness import Auditor, Witness

from trioaudio import Ledger, Limits, TurnInterrupted, TurnInterruptedError, TurnPlayed, open_channel
from trioaudio.abc import Buffering, FarEnd, Paced, Played
from trioaudio.audio import AudioFormat
from trioaudio.testing import STAMPED, ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")
SECOND = STAMPED.rate


class TestTheSums:
    @pytest.mark.parametrize("plays", [Paced(), Paced(lead=0.1, can_clear=True), Buffering(lead=5.0), Buffering(can_clear=False)], ids=repr)
    @pytest.mark.parametrize("send_delay", [0.0, 0.003])
    async def test_hold_after_every_step_of_every_task(self, plays: FarEnd, send_delay: float):
        far = ScriptedFarEnd(plays, send_delay=lambda: send_delay)
        auditor = Auditor()
        trio.lowlevel.add_instrument(auditor)
        async with open_channel(far.source, limits=Limits(outbound=0.1)) as auditor.channel, trio.open_nursery() as nursery:
            for number in range(3):
                turn = auditor.watch(auditor.channel.turn(f"turn {number}"))
                with turn, trio.move_on_after(0.7):
                    await utter(turn, say(1.0, f"turn {number}", chunk=0.05))
                nursery.start_soon(turn.wait_played)
                await trio.sleep(0.1)
                if number:
                    auditor.channel.interrupt()
        trio.lowlevel.remove_instrument(auditor)
        assert not auditor.findings
        assert all(turn.ledger.sent for turn in auditor.turns)

    async def test_a_sample_is_counted_in_one_place_at_a_time(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True, can_clear=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(0.1, "a"))
            assert turn.ledger == Ledger(accepted=800, queued=800, sent=0, dropped=0, heard=0, flushed=0, late=0)
            await trio.sleep(0.05)
            assert turn.ledger == Ledger(accepted=800, queued=160, sent=640, dropped=0, heard=400, flushed=0, late=0)
            channel.interrupt()
            assert turn.ledger == Ledger(accepted=800, queued=0, sent=640, dropped=160, heard=400, flushed=240, late=0)
            with pytest.raises(TurnInterruptedError):
                push(turn, say(0.01, "a"))
            assert turn.ledger == Ledger(accepted=800, queued=0, sent=640, dropped=160, heard=400, flushed=240, late=80)

    async def test_a_frame_that_was_taken_but_not_handed_over_is_still_queued(self):
        far = ScriptedFarEnd(Paced(lead=0.1, ear=True, can_clear=True))
        async with open_channel(far.source) as channel:
            push(channel.turn("before"), say(0.02, "before"))
            far.stall(0.2)
            await trio.testing.wait_all_tasks_blocked()
            turn = push(channel.turn("a"), say(0.06, "a", chunk=0.02))
            await trio.testing.wait_all_tasks_blocked()
            assert (turn.ledger.queued, turn.ledger.sent) == (480, 0)
            channel.interrupt()
            assert (turn.ledger.queued, turn.ledger.dropped) == (0, 480)

    async def test_a_frame_whose_write_has_begun_is_sent(self):
        far = ScriptedFarEnd(send_delay=lambda: 0.5)
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(0.02, "a"))
            await trio.sleep(0.1)
            assert (turn.ledger.queued, turn.ledger.sent) == (0, 160)

    async def test_are_of_the_turns_own_format(self):
        mono_16k = AudioFormat("pcm16", 16_000)
        far = ScriptedFarEnd(Buffering(ear=True))
        async with open_channel(far.source) as channel:
            turn = channel.turn("a", format=mono_16k)
            with turn:
                await turn.send(np.full(16_000, 1000, np.int16))
            await trio.sleep(0.5)
            assert turn.ledger.accepted == turn.ledger.sent == 16_000
            assert turn.ledger.heard == pytest.approx(8_000, abs=32)
            receipt = await turn.wait_played()
            assert (receipt.heard, receipt.lost, receipt.heard_ms) == (16_000, 0, 1000.0)

    async def test_of_all_turns_are_the_statistics_of_the_channel(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True, can_clear=True))
        async with open_channel(far.source, limits=Limits(max_turn=0.2)) as channel:
            with channel.turn("played") as turn:
                await utter(turn, say(0.1, "played"))
                await turn.wait_played()
            turn = push(channel.turn("cut"), say(0.2, "cut"))
            with pytest.raises(trio.WouldBlock):
                push(turn, say(0.03, "cut"))
            await trio.sleep(0.05)
            channel.interrupt()
            with pytest.raises(TurnInterruptedError):
                push(turn, say(0.01, "cut"))
            sums = channel.statistics()
            assert (sums.turns, sums.interruptions) == (2, 1)
            sums_ms = (sums.accepted_ms, sums.queued_ms, sums.sent_ms, sums.dropped_ms, sums.flushed_ms, sums.late_ms, sums.refused_ms)
            assert sums_ms == pytest.approx((300, 0, 180, 120, 30, 10, 30))


class TestHeard:
    async def test_is_what_the_ear_heard_at_any_time(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, ear=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            for _ in range(20):
                await trio.sleep(0.0617)
                assert turn.ledger.heard == far.heard("a")

    async def test_goes_on_where_it_was_after_a_pause(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, ear=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(0.3, "a"))
            await trio.sleep(1.0)
            push(turn, [stamp("a", 2400, 2400)])
            for _ in range(7):
                assert turn.ledger.heard == far.heard("a")
                await trio.sleep(0.05)

    async def test_is_frozen_once_a_turn_is_over(self):
        far = ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 0.1)
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            channel.interrupt()
            at_once = turn.ledger
            await trio.sleep(5)
            assert turn.ledger == at_once
            assert at_once.sent == at_once.heard + at_once.flushed

    async def test_of_an_interrupted_turn_is_corrected_by_the_far_ends_own_word(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True), report_every=10.0, send_delay=lambda: 0.05)
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            interruption = channel.interrupt()
            assert (interruption.turns[0].heard, interruption.turns[0].evidence) == (4000, "estimated")
            final = await interruption.settled()
            assert (final.turns[0].heard, final.turns[0].lost, final.turns[0].evidence) == (3600, 4400, "exact")
            assert far.heard("a") == 3600
            assert turn.ledger.sent == turn.ledger.heard + turn.ledger.flushed

    async def test_of_an_interrupted_turn_grows_with_a_report_that_was_on_its_way(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True), report_every=10.0, clear_delay=lambda: 0.1)
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            interruption = channel.interrupt()
            far.acknowledge_late(9.0)
            far.signal(Played(4200))
            final = await interruption.settled()
            assert [(r.heard, r.evidence) for r in final.turns] == [(4200, "estimated")]

    async def test_of_a_played_turn_stays_whatever_is_reported_later(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            with channel.turn("a") as turn:
                await utter(turn, say(0.5, "a"))
            played = await channel.wait_event(TurnPlayed)
            far.signal(Played(2000))
            await trio.sleep(0.01)
            assert turn.ledger.heard == played.receipt.heard == 4000

    async def test_of_a_far_end_that_cannot_clear_is_all_that_it_was_given(self):
        far = ScriptedFarEnd(Buffering(lead=1.0, can_clear=False))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            interruption = channel.interrupt()
            assert interruption.turns[0].heard == turn.ledger.sent == 12_080
            await trio.sleep(5)
            assert far.ear.heard_samples() == 12_080


class TestTheEvidence:
    async def interrupted(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            return (await channel.interrupt().settled()).turns[0]

    async def test_is_exact_when_the_source_is_the_ear(self):
        assert (await self.interrupted(ScriptedFarEnd(Buffering(lead=5.0, ear=True)))).evidence == "exact"

    async def test_is_an_estimate_when_the_far_end_says_nothing(self):
        assert (await self.interrupted(ScriptedFarEnd(Buffering(lead=5.0)))).evidence == "estimated"

    async def test_is_exact_when_the_far_end_has_answered_the_clear(self):
        assert (await self.interrupted(ScriptedFarEnd(report_every=0.1))).evidence == "exact"

    async def test_is_an_estimate_when_the_answer_comes_too_late(self):
        assert (await self.interrupted(ScriptedFarEnd(report_every=0.1, report_delay=0.4))).evidence == "estimated"

    async def test_is_exact_when_all_of_a_played_turn_was_reported(self):
        far = ScriptedFarEnd(report_every=0.1)
        async with open_channel(far.source) as channel:
            turn = channel.turn("a")
            with turn:
                await utter(turn, say(0.4, "a"))
            await trio.sleep(0.55)
            assert (turn.receipt.heard, turn.receipt.evidence) == (3200, "exact")

    async def test_is_exact_when_nothing_was_handed_over(self):
        far = ScriptedFarEnd(Buffering(lead=0.02))
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(1.0, "a"))
            push(channel.turn("b"), say(1.0, "b"))
            await trio.sleep(0.1)
            heard_a, heard_b = channel.interrupt().turns
            assert (heard_a.evidence, heard_b.evidence, heard_b.heard) == ("estimated", "exact", 0)

    async def test_of_several_turns_of_one_epoch_is_told_apart_by_their_positions(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True), report_every=10.0)
        async with open_channel(far.source) as channel:
            for item in "abc":
                push(channel.turn(item), say(0.5, item))
            await trio.sleep(0.7)
            final = await channel.interrupt().settled()
            assert [(r.item_id, r.heard, r.lost, r.evidence) for r in final.turns] == [
                ("b", 1600, 2400, "exact"),
                ("c", 0, 4000, "exact"),
            ]


class TestReports:
    async def test_move_the_horizon_to_where_the_far_end_says_it_is(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(2.0, "a"))
            await trio.sleep(1.0)
            far.signal(Played(4000))
            await trio.sleep(0.1)
            assert turn.ledger.heard == 4800

    async def test_of_another_generation_are_counted_and_dropped(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(2.0, "a"))
            await trio.sleep(1.0)
            far.signal(Played(16_000, clears=7))
            await trio.sleep(0.1)
            assert turn.ledger.heard == 8800
            assert channel.statistics().late_reports == 1

    async def test_never_say_more_than_was_handed_over_nor_take_back_what_was_heard(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(2.0, "a"))
            await trio.sleep(1.0)
            far.signal(Played(8000))
            far.signal(Played(20))
            await trio.sleep(0.1)
            assert turn.ledger.heard == 8800
            far.signal(Played(1_000_000))
            await trio.sleep(0.001)
            assert turn.ledger.heard == 16_000

    async def test_after_a_clear_count_from_that_clear(self):
        far = ScriptedFarEnd(report_every=0.1)
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.33)
            await channel.interrupt().settled()
            turn = push(channel.turn("b"), say(1.0, "b"))
            await trio.sleep(0.5)
            assert turn.ledger.heard == pytest.approx(far.heard("b"), abs=1)
            assert far.heard("b") == 4000
            final = await channel.interrupt().settled()
            assert [(r.item_id, r.heard, r.evidence) for r in final.turns] == [("b", far.heard("b"), "exact")]

    async def test_after_an_interruption_that_needed_no_clear_go_on_counting(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True, ear=True), report_every=0.1)
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(0.3, "a"))
            await trio.sleep(0.5)
            channel.interrupt()
            assert far.ear.clears == 0
            turn = push(channel.turn("b"), say(1.0, "b"))
            await trio.sleep(0.55)
            assert far.heard("b") == 4400
            assert turn.ledger.heard == pytest.approx(4400, abs=1)

    async def test_of_what_could_not_be_cleared_do_not_count_for_the_next_turn(self):
        far = ScriptedFarEnd(Buffering(lead=1.0, can_clear=False, reports=True), report_every=0.1)
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            channel.interrupt()
            turn = push(channel.turn("b"), say(1.0, "b"))
            for _ in range(12):
                await trio.sleep(0.123)
                assert turn.ledger.heard == pytest.approx(far.heard("b"), abs=1)
            assert turn.ledger.heard > 0


async def test_events_tell_the_end_of_each_turn_once():
    far = ScriptedFarEnd(Buffering(lead=5.0, ear=True))
    ends: list[tuple[str, str | None, int, int]] = []
    async with open_channel(far.source) as channel:
        channel.on(TurnPlayed, lambda e: ends.append(("played", e.receipt.item_id, e.receipt.heard, e.receipt.lost)))
        channel.on(TurnInterrupted, lambda e: ends.append(("cut", e.receipt.item_id, e.receipt.heard, e.receipt.lost)))
        for item in "ab":
            with channel.turn(item) as turn:
                await utter(turn, say(0.5, item))
        await trio.sleep(0.75)
        channel.interrupt()
        push(channel.turn("c"), say(0.5, "c"))
        await trio.sleep(0.25)
    assert ends == [("played", "a", 4000, 0), ("cut", "b", 2000, 2000), ("cut", "c", 2000, 2000)]


async def test_a_turn_is_told_of_when_it_has_been_heard_though_others_go_on():
    far = ScriptedFarEnd(Paced(lead=0.04, ear=True))
    played: list[tuple[str | None, float]] = []
    async with open_channel(far.source, on={TurnPlayed: lambda e: played.append((e.receipt.item_id, trio.current_time()))}) as channel:
        for item in "abc":
            with channel.turn(item) as turn:
                await utter(turn, say(0.5, item))
        await channel.wait_played()
    assert played == [("a", pytest.approx(0.5, abs=0.006)), ("b", pytest.approx(1.0, abs=0.006)), ("c", pytest.approx(1.5, abs=0.006))]


async def test_the_ear_hears_every_sample_once_and_in_order():
    far = ScriptedFarEnd(Paced(lead=0.02), send_delay=lambda: 0.004)
    witness = Witness(far.source)
    async with open_channel(witness) as channel:
        turn = channel.turn("a")
        with turn:
            for start in range(0, 8000, 250):  # chunks that are no whole number of frames
                await turn.send(stamp("a", start, 250))
        await channel.wait_played()
        await trio.sleep(0.01)
    assert far.heard_indices("a") == list(range(8000))
    assert not witness.complaints


async def test_silence_between_chunks_does_not_hold_their_short_ends_back():
    far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
    async with open_channel(far.source) as channel:
        turn = channel.turn("a")
        for start in range(0, 1250, 250):
            await turn.send(stamp("a", start, 250))
            await trio.sleep(0.2)
            assert far.heard("a") == start + 250


async def test_chunks_go_out_in_whole_frames_while_there_is_more_to_play():
    far = ScriptedFarEnd(Paced(lead=0.02))
    async with open_channel(far.source) as channel:
        with channel.turn("a") as turn:
            push(turn, [stamp("a", start, 250) for start in range(0, 3750, 250)])
        await channel.wait_played()
    assert [frame.num_samples for _, frame in far.ear.handed] == [160] * 23 + [70]
