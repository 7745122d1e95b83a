"""How loud the two sides of a call were, in windows of 20 ms: all that is kept of the audio for a picture."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from ._format import AudioFormat
from ._frame import Frame
from ._lanes import HOLD, LOOKAHEAD, AgentLane, CallerLane

if TYPE_CHECKING:
    from ._lanes import Mono


@dataclass(slots=True)
class Envelope:
    """Loudness of one side: the peak and the root mean square of each window, as shares of full scale, 0 to 65535."""

    window: float
    """Length of a window in seconds: 20 ms, to the sample."""
    peaks: array[int] = field(default_factory=lambda: array("H"))
    powers: array[int] = field(default_factory=lambda: array("H"))


class CallEnvelope:
    """The envelopes of the caller and of the agent as heard, on one time axis; 200 bytes for a second of each.

    Args:
        input_format: format of the far party's frames.
        output_format: format of the agent's frames.
        started_at: where the axis begins, in seconds; all other times are of the same clock.
    """

    def __init__(self, input_format: AudioFormat, output_format: AudioFormat, started_at: float) -> None:
        self._started_at = started_at
        self._caller, self._agent = CallerLane(input_format, started_at), AgentLane(output_format, started_at)
        self.caller, self.agent = (Envelope(each.frame_samples / each.rate) for each in (input_format, output_format))

    def caller_heard(self, frame: Frame, now: float) -> None:
        """A frame of the far party arrived at ``now``."""
        self._caller.heard(frame, now)

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """A frame of this epoch will be heard from ``start`` on."""
        self._agent.sent(frame, start, epoch)

    def agent_cut(self, at: float, epoch: int) -> None:
        """Nothing of this epoch is heard from ``at`` on."""
        self._agent.cut(at, epoch)

    def settle(self, now: float) -> None:
        """Reduce what nothing can change any more: everything up to `HOLD` before ``now``."""
        self._caller.place(now - LOOKAHEAD)
        self._reduce(now - HOLD - self._started_at)

    def finish(self, now: float) -> float:
        """Reduce the rest: of the agent what is heard by ``now``, of the caller all that has arrived. Returns the length in seconds."""
        self._caller.place(inf)
        self._agent.cut_all(now)
        length = max(now - self._started_at, self._caller.end / self._caller.format.rate)
        self._reduce(length + max(self.caller.window, self.agent.window))
        return length

    def _reduce(self, until: float) -> None:
        for lane, envelope in ((self._caller, self.caller), (self._agent, self.agent)):
            samples, first, last = lane.format.frame_samples, len(envelope.peaks), int(until / envelope.window)
            if last > first:
                _extend(envelope, lane.render(first * samples, last * samples), samples)


def _extend(envelope: Envelope, pcm: Mono, samples: int) -> None:
    windows = np.abs(pcm.astype(np.float32)).reshape(-1, samples) * (65535 / 32768)
    envelope.peaks.frombytes(windows.max(axis=1).astype(np.uint16).tobytes())
    envelope.powers.frombytes(np.sqrt(np.square(windows).mean(axis=1)).astype(np.uint16).tobytes())
