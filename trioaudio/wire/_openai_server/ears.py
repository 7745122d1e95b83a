"""The input buffer of an OpenAI Realtime server: what the client appended, and where in it somebody speaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...audio import AudioFormat, Frame
from ...audio._tape import Tape
from .._json import Message
from .checks import MisuseError
from .quiet import is_quiet
from .session import silence_ms

LONGEST = 600.0
"""The longest utterance that is kept, in seconds."""
KEPT_MS = 2_000.0
"""How much is kept while nobody speaks, in milliseconds."""
SHORTEST_MS = 100
"""The shortest that is taken, in milliseconds."""
SETTLED = 0.5
"""Seconds of silence after which speech detection has nothing left that it would have to remember."""
TAIL_MS = 100
"""How much from after the end of speech belongs to an utterance, in milliseconds."""


class Edge(NamedTuple):
    """Speech started or stopped, ``ms`` milliseconds after the first audio that was ever appended."""

    speaking: bool
    ms: int


class InputBuffer:
    """What was appended in one format since the last utterance; ``detection`` as in the session, None for manual turns.

    ``begin_ms`` is where it begins, counted over the whole session.
    """

    def __init__(self, format: AudioFormat, detection: Message | None, begin_ms: int) -> None:
        from ...audio._vad import voice_activity  # it needs numpy, which a program that only imports this never loads

        self._format, self._detection, self._begin_ms = format, detection, begin_ms
        self._tape = Tape(format)
        self._vad = voice_activity(format, hangover_ms=silence_ms(detection)) if detection else None
        self._speech: int | None = None
        self._quiet = self._passed = self._odd = 0
        self._settled = round(SETTLED * format.rate)

    @property
    def end_ms(self) -> int:
        """How much was appended since the session began, in milliseconds."""
        return self._ms(self._tape.end)

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return self._speech is not None

    def append(self, frame: Frame) -> Iterator[Edge]:
        """Hear a frame; where speech started or stopped, one after the other: an utterance is to be taken before the next begins."""
        self._tape.add(frame)
        if self._vad is not None and not self._passes(frame):
            for edge in self._vad.push(frame):
                yield self._edge(edge.speaking, edge.position + self._passed)
        waiting = self._vad is not None and not self.speaking
        self._tape.keep(self._samples(KEPT_MS if waiting else LONGEST * 1000))

    def _passes(self, frame: Frame) -> bool:
        """Whether nobody need listen to this frame: a long silence goes on. Detection starts from nothing then, so it misses nothing."""
        heard = self._vad is not None and self._vad.speaking
        if heard or self.speaking or frame.num_samples % self._format.frame_samples or self._odd or not is_quiet(frame):
            self._quiet = 0
            self._odd = (self._odd + frame.num_samples) % self._format.frame_samples
            return False
        self._quiet += frame.num_samples
        if self._quiet <= self._settled:
            return False
        self._passed += frame.num_samples
        return True

    def utterance(self) -> Frame:
        """What was spoken, up to its end (detected) or up to now; it leaves the buffer.

        Raises:
            MisuseError: it is shorter than the server takes.
        """
        begin = self._tape.begin if self._detection is None else self._speech
        stop = self._tape.end
        length = 0.0 if begin is None else (stop - begin) * 1000 / self._format.rate
        if begin is None or length < SHORTEST_MS:
            words = f"Expected at least {SHORTEST_MS}ms of audio, but buffer only has {length:.2f}ms of audio."
            raise MisuseError("input_audio_buffer_commit_empty", f"Error committing input audio buffer: buffer too small. {words}")
        self._speech = None
        return self._tape.take(begin, stop)

    def detected(self, stop_ms: int) -> Frame:
        """The utterance that speech detection has just ended, with a little of the silence around it."""
        begin, self._speech = self._speech or 0, None
        return self._tape.take(begin, self._samples(stop_ms - self._begin_ms + TAIL_MS))

    def _edge(self, speaking: bool, position: int) -> Edge:
        if not speaking:
            return Edge(False, self._ms(position))
        assert self._detection is not None
        self._speech = max(self._tape.begin, position - self._samples(float(self._detection.get("prefix_padding_ms", 300))))
        return Edge(True, self._ms(self._speech))

    def _ms(self, position: int) -> int:
        return self._begin_ms + position * 1000 // self._format.rate

    def _samples(self, ms: float) -> int:
        return round(ms * self._format.rate / 1000)
