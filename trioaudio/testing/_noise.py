"""Audio for sources and models of any format: no two pieces are alike, and no sample of it is silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..audio import AudioFormat, Frame

SILENT_CODES = {"mulaw": (0xFF, 0x7F), "alaw": (0xD5, 0x55)}
"""Codes of G.711 that are silent, in either sign."""


def noise(format: AudioFormat, num_samples: int, seed: int = 0) -> Frame:
    """Samples that occur in no other place: silence around and between them can be told from them."""
    random = np.random.default_rng(seed)
    count = num_samples * format.num_channels
    if format.encoding == "pcm16":
        return Frame(random.integers(1, 1 << 15, count).astype("<i2").tobytes(), format)
    allowed = np.setdiff1d(np.arange(256), SILENT_CODES[format.encoding])
    return Frame(random.choice(allowed, count).astype(np.uint8).tobytes(), format)


def frames_of(audio: Frame, seconds: float) -> list[Frame]:
    """The audio in frames of that length."""
    return audio.split(round(seconds * audio.format.rate))


def joined(frames: Iterable[Frame]) -> bytes:
    """The encoded bytes of all of them."""
    return b"".join(frame.data for frame in frames)


def as_bytes(audio: object) -> bytes:
    """The encoded bytes of audio in any of the forms in which a far end may say what it has heard.

    Raises:
        TypeError: it is no audio.
    """
    if isinstance(audio, Frame):
        return audio.data
    if isinstance(audio, bytes | bytearray | memoryview):
        return bytes(audio)
    if isinstance(audio, Iterable):
        return joined(audio)
    raise TypeError(f"heard() returned {audio!r}; return all the audio heard so far: bytes, a Frame, or frames")


def without_silence(data: bytes, format: AudioFormat) -> bytes:
    """What is left when the silence that a line adds of its own is taken out."""
    samples = np.frombuffer(data, np.uint8).reshape(-1, format.sample_bytes)
    silent = np.frombuffer(format.silence(1), np.uint8)
    return bytes(samples[(samples != silent).any(axis=1)].tobytes())


def difference(expected: bytes, got: bytes, format: AudioFormat) -> str | None:
    """In words, how what arrived differs from what should have; None if it does not."""
    if expected == got:
        return None
    width = format.sample_bytes
    same = next((i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got)))
    return f"of {len(expected) // width} samples {len(got) / width:g} arrived; they differ from sample {same // width} on"


def parse_whole(got: bytes, pieces: Sequence[tuple[Frame, bool]]) -> str | None:
    """Whether ``got`` is these frames, in order and whole, where only those marked True must be there; in words if not."""
    position = 0
    for number, (frame, must) in enumerate(pieces):
        if got.startswith(frame.data, position):
            position += len(frame.data)
        elif must:
            return f"frame {number}, which was sent, is missing or cut"
    return None if position == len(got) else f"{len(got) - position} bytes arrived that are no whole frame"
