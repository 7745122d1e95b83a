"""Asterisk's AudioSocket without I/O: frames of kind, length and payload over a TCP connection that Asterisk opens.

A frame is a kind (one byte), a length (two bytes, big-endian) and so many bytes; samples are little-endian, mono, 16 bits wide.
Asterisk begins with the id of the call and sends audio and keys after it; we send audio, and 0x00 to hang up. Anything else from
us, or audio of no length, costs the call. Facts: res/res_audiosocket.c, apps/app_audiosocket.c and channels/chan_audiosocket.c
of Asterisk, read in August 2026.

Asterisk reads a header as if it always came whole: write each frame in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias
from uuid import UUID

from .._errors import FormatError, RemoteProtocolError
from .._events import KEYS, Dtmf
from ..audio import AudioFormat, Frame

HANG_UP, CALL, KEY, AUDIO, FAILED = 0x00, 0x01, 0x03, 0x10, 0xFF
"""Kinds of frames; audio has one for each rate."""
RATES = MappingProxyType(
    {
        AUDIO: 8_000,
        0x11: 12_000,
        0x12: 16_000,
        0x13: 24_000,
        0x14: 32_000,
        0x15: 44_100,
        0x16: 48_000,
        0x17: 96_000,
        0x18: 192_000,
    }
)
"""Kinds of audio frames, with their samples per second; all but 8 kHz came with the releases of late 2025."""
_KINDS = {rate: kind for kind, rate in RATES.items()}
_FORMATS = {kind: AudioFormat("pcm16", rate) for kind, rate in RATES.items()}
HEADER = 3
LONGEST = 0xFFFF
"""Bytes of a payload."""
FAULTS = {0x01: "the caller has hung up", 0x02: "a frame could not be passed on", 0x04: "there was no memory"}
"""What the code of a failure means."""


@dataclass(frozen=True, slots=True)
class CallId:
    """The first thing that Asterisk says: which call this is, as the dialplan has it."""

    id: UUID = field(repr=False)


@dataclass(frozen=True, slots=True)
class HungUp:
    """The other side hangs up."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The other side reports a failure; ``code`` is None if it does not say which."""

    code: int | None

    def __str__(self) -> str:
        return f"Asterisk reports a failure: {FAULTS.get(self.code or 0, f'code {self.code}')}"


AudioSocketItem: TypeAlias = CallId | Frame | Dtmf | HungUp | Failed
"""What comes of a frame."""
Ignored: TypeAlias = Literal["unknown", "repeated_id", "no_key", "empty", "late"]
"""Why a frame was skipped: a kind that is not known here, a second id, a key that no telephone has, no audio, after the end."""


class FrameReader:
    """Puts frames together from bytes as they come; holds no more than one frame."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def waiting(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._bytes)

    @property
    def first(self) -> int:
        """The kind of that frame; there must be one."""
        return self._bytes[0]

    def frames_untrusted(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Kind and payload of each frame that is complete now. Never raises: every sequence of bytes is a beginning of frames."""
        self._bytes += data
        start, come, end = 0, self._bytes, len(self._bytes)
        while end - start >= HEADER:
            stop = start + HEADER + int.from_bytes(come[start + 1 : start + HEADER], "big")
            if stop > end:
                break
            yield come[start], bytes(come[start + HEADER : stop])
            start = stop
        del come[:start]


class AudioSocketReader:
    """What Asterisk says on one connection. Frames count their samples in ``media_time``, those of each rate for itself."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self._identified = self._over = False
        self._position = 0
        self._format: AudioFormat | None = None
        self.ignored: dict[Ignored, int] = {}
        """Frames that were skipped, by reason."""

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return self._frames.waiting > 0

    def receive_untrusted(self, data: bytes) -> list[AudioSocketItem]:
        """What the bytes mean, with what was left of those before.

        Raises:
            RemoteProtocolError: this is no AudioSocket: the first frame is not the id of a call, or audio has half a sample.
        """
        items: list[AudioSocketItem] = []
        for kind, payload in self._frames.frames_untrusted(data):
            item = self._item(kind, payload)
            if item is not None:
                items.append(item)
        if not self._identified and self._frames.waiting and self._frames.first != CALL:
            raise RemoteProtocolError(_NO_ID)
        return items

    def _item(self, kind: int, payload: bytes) -> AudioSocketItem | None:
        if not self._identified:
            return self._first(kind, payload)
        if self._over:
            return self._ignore("late")
        if kind in _FORMATS:
            return self._audio(_FORMATS[kind], payload)
        if kind == KEY:
            key = payload.decode("ascii", "replace").upper()
            return Dtmf(key) if key in KEYS else self._ignore("no_key")
        if kind in (HANG_UP, FAILED):
            self._over = True
            return HungUp() if kind == HANG_UP else Failed(payload[0] if payload else None)
        return self._ignore("repeated_id" if kind == CALL else "unknown")

    def _first(self, kind: int, payload: bytes) -> CallId:
        if kind != CALL or len(payload) != 16:
            raise RemoteProtocolError(_NO_ID)
        self._identified = True
        return CallId(UUID(bytes=payload))

    def _audio(self, format: AudioFormat, payload: bytes) -> AudioSocketItem | None:
        if not payload:
            return self._ignore("empty")
        if len(payload) % 2:
            raise RemoteProtocolError(f"an audio frame of {len(payload)} bytes has half a sample")
        if format != self._format:
            self._format, self._position = format, 0
        frame = Frame(payload, format, self._position)
        self._position += frame.num_samples
        return frame

    def _ignore(self, why: Ignored) -> AudioSocketItem | None:
        self.ignored[why] = self.ignored.get(why, 0) + 1
        return None


_NO_ID = "this is no AudioSocket: it does not begin with the id of a call (01 00 10, and 16 bytes)"


def written(kind: int, payload: bytes = b"") -> bytes:
    """A frame as it is sent: whole, in one piece.

    Raises:
        FormatError: the payload is too long for one.
    """
    if len(payload) > LONGEST:
        raise FormatError(f"a frame of AudioSocket has at most {LONGEST} bytes, not {len(payload)}")
    return kind.to_bytes(1, "big") + len(payload).to_bytes(2, "big") + payload


def written_audio(frame: Frame) -> bytes:
    """A frame of audio as it is sent.

    Raises:
        FormatError: AudioSocket has no kind for its format, or it is empty or too long.
    """
    kind = _KINDS.get(frame.format.rate) if frame.format == AudioFormat("pcm16", frame.format.rate) else None
    if kind is None:
        raise FormatError(f"AudioSocket takes pcm16, mono, at {', '.join(map(str, _KINDS))} Hz, not {frame.format}")
    if not frame.num_samples:
        raise FormatError("audio of no length would cost the call")
    return written(kind, frame.data)


GOODBYE = written(HANG_UP)
"""Hangs up."""
