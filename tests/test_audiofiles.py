"""Audio files are read in any format, or refused with one clear line; WAV files are valid after every write."""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trioaudio import AudioFileError, FormatError, MissingExtraError
from trioaudio._audiofiles import WavWriter, check_writable, file_format, read_audio
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from trioaudio.clips import tone

Pcm: TypeAlias = npt.NDArray[np.int16]


def ramp(samples: int, num_channels: int = 1) -> Pcm:
    """Samples that are all different from their neighbours, on all channels."""
    return ((np.arange(samples * num_channels) * 7_919) % 60_000 - 30_000).astype(np.int16).reshape(-1, num_channels)


def wav_bytes(pcm: Pcm, rate: int = 8_000) -> bytes:
    """A WAV file as the standard library writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(pcm.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


def noted(whole: bytes) -> bytes:
    """A WAV file with a note of five letters before the audio; chunks are padded to an even length."""
    note = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    return whole[:4] + struct.pack("<I", len(whole) + len(note) - 8) + whole[8:36] + note + whole[36:]


def read_back(path: Path) -> tuple[int, int, bytes]:
    """Rate, number of audio channels and samples of a WAV file, as the standard library reads it."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        return file.getframerate(), file.getnchannels(), file.readframes(file.getnframes())


class TestReading:
    """What is in a file comes out, in whatever format is asked for."""

    @pytest.fixture
    def soundfile(self) -> Any:
        return pytest.importorskip("soundfile")

    @pytest.mark.parametrize("num_channels", [1, 2])
    @pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
    @pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
    def test_every_kind_of_file_is_read_at_its_own_rate(
        self, soundfile: Any, tmp_path: Path, kind: str, rate: int, num_channels: int
    ) -> None:
        path, format = tmp_path / f"call.{kind}", AudioFormat("pcm16", rate, num_channels)
        soundfile.write(path, tone(0.5, format, frequency=500.0, level=-10.0).pcm / 32_768, rate)
        frame = read_audio(path)
        assert frame.format == file_format(path) == format
        assert frame.duration == pytest.approx(0.5, abs=0.06)
        assert np.std(frame.pcm / 32_768) == pytest.approx(10 ** (-10 / 20), rel=0.02)

    def test_a_long_mp3_is_read_without_holes(self, soundfile: Any, tmp_path: Path) -> None:
        sound = tone(20.0, PCM16_16K, frequency=500.0, level=-10.0).pcm / 32_768
        soundfile.write(tmp_path / "long.mp3", sound, 16_000)
        levels = np.std(read_audio(tmp_path / "long.mp3").pcm[: 16_000 * 20].reshape(-1, 160) / 32_768, axis=1)
        assert levels[10:-10].min() == pytest.approx(levels.max(), rel=0.1)

    def test_16_bit_samples_come_out_as_they_are(self, soundfile: Any, tmp_path: Path) -> None:
        pcm = ramp(300_000, 2)
        soundfile.write(tmp_path / "call.flac", pcm, 44_100)
        assert np.array_equal(read_audio(tmp_path / "call.flac").pcm, pcm)

    def test_what_is_louder_than_full_scale_is_clipped(self, soundfile: Any, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "loud.wav", np.array([1.5, -1.5, 0.5]), 8_000, subtype="FLOAT")
        assert read_audio(tmp_path / "loud.wav").pcm[:, 0].tolist() == [32_767, -32_768, 16_384]

    def test_stereo_becomes_mono_by_the_mean_of_both_sides(self, tmp_path: Path, soundfile: Any) -> None:
        (tmp_path / "stereo.wav").write_bytes(wav_bytes(np.array([[100, 300], [-5_000, 5_000]], np.int16)))
        assert read_audio(tmp_path / "stereo.wav", PCM16_8K).pcm[:, 0].tolist() == [200, 0]

    def test_mono_becomes_stereo_by_being_on_both_sides(self, tmp_path: Path, soundfile: Any) -> None:
        (tmp_path / "mono.wav").write_bytes(wav_bytes(np.array([[100], [-200]], np.int16)))
        assert read_audio(tmp_path / "mono.wav", AudioFormat("pcm16", 8_000, 2)).pcm.tolist() == [[100, 100], [-200, -200]]

    def test_more_than_two_channels_become_mono(self, soundfile: Any, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "room.wav", np.array([[400, 800, -400, 0]] * 5, np.int16), 8_000)
        assert read_audio(tmp_path / "room.wav").pcm.tolist() == [[200]] * 5

    @pytest.mark.parametrize("target", [PCM16_8K, PCM16_16K, MULAW_8K, AudioFormat("pcm16", 48_000, 2)], ids=str)
    def test_a_tone_is_resampled_to_what_is_asked_for(self, tmp_path: Path, soundfile: Any, target: AudioFormat) -> None:
        pytest.importorskip("soxr")
        soundfile.write(tmp_path / "tone.wav", tone(2.0, AudioFormat("pcm16", 44_100), frequency=1_000.0).pcm, 44_100)
        frame = read_audio(tmp_path / "tone.wav", target)
        assert (frame.format, frame.num_samples) == (target, 2 * target.rate)
        spectrum = abs(np.fft.rfft(frame.pcm[:, 0].astype(float)))
        assert spectrum.argmax() / 2.0 == 1_000.0

    def test_the_same_file_gives_the_same_samples_every_time(self, tmp_path: Path, soundfile: Any) -> None:
        pytest.importorskip("soxr")
        soundfile.write(tmp_path / "call.wav", ramp(50_000), 44_100)
        assert read_audio(tmp_path / "call.wav", PCM16_24K) == read_audio(tmp_path / "call.wav", PCM16_24K)

    def test_a_wav_file_of_unknown_size_is_read_to_its_end(self, tmp_path: Path, soundfile: Any) -> None:
        whole = bytearray(wav_bytes(ramp(1_000)))
        struct.pack_into("<I", whole, 40, 0xFFFF_FFFF)
        (tmp_path / "piped.wav").write_bytes(whole)
        assert read_audio(tmp_path / "piped.wav").num_samples == 1_000

    def test_other_chunks_before_the_audio_do_not_matter(self, tmp_path: Path, soundfile: Any) -> None:
        (tmp_path / "noted.wav").write_bytes(noted(wav_bytes(ramp(100))))
        assert read_audio(tmp_path / "noted.wav").num_samples == 100


class TestRefusals:
    """A file that cannot be used is refused with one line: what, which value, what to do."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("soundfile")

    @pytest.mark.parametrize("read", [read_audio, file_format])
    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (None, r"call\.wav does not exist; check the name"),
            (b"", r"call\.wav is empty: 0 bytes; give a file with sound in it"),
            (b"Dear caller, this is a letter.\n" * 20, r"call\.wav cannot be read as audio: .*; give a whole WAV, FLAC, OGG or MP3 file"),
            (wav_bytes(ramp(1_000))[:30], r"call\.wav cannot be read as audio: .*; give a whole"),
            (
                wav_bytes(ramp(1_000))[:1_044],
                r"call\.wav is cut short: its header promises 2000 bytes of audio and 1000 are there; give the whole file",
            ),
            (noted(wav_bytes(ramp(1_000)))[:1_058], r"call\.wav is cut short: its header promises 2000 bytes of audio and 1000 are there"),
        ],
        ids=["missing", "empty", "not audio", "cut in its header", "cut in its audio", "cut in its audio, after a note"],
    )
    def test_a_bad_file_is_refused_in_one_line(
        self, tmp_path: Path, content: bytes | None, complaint: str, read: Callable[[Path], object]
    ) -> None:
        path = tmp_path / "call.wav"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(AudioFileError, match=complaint) as raised:
            read(path)
        assert "\n" not in str(raised.value)

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match="is a folder; give the name of an audio file"):
            read_audio(tmp_path)

    def test_a_file_without_samples_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "call.wav").write_bytes(wav_bytes(ramp(0)))
        with pytest.raises(AudioFileError, match="holds no audio: 0 samples"):
            read_audio(tmp_path / "call.wav")

    @pytest.mark.parametrize("kind", ["flac", "ogg"])
    def test_a_compressed_file_that_is_cut_short_is_refused(self, tmp_path: Path, kind: str) -> None:
        import soundfile  # type: ignore[import-untyped]  # it comes without types

        soundfile.write(tmp_path / f"whole.{kind}", ramp(50_000), 8_000)
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        (tmp_path / f"half.{kind}").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(AudioFileError, match=rf"half\.{kind} (is cut short|cannot be read as audio): .*; give (a|the) whole"):
            read_audio(tmp_path / f"half.{kind}")

    def test_an_ogg_file_that_is_cut_between_two_pages_is_refused(self, tmp_path: Path) -> None:
        import soundfile

        soundfile.write(tmp_path / "whole.ogg", ramp(50_000), 8_000)
        whole = (tmp_path / "whole.ogg").read_bytes()
        (tmp_path / "half.ogg").write_bytes(whole[: whole.rindex(b"OggS")])
        with pytest.raises(AudioFileError, match=r"half\.ogg is cut short: its last page is missing"):
            read_audio(tmp_path / "half.ogg")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
    def test_a_file_that_may_not_be_read_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "call.wav").write_bytes(wav_bytes(ramp(10)))
        (tmp_path / "call.wav").chmod(0)
        with pytest.raises(AudioFileError, match="cannot be read: Permission denied"):
            read_audio(tmp_path / "call.wav")

    def test_an_impossible_rate_is_refused_naming_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "slow.wav").write_bytes(wav_bytes(ramp(100), rate=200))
        with pytest.raises(AudioFileError, match=r"slow\.wav cannot be used: rate 200 is not"):
            read_audio(tmp_path / "slow.wav")

    @pytest.mark.parametrize("name", ["soundfile", "soxr"])
    def test_a_missing_library_names_its_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        (tmp_path / "call.wav").write_bytes(wav_bytes(ramp(100)))
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingExtraError, match=r"audio files needs the extra 'files'"):
            read_audio(tmp_path / "call.wav", PCM16_24K)


class TestWriting:
    """A writer leaves a valid file behind whatever happens after a write."""

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(sizes=st.lists(st.integers(0, 2_000), max_size=6), num_channels=st.sampled_from([1, 2]))
    def test_the_file_is_valid_after_every_write(self, tmp_path: Path, sizes: list[int], num_channels: int) -> None:
        path, written = tmp_path / "call.wav", b""
        with WavWriter(path, 24_000, num_channels) as writer:
            assert read_back(path) == (24_000, num_channels, b"")
            for size in sizes:
                writer.write(data := ramp(size, num_channels).tobytes())
                written += data
                assert read_back(path) == (24_000, num_channels, written)
        assert read_back(path) == (24_000, num_channels, written)

    def test_what_is_written_can_be_read(self, tmp_path: Path) -> None:
        pytest.importorskip("soundfile")
        with WavWriter(tmp_path / "call.wav", 16_000, 2) as writer:
            writer.write(ramp(1_000, 2).tobytes())
        assert np.array_equal(read_audio(tmp_path / "call.wav").pcm, ramp(1_000, 2))

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX file systems")
    @pytest.mark.parametrize("before", [None, b"an older, longer recording that anybody could read" * 9])
    def test_only_the_owner_may_read_the_file(self, tmp_path: Path, before: bytes | None) -> None:
        path = tmp_path / "call.wav"
        if before is not None:
            path.write_bytes(before)
            path.chmod(0o644)
        with WavWriter(path, 8_000) as writer:
            writer.write(bytes(20))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_size == 44 + 20

    def test_closing_again_is_harmless(self, tmp_path: Path) -> None:
        writer = WavWriter(tmp_path / "call.wav", 8_000)
        writer.close()
        writer.close()

    def test_writing_to_a_closed_file_is_refused(self, tmp_path: Path) -> None:
        with WavWriter(tmp_path / "call.wav", 8_000) as writer:
            pass
        with pytest.raises(AudioFileError, match=r"call\.wav is closed"):
            writer.write(bytes(2))

    def test_half_a_sample_is_refused_and_nothing_written(self, tmp_path: Path) -> None:
        with WavWriter(tmp_path / "call.wav", 8_000, 2) as writer:
            with pytest.raises(FormatError, match="6 bytes are no whole number of samples"):
                writer.write(bytes(6))
            assert read_back(tmp_path / "call.wav") == (8_000, 2, b"")

    def test_it_stops_before_the_header_overflows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert 0xFFFF_FFFF - 64 < WavWriter.MOST_BYTES + 36 <= 0xFFFF_FFFF
        monkeypatch.setattr(WavWriter, "MOST_BYTES", 1_000)
        with WavWriter(tmp_path / "call.wav", 8_000) as writer:
            writer.write(bytes(600))
            with pytest.raises(AudioFileError, match="holds at most 4 GiB"):
                writer.write(bytes(402))
            writer.write(bytes(400))
        assert len(read_back(tmp_path / "call.wav")[2]) == 1_000

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
    def test_a_full_disk_is_told_at_once(self) -> None:
        with pytest.raises(AudioFileError, match=r"/dev/full cannot be written: No space left"):
            WavWriter("/dev/full", 8_000)

    @pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX systems")
    def test_a_disk_that_fills_up_keeps_what_was_written(self, tmp_path: Path) -> None:
        with WavWriter(tmp_path / "call.wav", 8_000) as writer:
            writer.write(ramp(1_000).tobytes())
            with file_size_limit(4_000), pytest.raises(AudioFileError, match=r"call\.wav cannot be written: File too large"):
                writer.write(ramp(2_000).tobytes())
        assert read_back(tmp_path / "call.wav") == (8_000, 1, ramp(1_000).tobytes())


@contextmanager
def file_size_limit(num_bytes: int) -> Iterator[None]:
    """No file of this process may grow longer: what a full disk is like."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestCheckingEarly:
    """A place that cannot be written to is refused before the call, and nothing is touched."""

    @pytest.mark.parametrize("attempt", [check_writable, lambda path: WavWriter(path, 8_000)], ids=["check", "write"])
    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("nowhere/call.wav", r"the folder .*nowhere does not exist; create it or choose another"),
            ("letter.txt/call.wav", r"letter\.txt is not a folder"),
            ("folder", r"it is a folder; add a file name"),
        ],
    )
    def test_an_impossible_place_is_refused(self, tmp_path: Path, name: str, complaint: str, attempt: Callable[[Path], object]) -> None:
        (tmp_path / "letter.txt").write_text("Dear caller")
        (tmp_path / "folder").mkdir()
        with pytest.raises(AudioFileError, match=complaint):
            attempt(tmp_path / name)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
    def test_a_folder_that_may_not_be_written_to_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(AudioFileError, match="permission denied"):
            check_writable(tmp_path / "call.wav")

    def test_a_possible_place_is_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "old.wav").write_bytes(b"old")
        check_writable(tmp_path / "old.wav")
        check_writable(tmp_path / "new.wav")
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old.wav", b"old")]
