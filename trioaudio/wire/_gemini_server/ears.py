"""What an emulated Gemini hears: the caller's audio, and where in it they speak, found by energy or said by the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...audio import PCM16_16K, AudioFormat, Frame
from ...audio._tape import Tape
from .._json import Message
from .checks import field, require

LONGEST = 600.0
"""The longest utterance that is kept, in seconds."""
KEPT = 2.0
"""How much is kept while nobody speaks, in seconds."""
PREFIX, TAIL = 0.3, 0.1
"""How much of the silence around it belongs to an utterance, in seconds."""
SILENCE_MS = 500.0
"""Silence that ends an utterance, unless the client says otherwise, in milliseconds."""


class Heard(NamedTuple):
    """Speech began, so many seconds after the first audio; or it ended, and ``utterance`` is what was said."""

    at: float
    utterance: Frame | None = None


class Ears:
    """Listens as the ``realtimeInputConfig`` of a setup wants it; the first frame says in which format."""

    def __init__(self, config: Message) -> None:
        detection = field(config, "automaticActivityDetection")
        self.manual = detection.get("disabled") is True
        self.interrupts = config.get("activityHandling") != "NO_INTERRUPTION"
        silence = detection.get("silenceDurationMs") or SILENCE_MS
        require(isinstance(silence, int | float) and silence > 0)
        self._silence = float(silence)
        self._format = PCM16_16K
        self._listen_anew()

    def hear(self, frame: Frame) -> Iterator[Heard]:
        """Hear a frame; speech that begins or ends in it."""
        if frame.format != self._format:
            self._format = frame.format
            self._listen_anew()
        self._tape.add(frame)
        for edge in self._vad.push(frame) if not self.manual else ():
            yield self._begun(edge.position) if edge.speaking else self._ended(edge.position)
        self._tape.keep(round((LONGEST if self._speech is not None else KEPT) * self._format.rate))

    def begin(self) -> None:
        """The client says that the caller begins to speak."""
        require(
            self.manual and self._speech is None, "Explicit activity control is not supported when automatic activity detection is enabled."
        )
        self._speech = self._tape.end

    def end(self) -> Heard:
        """The client says that the caller has stopped."""
        require(self.manual and self._speech is not None)
        return self._ended(self._tape.end)

    def pause(self) -> Heard | None:
        """The client says that no audio will come for a while: whoever speaks has stopped."""
        require(not self.manual)
        return None if self._speech is None else self._ended(self._tape.end)

    def _listen_anew(self) -> None:
        from ...audio._vad import voice_activity  # it needs numpy, which a program that only imports this never loads

        self._tape, self._speech = Tape(self._format), None
        self._vad = voice_activity(self._format, hangover_ms=self._silence)

    _speech: int | None
    _format: AudioFormat

    def _begun(self, position: int) -> Heard:
        self._speech = max(self._tape.begin, position - round(PREFIX * self._format.rate))
        return Heard(self._speech / self._format.rate)

    def _ended(self, position: int) -> Heard:
        begin, self._speech = self._speech or 0, None
        tail = 0 if self.manual else round(TAIL * self._format.rate)
        return Heard(position / self._format.rate, self._tape.take(begin, position + tail))
