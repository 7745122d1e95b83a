"""Draws the story of a call with Pillow: two lanes of sound, turns, interruptions, keys, and the time below.

Shapes are drawn at twice the size and reduced, which smooths every edge; then comes the sound, whose edges are reckoned;
then upright lines and text at their true size, where they are crispest. Nothing depends on the system: the typeface is the
one that Pillow brings.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ._errors import AudioFileError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._timeline import InterruptionMark, Story, TurnSpan
    from .audio._envelope import Envelope

    Floats = npt.NDArray[np.float32]

SIZE = 1600, 620
SCALE = 2
"""How much larger shapes are drawn than they are shown."""
LEFT, RIGHT = 118, 1560
"""Where the time axis begins and ends."""


class Lane(NamedTuple):
    """One side of the call: where it stands, its name and its colours (loudest sample, power, spans behind the sound)."""

    name: str
    note: str
    top: int
    bottom: int
    peak: str
    power: str
    span: str

    @property
    def middle(self) -> int:
        return (self.top + LABELS + self.bottom) // 2

    @property
    def half(self) -> int:
        return (self.bottom - self.top - LABELS) // 2 - 12


LABELS = 30
"""Height of the strip at the top of a lane in which its labels stand."""
CALLER = Lane("Caller", "as it came", 92, 302, "#9dbdf8", "#3b76e8", "#e6eefd")
AGENT = Lane("Agent", "as heard", 346, 556, "#8bd5c7", "#15988a", "#dcf3ee")
PAPER, FIELD, GRID, INK, FAINT = "#ffffff", "#f6f7f9", "#e7e9ee", "#1c2534", "#6b7485"
RED, PALE_RED, AMBER, PALE_AMBER = "#dc2f4b", "#fde8eb", "#9a5b06", "#fdf0d2"
QUIETEST = 65535 // 20
"""What fills a lane at least: a call in which nobody was louder looks as quiet as it was."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
"""Steps of the time axis, in seconds."""


def write_picture(story: Story, path: str | PathLike[str]) -> None:
    """Draw and write a PNG in one step, with mode 0600.

    Raises:
        AudioFileError: the file cannot be written.
    """
    path = Path(path)
    image = Picture(story).drawn()
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "wb") as file:
                image.save(file, "PNG", compress_level=6)
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as error:
        raise AudioFileError(f"{path} cannot be written: {error.strerror or error}") from error


class Picture:
    """One drawing of one call."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._length = max(story.end, 0.1)
        self._image = Image.new("RGB", (SIZE[0] * SCALE, SIZE[1] * SCALE), PAPER)
        self._shapes = ImageDraw.Draw(self._image)
        self._lines: list[tuple[float, float, float, str, int]] = []
        self._words: list[tuple[float, float, str, int, str, str]] = []

    def drawn(self) -> Image.Image:
        """The finished picture."""
        behind = self._fields, self._grid, self._speech, self._outages, self._turns, self._lost
        for step in (*behind, self._interruptions, self._keys, self._hangup):
            step()
        self._heading()
        self._legend()
        image = self._image.reduce(SCALE)
        self._draw_sound(image)
        self._draw_lines_and_words(ImageDraw.Draw(image))
        return image

    # ---- places

    def _x(self, time: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(max(time / self._length, 0.0), 1.0)

    def _box(self, left: float, top: float, right: float, bottom: float, fill: str, radius: float = 0, outline: str | None = None) -> None:
        corners = [round(each * SCALE) for each in (left, top, max(right, left + 1), bottom)]
        self._shapes.rounded_rectangle(corners, radius * SCALE, fill, outline, SCALE)

    def _line(self, x: float, top: float, bottom: float, fill: str, width: int = 1) -> None:
        self._lines.append((x, top, bottom, fill, width))

    def _say(self, x: float, y: float, text: str, size: int = 13, fill: str = INK, anchor: str = "lm") -> None:
        self._words.append((x, y, text, size, fill, anchor))

    # ---- what is behind the sound

    def _fields(self) -> None:
        for lane in (CALLER, AGENT):
            self._box(LEFT - 6, lane.top, RIGHT + 6, lane.bottom, FIELD, 10)
            self._say(LEFT - 22, lane.middle - 9, lane.name, 17, lane.power, "rm")
            self._say(LEFT - 22, lane.middle + 11, lane.note, 12, FAINT, "rm")

    def _grid(self) -> None:
        step = next((each for each in TICKS if each / self._length * (RIGHT - LEFT) >= 84), TICKS[-1])
        for number in range(int(self._length / step + 1e-6) + 1):
            x = self._x(number * step)
            for lane in (CALLER, AGENT):
                self._box(x - 0.5, lane.top, x + 0.5, lane.bottom, GRID)
            self._line(x, AGENT.bottom + 8, AGENT.bottom + 13, "#c3c8d2")
            self._say(x, AGENT.bottom + 25, _clock(number * step, step), 12, FAINT, "mm")

    def _speech(self) -> None:
        for start, end in self._story.speech:
            self._span(CALLER, start, self._length if end is None else end)

    def _outages(self) -> None:
        """Where there was no model: a band behind what was heard all the same."""
        for start, end in self._story.outages:
            left, right = self._x(start), self._x(self._length if end is None else end)
            self._box(left, AGENT.top + 6, right, AGENT.bottom - 6, PALE_AMBER, 8)
            if right - left > _width("no model", 12) + 12:
                self._say((left + right) / 2, AGENT.bottom - 20, "no model", 12, AMBER, "mm")

    def _turns(self) -> None:
        free = float(LEFT)
        for turn in self._story.turns:
            end = self._length if turn.end is None else turn.end
            if end > turn.start:
                self._span(AGENT, turn.start, end)
                free = self._turn_label(turn, end, free)

    def _span(self, lane: Lane, start: float, end: float) -> None:
        self._box(self._x(start), lane.top + 6, self._x(end), lane.bottom - 6, lane.span, 8)

    def _turn_label(self, turn: TurnSpan, end: float, free: float) -> float:
        """Name the turn at its upper left corner if there is room; returns where the next name may begin."""
        left, room = self._x(turn.start) + 10, self._x(end) - self._x(turn.start) - 16
        text = _shortened(turn.item_id or "", 13, room)
        if not text or left < free:
            return free
        self._say(left, AGENT.top + 20, text, 13, AGENT.power)
        return left + _width(text, 13) + 10

    # ---- the sound

    def _draw_sound(self, image: Image.Image) -> None:
        """Both envelopes on a common scale, so that one sees who was louder."""
        sides = ((CALLER, self._story.caller), (AGENT, self._story.agent))
        loudest = max(QUIETEST, *(max(envelope.peaks, default=0) for _, envelope in sides))
        for lane, envelope in sides:
            image.paste(lane.peak, (LEFT, lane.middle, RIGHT, lane.middle + 1))
            for levels, colour in ((envelope.peaks, lane.peak), (envelope.powers, lane.power)):
                heights = self._columns(envelope, np.asarray(levels, np.float32)) / np.float32(loudest) * lane.half
                image.paste(colour, (LEFT, lane.middle - lane.half), _filled(heights, lane.half))

    def _columns(self, envelope: Envelope, levels: Floats) -> Floats:
        """Two values for each column: the loudest window in it, or a smooth way from window to window where these are wider."""
        width, windows = (RIGHT - LEFT) * SCALE, self._length / envelope.window
        levels = np.concatenate([levels, np.zeros(max(1, int(windows) + 2 - len(levels)), np.float32)])
        if windows > width:
            return np.maximum.reduceat(levels, (np.arange(width) * windows / width).astype(np.intp)).astype(np.float32)
        return np.interp(np.linspace(0, windows, width) - 0.5, np.arange(len(levels)), levels).astype(np.float32)

    # ---- what cut into it

    def _lost(self) -> None:
        turns = self._story.turns
        next_starts = [*(turn.start for turn in turns[1:]), self._length]
        for turn, next_start in zip(turns, next_starts, strict=False):  # one start too many when there are no turns
            if turn.lost and turn.end is not None:
                self._hatch(self._x(turn.end), self._x(min(turn.end + turn.lost, next_start)))

    def _hatch(self, left: float, right: float) -> None:
        """Slanted lines where the rest of a turn would have been."""
        if right - left < 3:
            return
        top, bottom = AGENT.top + 6, AGENT.bottom - 6
        stamp = Image.new("L", (round((right - left) * SCALE), (bottom - top) * SCALE))
        brush = ImageDraw.Draw(stamp)
        for x in range(-stamp.height, stamp.width, 9 * SCALE):
            brush.line((x, stamp.height, x + stamp.height, 0), 80, SCALE)
        self._image.paste(RED, (round(left * SCALE), top * SCALE), stamp)

    def _interruptions(self) -> None:
        places = [self._x(mark.at) for mark in self._story.interruptions]
        free = LEFT - 6.0
        for number, (mark, x) in enumerate(zip(self._story.interruptions, places, strict=True)):
            following = places[number + 1] - 8 if number + 1 < len(places) else RIGHT + 6
            free = self._interruption(x, _figures(mark), free, following)

    def _interruption(self, x: float, text: str, free: float, following: float) -> float:
        """A line down the agent's lane, labelled if there is room between its neighbours; returns where the next label may begin."""
        width, top, bottom = _width(text, 13) + 22, CALLER.bottom + 9, AGENT.top - 9
        left = max(min(x - width / 2, following - width), free)
        self._line(x, bottom, AGENT.bottom, RED, 2)
        if not x - width + 14 <= left <= min(x - 14, following - width):
            self._shapes.ellipse([round(each * SCALE) for each in (x - 4, bottom - 4, x + 4, bottom + 4)], RED)
            return x + 8
        self._box(left, top, left + width, bottom, PALE_RED, (bottom - top) / 2, RED)
        self._say(left + 11, (top + bottom) / 2, text, 13, RED)
        return left + width + 6

    def _keys(self) -> None:
        for at, digit in self._story.keys:
            x, top = self._x(at), CALLER.top + 6
            self._line(x, top + 22, CALLER.bottom, AMBER)
            self._box(x - 11, top, x + 11, top + 22, PALE_AMBER, 5, AMBER)
            self._say(x, top + 11, digit, 14, AMBER, "mm")

    def _hangup(self) -> None:
        if self._story.hangup is not None:
            x = self._x(self._story.hangup)
            self._line(x, CALLER.top, AGENT.bottom, INK, 2)
            self._say(x - 8, CALLER.top + 18, "hang-up", 12, INK, "rm")

    # ---- around it

    def _heading(self) -> None:
        self._say(28, 36, _shortened(self._story.title, 24, 900), 24)
        self._say(28, 64, self._summary(), 14, FAINT)

    def _summary(self) -> str:
        turns, cuts = len(self._story.turns), len(self._story.interruptions)
        parts = [_clock(self._story.end, 0.1) + _unit(self._story.end), f"{turns} turn{'s' * (turns != 1)}"]
        if cuts:
            parts.append(f"{cuts} interruption{'s' * (cuts != 1)}")
        return "  ·  ".join(parts)

    def _legend(self) -> None:
        x = float(RIGHT)
        for text, fill, edge in reversed(self._legend_entries()):
            x -= _width(text, 13)
            self._say(x, 44, text, 13, FAINT)
            self._box(x - 24, 37, x - 8, 51, fill, 4, edge)
            x -= 46

    def _legend_entries(self) -> list[tuple[str, str, str | None]]:
        entries: list[tuple[str, str, str | None]] = [("caller", CALLER.power, None), ("agent", AGENT.power, None)]
        if self._story.speech:
            entries.insert(1, ("speech", CALLER.span, CALLER.peak))
        if self._story.turns:
            entries.append(("turn", AGENT.span, AGENT.peak))
        if self._story.interruptions:
            entries.append(("interrupted, lost", PALE_RED, RED))
        if self._story.outages:
            entries.append(("no model", PALE_AMBER, AMBER))
        if self._story.keys:
            entries.append(("key", PALE_AMBER, AMBER))
        return entries

    def _draw_lines_and_words(self, brush: ImageDraw.ImageDraw) -> None:
        for x, top, bottom, fill, width in self._lines:
            left = round(x - width / 2)
            brush.rectangle((left, top, left + width - 1, bottom), fill)
        for x, y, text, size, fill, anchor in self._words:
            brush.text((x, y), text, fill, _font(size), anchor)


def _filled(heights: Floats, half: int) -> Image.Image:
    """How much of each pixel is covered by a shape that reaches this far to both sides of its middle line."""
    rows = np.abs(np.arange(-half, half + 1, dtype=np.float32))[:, None]
    covered = np.clip(heights[None, :] - rows + 0.5, 0, 1)
    return Image.fromarray(np.rint((covered[:, ::SCALE] + covered[:, 1::SCALE]) * (255 / SCALE)).astype(np.uint8))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _width(text: str, size: int) -> float:
    return _font(size).getlength(text)


def _shortened(text: str, size: int, room: float) -> str:
    """The text if it fits, else its beginning with an ellipsis, or nothing where that would say nothing."""
    if room < 3 * size:
        return ""
    if _width(text, size) <= room:
        return text
    while text and _width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def _figures(mark: InterruptionMark) -> str:
    if mark.heard_ms is None or mark.lost_ms is None:
        return "interrupted"
    return f"heard {mark.heard_ms:.0f} ms / lost {mark.lost_ms:.0f} ms"


def _unit(time: float) -> str:
    return " h" if time >= 3600 else " min" if time >= 60 else ""


def _clock(time: float, step: float) -> str:
    """Seconds for short calls, m:ss or h:mm:ss from one minute on."""
    if time < 60:
        return f"{time:.1f} s" if step < 1 else f"{time:.0f} s"
    minutes, seconds = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
