"""From one format to another, frame by frame, as one continuous stream; and what that costs, for negotiation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import FormatError
from ._codec import encode
from ._format import AudioFormat
from ._frame import Frame
from ._ratio import rate_ratio

if TYPE_CHECKING:
    from ._frame import Samples
    from ._resample import Resampler

SPEECH_RATE = 24_000  # what more than this carries, speech models do not use
IMPOSSIBLE = 1_000_000
"""What `conversion_cost` says of two formats that cannot be converted; more than any other cost."""


class Converter:
    """Converts the frames of one stream to another format, continuously: resampler and media time run on across frames.

    In order: decode, mix stereo down to mono (the mean of both, rounded down), resample, double mono to stereo, encode.
    What is equal on both sides is left out; with equal formats the very same frames come back, undecoded (law 11).

    Args:
        source: format of the frames `convert` is given.
        target: format of the frames it returns.

    Raises:
        FormatError: the rates cannot be converted; names both formats.
    """

    source: AudioFormat
    target: AudioFormat
    delay: float
    """How much later a sound comes out than it goes in, in seconds: 0 without resampling, at most 2 ms from 8 kHz upwards."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source, self.target = source, target
        self._resampler = _resampler(source, target)
        self.delay = self._resampler.delay if self._resampler else 0.0
        self._identity = source == target
        self._media_time: int | None = None  # of the next frame out; None before the first

    def convert(self, frame: Frame) -> Frame:
        """The next frame of the stream in the target format; shorter, even empty, while the resampler needs more input.

        Its media time counts samples of the target format on from the first frame's, scaled, without gaps.

        Raises:
            FormatError: the frame is not in the source format.
        """
        if frame.format is not self.source and frame.format != self.source:
            raise FormatError(f"the frame is {frame.format}, but this converter takes {self.source} (and makes {self.target} of it)")
        if self._identity:
            return frame
        if self._media_time is None:
            self._media_time = frame.media_time * self.target.rate // self.source.rate
        pcm = self._mixed_down(frame.pcm)
        return self._emit(self._resampler.process(pcm) if self._resampler else pcm)

    def flush(self) -> Frame | None:
        """End the stream: the `delay` seconds still inside, or None; the next frame begins a new stream, in silence."""
        begun = self._media_time is not None
        rest = self._emit(self._resampler.flush()) if self._resampler and begun else None
        self._media_time = None
        return rest

    def _emit(self, pcm: Samples) -> Frame:
        assert self._media_time is not None
        start, self._media_time = self._media_time, self._media_time + len(pcm)
        return Frame(encode(self._doubled(pcm), self.target.encoding), self.target, start)

    def _mixed_down(self, pcm: Samples) -> Samples:
        if self.source.num_channels == self.target.num_channels or self.source.num_channels == 1:
            return pcm
        left, right = pcm[:, :1], pcm[:, 1:]
        return (left & right) + ((left ^ right) >> 1)  # the bits both share, and half of those they do not: cannot overflow

    def _doubled(self, pcm: Samples) -> Samples:
        """Mono to stereo comes last: the resampler has half the work, and the result is the same."""
        return pcm if pcm.shape[1] == self.target.num_channels else pcm.repeat(2, axis=1)


def conversion_cost(source: AudioFormat, target: AudioFormat) -> int:
    """How little one wants to convert ``source`` to ``target``; to negotiate, take the pair with the least.

    Only the order means something. 0: identical. A pair that keeps more of the bandwidth speech needs is always better.
    Within the same bandwidth: another encoding at the same rate, then a whole ratio of the rates, then any other ratio;
    another number of channels weighs less than a step of these. `IMPOSSIBLE`: `Converter` would refuse the pair.
    """
    if source == target:
        return 0
    try:
        up, down = rate_ratio(source.rate, target.rate)
    except FormatError:
        return IMPOSSIBLE
    lost = max(0, SPEECH_RATE - min(source.rate, target.rate))
    rates = 0 if up == down else 1 if 1 in (up, down) else 2
    return lost * 10 + rates * 3 + (source.num_channels != target.num_channels) + (source.encoding != target.encoding)


def _resampler(source: AudioFormat, target: AudioFormat) -> Resampler | None:
    if source.rate == target.rate:
        return None
    try:
        rate_ratio(source.rate, target.rate)
    except FormatError as error:
        raise FormatError(f"{source} cannot be converted to {target}: {error}") from error
    from ._resample import Resampler  # it needs numpy, which formats that agree never load

    return Resampler(source.rate, target.rate, min(source.num_channels, target.num_channels))
