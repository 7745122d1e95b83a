"""An immutable block of audio that decodes only when somebody looks inside."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, TypeAlias

from .._errors import FormatError
from ._format import AudioFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.int16]

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


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

    __slots__ = ("_base64", "_data", "_pcm", "duration", "format", "media_time", "num_samples")

    format: AudioFormat
    media_time: int
    num_samples: int
    """Samples per audio channel."""
    duration: float
    """Length in seconds."""

    def __init__(self, data: bytes, format: AudioFormat, media_time: int = 0) -> None:
        self._init(format, media_time, format.samples_in(len(data)))
        self._data: bytes | None = bytes(data)

    def _init(self, format: AudioFormat, media_time: int, num_samples: int) -> None:
        self.format, self.media_time, self.num_samples = format, media_time, num_samples
        self.duration = num_samples / format.rate
        self._data = self._base64 = self._pcm = None

    if TYPE_CHECKING:
        _base64: str | None
        _pcm: Samples | None

    @classmethod
    def from_base64(cls, text: str, format: AudioFormat, media_time: int = 0) -> Frame:
        """Make a frame from base64 text (RFC 4648 section 4, padded); the text is checked now and decoded when needed.

        Raises:
            FormatError: the text is not base64, or does not hold a whole number of samples.
        """
        if len(text) % 4 or not _BASE64.fullmatch(text):
            raise FormatError(f"{len(text)} characters are not padded base64 text; give the bytes or check the sender")
        frame = cls.__new__(cls)
        frame._init(format, media_time, format.samples_in(len(text) // 4 * 3 - text[-2:].count("=")))
        frame._base64 = text
        return frame

    @classmethod
    def from_samples(cls, samples: Samples, format: AudioFormat, media_time: int = 0) -> Frame:
        """Make a frame from int16 samples of shape ``(n,)`` or ``(n, num_channels)``; they are encoded when needed.

        Raises:
            FormatError: the array is not int16, or its shape does not fit the format.
        """
        if samples.dtype != "int16" or samples.ndim not in (1, 2):
            raise FormatError(f"samples are {samples.dtype} of shape {samples.shape}; give int16 of shape (n,) or (n, {format.num_channels})")
        if (samples.shape[1] if samples.ndim == 2 else 1) != format.num_channels:
            raise FormatError(f"samples of shape {samples.shape} do not fit {format}, which has {format.num_channels} audio channels")
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
    def data(self) -> bytes:
        """The encoded bytes."""
        if self._data is None:
            if self._base64 is not None:
                self._data = binascii.a2b_base64(self._base64)
            else:
                from ._g711 import encode

                assert self._pcm is not None
                self._data = encode(self._pcm, self.format.encoding)
        return self._data

    @property
    def base64(self) -> str:
        """The encoded bytes as base64 text, padded."""
        if self._base64 is None:
            self._base64 = base64.b64encode(self.data).decode("ascii")
        return self._base64

    @property
    def pcm(self) -> Samples:
        """The samples: int16, read-only, shape ``(num_samples, num_channels)``."""
        if self._pcm is None:
            from ._g711 import decode

            self._pcm = decode(self.data, self.format.encoding).reshape(-1, self.format.num_channels)
            self._pcm.flags.writeable = False
        return self._pcm

    def cut(self, start: int, stop: int) -> Frame:
        """The samples from ``start`` up to ``stop`` as a frame of their own, still undecoded; the media time moves along."""
        start, stop, _ = slice(start, stop).indices(self.num_samples)
        width = self.format.sample_bytes
        return Frame(self.data[start * width : stop * width], self.format, self.media_time + start)

    def split(self, num_samples: int) -> list[Frame]:
        """Frames of ``num_samples`` samples, in order; only the last may be shorter. A frame that fits is returned as it is."""
        if self.num_samples <= num_samples:
            return [self] if self.num_samples else []
        return [self.cut(start, start + num_samples) for start in range(0, self.num_samples, num_samples)]

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
        return self.format == other.format and self.media_time == other.media_time and self.data == other.data

    def __hash__(self) -> int:
        return hash((self.format, self.media_time, self.data))

    def __repr__(self) -> str:  # never the audio itself: what a caller says must not reach a log
        return f"<Frame {self.num_samples} samples of {self.format} at {self.media_time}>"
