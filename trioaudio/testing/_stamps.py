"""Samples that know who they are: every one carries its item and its index, so an ear can recognise it.

Stereo PCM: the left channel holds the item's number (never 0, which is silence), the right one the index, modulo 65536.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

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


def say(seconds: float, item: str, *, chunk: float = 0.1) -> list[Frame]:
    """An utterance of ``item``, in chunks as a model would send them."""
    total, step = round(seconds * STAMPED.rate), round(chunk * STAMPED.rate)
    return [stamp(item, start, min(step, total - start)) for start in range(0, total, step)]


def count_stamped(frames: Iterable[Frame], item: str) -> int:
    """How many samples of ``item`` there are in ``frames``."""
    number = item_number(item)
    return sum(int(np.count_nonzero(frame.pcm[:, 0] == number)) for frame in frames)


def indices(frames: Iterable[Frame], item: str) -> npt.NDArray[np.int64]:
    """The indices of the samples of ``item`` in ``frames``, in order, counted on past 65535."""
    number = item_number(item)
    found = [frame.pcm[frame.pcm[:, 0] == number, 1].view(np.uint16) for frame in frames]
    steps = np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)
    pages = np.cumsum(np.diff(steps, prepend=0) < -_PAGE // 2)
    return np.asarray(steps + pages * _PAGE, np.int64)
