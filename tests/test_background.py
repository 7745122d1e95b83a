"""Something sounds under the agent and in its silence: no interruption stops it, and no ledger counts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trio
from speech import push
from witness import Auditor, Witness

from trioaudio import AudioFileError, CapabilityError, FormatError, TurnPlayed, open_channel
from trioaudio._audiofiles import read_audio
from trioaudio.abc import Buffering, FarEnd, Paced
from trioaudio.audio import PCM16_8K, PCM16_24K, Frame
from trioaudio.clips import clip_path, tone
from trioaudio.testing import STAMPED, Script, ScriptedFarEnd, open_call, say

pytestmark = pytest.mark.usefixtures("virtual_clock")

CANNOT_CLEAR = Paced(ear=True)
CAN_CLEAR = Paced(can_clear=True, ear=True)
BOTH = [pytest.param(CANNOT_CLEAR, id="cannot clear"), pytest.param(CAN_CLEAR, id="can clear")]
HUM, VOICE = 1000, 5000
OFFICE = Frame.from_samples(np.full(4000, HUM, np.int16), PCM16_8K)


def voice(seconds: float, level: int = VOICE) -> list[Frame]:
    return Frame.from_samples(np.full(round(seconds * 8000), level, np.int16), PCM16_8K).split(800)


def heard(far: ScriptedFarEnd, start: float, stop: float) -> np.ndarray:
    """What the ear heard between two times, sample for sample; silence where there was nothing."""
    axis = np.zeros(round(stop * 8000) + 8000, np.int32)
    for sounding in far.ear.schedule:
        first = round(sounding.start * 8000)
        if first < len(axis):
            piece = sounding.frame.pcm[: len(axis) - first, 0]
            axis[first : first + len(piece)] += piece
    return axis[round(start * 8000) : round(stop * 8000)]


@pytest.mark.parametrize("plays", BOTH)
class TestItSounds:
    async def test_in_the_silence_without_a_gap(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(60.0)
        assert set(heard(far, 0.1, 59.9)) == {HUM}

    async def test_under_what_is_said(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0)
            push(channel.turn("a"), voice(1.0)).end()
            await channel.wait_played()
            await trio.sleep(1.0)
        both = heard(far, 0.1, 2.5)
        assert set(both) == {HUM, HUM + VOICE}
        assert np.count_nonzero(both == HUM + VOICE) == 8000

    async def test_and_is_clipped_where_both_are_too_loud(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            push(channel.turn("a"), voice(1.0, 32_500)).end()
            await channel.wait_played()
        assert heard(far, 0.5, 0.6).min() == 32_767

    async def test_on_through_an_interruption(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            turn = push(channel.turn("a"), voice(9.0))
            await trio.sleep(1.0)
            channel.interrupt()
            await trio.sleep(1.0)
            assert turn.ledger.heard == np.count_nonzero(heard(far, 0.0, 2.0) > HUM)
        assert heard(far, 0.1, 2.0).min() == HUM

    async def test_on_without_a_jump_where_the_far_end_forgets_some_of_it(self, plays: FarEnd):
        wave = 8000 * np.sin(np.arange(80_000) * 2 * np.pi / 800)
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(Frame.from_samples(np.rint(wave).astype(np.int16), PCM16_8K))
            push(channel.turn("a"), voice(9.0, 0))
            await trio.sleep(1.003)
            channel.interrupt()
            await trio.sleep(1.0)
        assert abs(np.diff(heard(far, 0.1, 1.9))).max() < 70

    async def test_on_in_time_however_often_nothing_is_interrupted(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            for _ in range(50):
                channel.turn("a")
                channel.interrupt()
                await trio.sleep(0.001)
            assert far.ear.end - trio.current_time() < 0.1

    async def test_on_through_a_pause(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            push(channel.turn("a"), voice(2.0)).end()
            await trio.sleep(1.0)
            channel.pause(resume_after=1.0)
            await channel.wait_played()
        assert heard(far, 0.1, 2.9).min() == HUM
        assert set(heard(far, 1.1, 1.9)) == {HUM}

    async def test_until_it_is_told_to_stop_softly(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0)
            await channel.background(None)
            await trio.sleep(1.0)
            push(channel.turn("a"), voice(1.0)).end()
            await channel.wait_played()
            sound = heard(far, 0.0, 1.5)
            assert not heard(far, 1.2, 1.9).any()
            assert abs(np.diff(sound)).max() < HUM / 10
            assert set(heard(far, 2.0, 2.9)) == {VOICE}

    async def test_on_under_another_one(self, plays: FarEnd):
        far = ScriptedFarEnd(plays, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0)
            await channel.background(OFFICE, gain=-20.0)
            await trio.sleep(1.0)
        assert abs(np.diff(heard(far, 0.5, 1.5))).max() < HUM / 10
        assert set(heard(far, 1.1, 1.9)) == {HUM // 10}


class TestTheBooks:
    @pytest.mark.parametrize("plays", [CANNOT_CLEAR, CAN_CLEAR, Paced(can_clear=True, reports=True)])
    async def test_count_only_the_agents_samples(self, plays: FarEnd):
        """Silence as a background: so the ear still knows every sample."""
        far = ScriptedFarEnd(plays, report_every=0.1 if plays.reports else None)
        auditor, played = Auditor(reports=plays.reports), []
        trio.lowlevel.add_instrument(auditor)
        async with open_channel(Witness(far.source), on={TurnPlayed: lambda event: played.append(trio.current_time())}) as channel:
            auditor.channel = channel
            await channel.background(Frame.silence(800, STAMPED))
            await trio.sleep(0.511)
            for item in "ab":
                turn = auditor.watch(push(channel.turn(item), say(1.0, item)))
                turn.end()
                receipt = await turn.wait_played()
                assert (receipt.heard, receipt.lost) == (8000, 0)
                assert far.heard(item) == 8000
                await trio.sleep(0.3)
            push(auditor.watch(channel.turn("c")), say(1.0, "c"))
            await trio.sleep(0.6)
            final = await channel.interrupt().settled()
            await trio.sleep(1.0)
            assert abs(final.turns[0].heard - far.heard("c") - (80 if not plays.can_clear else 0)) <= 1
            assert channel.statistics().accepted_ms == 3000
        trio.lowlevel.remove_instrument(auditor)
        assert not auditor.findings
        assert played[1] - played[0] == pytest.approx(1.3, abs=0.06)

    async def test_audio_without_a_turn_still_ends_by_itself(self):
        far, played = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K), []
        async with open_channel(far.source, on={TurnPlayed: played.append}) as channel:
            await channel.background(OFFICE)
            for frame in voice(0.5):
                await channel.send_audio(frame)
            await trio.sleep(1.5)
            assert len(played) == 1

    async def test_a_recording_has_what_was_heard(self, tmp_path: Path):
        far = ScriptedFarEnd(CAN_CLEAR, format=PCM16_8K)
        async with open_channel(far.source, record=tmp_path / "call.wav") as channel:
            await channel.background(OFFICE)
            push(channel.turn("a"), voice(9.0))
            await trio.sleep(1.0)
            channel.interrupt()
            await trio.sleep(1.0)
        agent = read_audio(tmp_path / "call.wav").pcm[:, 1]
        assert set(agent[800:7900]) == {HUM + VOICE}
        assert set(agent[8100:15_900]) == {HUM}

    async def test_an_orderly_end_does_not_wait_for_it(self):
        far = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0)
            await channel.hang_up()
            assert trio.current_time() < 1.1

    async def test_what_begins_in_the_silence_is_heard_almost_at_once(self):
        far = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0071)
            push(channel.turn("a"), voice(1.0)).end()
            await channel.wait_played()
        sound = heard(far, 0.0, 2.0)
        assert np.flatnonzero(sound > HUM)[0] / 8000 <= 1.0071 + 0.045

    async def test_a_far_end_that_takes_its_time_gets_it_all_the_same(self):
        far = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K, send_delay=lambda: 0.004)
        async with open_channel(far.source) as channel:
            await channel.background(OFFICE)
            await trio.sleep(1.0)
            push(channel.turn("a"), voice(1.0)).end()
            await channel.wait_played()
            channel.pause(resume_after=0.5)
            await trio.sleep(1.0)
        assert far.cut_writes == 0
        assert heard(far, 0.1, 2.9).min() == HUM


class TestRefused:
    async def test_a_far_end_that_buffers(self):
        async with open_channel(ScriptedFarEnd(Buffering(ear=True), format=PCM16_8K).source) as channel:
            with pytest.raises(CapabilityError, match="only a paced far end can have a background"):
                await channel.background(OFFICE)

    async def test_a_frame_in_another_format(self):
        async with open_channel(ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K).source) as channel:
            with pytest.raises(FormatError, match="pcm16/24000"):
                await channel.background(tone(1.0, PCM16_24K))

    async def test_a_file_that_is_not_there(self, tmp_path: Path):
        async with open_channel(ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K).source) as channel:
            with pytest.raises(AudioFileError, match="does not exist"):
                await channel.background(tmp_path / "office.wav")


async def test_a_file_of_any_rate_will_do():
    far = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K)
    async with open_channel(far.source) as channel:
        await channel.background(clip_path("caller"), gain=-6.0)
        await trio.sleep(20.0)
    assert abs(heard(far, 1.0, 2.0)).max() > 500
    assert abs(heard(far, 11.0, 18.0)).max() > 500


async def test_a_session_hands_it_to_its_channel():
    caller = ScriptedFarEnd(CANNOT_CLEAR, format=PCM16_8K)
    async with open_call(Script(formats=(PCM16_8K,)), caller=caller) as (_, session):
        await session.background(OFFICE)
        await trio.sleep(1.0)
    assert set(heard(caller, 0.1, 0.9)) == {HUM}
