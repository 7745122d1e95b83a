"""Samples that know who they are: every one carries its item and its index, so an ear can recognise it.

Stereo PCM: the left channel holds the item's number (never 0, which is silence), the right one the index, modulo 65536.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .. import FormatError
from ..audio import AudioFormat, Frame

STAMPED = AudioFormat("pcm16", 8_000, 2)
"""The format of stamped audio; give it to both ends, since a conversion would wash the stamps off."""

_PAGE = 1 << 16


def item_number(item: str) -> int:
    """The number that stands for ``item`` in its samples: 1 to 32767."""
    return zlib.crc32(item.encode()) % 32767 + 1


def stamp(item: str, start: int, num_samples: int) -> Frame:
    """Samples ``start`` to ``start + num_samples`` of ``item``, each saying so."""
    pcm = np.empty((num_samples, 2), np.int16)
    pcm[:, 0] = item_number(item)
    pcm[:, 1] = np.arange(start, start + num_samples).astype(np.uint16).view(np.int16)
    return Frame.from_samples(pcm, STAMPED, start)


class Utterance(list[Frame]):
    """The frames of something that is said under one name, and its words; a list of frames to everybody who wants one."""

    def __init__(self, item: str, frames: Iterable[Frame], transcript: str = "") -> None:
        super().__init__(frames)
        self.item: str = item
        self.transcript: str = transcript

    def __repr__(self) -> str:
        return f"<Utterance {self.item!r}, {sum(frame.duration for frame in self):.3f} s>"


def say(seconds: float, item: str, *, chunk: float = 0.1, transcript: str = "") -> Utterance:
    """An utterance of ``item`` in stamped samples: for a far end to speak, for a model to answer, for a turn to send.

    Args:
        seconds: its length.
        item: the name under which an ear recognises it.
        chunk: length of its frames, in seconds; 0.1 as models send them.
        transcript: its words.
    """
    total, step = round(seconds * STAMPED.rate), round(chunk * STAMPED.rate)
    return Utterance(item, (stamp(item, start, min(step, total - start)) for start in range(0, total, step)), transcript)


def count_stamped(frames: Iterable[Frame], item: str) -> int:
    """How many samples of ``item`` there are in ``frames``.

    Raises:
        FormatError: a frame is not stamped audio.
    """
    number = item_number(item)
    return sum(int(np.count_nonzero(_stamped(frame)[:, 0] == number)) for frame in frames)


def indices(frames: Iterable[Frame], item: str) -> npt.NDArray[np.int64]:
    """The indices of the samples of ``item`` in ``frames``, in order, counted on past 65535.

    Raises:
        FormatError: a frame is not stamped audio.
    """
    number = item_number(item)
    found = [pcm[pcm[:, 0] == number, 1].view(np.uint16) for pcm in map(_stamped, frames)]
    steps = np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)
    pages = np.cumsum(np.diff(steps, prepend=0) < -_PAGE // 2)
    return np.asarray(steps + pages * _PAGE, np.int64)


def _stamped(frame: Frame) -> npt.NDArray[np.int16]:
    if frame.format != STAMPED:
        raise FormatError(f"an item can only be recognised in {STAMPED}, this audio is {frame.format}; open both ends with STAMPED")
    return frame.pcm
