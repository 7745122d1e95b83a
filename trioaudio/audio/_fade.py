"""Sound that ends or begins in the middle, without a click: a raised cosine over a few milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._frame import Frame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def fade_out(frame: Frame) -> Frame:
    """The frame, from full loudness at its first sample to silence at its last."""
    return _weighted(frame, _rise(frame.num_samples)[::-1])


def fade_in(frame: Frame, num_samples: int) -> Frame:
    """The frame, whose first ``num_samples`` samples rise from silence to full loudness; the rest is not looked at."""
    head = frame.cut(0, num_samples)
    risen = _weighted(head, _rise(head.num_samples))
    return risen if head.num_samples == frame.num_samples else risen.joined(frame.cut(head.num_samples, frame.num_samples))


def _rise(num_samples: int) -> npt.NDArray[np.float64]:
    """Between 0 and 1, neither included."""
    import numpy as np

    weights: npt.NDArray[np.float64] = np.sin(np.linspace(0, np.pi / 2, num_samples + 2)[1:-1]) ** 2
    return weights


def _weighted(frame: Frame, weights: npt.NDArray[np.float64]) -> Frame:
    import numpy as np

    return Frame.from_samples(np.rint(frame.pcm * weights[:, None]).astype(np.int16), frame.format, frame.media_time)
