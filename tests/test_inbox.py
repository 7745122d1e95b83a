"""The far party's audio waits for its one reader, bounded in milliseconds; the oldest goes first."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioaudio import Audio, AudioDropped, Channel, Limits, Mute, open_channel
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, AudioFormat, Frame
from trioaudio.testing import STAMPED, ScriptedFarEnd, count_stamped, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd()


async def take(channel: Channel, frames: int) -> list[Frame]:
    reader = aiter(channel)
    return [await anext(reader) for _ in range(frames)]


class TestTheReader:
    async def test_hears_every_frame_in_order(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            far.speak(say(1.0, "caller"))
            frames = await take(channel, 50)
        assert [frame.media_time for frame in frames] == list(range(0, 8000, 160))
        assert count_stamped(frames, "caller") == 8000

    async def test_is_one(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            with pytest.raises(trio.BusyResourceError):
                aiter(channel)
            del reader

    async def test_is_named_to_a_second_one(self, far: ScriptedFarEnd):
        async def transcribe(channel: Channel) -> None:
            async for _ in channel:
                pass

        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            nursery.start_soon(transcribe, channel, name="the transcriber")
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError, match=r"'the transcriber'.*subscribe to 'audio'"):
                aiter(channel)
            nursery.cancel_scope.cancel()

    async def test_may_be_followed_by_another(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            far.speak(say(1.0, "caller"))
            first = await take(channel, 10)
            gc.collect()
            second = await take(channel, 10)
        assert [frame.media_time for frame in first + second] == list(range(0, 3200, 160))

    async def test_makes_room_for_another_by_closing(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            far.speak(say(1.0, "caller"))
            (first := aiter(channel)).close()
            assert len(await take(channel, 10)) == 10
            with pytest.raises(trio.ClosedResourceError, match="iterate over the channel again"):
                await anext(first)

    async def test_loses_nothing_when_cancelled(self, far: ScriptedFarEnd):
        frames: list[Frame] = []
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            far.speak(say(1.0, "caller"))
            while len(frames) < 50:
                with trio.move_on_after(0.013):
                    frames.append(await anext(reader))
        assert [frame.media_time for frame in frames] == list(range(0, 8000, 160))


class TestBeforeAnybodyReads:
    async def test_the_last_half_second_is_kept(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            far.speak(say(2.0, "caller"))
            await trio.sleep(3)
            frames = await take(channel, 25)
            assert frames[0].media_time == 16_000 - 4000
            assert sum(frame.duration for frame in frames) == pytest.approx(0.5)
            assert channel.statistics().inbound_dropped_ms == 0

    async def test_nobody_is_told_of_what_goes(self, far: ScriptedFarEnd):
        told: list[AudioDropped] = []
        async with open_channel(far.source, on={AudioDropped: told.append}):
            far.speak(say(2.0, "caller"))
            await trio.sleep(3)
        assert told == []

    async def test_a_single_block_longer_than_that_is_kept_whole(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(preroll=0.1)) as channel:
            far.signal(Frame.silence(8000, STAMPED))
            await trio.sleep(0.1)
            assert (await take(channel, 1))[0].num_samples == 8000


class TestAReaderThatFallsBehind:
    async def test_loses_the_oldest(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            far.speak(say(5.0, "caller"))
            await trio.sleep(6)
            frames = [await anext(reader) for _ in range(100)]
            assert frames[0].media_time == 24_000
            assert frames[-1].media_time == 40_000 - 160
            assert channel.statistics().inbound_dropped_ms == pytest.approx(3000)

    async def test_is_told_once_for_each_occasion(self, far: ScriptedFarEnd):
        told: list[tuple[float, str]] = []
        on = {AudioDropped: lambda event: told.append((round(trio.current_time(), 2), event.direction))}
        async with open_channel(far.source, limits=Limits(inbound=0.5), on=on) as channel:
            reader = aiter(channel)
            far.speak(say(4.0, "caller"))
            await trio.sleep(1.01)
            while channel.statistics().received_ms < 2000:
                await anext(reader)
            await trio.sleep(3)
            del reader
        assert told == [(0.5, "inbound"), (pytest.approx(2.5, abs=0.03), "inbound")]

    async def test_finds_the_bound_of_readers_not_of_preroll(self, far: ScriptedFarEnd):
        async with open_channel(far.source, limits=Limits(preroll=0.1, inbound=1.0)) as channel:
            reader = aiter(channel)
            far.speak(say(1.0, "caller"))
            await trio.sleep(2)
            assert (await anext(reader)).media_time == 0


class TestMute:
    @pytest.mark.parametrize("format", [PCM16_8K, MULAW_8K, ALAW_8K, STAMPED], ids=str)
    async def test_replaces_audio_by_silence_for_everybody(self, format: AudioFormat):
        class Meter:
            def caller_heard(self, frame: Frame, now: float) -> None:
                recorded.append(frame)

            def agent_sent(self, frame: Frame, start: float, epoch: int) -> None: ...

            def agent_cut(self, at: float, epoch: int) -> None: ...

        recorded: list[Frame] = []
        heard: list[Frame] = []
        far = ScriptedFarEnd(format=format)
        async with open_channel(far.source, instruments=[Meter()], on={Audio: lambda event: heard.append(event.frame)}) as channel:
            channel.mute()
            loud = np.full((format.frame_samples, format.num_channels), 9000, np.int16)
            far.speak([Frame.from_samples(loud, format)] * 5)
            read = await take(channel, 5)
            for frame in (*read, *heard, *recorded):
                assert (frame.num_samples, np.abs(frame.pcm).max()) == (160, 8 if format == ALAW_8K else 0)
            assert len(heard) == len(recorded) == 5

    async def test_keeps_the_place_of_what_it_replaces(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            far.speak(say(0.3, "caller"))
            for muted, until in ((False, 0.09), (True, 0.19), (False, 0.5)):
                channel.mute(muted)
                await trio.sleep_until(until)
            frames = [await anext(reader) for _ in range(15)]
        assert [frame.media_time for frame in frames] == list(range(0, 2400, 160))
        assert [count_stamped([frame], "caller") > 0 for frame in frames] == [True] * 5 + [False] * 5 + [True] * 5

    async def test_is_told_when_it_changes(self, far: ScriptedFarEnd):
        told: list[bool] = []
        async with open_channel(far.source, on={Mute: lambda event: told.append(event.muted)}) as channel:
            channel.mute()
            channel.mute(True)
            assert channel.muted
            channel.unmute()
            channel.unmute()
            assert not channel.muted
        assert told == [True, False]
