"""Law 2, fades: where the samples are ours, what is cut short does not click, neither at the stop, nor at a pause, nor when it goes on.

A click is measured at the ear. What is said is band-limited to `BAND`; what the ear heard is passed through a high pass above it, so that
all that is left is what the channel added: the spectrum of a step reaches up there. Its loudest sample, in dB of full scale, is the click.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import trio
from speech import push

from trioaudio import Limits, clips, open_channel
from trioaudio._audiofiles import read_audio
from trioaudio.abc import Buffering, FarEnd, Paced
from trioaudio.audio import AudioFormat, Frame
from trioaudio.testing import ScriptedFarEnd

pytestmark = pytest.mark.usefixtures("virtual_clock")

RATE = 24_000
FORMAT = AudioFormat("pcm16", RATE)
BAND = 3000.0
LOUDEST_CLICK = -50.0
CANNOT_CLEAR = [pytest.param(Paced(ear=True), id="paced"), pytest.param(Buffering(lead=0.5, can_clear=False, ear=True), id="buffers")]
CLEARS = [pytest.param(Paced(can_clear=True, ear=True), id="paced"), pytest.param(Buffering(ear=True), id="buffers")]


def low_pass(cutoff: float) -> npt.NDArray[np.float64]:
    taps = np.sinc(2 * cutoff / RATE * np.arange(-400, 401)) * np.blackman(801)
    return taps / taps.sum()


def speech() -> npt.NDArray[np.float64]:
    sound = read_audio(clips.clip_path("caller"), FORMAT).pcm[:, 0].astype(float)
    sound = np.convolve(np.tile(sound, 3), low_pass(BAND - 400), "same")
    return sound * 16_000 / abs(sound).max()


def sine() -> npt.NDArray[np.float64]:
    return 16_000 * np.sin(2 * np.pi * 440 / RATE * np.arange(6 * RATE))


SOUNDS = [pytest.param(sine, id="sine"), pytest.param(speech, id="speech")]


def said(sound: npt.NDArray[np.float64]) -> Iterator[Frame]:
    """The sound in frames of 100 ms; it begins and ends in silence, so that the only cuts are those of the channel."""
    edge = np.hanning(2 * RATE // 5)
    half = len(edge) // 2
    sound[:half] *= edge[:half]
    sound[-half:] *= edge[half:]
    yield from Frame.from_samples(np.rint(sound).astype(np.int16), FORMAT).split(RATE // 10)


def click(far: ScriptedFarEnd) -> float:
    """What was heard above `BAND`, on the axis of the clock, with silence where nothing was heard; dBFS."""
    end = max(s.end for s in far.ear.schedule)
    heard = np.zeros(math.ceil(end * RATE) + RATE)
    for sounding in far.ear.schedule:
        start = round(sounding.start * RATE)
        heard[start : start + sounding.frame.num_samples] = sounding.frame.pcm[:, 0]
    heard -= np.convolve(heard, low_pass(BAND + 1000), "same")
    return 20 * math.log10(max(abs(heard).max(), 1e-3) / 32_768)


async def heard(
    plays: FarEnd, sound: npt.NDArray[np.float64], fade: float, *, at: float, goes_on: bool = False, cut: bool = False
) -> float:
    """The click when the sound is paused after ``at`` seconds, and goes on or is stopped.

    ``cut``: the far end's own cut is taken out of the measure: it fades by itself, as a browser does.
    """
    far = ScriptedFarEnd(plays, format=FORMAT)
    async with open_channel(far.source, limits=Limits(fade=fade)) as channel:
        push(channel.turn("a"), said(sound)).end()
        await trio.sleep(at)
        if goes_on:
            channel.pause(resume_after=0.5)
            await trio.sleep(0.4)
            if cut:
                far.ear.schedule.clear()
            await channel.wait_played()
        else:
            channel.interrupt()
        await trio.sleep(1.0)
    return click(far)


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("plays", CANNOT_CLEAR)
@pytest.mark.parametrize("at", [1.0, 1.2345, 1.3331])
class TestAFarEndThatCannotClear:
    async def test_hears_no_click_when_it_stops(self, plays: FarEnd, sound, at: float):
        assert await heard(plays, sound(), 0.01, at=at) < LOUDEST_CLICK

    async def test_hears_no_click_at_a_pause_and_when_it_goes_on(self, plays: FarEnd, sound, at: float):
        assert await heard(plays, sound(), 0.01, at=at, goes_on=True) < LOUDEST_CLICK


@pytest.mark.parametrize("plays", CLEARS)
async def test_a_far_end_that_can_clear_hears_no_click_when_it_goes_on(plays: FarEnd):
    for sound in (sine, speech):
        assert await heard(plays, sound(), 0.01, at=1.2345, goes_on=True, cut=True) < LOUDEST_CLICK


@pytest.mark.parametrize("sound", SOUNDS)
async def test_the_measure_hears_a_click(sound):
    for goes_on in (False, True):
        assert await heard(Paced(ear=True), sound(), 0.0, at=1.2345, goes_on=goes_on) > LOUDEST_CLICK


async def test_a_fade_takes_nothing_from_what_is_said():
    """But for 10 ms on either side, what is heard is what was said, sample for sample."""
    far = ScriptedFarEnd(Paced(ear=True), format=FORMAT)
    frames = list(said(sine()))
    async with open_channel(far.source) as channel:
        turn = push(channel.turn("a"), frames)
        turn.end()
        await trio.sleep(1.0)
        channel.pause(resume_after=0.5)
        assert (await turn.wait_played()).lost == 0
        await trio.sleep(0.1)
    whole = np.concatenate([frame.pcm for frame in frames])
    ear = np.concatenate([frame.pcm for frame in far.ear.heard_frames()])
    assert len(ear) == len(whole)
    changed = np.flatnonzero((ear != whole).any(axis=1))
    assert 0 < changed[-1] - changed[0] <= 0.02 * RATE


async def test_audio_that_nobody_pauses_is_not_touched():
    far = ScriptedFarEnd(Paced(ear=True), format=FORMAT)
    frames = list(said(sine()))
    async with open_channel(far.source) as channel:
        push(channel.turn("a"), frames).end()
        await channel.wait_played()
        await trio.sleep(0.1)
    assert b"".join(frame.data for frame in far.ear.heard_frames()) == b"".join(frame.data for frame in frames)


NOTHING_IS_LOADED_LATER = """
import sys, trio
from trioaudio import open_channel
from trioaudio.abc import Source
from trioaudio.audio import MULAW_8K

class Line(Source):
    input_format = output_format = MULAW_8K
    async def receive(self): await trio.sleep_forever()
    async def send(self, frame): await trio.lowlevel.checkpoint()

async def main():
    async with open_channel(Line()) as channel:
        before = set(sys.modules)
        channel.send_audio_nowait(bytes(8000))
        await trio.sleep(0.1)
        channel.interrupt()
        await trio.sleep(0.1)
    print(sorted(name for name in set(sys.modules) - before if name.startswith("numpy")))

trio.run(main)
"""


def test_what_a_fade_needs_is_loaded_when_the_channel_opens_not_while_others_speak() -> None:
    done = subprocess.run([sys.executable, "-c", NOTHING_IS_LOADED_LATER], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
