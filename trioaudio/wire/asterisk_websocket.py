"""The app's side of Asterisk's media websocket (chan_websocket) without I/O: what to send, and what it means that was received.

Binary messages are audio, text ones are control. Asterisk cuts audio into frames of 20 ms and plays them on its own clock, so it
is fed ahead, in whole frames: what does not fill one at the end of a message is thrown away there. A rest is therefore held here
until more comes, or until the other end would run dry: then it is filled up with silence.

What was played is known exactly. A mark comes back when all before it has been played. An interruption is four commands in one
step: with the queue at rest (PAUSE_MEDIA), its length says what was played of all that was sent (GET_STATUS); then it is emptied
(FLUSH_MEDIA), which also loses its marks, and let go on (CONTINUE_MEDIA).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .._errors import FormatError, RemoteProtocolError
from .._events import KEYS, Dtmf
from ..audio import AudioFormat, Frame
from ._asterisk_words import FORMATS, Fields, command, event_untrusted, number, variables, word

LONGEST_MESSAGE = 65_500
"""Bytes of audio in a message; one more ends the call."""
MARK_EVERY = 0.1
"""Seconds of audio between two marks, and how long the end of what was sent waits for its own."""
MARGIN = 0.04
"""Seconds before the other end runs dry at which a rest is sent: two frames."""
SOON = 0.03
"""Seconds that a rest waits for more at least: late by a tick, the end of a word is not missed; silence amid a word would be heard."""


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The first thing that Asterisk says: which call this is, and what it is to be sent."""

    format: AudioFormat
    frame_bytes: int
    """Of a frame: messages should be a multiple of it."""
    connection_id: str
    channel: str
    channel_id: str
    json: bool
    """Whether it speaks JSON, and wants to be spoken to so."""
    variables: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Of the channel; only in JSON."""


@dataclass(frozen=True, slots=True)
class MediaPlayed:
    """So many samples have been played since the ``clears``-th clear; ``final`` is the last word on that stretch."""

    samples: int
    clears: int
    final: bool = False


@dataclass(frozen=True, slots=True)
class MediaTrouble:
    """Asterisk could not do what it was told to; ``what`` is its own words."""

    what: str


MediaItem: TypeAlias = MediaStarted | Frame | Dtmf | MediaPlayed | MediaTrouble
"""What comes of a message."""


@dataclass(slots=True)
class _Stretch:
    """What was sent between two clears."""

    clears: int
    frames: int = 0
    padded: deque[tuple[int, int]] = field(default_factory=deque)
    """Frames that were filled up, by their numbers, and how many samples of silence each has."""
    silence: int = 0
    """Such samples in frames that are known to have been played."""

    def played(self, frames: int, frame_samples: int) -> int:
        """Samples of those frames that were somebody's; asked for more and more frames."""
        while self.padded and self.padded[0][0] < frames:
            self.silence += self.padded.popleft()[1]
        return frames * frame_samples - self.silence


class AsteriskMedia:
    """One call. Methods that say something return the messages to send, in order and in one step. Times are of the caller's clock."""

    def __init__(self) -> None:
        self.started: MediaStarted | None = None
        self.ready: bool = True
        """Whether more audio may be sent: not while Asterisk's queue is full."""
        self.counts: Counter[str] = Counter()
        """Messages that were skipped: ``unknown`` ones, ``repeated`` starts, ``stale`` marks and statuses, ``no_key``."""
        self._position = 0
        self._stretch = _Stretch(0)
        self._asked: deque[_Stretch] = deque()
        self._rest = b""
        self._rest_due = self._mark_due = math.inf
        self._unmarked = 0
        self._horizon = -math.inf

    # ---- what was received

    def receive_untrusted(self, data: str | bytes, now: float) -> list[MediaItem]:
        """What a message means.

        Raises:
            RemoteProtocolError: this is not Asterisk's media websocket, or it has a codec that is not known here.
        """
        if isinstance(data, bytes):
            return self._audio(data)
        name, fields = event_untrusted(data)
        if self.started is None:
            return [self._start(name, fields, json=data.lstrip().startswith("{"))]
        return [item for item in [self._event(name, fields, now)] if item is not None]

    def _audio(self, data: bytes) -> list[MediaItem]:
        format = self._format
        if len(data) % format.sample_bytes:
            raise RemoteProtocolError(f"audio of {len(data)} bytes has half a sample")
        frame = Frame(data, format, self._position)
        self._position += frame.num_samples
        return [frame] if data else []

    def _start(self, name: str, fields: Fields, *, json: bool) -> MediaStarted:
        if name != "MEDIA_START":
            raise RemoteProtocolError("this is not Asterisk's media websocket: it does not begin with MEDIA_START")
        codec, size = word(fields, "format"), number(fields, "optimal_frame_size")
        format = FORMATS.get(codec)
        if format is None or not 0 < size <= LONGEST_MESSAGE or size % format.sample_bytes:
            raise RemoteProtocolError(f"audio in {codec[:20]!r} cannot be cut into frames; write c(slin24) or c(ulaw) in the dial string")
        names = (word(fields, "connection_id"), word(fields, "channel"), word(fields, "channel_id"))
        self.started = MediaStarted(format, size, *names, json, variables(fields))
        return self.started

    def _event(self, name: str, fields: Fields, now: float) -> MediaItem | None:
        match name:
            case "MEDIA_MARK_PROCESSED":
                return self._reached(word(fields, "correlation_id"), now)
            case "STATUS":
                return self._status(number(fields, "queue_length"))
            case "DTMF_END" if word(fields, "digit").upper() in KEYS:
                return Dtmf(word(fields, "digit").upper())
            case "MEDIA_XOFF" | "MEDIA_XON":
                self.ready = name == "MEDIA_XON"
            case "ERROR":
                return MediaTrouble(word(fields, "error_text")[:200])
            case "QUEUE_DRAINED" | "MEDIA_BUFFERING_COMPLETED":
                pass
            case _:
                self.counts[{"MEDIA_START": "repeated", "DTMF_END": "no_key"}.get(name, "unknown")] += 1
        return None

    def _reached(self, mark: str, now: float) -> MediaPlayed | None:
        """All before a mark has been played; ours are called ``CLEARS:FRAMES``."""
        clears, _, frames = mark.partition(":")
        stretch = self._stretch
        if not (mark.isascii() and len(mark) < 40 and clears.isdigit() and frames.isdigit()):
            self.counts["stale"] += 1
            return None
        if int(clears) != stretch.clears or int(frames) > stretch.frames:
            self.counts["stale"] += 1
            return None
        self._horizon = now + self._seconds(stretch.frames - int(frames))
        self._retime(now)
        return MediaPlayed(stretch.played(int(frames), self._frame_samples), stretch.clears)

    def _status(self, queued: int) -> MediaPlayed | None:
        if not self._asked:
            self.counts["stale"] += 1
            return None
        stretch = self._asked.popleft()
        return MediaPlayed(stretch.played(max(0, stretch.frames - queued), self._frame_samples), stretch.clears, final=True)

    # ---- what to send

    def answer(self) -> list[str]:
        """Answer the call, if Asterisk has not done so by itself."""
        return [self._command("ANSWER")]

    def hang_up(self) -> list[str]:
        """Hang up."""
        return [self._command("HANGUP")]

    def play(self, frame: Frame, now: float) -> list[str | bytes]:
        """Say this after all that was said before.

        Raises:
            FormatError: it is not in the format of the call.
        """
        if frame.format != self._format:
            raise FormatError(f"this call hears {self._format}, the frame is {frame.format}")
        data = self._rest + frame.data
        whole = len(data) - len(data) % self._frame_bytes
        messages = self._sent(data[:whole], now)
        self._rest = data[whole:]
        self._retime(now)
        return messages

    @property
    def due(self) -> float:
        """When `advance` has something to say."""
        return min(self._rest_due, self._mark_due)

    def advance(self, now: float) -> list[str | bytes]:
        """What is to be said because time has passed."""
        messages: list[str | bytes] = []
        if self._rest and now >= self._rest_due:
            missing = self._frame_bytes - len(self._rest)
            silence = missing // self._format.sample_bytes
            self._stretch.padded.append((self._stretch.frames, silence))
            messages = self._sent(self._rest + self._format.silence(silence), now)
            self._rest = b""
            self._retime(now)
        if self._unmarked and now >= self._mark_due:
            messages += self._mark()
        return messages

    def clear(self, now: float) -> list[str]:
        """Forget what has not been played, and say how much was."""
        self._asked.append(self._stretch)
        self._stretch = _Stretch(self._stretch.clears + 1)
        self._rest, self._unmarked, self._horizon = b"", 0, now
        self._rest_due = self._mark_due = math.inf
        return [self._command(name) for name in ("PAUSE_MEDIA", "GET_STATUS", "FLUSH_MEDIA", "CONTINUE_MEDIA")]

    def _sent(self, data: bytes, now: float) -> list[str | bytes]:
        frames = len(data) // self._frame_bytes
        if not frames:
            return []
        most = LONGEST_MESSAGE // self._frame_bytes * self._frame_bytes
        messages: list[str | bytes] = [data[start : start + most] for start in range(0, len(data), most)]
        self._stretch.frames += frames
        self._unmarked += frames
        self._horizon = max(self._horizon, now) + self._seconds(frames)
        self._mark_due = min(self._mark_due, now + MARK_EVERY)
        return messages + (self._mark() if self._seconds(self._unmarked) >= MARK_EVERY else [])

    def _mark(self) -> list[str | bytes]:
        self._unmarked, self._mark_due = 0, math.inf
        return [self._command("MARK_MEDIA", f"{self._stretch.clears}:{self._stretch.frames}")]

    def _retime(self, now: float) -> None:
        self._rest_due = max(now + SOON, self._horizon - MARGIN) if self._rest else math.inf

    def _command(self, name: str, correlation_id: str = "") -> str:
        return command(name, correlation_id, json=self.started is not None and self.started.json)

    # ---- what Asterisk said that it takes

    @property
    def _format(self) -> AudioFormat:
        return self._known.format

    @property
    def _frame_bytes(self) -> int:
        return self._known.frame_bytes

    @property
    def _frame_samples(self) -> int:
        return self._known.frame_bytes // self._known.format.sample_bytes

    def _seconds(self, frames: int) -> float:
        return frames * self._frame_samples / self._format.rate

    @property
    def _known(self) -> MediaStarted:
        if self.started is None:
            raise RemoteProtocolError("there is audio before MEDIA_START")
        return self.started
