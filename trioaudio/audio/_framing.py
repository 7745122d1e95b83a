"""From blocks of any size to whole frames of one length."""

from __future__ import annotations

from .._errors import FormatError
from ._format import AudioFormat
from ._frame import Frame


class Framer:
    """Cuts a stream of bytes into frames of equal length; what does not fill a frame, odd bytes included, is carried over.

    Args:
        format: what the bytes are encoded in.
        frame_samples: length of a frame, 20 ms of the format by default.
        media_time: position of the first sample, in samples.

    Raises:
        FormatError: the frame length is not positive.
    """

    format: AudioFormat
    frame_samples: int
    odd_bytes: int
    """Bytes of half a sample that `flush` found at the end of a stream and dropped, in all; not 0: the sender cut a sample in two."""

    def __init__(self, format: AudioFormat, frame_samples: int | None = None, media_time: int = 0) -> None:
        self.format, self.odd_bytes = format, 0
        self.frame_samples = format.frame_samples if frame_samples is None else frame_samples
        if self.frame_samples < 1:
            raise FormatError(
                f"frames of {frame_samples} samples cannot be made; give at least 1 ({format.frame_samples} are 20 ms of {format})"
            )
        self._frame_bytes = self.frame_samples * format.sample_bytes
        self._carried = b""
        self._media_time = media_time

    @property
    def waiting(self) -> int:
        """Whole samples carried over so far."""
        return len(self._carried) // self.format.sample_bytes

    def push(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the stream and return the frames they complete, in order; media times follow on."""
        stream = self._carried + data if self._carried else data
        whole = len(stream) - len(stream) % self._frame_bytes
        self._carried = bytes(stream[whole:])
        return [self._frame(stream[start : start + self._frame_bytes]) for start in range(0, whole, self._frame_bytes)]

    def flush(self) -> Frame | None:
        """End the stream: return the rest as one short frame, or None if there is no whole sample.

        Half a sample at the end is dropped and counted in `odd_bytes`: a far party that hangs up inside a sample must not cost
        what it said before. The media time runs on.
        """
        odd = len(self._carried) % self.format.sample_bytes
        rest, self._carried = self._carried[: len(self._carried) - odd], b""
        self.odd_bytes += odd
        return self._frame(rest) if rest else None

    def _frame(self, data: bytes) -> Frame:
        frame = Frame(data, self.format, self._media_time)
        self._media_time += frame.num_samples
        return frame
