"""The picture of a call shows who was heard when, and what an interruption let through; the same call, the same picture."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from trioaudio import (
    AudioFileError,
    Dtmf,
    Event,
    Hangup,
    MissingExtraError,
    Mute,
    SpeechStarted,
    SpeechStopped,
    Status,
    TurnInterrupted,
    TurnPlayed,
    TurnReceipt,
    TurnStarted,
)
from trioaudio._timeline import Timeline
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Frame

if TYPE_CHECKING:
    from trioaudio._timeline_picture import Lane

Image = pytest.importorskip("PIL.Image")
picture = pytest.importorskip("trioaudio._timeline_picture")

Pixels: TypeAlias = npt.NDArray[np.uint8]

BEGAN = 123_456.789
"""When the calls here begin."""
WIDTH, HEIGHT = 1_600, 620


def tone(seconds: float, format: AudioFormat = PCM16_8K, media_time: int = 0) -> Frame:
    """A loud buzz."""
    samples = np.resize(np.array([20_000, -20_000], np.int16), round(seconds * format.rate))
    return Frame.from_samples(np.repeat(samples[:, None], format.num_channels, axis=1), format, media_time)


def timeline(format: AudioFormat = PCM16_8K, *, agent: AudioFormat | None = None, title: str = "Call") -> Timeline:
    return Timeline(input_format=format, output_format=agent or format, started_at=BEGAN, title=title)


def receipt(item_id: str | None, heard_ms: int, lost_ms: int = 0) -> TurnReceipt:
    return TurnReceipt(item_id, heard_ms * 8, lost_ms * 8, "exact", 8_000)


def drawn(call: Timeline, path: Path) -> Pixels:
    """The picture of the call, as pixels of red, green and blue."""
    call.draw(path)
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def when(pixels: Pixels, lane: Lane, colour: str, seconds: float) -> list[float]:
    """First and last time at which a colour is seen in a lane, to a hundredth of the call, or nothing; off its middle line."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    inside = pixels[lane.middle + 12 : lane.bottom - 7].astype(int)
    columns = np.flatnonzero((np.abs(inside - rgb).max(axis=2) <= 3).any(axis=0))
    times = (columns - picture.LEFT) / (picture.RIGHT - picture.LEFT) * seconds
    return [float(times[0]), float(times[-1])] if len(times) else []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.png"


class TestSound:
    """Both sides, as they were heard."""

    def test_of_the_caller_stands_in_the_upper_lane_when_it_was_heard(self, path: Path) -> None:
        call = timeline()
        call.caller_heard(tone(2), BEGAN + 3)
        call.finish(BEGAN + 10)
        pixels = drawn(call, path)
        assert when(pixels, picture.CALLER, picture.CALLER.power, 10) == pytest.approx([3, 5], abs=0.05)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 10) == []

    def test_of_the_agent_stands_in_the_lower_lane_when_it_was_heard(self, path: Path) -> None:
        call = timeline()
        call.agent_sent(tone(2), BEGAN + 3, 0)
        call.finish(BEGAN + 10)
        pixels = drawn(call, path)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 10) == pytest.approx([3, 5], abs=0.05)
        assert when(pixels, picture.CALLER, picture.CALLER.power, 10) == []

    def test_that_was_cut_is_not_in_the_picture(self, path: Path) -> None:
        call = timeline()
        call.agent_sent(tone(5), BEGAN + 1, 0)
        call.agent_sent(tone(1), BEGAN + 7, 1)
        call.agent_cut(BEGAN + 2, 0)
        call.finish(BEGAN + 10)
        pixels = drawn(call, path)
        assert when(pixels[:, : WIDTH // 2], picture.AGENT, picture.AGENT.power, 10) == pytest.approx([1, 2], abs=0.05)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 10) == pytest.approx([1, 8], abs=0.05)

    def test_after_the_end_of_the_call_is_not_in_the_picture(self, path: Path) -> None:
        call = timeline()
        call.agent_sent(tone(5), BEGAN + 1, 0)
        call.finish(BEGAN + 3)
        call.agent_sent(tone(5), BEGAN + 1, 1)
        call.caller_heard(tone(5), BEGAN + 1)
        pixels = drawn(call, path)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 3) == pytest.approx([1, 3], abs=0.05)
        assert when(pixels, picture.CALLER, picture.CALLER.power, 3) == []

    def test_of_the_agent_ends_with_the_call_even_if_the_caller_is_heard_for_longer(self, path: Path) -> None:
        call = timeline()
        call.caller_heard(tone(2), BEGAN + 1)
        call.agent_sent(tone(3), BEGAN, 0)
        call.finish(BEGAN + 2)
        pixels = drawn(call, path)
        assert when(pixels, picture.CALLER, picture.CALLER.power, 3) == pytest.approx([1, 3], abs=0.05)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 3) == pytest.approx([0, 2], abs=0.05)

    def test_fills_its_lane_however_loud_the_call_was(self, path: Path) -> None:
        pictures = []
        for softer in (1, 2):
            call = timeline()
            call.caller_heard(Frame.from_samples(tone(5).pcm // np.int16(softer), PCM16_8K), BEGAN)
            call.finish(BEGAN + 5)
            pictures.append(drawn(call, path))
        lane = picture.CALLER
        assert np.array_equal(pictures[0], pictures[1])
        assert np.array_equal(pictures[0][lane.middle - lane.half + 4, WIDTH // 2], pictures[0][lane.middle, WIDTH // 2])

    def test_is_on_one_scale_for_both_sides(self, path: Path) -> None:
        call = timeline()
        quiet = Frame.from_samples(tone(5).pcm // np.int16(10), PCM16_8K)
        call.caller_heard(quiet, BEGAN)
        call.agent_sent(tone(5), BEGAN, 0)
        call.finish(BEGAN + 5)
        pixels = drawn(call, path)
        assert when(pixels, picture.AGENT, picture.AGENT.power, 5)
        assert not when(pixels, picture.CALLER, picture.CALLER.power, 5)

    @pytest.mark.parametrize(
        "agent", [PCM16_8K, MULAW_8K, PCM16_24K, AudioFormat("pcm16", 11_025), AudioFormat("pcm16", 48_000, 2)], ids=str
    )
    def test_of_any_format_keeps_its_time(self, path: Path, agent: AudioFormat) -> None:
        call = timeline(agent=agent)
        call.agent_sent(tone(1, agent), BEGAN + 58, 0)
        call.finish(BEGAN + 60)
        assert when(drawn(call, path), picture.AGENT, picture.AGENT.power, 60) == pytest.approx([58, 59], abs=0.1)

    def test_looks_the_same_in_small_frames_and_in_large_ones(self, tmp_path: Path) -> None:
        voice = np.random.default_rng(5).integers(-9_000, 9_000, 8_000 * 20).astype(np.int16)
        for name, size in (("small", 160), ("large", 8_000)):
            call = timeline()
            for first in range(0, len(voice), size):
                frame = Frame.from_samples(voice[first : first + size], PCM16_8K, first)
                call.caller_heard(frame, BEGAN + first / 8_000)
                call.agent_sent(frame, BEGAN + first / 8_000 + 1, 0)
            call.finish(BEGAN + 21)
            call.draw(tmp_path / name)
        assert (tmp_path / "small").read_bytes() == (tmp_path / "large").read_bytes()


def interrupted_call() -> Timeline:
    """A call of 20 s: the caller speaks, is answered, interrupts, is answered again, presses a key and hangs up."""
    call = timeline(title="an interrupted call")
    events: list[tuple[float, Event]] = [
        (1, SpeechStarted()),
        (3, SpeechStopped()),
        (4, TurnStarted("first")),
        (8.3, TurnInterrupted(receipt("first", 4_000, 5_000), BEGAN + 8, BEGAN + 8.3)),
        (7.9, SpeechStarted()),
        (10, SpeechStopped()),
        (11, TurnStarted("second")),
        (15, TurnPlayed(receipt("second", 4_000))),
        (17, Dtmf("5")),
        (18, Mute(muted=True)),
        (19, Hangup()),
    ]
    for time, event in events:
        call.observe(event, BEGAN + time)
        if isinstance(event, TurnStarted):
            call.agent_sent(tone(7 if event.item_id == "first" else 4), BEGAN + time, 0 if event.item_id == "first" else 1)
    call.agent_cut(BEGAN + 8, 0)
    call.finish(BEGAN + 20)
    return call


class TestEvents:
    """Turns, interruptions, speech and keys, where they happened."""

    def test_show_each_turn_as_a_band(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path)
        times = when(pixels, picture.AGENT, picture.AGENT.span, 20)
        assert times == pytest.approx([4, 15], abs=0.1)

    def test_show_when_the_caller_spoke(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path)
        assert when(pixels, picture.CALLER, picture.CALLER.span, 20) == pytest.approx([1, 10], abs=0.1)

    def test_show_an_interruption_in_red_where_it_was_decided(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path)
        assert when(pixels, picture.AGENT, picture.RED, 20) == pytest.approx([8, 8], abs=0.05)

    def test_hatch_what_was_lost_up_to_the_next_turn(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path).astype(int)
        lane = pixels[picture.AGENT.middle + 12 : picture.AGENT.bottom - 7]
        reddish = np.flatnonzero((lane[..., 0] - lane[..., 1] > 25).any(axis=0))
        times = (reddish - picture.LEFT) / (picture.RIGHT - picture.LEFT) * 20
        assert [times[0], times[-1]] == pytest.approx([8, 11], abs=0.15)
        left, right = (round(picture.LEFT + time / 20 * (picture.RIGHT - picture.LEFT)) for time in (11.3, 14.7))
        below_the_sound = pixels[picture.AGENT.bottom - 10, left:right]
        assert (below_the_sound == below_the_sound[0]).all()

    def test_show_keys(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path)
        assert when(pixels, picture.CALLER, picture.AMBER, 20) == pytest.approx([17, 17], abs=0.05)

    def test_show_the_hang_up(self, path: Path) -> None:
        pixels = drawn(interrupted_call(), path)
        assert when(pixels, picture.CALLER, picture.INK, 20) == pytest.approx([19, 19], abs=0.05)

    def test_show_from_when_to_when_there_was_no_model(self, path: Path) -> None:
        call = timeline()
        statuses = [(0, "connected"), (2, "reconnecting"), (3, "reconnecting"), (5, "connected"), (6, "connected")]
        for time, status in statuses:
            call.observe(Status(status), BEGAN + time)  # type: ignore[arg-type]
        call.finish(BEGAN + 10)
        assert when(drawn(call, path), picture.AGENT, picture.PALE_AMBER, 10) == pytest.approx([2, 5], abs=0.05)

    def test_begin_a_turn_where_its_first_sound_is_heard(self, path: Path) -> None:
        call = timeline()
        call.observe(TurnStarted("a"), BEGAN + 1)  # handed over ahead of time
        call.agent_sent(tone(1), BEGAN + 4, 0)
        call.observe(TurnPlayed(receipt("a", 1_000)), BEGAN + 5)
        call.finish(BEGAN + 10)
        assert when(drawn(call, path), picture.AGENT, picture.AGENT.span, 10)[0] == pytest.approx(4, abs=0.05)

    def test_keep_turns_without_a_name_apart(self, path: Path) -> None:
        call = timeline()
        for start in (1, 6):
            call.observe(TurnStarted(None), BEGAN + start)
            call.observe(TurnPlayed(receipt(None, 1_000)), BEGAN + start + 1)
        call.observe(TurnPlayed(receipt(None, 1_000)), BEGAN + 9)
        call.finish(BEGAN + 10)
        pixels = drawn(call, path)
        assert when(pixels[:, : WIDTH // 2], picture.AGENT, picture.AGENT.span, 10) == pytest.approx([1, 2], abs=0.05)
        assert when(pixels, picture.AGENT, picture.AGENT.span, 10) == pytest.approx([1, 7], abs=0.05)

    def test_make_one_mark_of_an_interruption_of_several_turns(self, tmp_path: Path) -> None:
        both, one = timeline(), timeline()
        both.observe(TurnInterrupted(receipt("a", 1_000, 200), BEGAN + 2, BEGAN + 2.1), BEGAN + 2.1)
        both.observe(TurnInterrupted(receipt("b", 0, 3_000), BEGAN + 2, BEGAN + 2.1), BEGAN + 2.1)
        one.observe(TurnInterrupted(receipt("a", 1_000, 3_200), BEGAN + 2, BEGAN + 2.1), BEGAN + 2.1)
        both.draw(tmp_path / "both")
        one.draw(tmp_path / "one")
        assert (tmp_path / "both").read_bytes() == (tmp_path / "one").read_bytes()

    def test_can_be_given_as_turns_instead(self, path: Path) -> None:
        call = timeline()
        call.add_turn("a", BEGAN + 2, BEGAN + 4, interrupted_at=BEGAN + 4)
        call.finish(BEGAN + 10)
        pixels = drawn(call, path)
        assert when(pixels, picture.AGENT, picture.AGENT.span, 10) == pytest.approx([2, 4], abs=0.05)
        assert when(pixels, picture.AGENT, picture.RED, 10) == pytest.approx([4, 4], abs=0.05)

    @pytest.mark.parametrize(
        "event", [SpeechStopped(), TurnPlayed(receipt(None, 1)), TurnPlayed(receipt("unknown", 1)), Hangup()], ids=repr
    )
    def test_that_come_unexpectedly_do_no_harm(self, path: Path, event: Event) -> None:
        call = timeline()
        call.observe(event, BEGAN + 1)
        assert drawn(call, path).shape == (HEIGHT, WIDTH, 3)


def empty(call: Timeline) -> None:
    call.finish(BEGAN)


def two_seconds(call: Timeline) -> None:
    call.caller_heard(tone(1), BEGAN + 0.5)
    call.finish(BEGAN + 2)


def an_hour(call: Timeline) -> None:
    for second in range(0, 3_600, 30):
        call.caller_heard(tone(8, media_time=second * 8_000), BEGAN + second)
        call.observe(TurnStarted(f"turn {second}"), BEGAN + second + 10)
        call.agent_sent(tone(5), BEGAN + second + 10, second)
        call.agent_cut(BEGAN + second + 14, second)
        call.observe(
            TurnInterrupted(receipt(f"turn {second}", 4_000, 1_000), BEGAN + second + 14, BEGAN + second + 15), BEGAN + second + 15
        )
    call.finish(BEGAN + 3_600)


def untold(call: Timeline) -> None:
    """Begun and never ended."""
    call.observe(TurnStarted("a"), BEGAN + 1)
    call.observe(SpeechStarted(), BEGAN + 2)
    call.caller_heard(tone(1), BEGAN + 3)


def hardly_readable(call: Timeline) -> None:
    call.observe(TurnStarted("item_" + "0123456789" * 40), BEGAN + 1)
    call.observe(TurnStarted("\u2603 \n \x00"), BEGAN + 2)
    for digit in "0123456789*#ABCD":
        call.observe(Dtmf(digit), BEGAN + 3)
    call.finish(BEGAN + 4)


class TestThePicture:
    """A file that is whole or not there, for its owner only."""

    @pytest.mark.parametrize("fill", [empty, two_seconds, an_hour, untold, hardly_readable])
    def test_can_be_drawn_of_any_call(self, path: Path, fill: Callable[[Timeline], None]) -> None:
        call = timeline(title="a title that is much too long to fit " * 5)
        fill(call)
        assert drawn(call, path).shape == (HEIGHT, WIDTH, 3)

    def test_is_the_same_for_the_same_call_byte_for_byte(self, tmp_path: Path) -> None:
        for name in ("one.png", "other.png"):
            interrupted_call().draw(tmp_path / name)
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()

    def test_can_be_drawn_again(self, tmp_path: Path) -> None:
        call = interrupted_call()
        call.draw(tmp_path / "one.png")
        call.draw(tmp_path / "other.png")
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()

    def test_is_for_its_owner_only_and_leaves_nothing_else_behind(self, path: Path) -> None:
        path.write_text("what was there before")
        path.chmod(0o644)
        interrupted_call().draw(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name != "posix"
        assert list(path.parent.iterdir()) == [path]

    def test_that_cannot_be_written_says_why_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        with pytest.raises(AudioFileError, match=r"call\.png cannot be written: No such file"):
            interrupted_call().draw(tmp_path / "nowhere" / "call.png")
        (tmp_path / "folder").mkdir()
        with pytest.raises(AudioFileError, match=r"folder cannot be written: "):
            interrupted_call().draw(tmp_path / "folder")
        assert list(tmp_path.iterdir()) == [tmp_path / "folder"]

    def test_needs_an_extra_and_names_it(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(MissingExtraError, match=r"trioaudio\[demo\]"):
            interrupted_call().draw(path)
