"""Twilio's side of a media websocket, without I/O: what a carrier sends, and a caller's ear that says what was truly heard.

As strict as the live one: a message of the wrong shape is an error that is kept (31950, 31951), something sent on a stream that goes
one way is 31924, and more than ten minutes in the queue are dropped (31931). Source: as for `trioaudio.wire.twilio`.
"""

from __future__ import annotations

import binascii
import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._errors import RemoteProtocolError
from ..audio import MULAW_8K, AudioFormat
from ._json import Message, object_untrusted

MOST_QUEUED = 600.0
"""Seconds of audio that wait to be played; more is dropped."""
MOST_KEPT = 1_000
"""Errors and clears that are remembered."""
ROUNDING = 1e-3
_SHAPES: Mapping[str, dict[str, object]] = {
    "media": {"event": str, "streamSid": str, "media": {"payload": str}},
    "mark": {"event": str, "streamSid": str, "mark": {"name": str}},
    "clear": {"event": str, "streamSid": str},
}


@dataclass(frozen=True, slots=True)
class CarrierError:
    """What Twilio's debugger would show: its number, and what was wrong."""

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


class TwilioCarrier:
    """One stream. Times are seconds of the caller's clock.

    Args:
        stream, call, account: its ids.
        now: when it starts.
        parameters: custom ones.
        tracks: what is sent of the call.
        one_way: it takes nothing.
        format: of its audio; Twilio itself has mu-law only.
    """

    def __init__(
        self,
        stream: str,
        call: str,
        account: str,
        now: float,
        *,
        parameters: Mapping[str, str] | None = None,
        tracks: Sequence[str] = ("inbound",),
        one_way: bool = False,
        format: AudioFormat = MULAW_8K,
    ) -> None:
        self.format: AudioFormat = format
        """Of its audio, both ways."""
        self.stream: str = stream
        self.call: str = call
        self.account: str = account
        self.parameters: dict[str, str] = dict(parameters or {})
        self.tracks: tuple[str, ...] = tuple(tracks)
        self.one_way: bool = one_way
        self.began: float = now
        self.errors: list[CarrierError] = []
        """What it complains of."""
        self.clears: list[CarrierCleared] = []
        """Every clear that cut something off or did not."""
        self.marks_returned: int = 0
        self._sequence = 0
        self._chunks: dict[str, int] = {}
        self._soundings: list[_Sounding] = []
        self._marks: list[tuple[float, str]] = []  # when each is due
        self._out: list[str] = []
        self._end = now
        self._burst = 0.0  # when the queue was last empty: the start of what is playing
        self._cleared_at = now
        self._speed = format.rate * format.sample_bytes  # bytes in a second

    # ---- what it sends

    def greeting(self) -> list[str]:
        """The two messages with which a stream begins."""
        start = {
            "accountSid": self.account,
            "streamSid": self.stream,
            "callSid": self.call,
            "tracks": list(self.tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": self.format.rate, "channels": 1},
            "customParameters": self.parameters,
        }
        return [json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}), self._message("start", start)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> str:
        """A piece of the call: mu-law, and where it is in the stream."""
        self._chunks[track] = self._chunks.get(track, 0) + 1
        payload = b64encode(audio).decode("ascii")
        return self._message(
            "media", {"track": track, "chunk": str(self._chunks[track]), "timestamp": str(timestamp_ms), "payload": payload}
        )

    def dtmf(self, digit: str) -> str:
        """A key."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> str:
        """The end."""
        return self._message("stop", {"accountSid": self.account, "callSid": self.call})

    def _message(self, event: str, content: Mapping[str, object]) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream, event: content})

    # ---- what it takes

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """Take a message; what is wrong with it is kept in ``errors``, and it is not heeded. `take` has what it answers."""
        if self.one_way:
            self._wrong(31924, "a message on a stream that goes one way")
        elif isinstance(data, bytes):
            self._wrong(31950, "a binary message")
        else:
            try:
                message = object_untrusted(data)
                self._heed(message, now)
            except (RemoteProtocolError, binascii.Error, UnicodeEncodeError) as exc:
                self._wrong(31951, str(exc)[:200])

    def _heed(self, message: Message, now: float) -> None:
        event = message.get("event")
        shape = _SHAPES.get(event) if isinstance(event, str) else None
        if shape is None:
            raise RemoteProtocolError("an event that there is not")
        if not _fits(message, shape):
            raise RemoteProtocolError(f"a {event} of the wrong shape: a field is missing, or there is one more")
        if message["streamSid"] != self.stream:
            raise RemoteProtocolError(f"a {event} of another stream")
        if event == "media":
            self._play(b64decode(message["media"]["payload"].encode("ascii"), validate=True), now)
        elif event == "mark":
            self._mark(message["mark"]["name"], now)
        else:
            self._clear(now)

    def _wrong(self, number: int, what: str) -> None:
        if len(self.errors) < MOST_KEPT:
            self.errors.append(CarrierError(number, what))

    def _play(self, audio: bytes, now: float) -> None:
        if self._end - now + len(audio) / self._speed > MOST_QUEUED:
            if not any(error.number == 31931 for error in self.errors):
                self._wrong(31931, "more than ten minutes of audio are waiting")
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
        self._out.append(self._message("mark", {"name": name}))

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
        for _, name in self._marks:
            self._return(name)
        self._marks.clear()

    @property
    def due(self) -> float:
        """When `take` has something next."""
        if self._out:
            return -math.inf
        return self._marks[0][0] if self._marks else math.inf

    def take(self, now: float) -> list[str]:
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
        """All that has been heard by now, one after the other, without the silence between: mu-law."""
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


def _fits(message: Message, shape: Mapping[str, object]) -> bool:
    """Whether it has exactly these fields, of these kinds."""
    return message.keys() == shape.keys() and all(
        (isinstance(message[key], dict) and _fits(message[key], kind)) if isinstance(kind, dict) else isinstance(message[key], str)
        for key, kind in shape.items()
    )
