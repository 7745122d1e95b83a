"""Genesys Cloud's side of AudioHook and Audio Connector, without I/O: the client, as strict as the reference client.

Sources: as for `trioaudio.wire.genesys`; the waits are those of the reference client. How many messages are too many is not published: what
is here, `RATE` and `BURST`, is a guess that makes 20 ms a message too many and 200 ms not. The machine is `trioaudio.wire.phone_carrier`.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Sequence
from typing import Any, ClassVar

from ..audio import MULAW_8K, PCM16_8K, AudioFormat
from ._json import object_untrusted
from .phone_carrier import CarrierError, CarrierRefusal, Message, PhoneCarrier

NOBODY = "00000000-0000-0000-0000-000000000000"
OPEN_WITHIN, CLOSE_WITHIN, PING_EVERY = 5.0, 10.0, 5.0
LONGEST_AUDIO = 64_000
RATE, BURST = 15.0, 30.0
_NAMES = {MULAW_8K: "PCMU", PCM16_8K: "L16"}


class GenesysCarrier(PhoneCarrier):
    """One session; arguments as for `PhoneCarrier`: the call is the conversation, the account the organization.

    Args:
        channels: those that it offers; with two of them both together, and each alone.
        only_tries: it is nobody's call: the connection is only tried.
    """

    name: ClassVar[str] = "genesys"
    formats: ClassVar[tuple[AudioFormat, ...]] = (MULAW_8K, PCM16_8K)
    ptime: ClassVar[float] = 0.2
    parting: ClassVar[float] = CLOSE_WITHIN
    loses_marks: ClassVar[bool] = True

    def __init__(self, *args: Any, channels: Sequence[str] = ("external",), only_tries: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.channels: tuple[str, ...] = tuple(channels)
        self.only_tries: bool = only_tries
        self.disconnected: dict[str, Any] | None = None
        """What the server said when it ended the session: its reason, its information, the output variables."""
        self.chosen: tuple[str, ...] | None = None
        """The channels that the server has chosen, once it has opened the session."""
        self.paused: bool = False
        """Whether it was asked to send no audio."""
        self.round_trip: float | None = None
        """Seconds from its last ping to the pong."""
        self._seq = self._server_seq = 0
        self._now = self.began
        self._sent_seconds = self._paused_seconds = 0.0
        self._pinged_at: float | None = None
        self._ping_due = math.inf
        self._open_due = self.began + OPEN_WITHIN
        self._closing = self._closed = self._sounds = False
        self._tokens, self._counted_at = BURST, self.began

    # ---- what it sends

    def greeting(self) -> list[Message]:
        alone = [[channel] for channel in self.channels]
        offered = [list(self.channels), *alone] if len(alone) > 1 else alone
        media = [{"type": "audio", "format": _NAMES[self.format], "channels": each, "rate": self.format.rate} for each in offered]
        parameters = {
            "organizationId": self.account,
            "conversationId": NOBODY if self.only_tries else self.call,
            "participant": {
                "id": NOBODY if self.only_tries else self.call[::-1],
                "ani": f"tel:{self.caller}" if self.caller else "",
                "aniName": "",
                "dnis": f"tel:{self.called}" if self.called else "",
            },
            "media": media,
            "language": "en-US",
            "inputVariables": self.parameters,
        }
        return [self._written("open", parameters)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        self._sent_seconds += len(audio) / self._speed
        chosen = self.chosen or ("external",)
        if len(chosen) == 1:
            return audio
        channels = [audio if channel == "external" else self.format.silence(len(audio) // self.format.sample_bytes) for channel in chosen]
        return _interleaved(channels, self.format)

    def dtmf(self, digit: str) -> Message:
        return self._written("dtmf", {"digit": digit})

    def stop(self) -> Message | None:
        self._closing = True
        return self._written("close", {"reason": "end"})

    def marked(self, name: str) -> Message:
        raise NotImplementedError("AudioHook has no marks")

    def left_out(self, seconds: float) -> Message | None:
        if self.paused:
            self._paused_seconds += seconds
            return None
        start, self._sent_seconds = self._sent_seconds, self._sent_seconds + seconds
        return self._written("discarded", {"start": _duration(start), "discarded": _duration(seconds)})

    def unanswered(self) -> None:
        """Nobody has answered its close in time."""
        self.errors.append(CarrierError(408, "close was not answered in time"))

    @property
    def ready(self) -> bool:
        """Not before the session is open."""
        return self.chosen is not None

    @property
    def sends(self) -> bool:
        """Not while it is paused, nor when the session is being closed."""
        return not self.paused and not self._closing

    @property
    def finished(self) -> bool:
        """Closed by both sides."""
        return self._closed

    def _written(self, kind: str, parameters: dict[str, Any]) -> str:
        self._seq += 1
        return json.dumps(
            {
                "version": "2",
                "type": kind,
                "seq": self._seq,
                "serverseq": self._server_seq,
                "id": self.stream,
                "position": _duration(self._sent_seconds),
                "parameters": parameters,
            }
        )

    # ---- what it takes

    def _heed(self, data: Message, now: float) -> None:
        self._now = now
        self._count(now)
        if isinstance(data, bytes):
            self._take_audio(data, now)
            return
        message = object_untrusted(data)
        if message.get("version") != "2" or message.get("id") != self.stream or not isinstance(message.get("parameters"), dict):
            raise CarrierRefusal(400, "no message of this session")
        if message.get("seq") != self._server_seq + 1:
            raise CarrierRefusal(400, f"seq is {message.get('seq')!r}; {self._server_seq + 1} was expected")
        seen = message.get("clientseq")
        if not isinstance(seen, int) or not 0 <= seen <= self._seq:
            raise CarrierRefusal(400, f"clientseq is {seen!r}; the last is {self._seq}")
        self._server_seq += 1
        self._do(str(message.get("type")), message["parameters"], now)

    def _do(self, kind: str, parameters: dict[str, Any], now: float) -> None:
        match kind:
            case "opened" if self.chosen is None:
                self._opened(parameters.get("media"))
            case "pong" if self._pinged_at is not None:
                self.round_trip, self._pinged_at = now - self._pinged_at, None
            case "pause":
                self.paused = True
                self.say(self._written("paused", {}))
            case "resume":
                self._resumed()
            case "event" if [each.get("type") for each in parameters.get("entities", [])] == ["barge_in"]:
                self._clear(now)
            case "disconnect" if parameters.get("reason") in ("completed", "unauthorized", "error"):
                self.disconnected = parameters
                self._close("disconnect")
            case "closed" if self._closing:
                self._closed = True
            case "event" | "updated" | "reconnect":
                pass
            case _:
                raise CarrierRefusal(409, f"a {kind} that is not expected")

    def _opened(self, media: Any) -> None:
        chosen = media[0] if isinstance(media, list) and len(media) == 1 else None
        channels = chosen.get("channels") if isinstance(chosen, dict) else None
        offered = [[each] for each in self.channels] + [list(self.channels)]
        if not isinstance(chosen, dict) or channels not in offered or chosen.get("format") != _NAMES[self.format]:
            raise CarrierRefusal(415, "the server has chosen what was not offered")
        self.chosen = tuple(channels)
        self._open_due, self._ping_due = math.inf, self._now + 1.0
        if self.only_tries:
            self._close("end")

    def _resumed(self) -> None:
        start, discarded = self._sent_seconds, self._paused_seconds
        self.paused, self._paused_seconds = False, 0.0
        self._sent_seconds += discarded
        self.say(self._written("resumed", {"start": _duration(start), "discarded": _duration(discarded)}))

    def _take_audio(self, data: bytes, now: float) -> None:
        if self.chosen is None or self.one_way:
            raise CarrierRefusal(405, "audio that is not expected")
        if not 0 < len(data) <= LONGEST_AUDIO:
            raise CarrierRefusal(413, f"{len(data)} bytes of audio; a message has at most {LONGEST_AUDIO}")
        self._play(data, now)
        if not self._sounds:
            self._sounds = True
            self.say(self._written("playback_started", {}))

    def _count(self, now: float) -> None:
        """Not too many messages in a second."""
        self._tokens = min(BURST, self._tokens + (now - self._counted_at) * RATE) - 1
        self._counted_at = now
        if self._tokens < 0:
            self._tokens += 1
            raise CarrierRefusal(429, "too many messages")

    def _wrong(self, number: int, what: str) -> None:
        super()._wrong(number, what)
        self.say(self._written("error", {"code": number or 400, "message": what}))
        if number != 429:
            self._close("error")

    def _close(self, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self.say(self._written("close", {"reason": reason}))

    # ---- what is due

    @property
    def due(self) -> float:
        """When `take` has something next."""
        if self._out:
            return -math.inf
        waits = math.inf if self._closing else min(self._open_due, self._ping_due)
        return min(waits, self._end if self._sounds else math.inf)

    def take(self, now: float) -> list[Message]:
        """What is to be sent by now."""
        self._now = now
        if self._sounds and self._end <= now:
            self._sounds = False
            self.say(self._written("playback_completed", {}))
        if not self._closing and now >= self._open_due:
            self._open_due = math.inf
            self._wrong(408, "the session was not opened in time")
        if not self._closing and now >= self._ping_due:
            self._ping(now)
        return super().take(now)

    def _ping(self, now: float) -> None:
        self._ping_due = now + PING_EVERY
        if self._pinged_at is not None:
            self._wrong(408, "a ping was not answered in time")
            return
        self._pinged_at = now
        self.say(self._written("ping", {} if self.round_trip is None else {"rtt": _duration(self.round_trip)}))

    @property
    def complaint(self) -> CarrierError | None:
        """The first thing that was wrong."""
        return self.errors[0] if self.errors else None


def _duration(seconds: float) -> str:
    return f"PT{seconds:.3f}S".replace(".000S", "S")


def _interleaved(channels: Sequence[bytes], format: AudioFormat) -> bytes:
    kind = "B" if format.sample_bytes == 1 else "H"
    samples = [array(kind, data) for data in channels]
    return array(kind, [sample for together in zip(*samples, strict=True) for sample in together]).tobytes()
