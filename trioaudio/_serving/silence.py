"""For how long nobody has spoken in a call: neither the agent, in turns, nor the far party, by voice activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from .._channel import Channel
from .._events import Event, SpeechStarted, SpeechStopped, TurnInterrupted, TurnPlayed, TurnStarted
from ..audio import Frame

if TYPE_CHECKING:
    from ..audio import VoiceActivity


class Silence:
    """Watches a channel and tells when both have fallen silent; an instrument, and a listener to the channel's events."""

    def __init__(self, on_change: Callable[[], object]) -> None:
        self._on_change = on_change
        self._speaking: set[str] = set()
        self._vad: VoiceActivity | None = None
        self.since: float = trio.current_time()
        """When somebody was last heard, in seconds of the Trio clock; meaningless while somebody speaks."""

    @property
    def anybody_speaks(self) -> bool:
        """Whether it is not silent now."""
        return bool(self._speaking)

    def watch(self, channel: Channel) -> None:
        """Begin; the channel has not."""
        from ..audio import voice_activity

        self._vad = voice_activity(channel.input_format)
        for event in (TurnStarted, TurnPlayed, TurnInterrupted, SpeechStarted, SpeechStopped):
            channel._dispatch.add(event, self._observe)

    def caller_heard(self, frame: Frame, now: float) -> None:
        """See `Instrument`."""
        assert self._vad is not None
        for edge in self._vad.push(frame):
            self._note("caller", edge.speaking)

    def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
        """See `Instrument`: turns tell of the agent, since there may be sound under them."""

    def agent_cut(self, at: float, epoch: int) -> None:
        """See `Instrument`."""

    def _observe(self, event: Event) -> None:
        if isinstance(event, SpeechStarted | SpeechStopped):
            self._note("caller, says the model", isinstance(event, SpeechStarted))
        else:
            self._note("agent", isinstance(event, TurnStarted))

    def _note(self, who: str, speaks: bool) -> None:
        (self._speaking.add if speaks else self._speaking.discard)(who)
        self.since = trio.current_time()
        self._on_change()
