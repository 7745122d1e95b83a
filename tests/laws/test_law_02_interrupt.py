"""Law 2, interrupt: when it has returned, nothing more is handed over; speaking ends at the last sample heard, not the last one pushed.

Each situation is measured at the ear: what was handed over since, what was heard in the end, and what the receipts say of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from speech import babble, push, utter
from trio.testing import wait_all_tasks_blocked
from witness import Auditor, Witness

from trioaudio import (
    Channel,
    Dtmf,
    Fault,
    Interruption,
    Limits,
    Turn,
    TurnInterrupted,
    TurnInterruptedError,
    TurnPlayed,
    TurnStarted,
    open_channel,
)
from trioaudio.abc import Buffering, Paced
from trioaudio.testing import STAMPED, ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


class Line:
    """A channel, the far end that hears it, and what is to hold when it was interrupted."""

    def __init__(self, far: ScriptedFarEnd) -> None:
        self.far = far
        self.witness = Witness(far.source)
        self.auditor = Auditor()
        self.channel: Channel
        self.handed_by_then = 0
        self.interruption = Interruption()

    def turn(self, item: str) -> Turn:
        return self.auditor.watch(self.channel.turn(item))

    def interrupt(self) -> Interruption:
        self.interruption = self.channel.interrupt()
        self.handed_by_then = len(self.witness.handed)
        return self.interruption

    async def check(self) -> None:
        """Nothing was handed over since, and the ear heard what the receipts say."""
        assert len(self.witness.handed) == self.handed_by_then
        await trio.sleep_until(max(self.far.ear.end, trio.current_time()) + 1)
        assert len(self.witness.handed) == self.handed_by_then
        for receipt in (await self.interruption.settled()).turns:
            assert receipt.heard == self.far.heard(receipt.item_id)


@asynccontextmanager
async def open_line(far: ScriptedFarEnd | None = None, **options: object) -> AsyncIterator[Line]:
    line = Line(far or ScriptedFarEnd(Buffering(lead=5.0, ear=True)))
    trio.lowlevel.add_instrument(line.auditor)
    async with open_channel(line.witness, **options) as line.channel:
        line.auditor.channel = line.channel
        yield line
    trio.lowlevel.remove_instrument(line.auditor)
    assert not line.auditor.findings
    assert not line.witness.complaints
    assert line.far.cut_writes == 0


class TestASituation:
    async def test_while_the_far_end_has_five_seconds_in_its_buffer(self):
        async with open_line() as line:
            push(line.turn("a"), say(10.0, "a"))
            await trio.sleep(1.2)
            assert line.far.ear.end >= 5.0
            assert [(r.heard, r.lost) for r in line.interrupt().turns] == [(9600, 70_400)]
            await line.check()
            assert line.far.ear.clears == 1

    async def test_while_a_producer_is_blocked(self):
        woken: list[tuple[float, type[BaseException]]] = []

        async def producer(turn: Turn) -> None:
            try:
                await utter(turn, say(60.0, "a"))
            except TurnInterruptedError as error:
                woken.append((trio.current_time(), type(error)))

        async with open_line(limits=Limits(outbound=0.2)) as line, trio.open_nursery() as nursery:
            nursery.start_soon(producer, line.turn("a"))
            await trio.sleep(1.0)
            line.interrupt()
            await wait_all_tasks_blocked()
            assert woken == [(1.0, TurnInterruptedError)]
            await line.check()

    async def test_while_many_producers_are_blocked(self):
        woken: list[float] = []

        async def producer(line: Line) -> None:
            with pytest.raises(TurnInterruptedError):
                await babble(line.channel)
            woken.append(trio.current_time())

        async with open_line(limits=Limits(outbound=0.1)) as line, trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(producer, line)
            await trio.sleep(1.0)
            line.interrupt()
            await wait_all_tasks_blocked()
            assert woken == [1.0] * 5

    async def test_long_after_generation_has_finished(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(4.0, "a"))
            await trio.sleep(3.5)
            assert (turn.ended, turn.ledger.queued) == (True, 0)
            assert [(r.heard, r.lost) for r in line.interrupt().turns] == [(28_000, 4000)]
            await line.check()

    async def test_twice_in_a_row(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            first, second = line.interrupt(), line.interrupt()
            assert (bool(first), bool(second), second.turns) == (True, False, ())
            line.interruption = first
            await line.check()
            assert line.far.ear.clears == 1

    async def test_twice_while_the_far_end_is_still_clearing(self):
        async with open_line(ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 0.3)) as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            line.interrupt()
            await trio.sleep(0.1)
            push(line.turn("b"), say(1.0, "b"))
            await trio.sleep(0.1)
            assert [(r.item_id, r.heard, r.lost) for r in line.interrupt().turns] == [("b", 0, 8000)]
            await trio.sleep(3)
            assert (line.far.heard("b"), line.far.ear.clears) == (0, 1)

    async def test_before_the_first_frame(self):
        async with open_line() as line:
            turn = line.turn("a")
            assert not line.interrupt()
            assert turn.interrupted
            with pytest.raises(TurnInterruptedError, match="the turn a was interrupted"):
                await turn.send(stamp("a", 0, 160))
            await line.check()
            assert line.far.ear.clears == 0

    async def test_in_the_same_step_in_which_the_first_frame_was_accepted(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            assert [(r.heard, r.lost) for r in line.interrupt().turns] == [(0, 32_000)]
            await line.check()
            assert (line.handed_by_then, line.far.ear.clears) == (0, 0)

    async def test_while_a_frame_is_on_its_way_to_a_waiting_playback(self):
        """The playback task has been woken with the frame, but has not run yet."""
        async with open_line() as line:
            await wait_all_tasks_blocked()
            push(line.turn("a"), [stamp("a", 0, 160)])
            assert line.interrupt().turns[0].lost == 160
            await line.check()
            assert line.handed_by_then == 0

    async def test_at_the_last_sample(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(0.5, "a"))
            await trio.sleep(0.5 - 1 / STAMPED.rate)
            assert [(r.heard, r.lost) for r in line.interrupt().turns] == [(3999, 1)]
            await line.check()

    async def test_just_after_the_last_sample(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(0.5, "a"))
            await trio.sleep(0.5)
            assert not line.interrupt()
            assert (turn.interrupted, turn.ledger.heard) == (False, 4000)
            assert line.far.ear.clears == 0

    async def test_between_turns(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(0.5, "a"))
            await trio.sleep(0.9)
            assert line.interrupt().turns == ()
            push(line.turn("b"), say(0.5, "b"))
            await line.channel.wait_played()
            await trio.sleep(0.01)
            assert line.far.heard("b") == 4000

    async def test_before_anything_was_ever_said(self):
        async with open_line() as line:
            interruption = line.interrupt()
            assert (bool(interruption), interruption.turns, interruption.last_sent_at) == (False, (), None)
            assert await interruption.settled() == interruption

    @pytest.mark.parametrize("event", [TurnStarted, TurnPlayed, TurnInterrupted, Dtmf], ids=lambda event: event.__name__)
    async def test_from_a_listener(self, event: type):
        async with open_line() as line:
            line.channel.once(event, lambda _: line.interrupt())
            with line.turn("a") as turn:
                push(turn, say(0.3, "a"))
            push(line.turn("b"), say(0.5, "b"))
            await trio.sleep(0.1)
            if event is Dtmf:
                line.far.press("1")
            if event is TurnInterrupted:
                line.channel.interrupt()
            await trio.sleep(0.4)
            await line.check()

    async def test_from_the_listener_that_is_told_of_the_start_of_the_turn(self):
        """The event comes before the door: not one sample leaves."""
        async with open_line() as line:
            line.channel.on(TurnStarted, lambda _: line.interrupt())
            push(line.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            assert line.interruption.turns[0].lost == 8000
            await line.check()
            assert line.handed_by_then == 0

    async def test_from_an_async_listener(self):
        async with open_line() as line:

            async def interrupt_later(_: Dtmf) -> None:
                await trio.sleep(0.1)
                line.interrupt()

            line.channel.on(Dtmf, interrupt_later)
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.far.press("1")
            await trio.sleep(0.2)
            assert line.interruption.turns[0].heard == 4800
            await line.check()

    async def test_from_a_task_that_is_being_cancelled(self):
        async def fussy(line: Line) -> None:
            try:
                await trio.sleep_forever()
            finally:
                line.interrupt()

        async with open_line() as line, trio.open_nursery() as nursery:
            push(line.turn("a"), say(3.0, "a"))
            nursery.start_soon(fussy, line)
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        assert line.interruption.turns[0].heard == 4000
        assert line.far.heard("a") == 4000

    async def test_from_the_body_of_a_turn_that_is_being_cancelled(self):
        async with open_line() as line:
            with trio.move_on_after(0.5), line.turn("a") as turn:
                try:
                    push(turn, say(3.0, "a"))
                    await trio.sleep_forever()
                finally:
                    line.interrupt()
            assert line.interruption.turns[0].heard == 4000
            await line.check()

    @pytest.mark.parametrize("how", ["close", "leave", "aclose"])
    async def test_in_the_same_instant_as_close(self, how: str):
        """The flush must not be lost: both the epoch's scope and the channel end at once."""
        async with open_line() as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            if how == "close":
                line.channel.close()
            if how == "aclose":
                await line.channel.aclose()
        await line.check()
        assert line.far.ear.clears == 1
        assert line.far.heard("a") == 4000

    async def test_in_the_same_instant_as_a_cancelled_block(self):
        line = Line(ScriptedFarEnd(Buffering(lead=5.0, ear=True)))
        with trio.CancelScope() as scope:
            async with open_channel(line.witness) as line.channel:
                push(line.channel.turn("a"), say(3.0, "a"))
                await trio.sleep(0.5)
                line.interrupt()
                scope.cancel()
                await trio.sleep_forever()
        await line.check()
        assert line.far.ear.clears == 1

    async def test_close_alone_flushes_too(self):
        async with open_line() as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
        assert line.far.ear.clears == 1
        await trio.sleep(5)
        assert line.far.heard("a") == 4000

    async def test_while_a_write_is_in_progress(self):
        """That frame counts as before; it arrives whole, and then the far end is cleared."""
        async with open_line(ScriptedFarEnd(Paced(lead=0.1, can_clear=True), send_delay=lambda: 0.05)) as line:
            turn = push(line.turn("a"), say(1.0, "a"))
            await trio.sleep(0.32)
            line.interrupt()
            assert turn.ledger.sent == 7 * 160
            await trio.sleep(2)
            assert len(line.witness.handed) == line.handed_by_then == len(line.far.ear.handed) == 7
            assert line.far.ear.clear_times == [0.35]

    async def test_of_a_far_end_that_cannot_clear(self):
        async with open_line(ScriptedFarEnd(Paced(lead=0.04, ear=True)), limits=Limits(fade=0)) as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            assert line.interrupt().turns[0].heard == 4320
            await line.check()
            assert line.far.ear.clears == 0

    async def test_of_a_far_end_that_cannot_clear_closes_with_a_fade_that_counts_as_sent(self):
        async with open_line(ScriptedFarEnd(Paced(lead=0.04, ear=True))) as line:
            turn = push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            assert line.interrupt().turns[0].heard == turn.ledger.sent == 4320 + 80
            await trio.sleep(1.0)
            assert line.far.ear.heard_samples() == 4400
            assert len(line.witness.handed) == line.handed_by_then + 1
            assert abs(line.far.ear.heard_frames()[-1].pcm[-1]).max() < 20

    async def test_in_the_first_step_of_the_channel(self):
        line = Line(ScriptedFarEnd(Buffering(lead=5.0, ear=True)))
        async with open_channel(line.witness) as line.channel:
            push(line.channel.turn("a"), say(3.0, "a"))
            line.interrupt()
            push(line.channel.turn("b"), say(0.5, "b"))
            await line.channel.wait_played()
            await trio.sleep(0.01)
        assert (line.far.heard("a"), line.far.heard("b")) == (0, 4000)


class TestTheReceipts:
    async def test_tell_what_was_heard_and_lost_of_each_turn(self):
        async with open_line() as line:
            for item in "abc":
                with line.turn(item) as turn:
                    push(turn, say(0.5, item))
            await trio.sleep(0.75)
            interruption = line.interrupt()
            assert [(r.item_id, r.heard_ms, r.lost_ms) for r in interruption.turns] == [("b", 250.0, 250.0), ("c", 0.0, 500.0)]
            await line.check()

    async def test_tell_when_it_was_decided_and_when_audio_was_last_sent(self):
        async with open_line() as line:
            push(line.turn("a"), say(0.5, "a"))
            await trio.sleep(0.25)
            interruption = line.interrupt()
            assert (interruption.decided_at, interruption.last_sent_at) == (0.25, 0.0)

    async def test_of_a_turn_that_was_heard_in_full_make_nothing_of_it(self):
        async with open_line() as line:
            turn = push(line.turn("a"), say(0.5, "a"))
            await trio.sleep(0.9)
            interruption = line.interrupt()
            assert turn.interrupted
            assert not interruption

    async def test_are_frozen(self):
        async with open_line() as line:
            push(line.turn("a"), say(0.5, "a"))
            with pytest.raises(AttributeError):
                line.interrupt().turns = ()


class TestTheFinalFigure:
    async def test_follows_as_an_event_when_the_far_end_has_cleared(self):
        events: list[TurnInterrupted] = []
        far = ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 0.1)
        async with open_line(far, on={TurnInterrupted: events.append}) as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            assert events == []
            await trio.sleep(1)
            assert [(e.receipt.item_id, e.decided_at, e.flushed_at) for e in events] == [("a", 0.5, pytest.approx(0.6))]

    async def test_waits_for_the_far_ends_answer(self):
        far = ScriptedFarEnd(report_every=0.1, report_delay=0.2)
        async with open_line(far) as line:
            line.auditor.reports = True
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            await line.interruption.settled()
            assert trio.current_time() == pytest.approx(0.7)
            await line.check()

    async def test_waits_for_it_also_when_all_seems_to_have_been_heard(self):
        far = ScriptedFarEnd(Buffering(lead=5.0, reports=True), report_every=100.0, send_delay=lambda: 0.1)
        async with open_line(far) as line:
            line.auditor.reports = True
            push(line.turn("a"), say(0.5, "a", chunk=0.5))
            await trio.sleep(0.55)
            assert not line.interrupt()
            final = await line.interruption.settled()
            assert [(r.heard, r.evidence) for r in final.turns] == [(line.far.heard("a"), "exact")]
            assert final

    async def test_waits_no_longer_than_the_settle_timeout(self):
        far = ScriptedFarEnd(report_every=0.1)
        async with open_line(far) as line:
            line.auditor.reports = True
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            far.acknowledge_late(10.0)
            line.interrupt()
            final = await line.interruption.settled()
            assert (trio.current_time(), final.turns[0].evidence) == (pytest.approx(0.75), "estimated")

    async def test_waits_for_the_answer_also_when_the_channel_closes(self):
        events: list[TurnInterrupted] = []
        far = ScriptedFarEnd(report_every=0.1, report_delay=0.1)
        async with open_channel(far.source, on={TurnInterrupted: events.append}) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
        assert trio.current_time() == pytest.approx(0.6)
        assert [(e.receipt.heard, e.receipt.evidence) for e in events] == [(far.heard("a"), "exact")]

    async def test_comes_at_once_for_what_was_never_handed_over(self):
        async with open_line(ScriptedFarEnd(report_every=0.1)) as line:
            push(line.turn("a"), say(3.0, "a"))
            line.interrupt()
            await line.interruption.settled()
            assert trio.current_time() == 0

    async def test_comes_also_when_the_clear_fails(self):
        far = ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 100.0)
        async with open_line(far) as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            final = await line.interruption.settled()
            assert trio.current_time() == pytest.approx(1.5)
            assert final.turns == line.interruption.turns


class TestWhatIsSaidNext:
    async def test_is_heard_from_its_first_sample(self):
        async with open_line() as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            turn = push(line.turn("b"), say(0.5, "b"))
            turn.end()
            receipt = await turn.wait_played()
            await trio.sleep(0.01)
            assert (receipt.heard, receipt.lost) == (4000, 0)
            assert line.far.heard_indices("b") == list(range(4000))

    async def test_is_handed_over_only_after_the_clear(self):
        async with open_line(ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 0.2)) as line:
            push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            line.interrupt()
            push(line.turn("b"), say(0.5, "b"))
            await trio.sleep(1)
            first = next(when for when, frame in line.witness.handed if frame.media_time == 0 and when > 0)
            assert first == line.far.ear.clear_times[0] == pytest.approx(0.7)
            assert line.far.heard("b") > 0

    @pytest.mark.parametrize("can_clear", [True, False])
    async def test_does_not_fill_the_far_end_past_the_lead(self, can_clear: bool):
        far = ScriptedFarEnd(Buffering(lead=1.0, can_clear=can_clear, ear=True))
        async with open_line(far) as line:
            for item in "abcde":
                push(line.turn(item), say(3.0, item))
                await trio.sleep(0.3)
                line.interrupt()
                assert far.ear.end - trio.current_time() <= 1.4


class TestASlip:
    """Mistakes that a first draft makes."""

    async def test_of_a_step_in_the_same_tick_hands_nothing_over(self):
        """One channel's listener interrupts others whose steps are due in the same tick of the shared timekeeper."""
        channels: list[Channel] = []
        faults: list[object] = []

        def interrupt_all(_: TurnStarted) -> None:
            for channel in channels:
                channel.interrupt()
                handed[channel] = len(witnesses[channel].handed)

        witnesses: dict[Channel, Witness] = {}
        handed: dict[Channel, int] = {}

        async def call(number: int) -> None:
            witness = Witness(ScriptedFarEnd(Paced(lead=0.02, can_clear=True, ear=True)).source)
            async with open_channel(witness) as channel:
                witnesses[channel] = witness
                channel.on(Fault, faults.append)
                channels.append(channel)
                push(channel.turn(f"a{number}"), say(1.0, "a"))
                if number == 3:
                    await trio.sleep(0.3)
                    push(channel.turn("b"), say(1.0, "b"))
                    channel.once(TurnStarted, interrupt_all)
                await trio.sleep(2.0)
                assert len(witness.handed) == handed[channel]
                await channel.send_audio(stamp("c", 0, 160))  # it lives

        async with trio.open_nursery() as nursery:
            for number in range(7):
                nursery.start_soon(call, number)
        assert faults == []

    async def test_of_the_cancelled_task_does_not_take_the_frame_that_was_given_to_it(self):
        async with open_line() as line:
            for number in range(50):
                await trio.sleep(0.001)
                push(line.turn(f"a{number}"), [stamp(f"a{number}", 0, 160)])
                line.interrupt()
            await line.check()
            assert line.handed_by_then == 0


@pytest.mark.parametrize("leave", [lambda channel: channel.interrupt(), lambda channel: channel.close()], ids=["interrupt", "close"])
class TestTheBlockOfATurn:
    async def test_ends_quietly_while_it_waits_for_room(self, leave: Callable[[Channel], object]):
        async with open_line(limits=Limits(outbound=0.1)) as line, trio.open_nursery() as nursery:
            ended: list[float] = []

            async def produce() -> None:
                with line.turn("a") as turn:
                    await utter(turn, say(60.0, "a"))
                ended.append(trio.current_time())

            nursery.start_soon(produce)
            await trio.sleep(0.5)
            leave(line.channel)
            await wait_all_tasks_blocked()
            assert ended == [0.5]

    async def test_ends_quietly_while_it_waits_for_speech_synthesis(self, leave: Callable[[Channel], object]):
        async with open_line() as line, trio.open_nursery() as nursery:
            ended: list[bool] = []

            async def produce() -> None:
                with line.turn("a") as turn:
                    await turn.send(stamp("a", 0, 800))
                    await trio.sleep_forever()
                ended.append(turn.interrupted)

            nursery.start_soon(produce)
            await trio.sleep(0.05)
            leave(line.channel)
            await wait_all_tasks_blocked()
            assert ended == [True]

    async def test_ends_quietly_also_when_it_had_just_been_given_room(self, leave: Callable[[Channel], object]):
        """Another channel's step comes after ours in the same tick, before the producer that we gave room to has run."""
        far = ScriptedFarEnd(Paced(lead=0.02, can_clear=True))
        async with open_line(far, limits=Limits(outbound=0.02)) as line, trio.open_nursery() as nursery:
            ended: list[float] = []

            async def produce() -> None:
                with line.turn("a") as turn:
                    await utter(turn, say(60.0, "a", chunk=0.02))
                ended.append(trio.current_time())

            nursery.start_soon(produce)
            await wait_all_tasks_blocked()
            async with open_channel(ScriptedFarEnd(Paced(lead=0.02)).source) as other:
                push(other.turn("first"), say(0.1, "first"))
                push(other.turn("second"), say(0.1, "second"))
                await wait_all_tasks_blocked()
                other.on(TurnStarted, lambda _: leave(line.channel))
                await trio.sleep(0.5)
            assert ended == [pytest.approx(0.08, abs=0.006)]


async def test_an_implicit_turn_that_was_interrupted_is_followed_by_a_new_one():
    async with open_line() as line:
        await line.channel.send_audio(stamp("a", 0, 8000))
        await trio.sleep(0.5)
        assert line.interrupt().turns[0].heard == 4000
        await line.channel.send_audio(stamp("b", 0, 4000))
        await line.channel.wait_played()
        await trio.sleep(0.01)
        assert (line.far.heard("a"), line.far.heard("b")) == (4000, 4000)
