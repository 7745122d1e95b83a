"""What is heard: the inbound half of a channel, without its task. The mirror of `_outbound.playout`."""

from __future__ import annotations

from collections.abc import Callable

import trio

from ._dispatch import Dispatcher
from ._errors import FormatError
from ._events import Audio, AudioDropped, Mute
from ._inbox import InboundAudio, Inbox
from ._instruments import Instruments
from ._limits import Limits
from .abc import Source
from .audio import Frame


class Hearing:
    """The far party's audio on its way to the reader, the listeners and the instruments; muted audio is silence for all of them.

    Args:
        source: where it comes from.
        limits: bounds of the inbox.
        dispatch: delivers events.
        instruments: who watches.
    """

    def __init__(self, source: Source, limits: Limits, dispatch: Dispatcher, instruments: Instruments) -> None:
        self._source, self._dispatch, self._instruments = source, dispatch, instruments
        self._inbox = Inbox(limits, self._dropped)
        self._closed = False
        self.muted = False
        self.received = 0.0
        """Seconds that came in."""
        self.lost = 0.0
        """Seconds that nobody read in time."""

    def take(self, frame: Frame) -> None:
        """A frame came in.

        Raises:
            FormatError: it is not in the source's input format: the plugin is wrong.
        """
        if frame.format is not self._source.input_format and frame.format != self._source.input_format:
            raise FormatError(f"{self._source!r} returned audio of {frame.format}, its input_format is {self._source.input_format}")
        self.received += frame.duration
        if self.muted:
            frame = Frame.silence(frame.num_samples, frame.format, frame.media_time)
        if self._instruments.watching:
            self._instruments.caller_heard(frame, trio.current_time())
        if self._dispatch.listening("audio"):
            self._dispatch.emit(Audio(frame))
        if not self._closed and frame.num_samples:  # a listener may have closed the channel just now
            self._inbox.put(frame)

    def iterate(self, start_audio: float | None = None) -> InboundAudio:
        """The one reader's iterator; see `Channel.__aiter__`, and for ``start_audio`` `Inbox.iterate`."""
        return self._inbox.iterate(start_audio)

    def mute(self, muted: bool) -> None:
        """Let silence take the place of what comes in, or no longer."""
        if muted != self.muted:
            self.muted = muted
            self._dispatch.emit(Mute(muted))

    def close(self, failure: Callable[[], Exception] | None) -> None:
        """Nothing more comes; the reader ends after what has, with ``failure`` if there is one."""
        self._closed = True
        self._inbox.close(failure)

    def _dropped(self, seconds: float, first: bool) -> None:
        self.lost += seconds
        if first:
            self._dispatch.emit(AudioDropped("inbound", seconds * 1000, self._inbox.excess))
