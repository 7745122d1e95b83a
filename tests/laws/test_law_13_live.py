"""Law 13, live: what streams in real time is heard in real time. It never waits long, and what is dropped for that is silence first."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest
import trio
from speech import push
from witness import Witness

from trioaudio import AudioDropped, Limits, TurnInterruptedError, TurnPlayed, TurnStarted, open_channel
from trioaudio.abc import Buffering, FarEnd, Paced, Source
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, Frame
from trioaudio.sources.memory import memory_pair
from trioaudio.testing import LATE, STAMPED, ScriptedFarEnd, run_virtual, say, stamp

virtual = pytest.mark.usefixtures("virtual_clock")
DELTA = 0.1
STANDING = 0.04 + 0.02
"""Seconds that may always wait: two frames, and what is not yet a whole one too many."""
LONGEST = DELTA + STANDING + 0.04 + 0.007
"""All the delay there is: a delta that has just come, what waits, two frames at the far end; the ticker's grain, and late wake-ups."""


def silence(seconds: float) -> Frame:
    return Frame.silence(round(seconds * STAMPED.rate), STAMPED)


def speech(seconds: float, start: float = 0.0) -> Frame:
    return stamp("line", round(start * STAMPED.rate), round(seconds * STAMPED.rate))


class Ear(Source):
    """Hears two seconds of speech, one of silence, and so on; notes the longest delay. Cheap enough for an hour."""

    input_format = output_format = PCM16_8K
    spoken = Frame(b"\x00\x20" * 800, PCM16_8K)
    silent = Frame.silence(800, PCM16_8K)

    def __init__(self, plays: FarEnd) -> None:
        self.far_end = plays
        self.end = self.longest_delay = 0.0
        self.heard = self.said = 0
        """Samples that are no silence."""

    def send_nowait(self, frame: Frame) -> None:
        self.end = max(self.end, trio.current_time()) + frame.duration
        if frame.data[-1]:
            number = self.heard // 800
            self.heard += frame.num_samples
            self.longest_delay = max(self.longest_delay, self.end - (number // 20 * 30 + number % 20) * self.pace)

    async def receive(self) -> Frame:
        await trio.sleep_forever()
        raise AssertionError

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        self.send_nowait(frame)

    async def clear(self) -> None:
        await trio.lowlevel.checkpoint()

    async def listen(self, seconds: float, ppm: float) -> None:
        """To a model whose clock is so much faster than ours."""
        self.pace = DELTA / (1 + ppm * 1e-6)
        async with open_channel(self) as channel:
            turn = channel.turn(live=True)
            for delta in range(round(seconds / DELTA)):
                await trio.sleep_until(delta * self.pace)
                turn.send_nowait(self.spoken if delta % 30 < 20 else self.silent)
                self.said += 800 * (delta % 30 < 20)
                if delta == 300:
                    self.objects = len(gc.get_objects())
            self.objects = len(gc.get_objects()) - self.objects
            await channel.wait_played()
            self.ledger = turn.ledger


@pytest.mark.parametrize("ppm", [2000, -2000], ids=["fast", "slow"])
@pytest.mark.parametrize("late", [0.0, LATE], ids=["on time", "late wake-ups"])
def test_neither_drifts_nor_cuts_a_word_when_the_clocks_differ(ppm: float, late: float):
    ear = Ear(Paced(lead=0.04))
    run_virtual(ear.listen, 60, ppm, late=late)
    assert ear.longest_delay < LONGEST
    assert ear.heard == ear.said
    assert (ear.ledger.dropped > 0) == (ppm > 0)


@pytest.mark.slow
def test_neither_drifts_nor_grows_over_an_hour():
    ear = Ear(Buffering(lead=1.5))
    run_virtual(ear.listen, 3600, 100, late=LATE)
    assert ear.longest_delay < LONGEST
    assert ear.heard == ear.said
    assert ear.objects < 500


@virtual
async def test_is_given_no_lead_though_the_far_end_would_take_one():
    far = ScriptedFarEnd(Buffering(lead=5.0, ear=True))
    ahead: list[float] = []
    async with open_channel(Witness(far.source, lambda frame: ahead.append(far.ear.end - trio.current_time()))) as channel:
        turn = channel.turn("line", live=True)
        for start in range(20):
            turn.send_nowait(speech(DELTA, start * DELTA))
            await trio.sleep(DELTA)
    assert max(ahead) <= 0.04 + 1e-9
    assert all(frame.num_samples == 160 for _, frame in far.ear.handed)


@virtual
async def test_never_waits_and_is_never_refused():
    far = ScriptedFarEnd(Paced())
    async with open_channel(far.source, limits=Limits(outbound=0.02, max_turn=0.1)) as channel:
        turn = channel.turn("line", live=True)
        before = trio.current_time()
        for start in range(100):
            await turn.send(speech(DELTA, start * DELTA))
        assert trio.current_time() == before
        assert turn.ledger.accepted == 80_000


@virtual
class TestTooMuch:
    async def test_drops_the_oldest_and_says_so_once(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        told: list[AudioDropped] = []
        async with open_channel(far.source, on={AudioDropped: told.append}) as channel:
            turn = channel.turn("line", live=True)
            for start in range(20):
                turn.send_nowait(speech(DELTA, start * DELTA))
            assert (turn.ledger.queued, turn.ledger.dropped) == (3200, 12_800)
            await channel.wait_played()
            assert far.heard_indices("line") == list(range(12_800, 16_000))
        assert [(event.direction, event.milliseconds) for event in told] == [("outbound", 100.0)]

    async def test_drops_silence_before_speech(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source, limits=Limits(live_audio=0.2)) as channel:
            turn = channel.turn("line", live=True)
            for frame in (speech(0.1), silence(0.1), speech(0.1, 0.1)):
                turn.send_nowait(frame)
            assert turn.ledger.dropped == 800
            await channel.wait_played()
        assert far.heard_indices("line") == list(range(1600))

    async def test_that_came_late_and_all_at_once_is_heard_and_made_up_for_in_the_next_pause(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source) as channel:
            turn = channel.turn("line", live=True)
            for start in (0, 1, 2):
                turn.send_nowait(speech(DELTA, start * DELTA))
            for start in range(3, 30):
                turn.send_nowait(speech(DELTA, start * DELTA))
                await trio.sleep(DELTA)
            assert turn.ledger.queued / 8000 >= 0.28
            for _ in range(20):
                turn.send_nowait(silence(DELTA))
                await trio.sleep(DELTA)
            assert turn.ledger.queued / 8000 <= STANDING + 0.02
        assert far.heard_indices("line") == list(range(24_000))

    async def test_is_what_waited_behind_something_else(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source) as channel:
            push(channel.turn("clip"), say(1.0, "clip"))
            turn = channel.turn("line", live=True)
            for start in range(20):
                turn.send_nowait(speech(DELTA, start * DELTA))
                await trio.sleep(DELTA)
            await channel.wait_played()
        assert far.heard("clip") == 8000
        assert far.heard_indices("line")[0] >= 8000 - 3200 - 160
        assert far.heard_indices("line")[-1] == 15_999


@virtual
async def test_a_gap_is_filled_by_nothing_and_nothing_is_made_up_for():
    far = ScriptedFarEnd(Paced(lead=0.02))
    async with open_channel(far.source) as channel:
        turn = channel.turn("line", live=True)
        for gap in (0.1, 1.0, 0.1, 0.1):
            turn.send_nowait(speech(DELTA, turn.ledger.accepted / 8000))
            await trio.sleep(gap)
    times = [when for when, _ in far.ear.handed]
    assert len(times) == 20
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) == pytest.approx(0.92, abs=0.03)
    assert times[-1] - times[-10] == pytest.approx(0.18, abs=0.021)


@virtual
class TestAnInterruption:
    async def test_ends_it_at_once_and_who_has_more_begins_another(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("line", live=True), [speech(0.3)])
            await trio.sleep(0.1)
            interruption = channel.interrupt()
            heard = far.heard("line")
            with pytest.raises(TurnInterruptedError):
                turn.send_nowait(speech(0.1, 0.3))
            push(channel.turn("next", live=True), [stamp("next", 0, 800)])
            await trio.sleep(0.2)
            assert far.heard("line") <= heard + 160
            assert far.heard("next") == 800
            receipt = interruption.turns[0]
            assert (receipt.heard + receipt.lost, turn.ledger.dropped + turn.ledger.sent) == (2400, 2400)
            assert turn.ledger.late == 800

    async def test_ends_its_block_quietly(self):
        async with open_channel(ScriptedFarEnd(Paced()).source) as channel, trio.open_nursery() as nursery:

            async def stream() -> None:
                with channel.turn(live=True) as turn:
                    while True:
                        await turn.send(speech(DELTA))
                        await trio.sleep(DELTA)

            nursery.start_soon(stream)
            await trio.sleep(0.35)
            channel.interrupt()


@virtual
class TestToWaitUntilItIsHeard:
    async def test_waits_for_what_was_accepted_before_and_not_for_more(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source) as channel:
            turn = channel.turn("line", live=True)
            async with trio.open_nursery() as nursery:

                async def stream() -> None:
                    while True:
                        turn.send_nowait(speech(DELTA, turn.ledger.accepted / 8000))
                        await trio.sleep(DELTA)

                nursery.start_soon(stream)
                await trio.sleep(1.05)
                accepted = turn.ledger.accepted
                await turn.wait_played()
                assert accepted <= far.heard("line") <= accepted + 320
                nursery.cancel_scope.cancel()

    async def test_ends_though_silence_after_it_was_dropped_first(self):
        far = ScriptedFarEnd(Paced(lead=0.02, ear=True))
        async with open_channel(far.source, limits=Limits(live_audio=0.2)) as channel:
            turn = push(channel.turn("line", live=True), [speech(0.2)])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(turn.wait_played)
                await trio.sleep(0.01)
                push(turn, [silence(0.3)])
                assert turn.ledger.dropped >= 1600
            assert far.heard("line") == 1600


@virtual
async def test_never_ends_by_itself_and_ends_as_any_other_when_it_is_told_to():
    told: list[str] = []
    on = {TurnStarted: lambda event: told.append(event.name), TurnPlayed: lambda event: told.append(event.name)}
    async with open_channel(ScriptedFarEnd(Paced(ear=True)).source, on=on) as channel:
        turn = push(channel.turn("line", live=True), [speech(DELTA)])
        await trio.sleep(60)
        assert (turn.ended, told, channel.current_turn) == (False, ["turn_started"], turn)
        turn.end()
        await trio.sleep(0.1)
        assert told == ["turn_started", "turn_played"]


@virtual
async def test_is_converted_on_its_way():
    source, far_end = memory_pair(MULAW_8K)
    tone = Frame.from_samples((np.sin(np.arange(2400) / 10) * 8000).astype(np.int16), PCM16_24K)
    async with open_channel(source) as channel:
        turn = channel.turn(live=True, format=PCM16_24K)
        for _ in range(10):
            turn.send_nowait(tone)
            await trio.sleep(DELTA)
        turn.end()
        await channel.wait_played()
        heard = 0
        while heard < 7990:
            frame = await far_end.hear()
            assert frame.format == MULAW_8K
            heard += frame.num_samples
        assert turn.ledger.sent == 24_000


@virtual
async def test_a_pause_holds_it_and_what_is_too_much_meanwhile_is_dropped():
    far = ScriptedFarEnd(Buffering(lead=1.0, ear=True))
    async with open_channel(far.source) as channel:
        turn = channel.turn("line", live=True)
        for start in range(30):
            turn.send_nowait(speech(DELTA, start * DELTA))
            if start == 5:
                pause = channel.pause(resume_after=60)
                silent_from = far.heard("line")
            if start == 20:
                assert far.heard("line") == silent_from
                pause.reject()
            await trio.sleep(DELTA)
        await channel.wait_played()
        indices = far.heard_indices("line")
        assert indices == sorted(set(indices))
        assert turn.ledger.dropped > 8000
        assert indices[-1] == 23_999
