"""Law 12, pause: an interruption that can be taken back. While nobody has decided nothing is lost; it goes on at the sample the ear is at.

Each situation is measured at the ear, which knows every sample; ledgers are audited after every step of every task.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from speech import push, utter
from trio.testing import wait_all_tasks_blocked
from witness import Auditor, Witness

from trioaudio import (
    Channel,
    Interruption,
    Limits,
    Pause,
    Turn,
    TurnInterrupted,
    TurnPaused,
    TurnPlayed,
    TurnResumed,
    TurnStarted,
    open_channel,
)
from trioaudio._audiofiles import read_audio
from trioaudio.abc import Buffering, FarEnd, Paced
from trioaudio.audio import AudioFormat, Frame
from trioaudio.testing import ScriptedFarEnd, run_virtual, say

pytestmark = pytest.mark.usefixtures("virtual_clock")

BUFFERS = Buffering(lead=5.0, ear=True)
PACED = Paced(lead=0.04, can_clear=True, ear=True)
CANNOT_CLEAR = Paced(lead=0.04, can_clear=False, ear=True)
EXACT = Limits(fade=0)
"""No sample is changed, so that the ear knows every one."""
CLEARING = [pytest.param(BUFFERS, id="buffers"), pytest.param(PACED, id="paced")]
ALL = [*CLEARING, pytest.param(CANNOT_CLEAR, id="cannot clear")]


class Line:
    """A channel, its far end, and who watches both."""

    def __init__(self, far: ScriptedFarEnd, reports: bool) -> None:
        self.far = far
        self.witness = Witness(far.source)
        self.auditor = Auditor(reports=reports)
        self.channel: Channel
        self.told: list[tuple[str, str | None, int]] = []

    def turn(self, item: str, **options: object) -> Turn:
        return self.auditor.watch(self.channel.turn(item, **options))

    def tell(self, event: TurnPaused | TurnResumed | TurnPlayed | TurnInterrupted) -> None:
        self.told.append((event.name, event.receipt.item_id, event.receipt.heard))

    def hears(self, item: str) -> list[int]:
        """Which samples were heard, as the runs that follow on from one another: ``[start, stop, start, stop ...]``."""
        heard = np.array(self.far.heard_indices(item))
        breaks = np.flatnonzero(np.diff(heard) != 1)
        return [int(x) for run in np.split(heard, breaks + 1) if len(run) for x in (run[0], run[-1] + 1)]


@asynccontextmanager
async def open_line(plays: FarEnd = BUFFERS, *, limits: Limits = EXACT, **options: object) -> AsyncIterator[Line]:
    far = ScriptedFarEnd(plays if "report_every" not in options else replace(plays, ear=False, reports=True), **options)
    line = Line(far, "report_every" in options)
    trio.lowlevel.add_instrument(line.auditor)
    on = dict.fromkeys((TurnPaused, TurnResumed, TurnPlayed, TurnInterrupted), line.tell)
    async with open_channel(line.witness, on=on, limits=limits) as line.channel:
        line.auditor.channel = line.channel
        yield line
    trio.lowlevel.remove_instrument(line.auditor)
    assert not line.auditor.findings
    assert not line.witness.complaints
    assert far.cut_writes == 0


class TestPaused:
    @pytest.mark.parametrize("plays", ALL)
    async def test_nothing_is_handed_over_and_the_ear_hears_no_more_than_a_lead(self, plays: FarEnd):
        async with open_line(plays) as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            line.channel.pause(resume_after=math.inf)
            handed = len(line.witness.handed)
            await trio.sleep(3.0)
            assert len(line.witness.handed) == handed
            assert line.far.heard("a") == 8000 + (0 if plays.can_clear else 320)

    @pytest.mark.parametrize("plays", CLEARING)
    async def test_what_was_handed_over_and_not_heard_is_queued_again(self, plays: FarEnd):
        async with open_line(plays) as line:
            turn = push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            assert turn.ledger.sent > 8000
            line.channel.pause(resume_after=1.0)
            assert (turn.ledger.sent, turn.ledger.heard, turn.ledger.queued) == (8000, 8000, 24_000)

    async def test_a_turn_lives_on_and_accepts_audio(self):
        async with open_line() as line:
            turn = push(line.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            line.channel.pause(resume_after=1.0)
            push(turn, say(2.0, "a")[10:])
            assert (turn.interrupted, turn.ended, turn.ledger.accepted) == (False, False, 16_000)
            await turn.wait_played()
            assert line.hears("a") == [0, 16_000]

    async def test_a_blocked_producer_is_not_woken(self):
        async with open_line(limits=Limits(outbound=0.2, fade=0)) as line, trio.open_nursery() as nursery:
            turn = line.turn("a")
            nursery.start_soon(utter, turn, say(20.0, "a"))
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=math.inf)
            accepted = turn.ledger.accepted
            await trio.sleep(5.0)
            assert turn.ledger.accepted == accepted
            pause.reject()
            await trio.sleep(1.0)
            assert turn.ledger.accepted > accepted
            line.channel.interrupt()
            nursery.cancel_scope.cancel()

    async def test_the_block_of_a_turn_goes_on(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(1.0, "a"))
                await trio.sleep(0.5)
                line.channel.pause(resume_after=0.5)
                await trio.sleep(1.0)
                push(turn, say(2.0, "a")[10:])
            await line.channel.wait_played()
            assert line.hears("a") == [0, 16_000]

    async def test_a_turn_that_was_about_to_begin_stays_behind_what_was_taken_back(self):
        async with open_line() as line:
            line.channel.once(TurnStarted, lambda _: line.channel.once(TurnStarted, lambda _: line.channel.pause(resume_after=0.5)))
            for item in "ab":
                push(line.turn(item), say(1.0, item)).end()
            await line.channel.wait_played()
            assert (line.hears("a"), line.hears("b")) == ([0, 8000], [0, 8000])
            said = np.concatenate([frame.pcm[:, 0] for frame in line.far.ear.heard_frames()])
            assert (np.diff(said) != 0).sum() == 1

    async def test_a_turn_begun_meanwhile_waits_behind(self):
        async with open_line() as line:
            with line.turn("a") as turn:
                push(turn, say(2.0, "a"))
            await trio.sleep(0.5)
            pause = line.channel.pause(resume_after=math.inf)
            with line.turn("b") as turn:
                push(turn, say(1.0, "b"))
            await trio.sleep(1.0)
            assert line.far.heard("b") == 0
            pause.reject()
            await line.channel.wait_played()
            await wait_all_tasks_blocked()
            assert (line.hears("a"), line.hears("b")) == ([0, 16_000], [0, 8000])
            assert [told[:2] for told in line.told] == [
                ("turn_paused", "a"),
                ("turn_resumed", "a"),
                ("turn_played", "a"),
                ("turn_played", "b"),
            ]

    async def test_a_turn_that_had_not_begun_is_held_back_without_a_word(self):
        async with open_line() as line:
            pause = line.channel.pause(resume_after=0.5)
            push(line.turn("a"), say(1.0, "a")).end()
            await line.channel.wait_played()
            assert (pause.turns, pause.outcome, line.hears("a")) == ((), "rejected", [0, 8000])
            assert trio.current_time() == pytest.approx(1.5)
            await wait_all_tasks_blocked()
            assert [told[0] for told in line.told] == ["turn_played"]

    async def test_a_second_pause_is_the_first(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            first = line.channel.pause(resume_after=0.5)
            await trio.sleep(0.3)
            assert line.channel.pause(resume_after=100.0) is first
            await trio.sleep(0.3)
            assert (first.outcome, line.told) == ("rejected", [("turn_paused", "a", 8000), ("turn_resumed", "a", 8000)])
            assert line.far.ear.clears == 1

    async def test_a_recording_has_silence_where_nothing_was_heard(self, tmp_path: Path):
        async with open_channel(ScriptedFarEnd(BUFFERS).source, record=tmp_path / "call.wav") as channel:
            push(channel.turn("a"), say(3.0, "a")).end()
            await trio.sleep(1.0)
            channel.pause(resume_after=8.0)
            await channel.wait_played()
        agent = read_audio(tmp_path / "call.wav").pcm[:, 1]
        assert len(agent) == pytest.approx(11 * 8000, abs=100)
        assert agent[:7990].all()
        assert not agent[8010:71_990].any()
        assert agent[72_010:87_990].all()

    async def test_a_pause_of_minus_a_second_is_refused(self):
        async with open_line() as line:
            with pytest.raises(ValueError, match=r"resume_after=-1 s is negative"):
                line.channel.pause(resume_after=-1)


class TestRejected:
    @pytest.mark.parametrize("plays", ALL)
    async def test_nothing_is_heard_twice_or_skipped(self, plays: FarEnd):
        async with open_line(plays) as line:
            with line.turn("a") as turn:
                push(turn, say(4.0, "a"))
            await trio.sleep(1.0123)
            pause = line.channel.pause(resume_after=math.inf)
            await trio.sleep(0.7)
            pause.reject()
            receipt = await turn.wait_played()
            assert (receipt.heard, receipt.lost, line.hears("a")) == (32_000, 0, [0, 32_000])

    async def test_the_deadline_rejects_by_itself(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a")).end()
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=0.5)
            await line.channel.wait_played()
            assert (pause.outcome, line.hears("a")) == ("rejected", [0, 32_000])
            assert trio.current_time() == pytest.approx(4.5)

    async def test_a_rejected_pause_cannot_be_confirmed(self):
        async with open_line() as line:
            push(line.turn("a"), say(2.0, "a")).end()
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=9.0)
            pause.reject()
            pause.reject()
            assert pause.confirm() == Interruption((), pause.paused_at)
            await line.channel.wait_played()
            assert (pause.outcome, line.hears("a")) == ("rejected", [0, 16_000])

    async def test_an_interruption_in_the_same_step_is_one(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=9.0)
            await trio.sleep(0.1)
            pause.reject()
            assert [(r.heard, r.lost) for r in line.channel.interrupt().turns] == [(8000, 24_000)]
            await trio.sleep(1.0)
            assert (line.far.heard("a"), [told[0] for told in line.told]) == (8000, ["turn_paused", "turn_interrupted"])

    async def test_again_and_again(self):
        async with open_line(PACED) as line:
            push(line.turn("a"), say(2.0, "a")).end()
            for _ in range(50):
                await trio.sleep(0.0137)
                line.channel.pause(resume_after=0.011)
                await trio.sleep(0.0119)
            await line.channel.wait_played()
            assert line.hears("a") == [0, 16_000]

    async def test_a_paced_far_end_gets_whole_frames_again(self):
        async with open_line(PACED) as line:
            push(line.turn("a"), say(1.0, "a")).end()
            await trio.sleep(0.213)
            line.channel.pause(resume_after=0.1)
            await line.channel.wait_played()
            lengths = [frame.num_samples for _, frame in line.witness.handed]
            assert set(lengths[:-1]) == {160}

    async def test_a_converter_does_not_hear_a_sample_twice(self):
        """16 kHz for a far end of 8 kHz: what the ear hears with a pause is what it hears without."""
        tone = (8000 * np.sin(np.arange(32_000) * 0.1)).astype(np.int16)
        heard = []
        for paused in (False, True):
            async with open_line(PACED, format=AudioFormat("pcm16", 8000)) as line:
                turn = line.turn("a", format=AudioFormat("pcm16", 16_000))
                push(turn, [Frame.from_samples(tone, turn.format)]).end()
                for _ in range(3):
                    await trio.sleep(0.2117)
                    if paused:
                        line.channel.pause(resume_after=0.3)
                        await trio.sleep(0.4)
                receipt = await turn.wait_played()
                assert receipt.heard == 32_000
                await trio.sleep(0.1)
                heard.append(b"".join(frame.data for frame in line.far.ear.heard_frames()))
        assert heard[0] == heard[1]

    async def test_wait_played_waits_for_what_was_taken_back(self):
        async with open_line() as line, trio.open_nursery() as nursery:
            played: list[float] = []

            async def wait() -> None:
                await line.channel.wait_played()
                played.append(trio.current_time())

            push(line.turn("a"), say(2.0, "a"))
            nursery.start_soon(wait)
            await trio.sleep(1.5)
            line.channel.pause(resume_after=10.0)
            await trio.sleep(9.0)
            assert not played
            await trio.sleep(3.0)
            assert played == [pytest.approx(12.0)]

    async def test_an_orderly_hang_up_does_not_wait_for_a_decision(self):
        async with open_line() as line:
            push(line.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            line.channel.pause(resume_after=math.inf)
            await line.channel.hang_up()
            assert line.hears("a") == [0, 8000]


class TestTheFarEndsLastWord:
    async def test_it_goes_on_from_the_sample_that_the_far_end_reports(self):
        """A slow network: it heard 50 ms less than was reckoned."""
        async with open_line(report_every=0.5, report_delay=0.1, send_delay=lambda: 0.07) as line:
            push(line.turn("a"), say(3.0, "a")).end()
            await trio.sleep(0.4)
            pause = line.channel.pause(resume_after=0.0)
            reckoned = pause.turns[0].heard
            await line.channel.wait_played()
            assert len(line.told) > 1
            resumed = line.told[1]
            assert resumed[:2] == ("turn_resumed", "a")
            assert resumed[2] < reckoned
            await trio.sleep(1.0)
            assert line.hears("a") == [0, 24_000]

    async def test_a_clear_that_takes_its_time_is_made_up_for(self):
        async with open_line(report_every=0.5, clear_delay=lambda: 0.2) as line:
            push(line.turn("a"), say(3.0, "a")).end()
            await trio.sleep(1.0)
            line.channel.pause(resume_after=0.0)
            await line.channel.wait_played()
            assert line.told[1] == ("turn_resumed", "a", 9600)
            await trio.sleep(1.0)
            assert line.hears("a") == [0, 24_000]

    async def test_it_is_not_waited_for_without_end(self):
        async with open_line(report_every=0.5, report_delay=math.inf) as line:
            push(line.turn("a"), say(3.0, "a")).end()
            await trio.sleep(1.0)
            line.channel.pause(resume_after=0.0)
            await trio.sleep(0.24)
            assert len(line.told) == 1
            await trio.sleep(0.02)
            assert line.told[1:] == [("turn_resumed", "a", 8000)]

    async def test_it_still_corrects_a_pause_that_was_confirmed(self):
        async with open_line(report_every=9.0, report_delay=0.1, clear_delay=lambda: 0.05) as line:
            turn = push(line.turn("a"), say(3.0, "a"))
            await trio.sleep(1.0)
            interruption = line.channel.pause(resume_after=9.0).confirm()
            assert [(r.heard, r.evidence) for r in interruption.turns] == [(8000, "estimated")]
            assert [(r.heard, r.evidence) for r in (await interruption.settled()).turns] == [(8400, "exact")]
            assert turn.ledger.heard == line.far.heard("a") == 8400


class TestConfirmed:
    @pytest.mark.parametrize("plays", ALL)
    @pytest.mark.parametrize("how", ["confirm", "interrupt"])
    async def test_it_is_the_interruption_it_would_have_been(self, plays: FarEnd, how: str):
        async with open_line(plays) as line:
            turn = push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=9.0)
            await trio.sleep(0.5)
            interruption = pause.confirm() if how == "confirm" else line.channel.interrupt()
            heard = 8000 if plays.can_clear else 8320
            assert [(r.heard, r.lost) for r in interruption.turns] == [(heard, 32_000 - heard)]
            assert (pause.outcome, pause.confirm(), bool(line.channel.interrupt())) == ("confirmed", interruption, False)
            await trio.sleep(5.0)
            assert (turn.ledger.heard, line.far.heard("a")) == (heard, heard)
            assert [told[0] for told in line.told] == ["turn_paused", "turn_interrupted"]
            assert line.channel.statistics().interruptions == 1

    async def test_in_the_same_step(self):
        async with open_line() as line:
            turn = push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            line.channel.pause(resume_after=9.0).confirm()
            assert turn.interrupted
            await trio.sleep(1.0)
            assert (line.far.heard("a"), line.far.ear.clears) == (8000, 1)

    @pytest.mark.parametrize("seed", range(8))
    def test_in_the_instant_of_its_deadline(self, seed: int):
        """Tasks that are due in one instant run in any order."""

        async def call() -> None:
            async with open_line() as line:
                push(line.turn("a"), say(4.0, "a"))
                await trio.sleep(1.0)
                pause = line.channel.pause(resume_after=0.5)
                await trio.sleep(0.5)
                assert pause.confirm() or line.channel.interrupt()
                await trio.sleep(3)
                assert line.far.heard("a") == 8000

        run_virtual(call, seed=seed)

    async def test_a_far_end_that_cannot_clear_gets_one_fade_and_not_another(self):
        async with open_line(CANNOT_CLEAR, limits=Limits()) as line:
            turn = push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            line.channel.pause(resume_after=9.0).confirm()
            assert turn.ledger.sent == 8000 + 320 + 80

    async def test_turns_begun_meanwhile_are_interrupted_too(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=0.5)
            push(line.turn("b"), say(4.0, "b"))
            assert [(r.item_id, r.heard, r.lost) for r in pause.confirm().turns] == [("a", 8000, 24_000), ("b", 0, 32_000)]

    async def test_the_next_turn_is_played_at_once(self):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            line.channel.pause(resume_after=math.inf).confirm()
            push(line.turn("b"), say(1.0, "b")).end()
            await line.channel.wait_played()
            assert (line.far.heard("b"), trio.current_time()) == (8000, pytest.approx(2.0))

    @pytest.mark.parametrize("end", ["close", "hang up"])
    async def test_the_end_of_the_call_is_an_interruption(self, end: str):
        async with open_line() as line:
            push(line.turn("a"), say(4.0, "a"))
            await trio.sleep(1.0)
            pause = line.channel.pause(resume_after=9.0)
            await trio.sleep(0.1)
            line.channel.close() if end == "close" else line.far.hang_up()
            await line.channel.wait_closed()
            assert pause.outcome == "confirmed"
            assert line.told == [("turn_paused", "a", 8000), ("turn_interrupted", "a", 8000)]

    async def test_after_the_end_of_the_call_there_is_nothing_to_pause(self):
        async with open_line() as line:
            line.channel.close()
            pause = line.channel.pause(resume_after=9.0)
            assert (pause.outcome, pause.turns, pause.confirm().turns) == ("confirmed", (), ())


WHAT_HAPPENS = st.sampled_from(["wait", "wait", "pause", "confirm", "reject", "interrupt", "push", "push", "turn", "end"])


@settings(max_examples=60, deadline=None)
@given(
    plays=st.sampled_from([BUFFERS, PACED, CANNOT_CLEAR, Buffering(lead=0.3, can_clear=False, ear=True)]),
    steps=st.lists(st.tuples(WHAT_HAPPENS, st.floats(0.0, 0.3)), max_size=40),
    seed=st.integers(0, 1000),
)
def test_whatever_happens_during_it_the_ear_agrees_with_the_books(plays: FarEnd, steps: list[tuple[str, float]], seed: int):
    async def call() -> None:
        async with open_line(plays) as line:
            turns: list[tuple[str, Turn]] = []
            said: dict[str, int] = {}
            pause: Pause | None = None
            for what, seconds in steps:
                if what == "wait":
                    await trio.sleep(seconds)
                elif what == "pause":
                    pause = line.channel.pause(resume_after=seconds)
                elif what == "interrupt":
                    line.channel.interrupt()
                elif what == "turn":
                    turns.append((name := f"turn {len(turns)}", line.turn(f"turn {len(turns)}")))
                    said[name] = 0
                elif what == "end" and turns:
                    turns[-1][1].end()
                elif what == "push" and turns and not turns[-1][1].ended:
                    name, turn = turns[-1]
                    frames = say(2.0, name)[said[name] : said[name] + 3]
                    said[name] += 3
                    push(turn, frames)
                elif pause is not None:
                    pause.confirm() if what == "confirm" else pause.reject()
            for _, turn in turns:
                turn.end()
            await line.channel.wait_played()
            await trio.sleep(1.0)
            for name, turn in turns:
                heard = line.far.heard(name)
                assert turn.ledger.heard == heard
                assert line.hears(name) == ([0, heard] if heard else [])
            assert sum(told[0] in ("turn_played", "turn_interrupted") for told in line.told) >= sum(t.ledger.accepted > 0 for _, t in turns)

    run_virtual(call, seed=seed)
