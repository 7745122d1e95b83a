"""What a block of audio is made of: encoding, rate, number of audio channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from .._errors import FormatError

Encoding: TypeAlias = Literal["pcm16", "mulaw", "alaw"]
"""How a sample is written down: ``pcm16`` (signed, little endian), ``mulaw`` or ``alaw`` (ITU-T G.711)."""

SAMPLE_BYTES: dict[str, int] = {"pcm16": 2, "mulaw": 1, "alaw": 1}
SILENT_BYTES: dict[str, bytes] = {"pcm16": b"\0\0", "mulaw": b"\xff", "alaw": b"\xd5"}
MIN_RATE, MAX_RATE = 1_000, 768_000
PTIME = 0.02
"""Length of a frame on the live path, in seconds: the packetisation time every carrier uses (RFC 3551 section 4.2)."""


@dataclass(frozen=True)
class AudioFormat:
    """Encoding, rate in samples per second and number of audio channels of a block of audio.

    Args:
        encoding: ``"pcm16"`` (signed, little endian), ``"mulaw"`` or ``"alaw"`` (ITU-T G.711).
        rate: samples per second and audio channel, 1000 to 768000.
        num_channels: 1 (mono) or 2 (stereo, interleaved).

    Raises:
        FormatError: any of the three is out of its range.
    """

    encoding: Encoding
    rate: int
    num_channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in SAMPLE_BYTES:
            raise FormatError(f"encoding {self.encoding!r} is not known; choose one of {', '.join(SAMPLE_BYTES)}")
        if not isinstance(self.rate, int) or not MIN_RATE <= self.rate <= MAX_RATE:
            raise FormatError(f"rate {self.rate!r} is not a whole number of {MIN_RATE} to {MAX_RATE} samples per second")
        if not isinstance(self.num_channels, int) or self.num_channels not in (1, 2):
            raise FormatError(f"num_channels is {self.num_channels!r}; only 1 (mono) and 2 (stereo) are supported")

    @cached_property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all audio channels together."""
        return SAMPLE_BYTES[self.encoding] * self.num_channels

    @cached_property
    def frame_samples(self) -> int:
        """Samples in one frame of 20 ms."""
        return round(self.rate * PTIME)

    def samples_in(self, num_bytes: int) -> int:
        """Number of samples in a block of ``num_bytes`` bytes.

        Raises:
            FormatError: the block does not end with a whole sample.
        """
        samples, rest = divmod(num_bytes, self.sample_bytes)
        if rest:
            raise FormatError(
                f"{num_bytes} bytes are no whole number of samples: {self} has {self.sample_bytes} bytes a sample; "
                "carry the odd bytes over to the next block (audio.Framer does)"
            )
        return samples

    def silence(self, num_samples: int) -> bytes:
        """The encoded bytes of ``num_samples`` samples of silence."""
        return SILENT_BYTES[self.encoding] * (num_samples * self.num_channels)

    def __str__(self) -> str:
        return f"{self.encoding}/{self.rate}" + ("/2" if self.num_channels == 2 else "")


def parse_format(text: str) -> AudioFormat:
    """Read a format from its text, as ``str(format)`` writes it: ``pcm16/24000`` or ``pcm16/48000/2``.

    Raises:
        FormatError: the text is not of that form, or a value is out of range.
    """
    encoding, *numbers = text.split("/")
    if not 1 <= len(numbers) <= 2 or not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
        raise FormatError(f"{text!r} is not a format; write ENCODING/RATE or ENCODING/RATE/CHANNELS, such as pcm16/24000")
    return AudioFormat(encoding, *map(int, numbers))  # type: ignore[arg-type]  # checked by AudioFormat itself


PCM16_8K = AudioFormat("pcm16", 8_000)
"""Linear samples at the telephone's rate."""
PCM16_16K = AudioFormat("pcm16", 16_000)
"""Linear samples at the rate most speech recognisers want."""
PCM16_24K = AudioFormat("pcm16", 24_000)
"""Linear samples at the rate most speech models speak."""
PCM16_48K = AudioFormat("pcm16", 48_000)
"""Linear samples at the rate of browsers, sound cards and rooms."""
MULAW_8K = AudioFormat("mulaw", 8_000)
"""The telephone in North America and Japan (RTP payload type 0, PCMU)."""
ALAW_8K = AudioFormat("alaw", 8_000)
"""The telephone everywhere else (RTP payload type 8, PCMA)."""
