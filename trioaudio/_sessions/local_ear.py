"""The session's own ear for the caller's speech: tells a policy what voice activity detection makes of the channel's audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._events import Audio
from ..audio import AudioFormat
from .barge_in_policy import BargeInPolicy

if TYPE_CHECKING:
    from ..audio._vad import GateVad


class LocalEar:
    """Hears the caller, in the step in which a frame comes in: a model that is slow to take it delays nothing.

    Args:
        format: of the channel's audio.
        policy: who is told.
    """

    def __init__(self, format: AudioFormat, policy: BargeInPolicy) -> None:
        from ..audio._vad import GateVad  # it needs numpy

        self._vad: GateVad = GateVad(format)
        self._policy = policy

    def hear(self, event: Audio) -> None:
        """The next frame."""
        now = trio.current_time()
        for edge in self._vad.push(event.frame):
            if edge.speaking:
                self._policy.speech_started("local", now)
            else:
                self._policy.speech_stopped("local", now)
        self._policy.speech_goes_on("local", self._vad.spoken, now)
