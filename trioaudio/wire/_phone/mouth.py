"""What a caller hears through a carrier: audio and marks out, positions back.

*Generations.* A carrier that is told to forget its queue sends back all its outstanding marks, some not at all, and nothing in a
mark says which of the two it was. So marks are called ``gGENERATION:NUMBER``, a clear begins the next generation, and marks of
older ones are ignored.

*What was played.* A mark that comes back says where the carrier was one way back ago. All figures are kept in that time, in which
the news arrive: audio sent at ``t`` to an empty queue begins to be played at ``t + round trip`` there. Right after each clear
goes mark number 0 of the new generation; since the queue is empty then, it comes back at once, on the way by which the other
marks came: what had been played by the time it arrives is what had been played when the carrier cleared, whatever the delay is.
The same mark, sent at the very beginning, measures the round trip.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from ...audio import AudioFormat, Frame
from ...audio._playhead import Playhead
from .messages import PhoneDialect, Wire
from .packets import Packets

MARK_EVERY = 0.1
"""Seconds of audio between two marks: one for each 20 ms would double the messages."""
ROUND_TRIP = 0.06
"""Seconds, until the first mark 0 has come back."""
LONGEST_TRIP = 1.0
_MARK = re.compile(r"g(\d{1,9}):(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PhonePlayed:
    """The carrier has played ``samples`` samples of this generation; ``final``: and will play no more of it."""

    samples: int
    generation: int
    final: bool = False


class PhoneMouth:
    """One direction of one stream, from its start on. Times are seconds of the caller's clock.

    Args:
        dialect, stream: how the carrier is spoken to.
        format: of the audio.
        now: when the stream started.
    """

    def __init__(self, dialect: PhoneDialect, stream: str, format: AudioFormat, now: float) -> None:
        self._dialect, self._rate = dialect, format.rate
        self._packets = Packets(format, dialect.packet)
        self._clears_confirmed = 0
        self._stream: str | None = stream
        self._frozen: int | None = None  # what had been played when the line broke: no more will be
        self.generation: int = 0
        """How often the carrier was told to forget."""
        self.round_trip: float = ROUND_TRIP
        """Seconds from a mark on an empty queue to its return."""
        self.stale: int = 0
        """Marks of before a clear, or that nobody had sent."""
        self._playhead = Playhead(format.rate, 0.0, now)
        self._marks: deque[tuple[int, int]] = deque()  # those that are out: number, samples sent before
        self._number = self._marked = 0
        self._probed_at: float | None = None
        self._cleared: deque[tuple[int, Playhead, int | None]] = deque()  # generations that wait for the carrier's word

    @property
    def sent(self) -> int:
        """Samples sent in this generation."""
        return self._playhead.sent

    @property
    def unheard(self) -> bool:
        """Whether the line broke while something was being played."""
        return self._frozen is not None and self._frozen < self.sent

    def probe(self, now: float) -> list[Wire]:
        """Mark 0, to be sent when the carrier has nothing to play."""
        if self._stream is None:
            return []
        self._probed_at = now
        return [self._dialect.mark(self._stream, f"g{self.generation}:0")]

    def lose(self, now: float) -> None:
        """The line broke: what was waiting to be played never will be, and what is played from now on goes nowhere."""
        self._frozen = self._playhead.heard(now)
        self._stream = self._probed_at = None
        self._marks.clear()

    def go_on(self, stream: str, now: float) -> list[Wire]:
        """The call goes on, in another stream; what was cut off waits for a clear, and what was not has been heard."""
        self._stream, self._clears_confirmed = stream, self.generation
        if self.unheard:
            self._marked = self.sent
        else:
            self._frozen, self._marked = None, 0  # a mark in this stream will say so
        return self.probe(now)

    def play(self, frame: Frame, now: float) -> list[Wire]:
        """Let the caller hear a frame."""
        return [message for packet in self._packets.push(frame, now) for message in self._say(packet, packet.num_samples, now)]

    @property
    def due(self) -> float:
        """When `tail` should be asked for."""
        return self._packets.due

    def tail(self, now: float) -> list[Wire]:
        """What was kept for a whole message, once nothing more has come."""
        found = self._packets.tail(now)
        return [] if found is None else self._say(*found, now)

    def _say(self, frame: Frame, samples: int, now: float) -> list[Wire]:
        """Send a frame, so many samples of which are no filling."""
        self._handed_over(samples, now)
        if self._stream is None:
            return []
        audio = self._dialect.audio(self._stream, frame)
        return [audio, self._mark(self._stream)] if self._mark_due() else [audio]

    def _handed_over(self, samples: int, now: float) -> None:
        self._playhead.hand_over(samples, now + self.round_trip)

    def _mark_due(self) -> bool:
        return not self._marks or self.sent - self._marked >= MARK_EVERY * self._rate

    def clear(self, now: float) -> list[Wire]:
        """Let the carrier forget what it has not played. The figure of what it had played comes with the answer."""
        self._cleared.append((self.generation, self._playhead, self._frozen))
        self.generation += 1
        self._packets.drop()
        self._marks.clear()
        self._number = self._marked = 0
        self._playhead = Playhead(self._rate, 0.0, now)
        if self._stream is None:
            self._frozen = 0
            return []
        self._frozen = None
        return [self._dialect.clear(self._stream), *self.probe(now)]

    def _mark(self, stream: str) -> Wire:
        self._number += 1
        self._marked = self.sent
        self._marks.append((self._number, self.sent))
        return self._dialect.mark(stream, f"g{self.generation}:{self._number}")

    def news(self, now: float) -> list[PhonePlayed]:
        """What is known by now without the carrier's word: nothing, since this one speaks of itself."""
        return []

    def began(self, now: float) -> None:
        """The carrier says that something sounds; its marks say more."""

    def ended(self, now: float) -> list[PhonePlayed]:
        """The carrier says that it has nothing left to play; its marks say more."""
        return []

    def returned(self, name: str, now: float) -> list[PhonePlayed]:
        """A mark has come back: what it says was played. `owed` may have another one."""
        found = _MARK.fullmatch(name)
        generation, number = (int(found[1]), int(found[2])) if found else (-1, -1)
        if number == 0 and 0 < generation < self.generation:
            return self._settled(generation, now)  # of a clear that was followed by another one at once
        if generation == self.generation and number == 0 and self._probed_at is not None:
            self.round_trip = min(max(now - self._probed_at, 0.0), LONGEST_TRIP)
            self._probed_at = None
            return self._settled(generation, now)
        if generation == self.generation and self._marks and self._marks[0][0] <= number <= self._marks[-1][0]:
            return [self._reached(number, now)]
        self.stale += 1
        return []

    def cleared(self, now: float) -> list[PhonePlayed]:
        """The carrier says that it has carried out a clear: each is confirmed once, in their order."""
        self._clears_confirmed = min(self._clears_confirmed + 1, self.generation)
        return self._settled(self._clears_confirmed, now)

    def _reached(self, number: int, now: float) -> PhonePlayed:
        samples = 0
        while self._marks and self._marks[0][0] <= number:
            samples = self._marks.popleft()[1]
        self._playhead.report(samples, now)
        return PhonePlayed(samples, self.generation)

    def owed(self) -> list[Wire]:
        """A mark after the last audio, if none is out: without one, nobody would hear of its end."""
        if self._stream is None or self._marks or self._marked >= self.sent:
            return []
        return [self._mark(self._stream)]

    def _settled(self, generation: int, now: float) -> list[PhonePlayed]:
        """The carrier has carried out the clears up to this generation: what it had played by now is final."""
        final: list[PhonePlayed] = []
        while self._cleared and self._cleared[0][0] < generation:
            number, playhead, frozen = self._cleared.popleft()
            final.append(PhonePlayed(playhead.heard(now) if frozen is None else frozen, number, final=True))
        return final
