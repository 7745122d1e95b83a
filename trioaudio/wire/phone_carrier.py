"""A carrier's side of a media websocket, without I/O: a queue played in real time, and a caller's ear that says what was truly heard.

What the carriers have in common; what each says is in `trioaudio.wire.json_carriers`, `twilio_carrier`, `vonage_carrier` and
`genesys_carrier`. They are written from the carriers' pages and not from our dialects, so that one can be wrong without the other.
"""

from __future__ import annotations

import binascii
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from .._errors import RemoteProtocolError
from ..audio import MULAW_8K, PTIME, AudioFormat

Message: TypeAlias = "str | bytes"
MOST_KEPT = 1_000
"""Errors and clears that are remembered."""
ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class CarrierError:
    """What the carrier complains of: its number for it, 0 where it has none, and what was wrong."""

    number: int
    what: str


@dataclass(frozen=True, slots=True)
class CarrierCleared:
    """A clear, and what had been played by then. Times are seconds of the carrier's clock."""

    at: float
    played_ms: float
    """Of what was sent since the queue was last empty: of the answer that was cut."""
    dropped_ms: float
    """Sent, and never played."""
    generation_ms: float
    """Played since the clear before this one."""


@dataclass(slots=True)
class _Sounding:
    start: float
    data: bytes = field(repr=False)
    format: AudioFormat

    @property
    def end(self) -> float:
        return self.start + len(self.data) / (self.format.rate * self.format.sample_bytes)

    def until(self, now: float) -> bytes:
        """What of it has sounded."""
        return self.data[: max(0, math.floor((now - self.start) * self.format.rate + ROUNDING)) * self.format.sample_bytes]


class CarrierRefusal(Exception):  # noqa: N818 - it says what happened
    """A message is not as the carrier's pages have it: the carrier's number for that, and what is wrong."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(what)
        self.number: int = number
        """0 where the carrier has none."""


class PhoneCarrier(ABC):
    """One stream. Times are seconds of the caller's clock.

    Args:
        stream, call, account: its ids.
        now: when it starts.
        caller, called: numbers, where the carrier tells them.
        parameters: custom ones.
        tracks: what is sent of the call.
        one_way: it takes nothing.
        format: of its audio; None for what the carrier has if nobody asks.
        marks_survive_clear: whether marks that are out come back when the queue is cleared; None for what is known of the carrier.
    """

    name: ClassVar[str]
    """The carrier's."""
    formats: ClassVar[tuple[AudioFormat, ...]] = (MULAW_8K,)
    """What it can send and take; what it has if nobody asks comes first."""
    ptime: ClassVar[float] = PTIME
    """Seconds of audio in a message that it sends."""
    most_queued: ClassVar[float] = 600.0
    """Seconds of audio that wait to be played; more is dropped."""
    overflow: ClassVar[int] = 0
    """Its number for that."""
    malformed: ClassVar[int] = 0
    """Its number for a message that it does not understand."""
    loses_marks: ClassVar[bool] = False
    """Whether marks that are out are lost when the queue is cleared."""
    parting: ClassVar[float] = 0.0
    """Seconds it waits for the answer to its stop."""

    def __init__(
        self,
        stream: str,
        call: str,
        account: str,
        now: float,
        *,
        caller: str | None = None,
        called: str | None = None,
        parameters: Mapping[str, str] | None = None,
        tracks: Sequence[str] = ("inbound",),
        one_way: bool = False,
        format: AudioFormat | None = None,
        marks_survive_clear: bool | None = None,
    ) -> None:
        self.format: AudioFormat = format or self.formats[0]
        """Of its audio, both ways."""
        self.stream: str = stream
        self.call: str = call
        self.account: str = account
        self.caller: str | None = caller
        self.called: str | None = called
        self.parameters: dict[str, str] = dict(parameters or {})
        self.tracks: tuple[str, ...] = tuple(tracks)
        self.one_way: bool = one_way
        self.began: float = now
        self.errors: list[CarrierError] = []
        """What it complains of."""
        self.clears: list[CarrierCleared] = []
        """Every clear that cut something off or did not."""
        self.marks_returned: int = 0
        self._keeps_marks = not self.loses_marks if marks_survive_clear is None else marks_survive_clear
        self._chunks: dict[str, int] = {}
        self._soundings: list[_Sounding] = []
        self._marks: list[tuple[float, str]] = []  # when each is due
        self._out: list[Message] = []
        self._end = now
        self._burst = 0.0  # when the queue was last empty: the start of what is playing
        self._cleared_at = now
        self._speed = self.format.rate * self.format.sample_bytes  # bytes in a second

    # ---- what it sends

    @abstractmethod
    def greeting(self) -> list[Message]:
        """The messages with which a stream begins."""

    @abstractmethod
    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        """A piece of the call, and where it is in the stream."""

    @abstractmethod
    def dtmf(self, digit: str) -> Message:
        """A key."""

    @abstractmethod
    def stop(self) -> Message | None:
        """The end; None where the carrier just closes the websocket."""

    @abstractmethod
    def marked(self, name: str) -> Message:
        """A mark comes back."""

    def cleared(self) -> Message | None:
        """The answer to a clear; None where there is none."""
        return None

    def _chunk(self, track: str) -> int:
        """The number of the next piece of a track."""
        self._chunks[track] = self._chunks.get(track, 0) + 1
        return self._chunks[track]

    def say(self, *messages: Message | None) -> None:
        """Let `take` have these next, after what is waiting there: where messages are numbered, they leave in their order."""
        self._out += [message for message in messages if message is not None]

    def left_out(self, seconds: float) -> Message | None:
        """A piece of the call is not sent; None where only the timestamps show it."""
        return None

    def unanswered(self) -> None:
        """Nobody has answered its stop in time."""
        self._wrong(self.malformed, "the stop was not answered in time")

    @property
    def ready(self) -> bool:
        """Whether the call's audio has begun."""
        return True

    @property
    def sends(self) -> bool:
        """Whether it sends audio now."""
        return True

    @property
    def finished(self) -> bool:
        """Whether all has been said that there was to say, so that the websocket is closed."""
        return False

    # ---- what it takes

    def receive_untrusted(self, data: Message, now: float) -> None:
        """Take a message; what is wrong with it is kept in ``errors``, and it is not heeded. `take` has what it answers."""
        try:
            self._heed(data, now)
        except CarrierRefusal as exc:
            self._wrong(exc.number, str(exc)[:200])
        except (RemoteProtocolError, binascii.Error, UnicodeEncodeError) as exc:
            self._wrong(self.malformed, str(exc)[:200])

    @abstractmethod
    def _heed(self, data: Message, now: float) -> None:
        """Do what a message says; raises `CarrierRefusal` or `RemoteProtocolError` if it is not as it must be."""

    def _wrong(self, number: int, what: str) -> None:
        if len(self.errors) < MOST_KEPT:
            self.errors.append(CarrierError(number, what))

    def _play(self, audio: bytes, now: float) -> None:
        if self._end - now + len(audio) / self._speed > self.most_queued:
            if not any(error.number == self.overflow and "waiting" in error.what for error in self.errors):
                self._wrong(self.overflow, f"more than {self.most_queued:g} s of audio are waiting")
            return
        if self._end <= now:
            self._burst = now
        sounding = _Sounding(max(self._end, now), audio, self.format)
        self._soundings.append(sounding)
        self._end = sounding.end

    def _mark(self, name: str, now: float) -> None:
        if self._end <= now:
            self._return(name)
        else:
            self._marks.append((self._end, name))

    def _return(self, name: str) -> None:
        self.marks_returned += 1
        self.say(self.marked(name))

    def _clear(self, now: float) -> None:
        heard = [sounding.until(now) for sounding in self._soundings]
        dropped = sum(len(sounding.data) - len(data) for sounding, data in zip(self._soundings, heard, strict=True))
        since = [(sounding.start, len(data)) for sounding, data in zip(self._soundings, heard, strict=True)]
        burst = sum(length for start, length in since if start >= self._burst - ROUNDING / self.format.rate) if self._end > now else 0
        generation = sum(length for start, length in since if start >= self._cleared_at - ROUNDING / self.format.rate)
        self._soundings = [_Sounding(s.start, data, self.format) for s, data in zip(self._soundings, heard, strict=True) if data]
        if len(self.clears) < MOST_KEPT:
            self.clears.append(CarrierCleared(now, *(each / self._speed * 1000 for each in (burst, dropped, generation))))
        self._end, self._cleared_at = min(self._end, now), now
        for _, name in self._marks if self._keeps_marks else ():
            self._return(name)
        self._marks.clear()
        self.say(self.cleared())

    @property
    def due(self) -> float:
        """When `take` has something next."""
        if self._out:
            return -math.inf
        return self._marks[0][0] if self._marks else math.inf

    def take(self, now: float) -> list[Message]:
        """What is to be sent by now."""
        while self._marks and self._marks[0][0] <= now:
            self._return(self._marks.pop(0)[1])
        out, self._out = self._out, []
        return out

    # ---- the ear

    @property
    def first_sound_at(self) -> float | None:
        """When anything began to sound for the first time."""
        return self._soundings[0].start if self._soundings else None

    @property
    def silent_at(self) -> float:
        """When all that was sent will have been played."""
        return self._end

    def heard(self, now: float) -> bytes:
        """All that has been heard by now, one after the other, without the silence between, in ``format``."""
        return b"".join(sounding.until(now) for sounding in self._soundings)

    def heard_in_time(self, now: float) -> bytes:
        """The same with the silence: from the start of the stream to now."""
        line = bytearray(self.format.silence(max(0, round((now - self.began) * self.format.rate))))
        for sounding in self._soundings:
            place, data = round((sounding.start - self.began) * self.format.rate) * self.format.sample_bytes, sounding.until(now)
            line[place : place + len(data)] = data
        return bytes(line)

    def is_sounding(self, now: float) -> bool:
        """Whether anything is being played."""
        return self._end > now
