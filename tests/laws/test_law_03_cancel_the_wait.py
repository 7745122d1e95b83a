"""Law 3, cancel the wait, never the write: a frame goes to the far end whole, or the source is broken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trio
from speech import push, utter
from witness import Witness

from trioaudio import Channel, Limits, Timeouts, open_channel
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Converter, Frame
from trioaudio.testing import ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.mark.parametrize("stop", [Channel.interrupt, Channel.close], ids=["interrupt", "close"])
async def test_a_write_in_progress_is_finished(stop: Callable[[Channel], object]):
    far = ScriptedFarEnd(send_delay=lambda: 0.5)
    async with open_channel(far.source) as channel:
        push(channel.turn("a"), say(1.0, "a"))
        await trio.sleep(0.2)
        stop(channel)
        await trio.sleep(0.2)
        assert far.ear.handed == []
    assert [when for when, _ in far.ear.handed] == [0.5]
    assert far.cut_writes == 0


async def test_a_write_in_progress_is_finished_when_the_block_is_cancelled():
    far = ScriptedFarEnd(send_delay=lambda: 0.5)
    with trio.move_on_after(0.2):
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep_forever()
    assert [when for when, _ in far.ear.handed] == [0.5]
    assert far.cut_writes == 0


async def test_the_clear_comes_after_the_write_not_into_it():
    far = ScriptedFarEnd(Buffering(lead=5.0), send_delay=lambda: 0.3)
    witness = Witness(far.source)
    async with open_channel(witness) as channel:
        push(channel.turn("a"), say(3.0, "a", chunk=0.4))
        await trio.sleep(0.4)
        channel.interrupt()
        await trio.sleep(1)
    assert far.ear.clear_times == [pytest.approx(0.6)]
    assert not witness.complaints


async def test_a_write_that_never_ends_breaks_the_channel_not_the_frame():
    far = ScriptedFarEnd()
    async with open_channel(far.source, timeouts=Timeouts(write=3.0)) as channel:
        far.stall()
        push(channel.turn("a"), say(1.0, "a"))
        reason = await channel.wait_closed()
        assert trio.current_time() == pytest.approx(3.0)
        assert reason.kind == "broken"
        assert "did not take a frame in time" in str(reason.error)
        with pytest.raises(trio.BrokenResourceError, match="did not take a frame"):
            await channel.send_audio(stamp("b", 0, 160))
    assert far.cut_writes == 1


async def test_a_clear_that_never_ends_breaks_the_channel():
    far = ScriptedFarEnd(Buffering(lead=5.0), clear_delay=lambda: 1e9)
    async with open_channel(far.source) as channel:
        push(channel.turn("a"), say(1.0, "a"))
        await trio.sleep(0.5)
        channel.interrupt()
        reason = await channel.wait_closed()
        assert trio.current_time() == pytest.approx(1.5)
        assert (reason.kind, "did not clear in time" in str(reason.error)) == ("broken", True)


async def test_a_frame_that_would_block_is_not_lost_and_not_sent_twice():
    blocked = iter([0.0, 0.01, 0.01, 0.0, 0.003] * 100)
    far = ScriptedFarEnd(Paced(lead=0.04), send_delay=lambda: next(blocked))
    async with open_channel(far.source) as channel:
        with channel.turn("a") as turn:
            await utter(turn, say(1.0, "a"))
        await channel.wait_played()
        await trio.sleep(0.05)
    assert far.heard_indices("a") == list(range(8000))


@pytest.mark.parametrize("format", [PCM16_8K, PCM16_16K, PCM16_24K], ids=str)
@pytest.mark.parametrize("send_delay", [0.0, 0.003], ids=["instant", "blocking"])
async def test_a_frame_that_would_block_is_converted_once(format: AudioFormat, send_delay: float):
    """A converter is a stream: what it is shown twice, it says twice."""
    far = ScriptedFarEnd(Paced(lead=0.04), format=PCM16_8K, send_delay=lambda: send_delay)
    said = np.random.default_rng(1).integers(-9000, 9000, format.rate, np.int16)
    async with open_channel(far.source) as channel:
        with channel.turn("a", format=format) as turn:
            await turn.send(said)
        await channel.wait_played()
    converter = Converter(format, PCM16_8K)
    whole = [converter.convert(Frame.from_samples(said, format)), converter.flush()]
    assert b"".join(frame.data for _, frame in far.ear.handed) == b"".join(frame.data for frame in whole if frame)


async def test_a_cancelled_producer_has_sent_all_of_a_frame_or_nothing():
    far = ScriptedFarEnd(Paced(lead=0.02))
    async with open_channel(far.source, limits=Limits(outbound=0.1)) as channel:
        turn = channel.turn("a")
        frames = say(10.0, "a", chunk=0.05)
        for number in range(40):
            with trio.move_on_after(0.013 * (number % 5)):
                while frames:
                    await turn.send(frames[0])
                    frames.pop(0)
        assert turn.ledger.accepted == 80_000 - sum(frame.num_samples for frame in frames)
        assert turn.ledger.accepted > 0


async def test_a_cancelled_producer_passes_its_place_on():
    """Room that was made for one who was cancelled meanwhile goes to the next."""
    far = ScriptedFarEnd(Paced(lead=0.02))
    async with open_channel(far.source, limits=Limits(outbound=0.02)) as channel, trio.open_nursery() as nursery:
        turn = push(channel.turn("a"), say(0.3, "a"))
        for start in range(20):

            async def produce(start: int = start) -> None:
                with trio.move_on_after(0.31 + start * 0.005 if start % 3 else 100):
                    await turn.send(stamp("a", start, 160))

            nursery.start_soon(produce)
        with trio.fail_after(5):
            while nursery.child_tasks:  # noqa: ASYNC110 - tasks do not tell when they end
                await trio.sleep(0.01)
