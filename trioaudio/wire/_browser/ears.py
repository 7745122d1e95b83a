"""What a page hears with its microphone: audio that strangers send, bounded, and silent while the page is muted."""

from __future__ import annotations

from ..._errors import RemoteProtocolError
from ...audio import AudioFormat, Frame
from .allowance import Allowance

LONGEST = 1.0
"""Seconds of audio in a message."""
AHEAD = 10.0
"""Seconds that audio may run ahead of real time: a network that was down for so long delivers it all at once."""
FASTER = 1.05
"""Clocks of sound cards differ, but not so much."""


class Ears:
    """The microphone's audio, as it comes in.

    Args:
        format: of the samples.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.muted: bool = False
        """Whether the page has muted itself: what it sends all the same is silence."""
        self._format = format
        self._allowance = Allowance(AHEAD, FASTER)
        self._position = 0

    def take_untrusted(self, data: bytes, now: float) -> Frame | None:
        """A message's audio; None if there is none in it.

        Raises:
            RemoteProtocolError: half a sample, too much at once, or more than can be heard.
        """
        num_samples, rest = divmod(len(data), self._format.sample_bytes)
        if rest:
            raise RemoteProtocolError(f"audio of {len(data)} bytes has half a sample")
        seconds = num_samples / self._format.rate
        if seconds > LONGEST:
            raise RemoteProtocolError(f"a message has {seconds:.1f} s of audio; at most {LONGEST:g} s are taken")
        if not self._allowance.take(seconds, now):
            raise RemoteProtocolError(f"audio comes faster than it sounds: it is more than {AHEAD:g} s ahead")
        if not num_samples:
            return None
        position, self._position = self._position, self._position + num_samples
        return Frame.silence(num_samples, self._format, position) if self.muted else Frame(data, self._format, position)
