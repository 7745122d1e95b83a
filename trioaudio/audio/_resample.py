"""Resampling of a live stream by a short polyphase filter whose output does not depend on how the stream was cut.

*Theory of operation.* To go from ``down`` samples to ``up``, one thinks of ``up - 1`` zeros after each sample, a low-pass
at the lower of the two Nyquist frequencies, and of keeping every ``down``-th value. Only the products that matter are
made: output ``k`` uses phase ``k * down % up`` of the filter on the newest samples up to ``k * down // up``. The pattern
repeats after ``up`` outputs (a *group*), so one matrix product gives all outputs of many groups: each row of the left
matrix is the stretch of input that one group sees, each column of the right one is the filter of one output, shifted.

*Why every cut gives the same bits.* A sum of floats depends on the order of its terms, and matrix products choose that by
the shape. Here no order matters: taps are multiples of 2**-30, samples are integers, and the sum of all magnitudes
stays below 2**53 such steps, so every partial sum in any order is exact.

*The filter.* A Kaiser window over 32 samples of the lower rate: constant delay of 16 of them (2 ms at 8 kHz), flat within
0.1 dB to 0.8 of the lower Nyquist frequency, and 85 dB down from 1.15 on, which is where aliases and images of tones up
to 0.85 come from. Streaming soxr is better on paper but hands its output out in bursts of up to 75 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._errors import FormatError
from ._ratio import rate_ratio

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._frame import Samples

    Floats: TypeAlias = npt.NDArray[np.float64]

HALF_LENGTH = 16  # of the filter, in samples of the lower rate
CUTOFF = 0.96  # of the lower Nyquist frequency
KAISER_BETA = 8.5
TAP_STEPS = 2.0**30  # steps in 1.0: 31 bits of tap, 15 of sample and the sum over a filter stay well below 53
BLOCK = 1920  # samples converted at once: bounds the memory of a call, however much it is given


class Resampler:
    """Converts the rate of one stream of int16 samples, block by block; any cutting into blocks gives the same output.

    Args:
        source_rate: samples per second of what `process` is given.
        target_rate: samples per second of what it returns.
        num_channels: audio channels, resampled side by side.

    Raises:
        FormatError: the ratio of the rates needs too many phases; the message names both rates.
    """

    delay: float
    """How much later a sound comes out than it goes in, in seconds; constant: 16 samples of the lower rate."""

    def __init__(self, source_rate: int, target_rate: int, num_channels: int = 1) -> None:
        self._up, self._down = rate_ratio(source_rate, target_rate)
        self._num_taps, self._kernel = _kernel(self._up, self._down)
        self._num_channels = num_channels
        middle = 0 if self._up == self._down else HALF_LENGTH * max(self._up, self._down)
        self.delay = middle / (self._up * source_rate)
        self._tail = -(-middle // self._up)
        self._allocate()
        self._restart()

    def _allocate(self) -> None:
        width, room = len(self._kernel), 2 * len(self._kernel) + self._down + BLOCK
        self._held: Floats = np.zeros((self._num_channels, room))
        rows = (room - width) // self._down + 1
        channel_stride, stride = self._held.strides
        shape, strides = (self._num_channels, rows, width), (channel_stride, self._down * stride, stride)
        self._windows: Floats = as_strided(self._held, shape, strides, writeable=False)

    def _restart(self) -> None:
        self._filled = self._num_taps - 1  # the silence before the stream
        self._held[:, : self._filled] = 0.0
        self._done = 0  # outputs of the first group held that were already given out

    def process(self, pcm: Samples) -> Samples:
        """Take the next samples of the stream and return all output they complete.

        After ``n`` samples of input, ``ceil(n * target_rate / source_rate)`` samples of output have been given in all,
        so 480 samples at 24 kHz always give exactly 160 at 8 kHz. Values beyond int16 are clipped.

        Args:
            pcm: int16 of shape ``(n, num_channels)``, any ``n``.

        Returns:
            int16 of shape ``(m, num_channels)``.

        Raises:
            FormatError: the samples are not int16, or not of that shape.
        """
        if pcm.dtype != np.int16 or pcm.ndim != 2 or pcm.shape[1] != self._num_channels:
            raise FormatError(f"samples are {pcm.dtype} of shape {pcm.shape}; give int16 of shape (n, {self._num_channels})")
        if len(pcm) <= BLOCK:
            return self._step(pcm)
        return np.concatenate([self._step(pcm[start : start + BLOCK]) for start in range(0, len(pcm), BLOCK)])

    def flush(self) -> Samples:
        """End the stream: return the last `delay` seconds of output that its input still owes, and begin anew in silence."""
        tail = self.process(np.zeros((self._tail, self._num_channels), np.int16))
        self._restart()
        return tail

    def _step(self, pcm: Samples) -> Samples:
        stop = self._filled + len(pcm)
        self._held[:, self._filled : stop] = pcm.T
        self._filled = stop
        ready = -(-(stop - self._num_taps + 1) * self._up // self._down)  # outputs of all groups held that have their input
        if ready <= self._done:
            return np.empty((0, self._num_channels), np.int16)
        output = self._outputs(ready)
        self._forget(ready)
        return output

    def _outputs(self, ready: int) -> Samples:
        groups = -(-ready // self._up)  # the last one may lack input: what its unready outputs say is cut off
        windows = self._windows[:, :groups].reshape(-1, len(self._kernel))
        sums: Floats = np.dot(windows, self._kernel).reshape(self._num_channels, -1)[:, self._done : ready]
        np.rint(sums, out=sums)
        np.minimum(sums, 32767.0, out=sums)
        np.maximum(sums, -32768.0, out=sums)
        return sums.T.astype(np.int16, order="C")

    def _forget(self, ready: int) -> None:
        groups, self._done = divmod(ready, self._up)
        used = groups * self._down
        self._held[:, : self._filled - used] = self._held[:, used : self._filled]
        self._filled -= used


@lru_cache(maxsize=16)
def _kernel(up: int, down: int) -> tuple[int, Floats]:
    """Taps per phase, and the matrix that turns the input one group sees (rows) into its ``up`` outputs (columns)."""
    phases = _phases(up, down)
    num_taps = phases.shape[1]
    kernel = np.zeros((num_taps + (up - 1) * down // up, up))
    for output in range(up):
        newest, phase = divmod(output * down, up)
        kernel[newest : newest + num_taps, output] = phases[phase, ::-1]
    kernel.flags.writeable = False
    return num_taps, kernel


def _phases(up: int, down: int) -> Floats:
    """The low-pass, cut into ``up`` phases (rows), each passing a constant unchanged; multiples of 2**-30."""
    if up == down:
        return np.ones((1, 1))
    num_taps = -(-2 * HALF_LENGTH * max(up, down) // up)
    response = _low_pass(max(up, down))
    phases = np.pad(response, (0, num_taps * up - len(response))).reshape(num_taps, up).T
    taps: Floats = np.rint(phases / phases.sum(axis=1, keepdims=True) * TAP_STEPS) / TAP_STEPS
    return taps


def _low_pass(factor: int) -> Floats:
    """The impulse response at ``factor`` times the lower rate, its middle at ``HALF_LENGTH * factor``."""
    time = np.arange(2 * HALF_LENGTH * factor) / factor - HALF_LENGTH
    window = np.i0(KAISER_BETA * np.sqrt(1 - (time / HALF_LENGTH) ** 2))
    window[0] = 0.0  # it has no counterpart at the other end
    response: Floats = np.sinc(CUTOFF * time) * window
    return response
