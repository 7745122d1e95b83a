"""An immutable block of audio that decodes only when somebody looks inside."""

from __future__ import annotations

import binascii
import string
from typing import TYPE_CHECKING, TypeAlias

from .._errors import FormatError
from ._codec import decode, encode
from ._format import AudioFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.int16]

_BASE64_DIGITS = (string.ascii_letters + string.digits + "+/").encode()


class Frame:
    """A block of audio with its format and the position of its first sample.

    It is made from encoded bytes, from base64 text or from samples, and turns into the other two lazily, once. Its
    length is known without decoding (law 11), so a frame that only passes through is never decoded.

    Args:
        data: encoded audio, a whole number of samples.
        format: what ``data`` is encoded in.
        media_time: position of the first sample in its stream, in samples.

    Raises:
        FormatError: ``data`` does not end with a whole sample.
    """

    __slots__ = ("_base64", "_data", "_format", "_media_time", "_num_samples", "_pcm")

    _data: bytes | None
    _base64: str | None
    _pcm: Samples | None

    def __init__(self, data: bytes, format: AudioFormat, media_time: int = 0) -> None:
        self._init(format, media_time, format.samples_in(len(data)))
        self._data = bytes(data)

    def _init(self, format: AudioFormat, media_time: int, num_samples: int) -> None:
        self._format, self._media_time, self._num_samples = format, media_time, num_samples
        self._data = self._base64 = self._pcm = None

    @classmethod
    def from_base64(cls, text: str, format: AudioFormat, media_time: int = 0) -> Frame:
        """Make a frame from base64 text (RFC 4648 section 4, padded); the text is checked now and decoded when needed.

        Line breaks and the URL-safe digits ``-`` and ``_`` are refused. Spare bits before the padding may have any value.

        Raises:
            FormatError: the text is not base64, or does not hold a whole number of samples.
        """
        padding = text.encode("ascii", "replace").translate(None, _BASE64_DIGITS).decode()  # what is left must be padding
        if len(text) % 4 or padding not in ("", "=", "==") or not text.endswith(padding):
            raise FormatError(f"{len(text)} characters are not padded base64 text; give the bytes or check the sender")
        frame = cls.__new__(cls)
        frame._init(format, media_time, format.samples_in(len(text) // 4 * 3 - len(padding)))
        frame._base64 = text
        return frame

    @classmethod
    def from_samples(cls, samples: Samples, format: AudioFormat, media_time: int = 0) -> Frame:
        """Make a frame from int16 samples of shape ``(n,)`` or ``(n, num_channels)``; they are copied, and encoded when needed.

        G.711 is encoded at once, so that `pcm` says what the far end will hear: two equal frames sound the same.

        Raises:
            FormatError: the array is not int16, or its shape does not fit the format.
        """
        if samples.dtype != "int16" or samples.ndim not in (1, 2):
            raise FormatError(
                f"samples are {samples.dtype} of shape {samples.shape}; give int16 of shape (n,) or (n, {format.num_channels})"
            )
        if (samples.shape[1] if samples.ndim == 2 else 1) != format.num_channels:
            raise FormatError(f"samples of shape {samples.shape} do not fit {format}, which has {format.num_channels} audio channels")
        if format.encoding != "pcm16":
            return cls(encode(samples, format.encoding), format, media_time)
        frame = cls.__new__(cls)
        frame._init(format, media_time, len(samples))
        pcm = samples.reshape(-1, format.num_channels).copy()
        pcm.flags.writeable = False
        frame._pcm = pcm
        return frame

    @classmethod
    def silence(cls, num_samples: int, format: AudioFormat, media_time: int = 0) -> Frame:
        """Make a frame of ``num_samples`` samples of silence."""
        return cls(format.silence(num_samples), format, media_time)

    @property
    def format(self) -> AudioFormat:
        """Encoding, rate and number of audio channels."""
        return self._format

    @property
    def media_time(self) -> int:
        """Position of the first sample in its stream, in samples."""
        return self._media_time

    @property
    def num_samples(self) -> int:
        """Samples per audio channel."""
        return self._num_samples

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self._num_samples / self._format.rate

    @property
    def data(self) -> bytes:
        """The encoded bytes."""
        if self._data is None:
            if self._base64 is not None:
                self._data = binascii.a2b_base64(self._base64)
            else:
                assert self._pcm is not None
                self._data = encode(self._pcm, self._format.encoding)
        return self._data

    @property
    def base64(self) -> str:
        """The encoded bytes as base64 text, padded."""
        if self._base64 is None:
            self._base64 = binascii.b2a_base64(self.data, newline=False).decode("ascii")
        return self._base64

    @property
    def pcm(self) -> Samples:
        """The samples: int16, read-only, shape ``(num_samples, num_channels)``."""
        if self._pcm is None:
            self._pcm = decode(self.data, self._format.encoding).reshape(-1, self._format.num_channels)
            self._pcm.flags.writeable = False
        return self._pcm

    def cut(self, start: int, stop: int) -> Frame:
        """The samples from ``start`` up to ``stop`` as a frame of their own, still undecoded; the media time moves along."""
        if not 0 <= start <= stop <= self._num_samples:
            start, stop, _ = slice(start, stop).indices(self._num_samples)
            stop = max(start, stop)
        return self._piece(start, stop)

    def _piece(self, start: int, stop: int) -> Frame:
        width = self._format.sample_bytes
        piece = Frame.__new__(Frame)
        piece._init(self._format, self._media_time + start, stop - start)
        piece._data = self.data[start * width : stop * width]
        return piece

    def split(self, num_samples: int) -> list[Frame]:
        """Frames of ``num_samples`` samples, in order; only the last may be shorter. A frame that fits is returned as it is.

        Raises:
            ValueError: ``num_samples`` is not positive.
        """
        if num_samples < 1:
            raise ValueError(f"a frame cannot be split into frames of {num_samples} samples; give at least 1")
        total = self._num_samples
        if total <= num_samples:
            return [self] if total else []
        return [self._piece(start, min(start + num_samples, total)) for start in range(0, total, num_samples)]

    def joined(self, other: Frame) -> Frame:
        """This frame followed by ``other``, in one.

        Raises:
            FormatError: the formats differ.
        """
        if other.format != self.format:
            raise FormatError(f"a frame of {other.format} cannot follow one of {self.format}; convert it first (audio.Converter)")
        return Frame(self.data + other.data, self.format, self.media_time)

    def __len__(self) -> int:
        return self.num_samples

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self._format == other._format and self._media_time == other._media_time and self.data == other.data

    def __hash__(self) -> int:
        return hash((self._format, self._media_time, self.data))

    def __repr__(self) -> str:  # never the audio itself: what a caller says must not reach a log
        if not hasattr(self, "_num_samples"):  # in a traceback that shows locals, of one that was refused
            return "<Frame that could not be made>"
        return f"<Frame {self.num_samples} samples of {self.format} at {self.media_time}>"
