"""A scripted far end does what a test says, and its ear says what was heard."""

from __future__ import annotations

import pytest
import trio
from trio.testing import assert_checkpoints

from trioaudio import Dtmf, FormatError, Interrupt, TurnInterrupted, TurnReceipt, open_channel
from trioaudio.abc import Buffering, Paced, Played
from trioaudio.audio import PCM16_8K, Frame
from trioaudio.testing import STAMPED, ScriptedFarEnd, count_stamped, indices, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


def all_of(far: ScriptedFarEnd, item: str, seconds: float) -> bool:
    return far.heard_indices(item) == list(range(round(seconds * STAMPED.rate)))


def final(heard: int) -> TurnInterrupted:
    return TurnInterrupted(TurnReceipt("a", heard, 0, "exact", STAMPED.rate), 0, 0)


# ---- what it says


async def test_it_speaks_in_frames_of_20_ms_on_time() -> None:
    far = ScriptedFarEnd()
    far.speak(say(0.1, "x"))
    got: list[tuple[float, int]] = []
    for _ in range(5):
        frame = await far.source.receive()
        assert isinstance(frame, Frame)
        got.append((round(trio.current_time(), 4), frame.media_time))
    assert got == [(0.0, 0), (0.02, 160), (0.04, 320), (0.06, 480), (0.08, 640)]


async def test_an_open_line_carries_silence_between_words() -> None:
    far = ScriptedFarEnd(line_open=True)
    frames: list[Frame] = []
    for number in range(10):
        if number == 5:
            far.speak(say(0.04, "x"))
        frame = await far.source.receive()
        assert isinstance(frame, Frame)
        frames.append(frame)
    assert [count_stamped([frame], "x") for frame in frames] == [0, 0, 0, 0, 0, 160, 160, 0, 0, 0]


async def test_keys_and_wishes_arrive_in_their_order() -> None:
    far = ScriptedFarEnd()
    far.press("1#")
    far.wish_interrupt()
    assert [await far.source.receive() for _ in range(3)] == [Dtmf("1"), Dtmf("#"), Interrupt()]


async def test_receive_is_a_checkpoint_even_when_something_is_there() -> None:
    far = ScriptedFarEnd()
    far.press("1")
    with assert_checkpoints():
        await far.source.receive()


async def test_a_hang_up_ends_receiving_for_good_and_what_was_not_said_is_not_said() -> None:
    far = ScriptedFarEnd(line_open=True)
    far.speak(say(1.0, "x"))
    far.hang_up()
    for _ in range(3):
        with pytest.raises(trio.EndOfChannel):
            await far.source.receive()


async def test_a_failure_breaks_receiving_and_sending_at_once() -> None:
    far = ScriptedFarEnd()
    far.fail()
    with pytest.raises(trio.BrokenResourceError):
        far.source.send_nowait(stamp("a", 0, 160))
    with pytest.raises(trio.BrokenResourceError):
        await far.source.receive()


async def test_a_hang_up_breaks_sending_once_it_has_been_received() -> None:
    far = ScriptedFarEnd()
    far.hang_up()
    far.source.send_nowait(stamp("a", 0, 160))
    with pytest.raises(trio.EndOfChannel):
        await far.source.receive()
    with pytest.raises(trio.BrokenResourceError):
        far.source.send_nowait(stamp("a", 160, 160))
    await trio.sleep(1)
    assert far.heard("a") == 0


async def test_a_failure_wakes_a_writer_that_waits_for_a_stalled_far_end() -> None:
    far = ScriptedFarEnd()
    far.stall()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def write() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await far.source.send(stamp("a", 0, 160))

        await trio.sleep(1)
        far.fail()


# ---- what it hears


async def test_it_hears_each_sample_when_it_sounds() -> None:
    far = ScriptedFarEnd()
    for frame in say(1.0, "a"):
        far.source.send_nowait(frame)
    await trio.sleep(0.25)
    assert far.heard("a") == 2000
    await trio.sleep(1)
    assert all_of(far, "a", 1.0)


async def test_wait_hears_ends_at_the_very_sample() -> None:
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        channel.turn("a").send_nowait(say(2.0, "a", chunk=2.0)[0])
        await far.wait_hears("a", 8000)
        assert far.heard("a") == 8000


async def test_wait_hears_waits_for_audio_that_has_not_come_yet() -> None:
    far = ScriptedFarEnd()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send_in_pieces() -> None:
            for frame in say(0.3, "a"):
                await trio.sleep(1)
                far.source.send_nowait(frame)

        await far.wait_hears("a", 1000)
    assert far.heard("a") >= 1000
    assert trio.current_time() == pytest.approx(3.0, abs=0.03)


async def test_what_is_cleared_is_not_heard() -> None:
    far = ScriptedFarEnd()
    for frame in say(1.0, "a"):
        far.source.send_nowait(frame)
    await trio.sleep(0.25)
    await far.source.clear()
    await trio.sleep(5)
    assert far.heard("a") == 2000


async def test_lost_frames_are_handed_over_and_not_heard() -> None:
    far = ScriptedFarEnd()
    far.lose(2)
    for frame in say(0.5, "a"):
        far.source.send_nowait(frame)
    await trio.sleep(1)
    assert len(far.ear.handed) == 5
    assert far.heard_indices("a")[0] == 1600


async def test_it_recognises_only_stamped_audio() -> None:
    far = ScriptedFarEnd(format=PCM16_8K)
    far.source.send_nowait(Frame(bytes(320), PCM16_8K))
    await trio.sleep(1)
    with pytest.raises(FormatError, match="can only be recognised in pcm16/8000/2"):
        far.heard("a")
    assert far.ear.heard_samples() == 160


async def test_stamps_count_on_past_sixteen_bits() -> None:
    assert list(indices([stamp("a", 0, 70_000)], "a")) == list(range(70_000))


# ---- how it takes things


async def test_a_stalled_far_end_makes_writers_wait() -> None:
    far = ScriptedFarEnd()
    far.stall(2.0)
    with pytest.raises(trio.WouldBlock):
        far.source.send_nowait(stamp("a", 0, 160))
    await far.source.send(stamp("a", 0, 160))
    assert trio.current_time() == 2.0


async def test_it_counts_writes_that_were_cut() -> None:
    far = ScriptedFarEnd(send_delay=lambda: 1.0)
    with trio.move_on_after(0.5):
        await far.source.send(stamp("a", 0, 160))
    assert far.cut_writes == 1


async def test_it_reports_what_it_has_played_since_the_last_clear() -> None:
    far = ScriptedFarEnd(report_every=0.5)
    for frame in say(1.0, "a"):
        far.source.send_nowait(frame)
    assert [await far.source.receive() for _ in range(2)] == [Played(4000), Played(8000)]
    await far.source.clear()
    assert await far.source.receive() == Played(8000, 0, final=True)
    assert await far.source.receive() == Played(0, 1)


async def test_late_acknowledgements_do_not_hold_up_other_events() -> None:
    far = ScriptedFarEnd(report_every=0.5)
    far.acknowledge_late(3.0)
    for frame in say(1.0, "a"):
        far.source.send_nowait(frame)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def press() -> None:
            await trio.sleep(0.7)
            far.press("5")

        assert await far.source.receive() == Dtmf("5")
        assert trio.current_time() == pytest.approx(0.7)
        assert await far.source.receive() == Played(4000)
        assert trio.current_time() == pytest.approx(3.5, abs=0.001)


async def test_an_acknowledgement_that_never_comes_leaves_the_estimate() -> None:
    far = ScriptedFarEnd(report_every=0.1)
    far.acknowledge_late(float("inf"))
    async with open_channel(far.source) as channel:
        channel.turn("a").send_nowait(say(2.0, "a", chunk=2.0)[0])
        await trio.sleep(0.5)
        settled = await channel.interrupt().settled()
        assert settled.turns[0].evidence == "estimated"


# ---- whether it fell silent


async def test_it_fell_silent_when_it_was_cleared_and_nothing_came_after() -> None:
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        channel.turn("a").send_nowait(say(2.0, "a", chunk=2.0)[0])
        await trio.sleep(0.5)
        decided = channel.interrupt().decided_at
        await trio.sleep(3)
        assert far.hears_nothing_after(decided)
        channel.turn("b").send_nowait(stamp("b", 0, 160))
        await far.wait_hears("b")
        assert not far.hears_nothing_after(decided)
        assert far.hears_nothing_after(decided, "a")


async def test_it_did_not_fall_silent_without_a_clear() -> None:
    far = ScriptedFarEnd()
    far.source.send_nowait(stamp("a", 0, 8000))
    await trio.sleep(0.5)
    assert not far.hears_nothing_after(trio.current_time())


async def test_it_did_not_fall_silent_when_something_came_right_after_the_clear() -> None:
    far = ScriptedFarEnd()
    far.source.send_nowait(stamp("a", 0, 8000))
    await trio.sleep(0.5)
    decided = trio.current_time()
    await far.source.clear()
    assert far.hears_nothing_after(decided)
    far.source.send_nowait(stamp("a", 8000, 160))
    assert not far.hears_nothing_after(decided)


async def test_a_write_that_had_begun_belongs_to_before() -> None:
    far = ScriptedFarEnd(send_delay=lambda: 0.3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.source.send, stamp("a", 0, 160))
        await trio.sleep(0.1)
        decided = trio.current_time()
    await far.source.clear()
    assert far.hears_nothing_after(decided)


@pytest.mark.parametrize("plays", [Paced(), Buffering(can_clear=False)])
async def test_a_far_end_that_cannot_clear_plays_what_it_had(plays: Paced | Buffering) -> None:
    far = ScriptedFarEnd(plays)
    far.source.send_nowait(stamp("a", 0, 8000))
    await trio.sleep(0.5)
    decided = trio.current_time()
    assert far.hears_nothing_after(decided)
    await trio.sleep(0.1)
    far.source.send_nowait(stamp("a", 8000, 160))
    assert not far.hears_nothing_after(decided)


def test_an_event_of_an_interruption_says_what_was_heard() -> None:
    event = final(1234)
    assert (event.item_id, event.heard, event.lost) == ("a", 1234, 0)
