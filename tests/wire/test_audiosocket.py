"""AudioSocket, byte for byte as res_audiosocket.c reads and writes it, and whatever a stranger may send instead."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import Dtmf, FormatError, RemoteProtocolError
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.audiosocket import (
    GOODBYE,
    LONGEST,
    RATES,
    AudioSocketItem,
    AudioSocketReader,
    CallId,
    Failed,
    FrameReader,
    HungUp,
    written,
    written_audio,
)
from trioaudio.wire.one_time_ids import LIFETIME, MOST, OneTimeIds

ID = UUID("6f1d2c3b-1111-4222-8333-0a0b0c0d0e0f")
HELLO = bytes.fromhex("010010 6f1d2c3b111142228333 0a0b0c0d0e0f")


def read(*data: bytes) -> list[AudioSocketItem]:
    """What a reader makes of bytes that come in these pieces, after the id."""
    reader = AudioSocketReader()
    assert reader.receive_untrusted(HELLO) == [CallId(ID)]
    return [item for piece in data for item in reader.receive_untrusted(piece)]


class TestWhatAsteriskSays:
    def test_the_id_of_the_call_comes_first(self) -> None:
        assert AudioSocketReader().receive_untrusted(HELLO) == [CallId(ID)]

    def test_audio_is_little_endian_behind_a_big_endian_length(self) -> None:
        [frame] = read(bytes.fromhex("10 0004 0100 ffff"))
        assert isinstance(frame, Frame)
        assert frame.format == PCM16_8K
        assert frame.pcm[:, 0].tolist() == [1, -1]

    @pytest.mark.parametrize(("kind", "rate"), RATES.items())
    def test_each_rate_has_a_kind(self, kind: int, rate: int) -> None:
        [frame] = read(bytes([kind]) + b"\0\x02\x05\0")
        assert frame == Frame(b"\x05\0", AudioFormat("pcm16", rate))

    def test_media_time_counts_samples(self) -> None:
        frames = read(written_audio(Frame.silence(160, PCM16_8K)) * 2 + written_audio(Frame.silence(480, PCM16_24K)))
        assert [frame.media_time for frame in frames if isinstance(frame, Frame)] == [0, 160, 0]

    def test_keys(self) -> None:
        assert read(bytes.fromhex("030001 35 030001 23 030001 61")) == [Dtmf("5"), Dtmf("#"), Dtmf("A")]

    def test_a_hang_up_and_failures(self) -> None:
        assert read(b"\0\0\0") == [HungUp()]
        assert read(b"\xff\0\x01\x04") == [Failed(4)]
        assert read(b"\xff\0\0") == [Failed(None)]
        assert str(Failed(4)) == "Asterisk reports a failure: there was no memory"

    def test_what_is_not_known_is_skipped_and_counted(self) -> None:
        reader = AudioSocketReader()
        reader.receive_untrusted(HELLO)
        assert reader.receive_untrusted(HELLO + b"\x02\0\0" + b"\x03\0\x01x" + b"\x10\0\0" + GOODBYE + b"\x03\0\x015") == [HungUp()]
        assert reader.ignored == {"repeated_id": 1, "unknown": 1, "no_key": 1, "empty": 1, "late": 1}

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x10", b"\x01\0\x11" + bytes(17), b"\0\0\0"])
    def test_what_does_not_begin_with_an_id_is_no_audiosocket(self, data: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="does not begin with the id"):
            AudioSocketReader().receive_untrusted(data)

    def test_half_a_sample_is_no_audio(self) -> None:
        with pytest.raises(RemoteProtocolError, match="half a sample"):
            read(b"\x10\0\x03abc")

    @settings(max_examples=20, deadline=None)
    @given(st.data())
    def test_it_does_not_matter_how_the_bytes_are_cut(self, data: st.DataObject) -> None:
        whole = written_audio(Frame(bytes(range(200)), PCM16_24K)) + written(3, b"1") + written_audio(Frame(b"ab", PCM16_8K)) + GOODBYE
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
        pieces = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        assert read(*pieces) == read(whole)


class TestWhatIsSaidToAsterisk:
    def test_a_frame_is_kind_length_samples(self) -> None:
        assert written_audio(Frame(b"\x01\0\xff\xff", PCM16_8K)) == bytes.fromhex("10 0004 0100 ffff")
        assert written_audio(Frame.silence(480, PCM16_24K))[:3] == bytes.fromhex("13 03c0")

    def test_a_hang_up_has_no_payload(self) -> None:
        assert GOODBYE == b"\0\0\0"

    @pytest.mark.parametrize(
        ("data", "format"), [(b"", PCM16_8K), (b"a", MULAW_8K), (bytes(4), AudioFormat("pcm16", 8_000, 2)), (bytes(70_000), PCM16_8K)]
    )
    def test_what_would_cost_the_call_is_refused(self, data: bytes, format: AudioFormat) -> None:
        with pytest.raises(FormatError):
            written_audio(Frame(data, format))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=12), st.booleans())
def test_whatever_comes_raises_only_the_protocol_error(pieces: list[bytes | tuple[int, bytes]], identified: bool) -> None:
    reader = AudioSocketReader()
    try:
        if identified:
            reader.receive_untrusted(HELLO)
        for piece in pieces:
            for item in reader.receive_untrusted(piece if isinstance(piece, bytes) else written(*piece)):
                assert isinstance(item, CallId | Frame | Dtmf | HungUp | Failed)
    except RemoteProtocolError:
        pass


def test_no_more_than_a_frame_is_held() -> None:
    reader = FrameReader()
    for _ in range(3 * LONGEST // 1_000):
        list(reader.frames_untrusted(b"\x10\xff\xff" + bytes(997)))
        assert reader.waiting <= 3 + LONGEST


class TestOneTimeIds:
    """An id says that a call is expected, once."""

    def test_an_id_is_good_once_and_brings_what_it_was_given_out_with(self) -> None:
        ids = OneTimeIds()
        id = ids.issue(0.0, {"caller": "+1"})
        assert id is not None
        assert ids.take_untrusted(id, 1.0) == {"caller": "+1"}
        assert ids.take_untrusted(id, 1.0) == "used_id"

    def test_an_id_that_nobody_gave_out_is_unknown(self) -> None:
        assert OneTimeIds().take_untrusted(ID, 0.0) == "unknown_id"

    def test_an_id_is_good_for_a_minute(self) -> None:
        ids = OneTimeIds()
        id = ids.issue(0.0)
        assert id is not None
        assert ids.take_untrusted(id, LIFETIME) == "unknown_id"

    def test_an_id_of_somebody_elses_choice_is_good_once_or_always(self) -> None:
        once, always = OneTimeIds(), OneTimeIds(reuse=True)
        for ids in (once, always):
            ids.allow(ID)
        assert [once.take_untrusted(ID, time) for time in (0, 1e9)] == [{}, "used_id"]
        assert [always.take_untrusted(ID, time) for time in (0, 1e9)] == [{}, {}]
        issued = always.issue(0.0)
        assert issued is not None
        assert [always.take_untrusted(issued, time) for time in (0, 1)] == [{}, "used_id"]

    def test_so_many_wait_and_no_more_until_they_are_too_old(self) -> None:
        ids = OneTimeIds()
        assert all(ids.issue(0.0) for _ in range(MOST))
        assert ids.issue(1.0) is None
        assert ids.issue(LIFETIME) is not None
        assert len(ids) == 1

    def test_used_ones_are_remembered_and_not_for_ever(self) -> None:
        ids, first = OneTimeIds(), UUID(int=1)
        for number in range(1, MOST + 2):
            ids.allow(UUID(int=number))
            ids.take_untrusted(UUID(int=number), 0.0)
        assert ids.take_untrusted(first, 0.0) == "unknown_id"
        assert ids.take_untrusted(UUID(int=MOST + 1), 0.0) == "used_id"
