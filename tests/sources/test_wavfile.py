"""A file plays the caller on time, hears what it is played, and writes exactly what it heard."""

from __future__ import annotations

import os
import stat
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, assert_checkpoints

from trioaudio import AudioFileError, Fault, FormatError, OptionError
from trioaudio.abc import Paced, Source
from trioaudio.audio import PCM16_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.sources.wavfile import open_wavfile

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

Write = Callable[..., Path]


def ramp(samples: int, start: int = 1) -> bytes:
    """Samples that know their position; none of them is silence."""
    return (1 + (np.arange(start - 1, start - 1 + samples) % 30_000)).astype("<i2").tobytes()


@pytest.fixture
def caller(tmp_path: Path) -> Write:
    """Writes a file that plays the caller: a ramp."""

    def write(samples: int = 8_000, rate: int = 8_000, num_channels: int = 1) -> Path:
        path = tmp_path / f"caller-{rate}-{num_channels}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(num_channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.repeat(np.frombuffer(ramp(samples), "<i2"), num_channels).tobytes())
        return path

    return write


def heard(path: Path) -> bytes:
    """What the file says that the caller was played."""
    with wave.open(str(path)) as file:
        return bytes(file.readframes(file.getnframes()))


def mode(path: Path) -> int:
    """Who may do what with the file."""
    return stat.S_IMODE(path.stat().st_mode)


async def next_frame(source: Source) -> Frame:
    frame = await source.receive()
    assert isinstance(frame, Frame)
    return frame


class TestPlayingTheCaller:
    """What the file holds arrives in frames of 20 ms, each at its time."""

    async def test_every_frame_arrives_when_its_media_time_says(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller()) as source:
            began, data = trio.current_time(), b""
            for count in range(50):
                frame = await next_frame(source)
                assert (frame.format, frame.num_samples, frame.media_time) == (PCM16_8K, 160, count * 160)
                assert trio.current_time() - began == pytest.approx(count * 0.02, abs=1e-9)
                data += frame.data
        assert data == ramp(8_000)

    async def test_no_drift_at_a_rate_that_20_ms_do_not_divide(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(11_025, rate=11_025)) as source:
            began, position = trio.current_time(), 0
            for _ in range(15_000):
                frame = await next_frame(source)
                assert frame.media_time == position
                position += frame.num_samples
            assert position == 300 * 11_025
            assert trio.current_time() - began == pytest.approx(300 - 0.02, abs=1e-6)

    async def test_after_the_file_the_caller_stays_on_in_silence(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(200)) as source:
            assert (await next_frame(source)).data == ramp(160)
            assert (await next_frame(source)).data == ramp(40, start=161) + PCM16_8K.silence(120)
            for count in range(2, 1_000):
                assert await next_frame(source) == Frame.silence(160, PCM16_8K, count * 160)

    async def test_the_caller_hangs_up_so_long_after_the_file(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(8_000), hangup_after=1.5) as source:
            began = trio.current_time()
            for _ in range(125):
                await next_frame(source)
            for _ in range(2):
                with pytest.raises(trio.EndOfChannel):
                    await source.receive()
            assert trio.current_time() - began == pytest.approx(2.5)

    async def test_cancelling_loses_nothing(self, autojump_clock: MockClock, caller: Write) -> None:
        data = b""
        async with open_wavfile(caller()) as source:
            while len(data) < 16_000:
                with trio.move_on_after(0.013):
                    data += (await next_frame(source)).data
        assert data == ramp(8_000)

    async def test_a_stall_is_caught_up(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller()) as source:
            began = trio.current_time()
            await next_frame(source)
            await trio.sleep(0.9)
            for count in range(1, 60):
                assert (await next_frame(source)).media_time == count * 160
                assert trio.current_time() - began == pytest.approx(max(0.9, count * 0.02))

    async def test_a_long_stall_is_not_caught_up_and_nothing_is_skipped(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller()) as source:
            began = trio.current_time()
            await next_frame(source)
            await trio.sleep(60.0)
            arrivals = []
            for count in range(1, 100):
                assert (await next_frame(source)).media_time == count * 160
                arrivals.append(trio.current_time() - began)
            assert arrivals == pytest.approx([60.0 + count * 0.02 for count in range(99)])

    async def test_receiving_is_a_checkpoint_also_when_late(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(), hangup_after=0.0) as source:
            await next_frame(source)
            await trio.sleep(0.5)
            with assert_checkpoints():
                await source.receive()


class TestFormats:
    """Any file can play the caller; the call is mono, at a rate that can be converted."""

    @pytest.mark.parametrize(("rate", "call_rate"), [(8_000, 8_000), (9_000, 11_025), (44_100, 44_100), (96_000, 48_000)])
    async def test_the_rate_is_the_files_own_or_the_next_a_call_can_carry(
        self, autojump_clock: MockClock, caller: Write, rate: int, call_rate: int
    ) -> None:
        async with open_wavfile(caller(rate, rate=rate)) as source:
            assert source.input_format == source.output_format == AudioFormat("pcm16", call_rate)

    async def test_the_rate_can_be_chosen(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(), rate=24_000) as source:
            assert (await next_frame(source)).format == PCM16_24K

    async def test_stereo_is_mixed_to_mono(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(num_channels=2)) as source:
            assert await next_frame(source) == Frame(ramp(160), PCM16_8K)

    async def test_it_knows_how_much_the_caller_has_to_say(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller(12_000), hangup_after=5.0) as source:
            assert source.length == 1.5

    async def test_it_is_the_ear_itself(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller()) as source:
            assert source.far_end == Paced(lead=0.02, can_clear=True, ear=True)


class TestHearing:
    """What the caller is played lands in ``out`` as it was heard, from the moment on in which the caller began to speak."""

    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        return tmp_path / "heard.wav"

    async def test_what_is_played_is_written_where_it_was_heard(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out) as source:
            await source.receive()
            await trio.sleep(0.1)
            source.send_nowait(Frame(ramp(160), PCM16_8K))
            await source.send(Frame(ramp(160, start=161), PCM16_8K))
            await trio.sleep(0.1)
            source.send_nowait(Frame(ramp(80), PCM16_8K))
            await trio.sleep(0.02)
        assert heard(out) == bytes(1_600) + ramp(320) + bytes(960) + ramp(80) + bytes(160)

    async def test_what_is_cleared_before_its_time_is_not_heard(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out) as source:
            source.send_nowait(Frame(ramp(8_000), PCM16_8K))
            await trio.sleep(0.5)
            await source.clear()
            await trio.sleep(0.25)
            source.send_nowait(Frame(ramp(160), PCM16_8K))
            await trio.sleep(0.02)
        assert heard(out) == ramp(4_000) + bytes(4_000) + ramp(160)

    async def test_what_was_not_heard_when_the_call_ended_is_not_written(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out) as source:
            source.send_nowait(Frame(ramp(8_000), PCM16_8K))
            await trio.sleep(0.3)
        assert heard(out) == ramp(2_400)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        acts=st.lists(
            st.one_of(
                st.tuples(st.just("sleep"), st.integers(0, 700)),
                st.tuples(st.just("send"), st.integers(1, 400)),
                st.tuples(st.just("clear"), st.just(0)),
                st.tuples(st.just("receive"), st.just(0)),
            ),
            max_size=30,
        )
    )
    def test_any_schedule_is_written_as_an_independent_ear_hears_it(self, caller: Write, out: Path, acts: list[tuple[str, int]]) -> None:
        """The ear is a list of samples, one for each tick of a clock at 8 kHz; nothing is reckoned in seconds."""
        path, ear, numbers = caller(), list[int](), 1

        async def call() -> int:
            nonlocal ear, numbers
            async with open_wavfile(path, out=out) as source:
                await source.receive()
                began = trio.current_time()

                def tick() -> int:
                    return round((trio.current_time() - began) * 8_000)

                for act, size in acts:
                    if act == "sleep":
                        await trio.sleep_until(began + (tick() + size) / 8_000)
                    elif act == "send":
                        frame = Frame(ramp(size, start=numbers), PCM16_8K)
                        ear += [0] * (tick() - len(ear)) + frame.pcm[:, 0].tolist()
                        numbers += size
                        source.send_nowait(frame)
                    elif act == "clear":
                        del ear[tick() :]
                        await source.clear()
                    else:
                        await source.receive()
                return tick()

        ticks = trio.run(call, clock=MockClock(autojump_threshold=0))
        whole = (ear + [0] * ticks)[:ticks]
        assert np.frombuffer(heard(out), "<i2").tolist() == whole

    async def test_the_file_is_valid_while_the_call_goes_on(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out) as source:
            source.send_nowait(Frame(ramp(24_000), PCM16_8K))
            for _ in range(100):
                await source.receive()
                missing = trio.current_time() - len(heard(out)) / 16_000
                assert 0 <= missing <= 0.5
                assert heard(out) == ramp(len(heard(out)) // 2)

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX file systems")
    async def test_only_the_owner_may_read_it(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out):
            assert mode(out) == 0o600

    @pytest.mark.skipif(os.name != "posix", reason="limits are of POSIX systems")
    async def test_a_full_disk_is_told_once_and_the_call_goes_on(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        import resource

        path = caller()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        try:
            async with open_wavfile(path, out=out) as source:
                events = [await source.receive() for _ in range(150)]
                source.send_nowait(Frame(ramp(160), PCM16_8K))
                await source.clear()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        [fault] = [event for event in events if isinstance(event, Fault)]
        assert isinstance(fault.error, AudioFileError)
        frames = [event for event in events if isinstance(event, Frame)]
        assert [frame.media_time for frame in frames] == [count * 160 for count in range(149)]
        assert len(heard(out)) > 0

    async def test_without_out_nothing_is_written(self, autojump_clock: MockClock, caller: Write, tmp_path: Path) -> None:
        async with open_wavfile(caller()) as source:
            source.send_nowait(Frame(ramp(160), PCM16_8K))
            await source.clear()
        assert [path.name for path in tmp_path.iterdir()] == ["caller-8000-1.wav"]  # noqa: ASYNC240 - it has nothing else to do

    async def test_a_frame_of_another_format_is_refused_naming_both(self, autojump_clock: MockClock, caller: Write) -> None:
        async with open_wavfile(caller()) as source:
            with pytest.raises(FormatError, match="hears pcm16/8000, the frame is pcm16/24000"):
                source.send_nowait(Frame.silence(480, PCM16_24K))
            with pytest.raises(FormatError, match="hears pcm16/8000, the frame is pcm16/24000"):
                await source.send(Frame.silence(480, PCM16_24K))

    async def test_sending_and_clearing_are_checkpoints(self, autojump_clock: MockClock, caller: Write, out: Path) -> None:
        async with open_wavfile(caller(), out=out) as source:
            with assert_checkpoints():
                await source.send(Frame.silence(160, PCM16_8K))
            with assert_checkpoints():
                await source.clear()


class TestRefusals:
    """What cannot work is refused before the call."""

    async def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match=r"nobody\.wav does not exist"):
            async with open_wavfile(tmp_path / "nobody.wav"):
                pass

    async def test_a_place_that_cannot_be_written_to(self, caller: Write, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match=r"the folder .* does not exist"):
            async with open_wavfile(caller(), out=tmp_path / "nowhere" / "heard.wav"):
                pass

    async def test_writing_over_the_caller(self, caller: Write) -> None:
        path = caller()
        with pytest.raises(AudioFileError, match="is the file that plays the caller"):
            async with open_wavfile(path, out=path):
                pass
        assert path.stat().st_size == 16_044

    async def test_a_negative_time(self, caller: Write) -> None:
        with pytest.raises(OptionError, match="hangup_after=-1 is negative"):
            async with open_wavfile(caller(), hangup_after=-1):
                pass
