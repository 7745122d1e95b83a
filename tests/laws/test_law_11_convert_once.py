"""Law 11: convert once, or not at all. When both sides speak the same encoding, the payload passes through undecoded."""

from __future__ import annotations

import numpy as np
import pytest
import trio

from trioaudio import Audio, open_channel
from trioaudio.abc import Buffering
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Converter, Frame
from trioaudio.testing import ScriptedFarEnd

pytestmark = pytest.mark.usefixtures("virtual_clock")
FORMATS = [MULAW_8K, ALAW_8K, PCM16_8K, PCM16_24K]


def tone(format: AudioFormat, seconds: float = 0.2) -> Frame:
    time = np.arange(round(seconds * format.rate)) / format.rate
    return Frame.from_samples((9000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16), format)


@pytest.mark.parametrize("format", FORMATS, ids=str)
class TestTheSameFormat:
    async def test_passes_outbound_as_the_very_frames_that_were_sent(self, format: AudioFormat):
        far = ScriptedFarEnd(Buffering(lead=1.0), format=format)
        frames = tone(format).split(format.frame_samples)
        async with open_channel(far.source) as channel:
            with channel.turn("a", format=format) as turn:
                for frame in frames:
                    await turn.send(frame)
            await channel.wait_played()
        assert [id(frame) for _, frame in far.ear.handed] == [id(frame) for frame in frames]

    async def test_passes_inbound_as_the_very_frames_that_came(self, format: AudioFormat):
        far = ScriptedFarEnd(format=format)
        frame = tone(format, 0.02)
        heard: list[Frame] = []
        async with open_channel(far.source, on={Audio: lambda event: heard.append(event.frame)}) as channel:
            reader = aiter(channel)
            far.speak(frame)
            read = await anext(reader)
        assert read is heard[0]
        assert read.data == frame.data

    async def test_passes_base64_text_on_without_looking_at_its_samples(self, format: AudioFormat):
        far = ScriptedFarEnd(Buffering(lead=1.0), format=format)
        frame = tone(format, 0.02)
        async with open_channel(far.source) as channel:
            await channel.send_audio(frame.base64)
            await channel.wait_played()
        (_, heard) = far.ear.handed[0]
        assert (heard.base64, heard.num_samples) == (frame.base64, frame.num_samples)


@pytest.mark.parametrize("target", FORMATS, ids=str)
@pytest.mark.parametrize("source", FORMATS, ids=str)
async def test_a_turn_in_another_format_is_converted_as_one_stream_in_one_step(source: AudioFormat, target: AudioFormat):
    far = ScriptedFarEnd(Buffering(lead=1.0), format=target)
    said = tone(source)
    async with open_channel(far.source) as channel:
        with channel.turn("a", format=source) as turn:
            for piece in said.split(source.frame_samples):
                await turn.send(piece)
        receipt = await turn.wait_played()
        await trio.sleep(0.1)
    converter = Converter(source, target)
    whole = [converter.convert(said), converter.flush()]
    assert b"".join(frame.data for _, frame in far.ear.handed) == b"".join(frame.data for frame in whole if frame)
    assert (receipt.heard, receipt.lost) == (said.num_samples, 0)


async def test_the_end_of_a_converted_turn_is_heard_too():
    """A resampler holds a little back; the end of the turn lets it out."""
    far = ScriptedFarEnd(Buffering(lead=1.0, ear=True), format=PCM16_24K)
    async with open_channel(far.source) as channel:
        with channel.turn("a", format=PCM16_8K) as turn:
            await turn.send(tone(PCM16_8K, 0.2))
        await turn.wait_played()
        await trio.sleep(0.1)
    assert far.ear.heard_samples() == pytest.approx(4800, abs=100)
    assert far.ear.heard_samples() >= 4800


async def test_a_format_that_cannot_be_made_is_refused_and_ends_nobodys_turn():
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        turn = channel.turn("a")
        with pytest.raises(ValueError, match=r"pcm16/44101.*pcm16/8000"):
            channel.turn("b", format=AudioFormat("pcm16", 44_101))
        assert not turn.ended


async def test_bytes_text_and_arrays_mean_the_channels_format():
    far = ScriptedFarEnd(Buffering(lead=1.0), format=PCM16_8K)
    said = tone(PCM16_8K, 0.02)
    async with open_channel(far.source) as channel:
        for audio in (said, said.data, bytearray(said.data), memoryview(said.data), said.base64, said.pcm, said.pcm[:, 0]):
            await channel.send_audio(audio)
        await channel.wait_played()
    assert [frame.data for _, frame in far.ear.handed] == [said.data] * 7


async def test_bytes_text_and_arrays_mean_the_turns_format():
    far = ScriptedFarEnd(Buffering(lead=1.0), format=MULAW_8K)
    said = tone(PCM16_8K, 0.02)
    async with open_channel(far.source) as channel:
        with channel.turn("a", format=PCM16_8K) as turn:
            for audio in (said, said.data, said.base64, said.pcm):
                await turn.send(audio)
        await channel.wait_played()
    assert [frame.data for _, frame in far.ear.handed] == [tone(MULAW_8K, 0.02).data] * 4


async def test_half_a_sample_is_refused():
    far = ScriptedFarEnd(format=PCM16_8K)
    async with open_channel(far.source) as channel:
        with pytest.raises(ValueError, match="no whole number of samples"):
            await channel.send_audio(b"odd")
