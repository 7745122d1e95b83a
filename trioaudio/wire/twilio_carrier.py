"""Twilio's side of a media websocket, without I/O: what a carrier sends, and a caller's ear that says what was truly heard.

As strict as the live one: a message of the wrong shape is an error that is kept (31950, 31951), something sent on a stream that goes
one way is 31924, and more than ten minutes in the queue are dropped (31931). Source: as for `trioaudio.wire.twilio`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

from ._json import object_untrusted
from .phone_carrier import CarrierCleared as CarrierCleared
from .phone_carrier import CarrierError as CarrierError
from .phone_carrier import CarrierRefusal, Message, PhoneCarrier

Shape = Mapping[str, object]
"""The fields of a message, exactly: each is `str`, `int`, a value that it must be, or a shape."""


class JsonCarrier(PhoneCarrier):
    """A carrier that sends and takes JSON with audio in base64. What it takes is a table of shapes."""

    shapes: ClassVar[Mapping[str, Shape]]
    """By the word under ``event``."""
    play: ClassVar[str] = "media"
    ask: ClassVar[str] = "mark"
    forget: ClassVar[str] = "clear"
    stream_key: ClassVar[str] = "streamSid"
    """Where a message says which stream it is for."""
    binary: ClassVar[int] = 0
    """Its number for a binary message."""
    not_taken: ClassVar[int] = 0
    """Its number for anything at all on a stream that goes one way."""

    def _heed(self, data: Message, now: float) -> None:
        if self.one_way:
            raise CarrierRefusal(self.not_taken, "a message on a stream that goes one way")
        if isinstance(data, bytes):
            raise CarrierRefusal(self.binary, "a binary message")
        message = object_untrusted(data)
        event = message.get("event")
        shape = self.shapes.get(event) if isinstance(event, str) else None
        if shape is None:
            raise CarrierRefusal(self.malformed, "an event that there is not")
        if not fits(message, shape):
            raise CarrierRefusal(self.malformed, f"a {event} of the wrong shape: a field is missing, or there is one more")
        if message.get(self.stream_key, self.stream) != self.stream:
            raise CarrierRefusal(self.malformed, f"a {event} of another stream")
        if event == self.play:
            audio = b64decode(message["media"]["payload"].encode("ascii"), validate=True)
            self._check_audio(message, audio)
            self._play(audio, now)
        elif event == self.ask:
            self._mark(self._mark_name(message), now)
        elif event == self.forget:
            self._clear(now)

    def _mark_name(self, message: dict[str, Any]) -> str:
        return str(message["mark"]["name"])

    def _check_audio(self, message: dict[str, Any], audio: bytes) -> None:
        """What else a carrier wants of a piece of audio; raises `CarrierRefusal`."""


class TwilioCarrier(JsonCarrier):
    """One stream of Twilio's; arguments as for `PhoneCarrier`."""

    name: ClassVar[str] = "twilio"
    malformed: ClassVar[int] = 31951
    overflow: ClassVar[int] = 31931
    binary: ClassVar[int] = 31950
    not_taken: ClassVar[int] = 31924
    shapes: ClassVar[Mapping[str, Shape]] = {
        "media": {"event": str, "streamSid": str, "media": {"payload": str}},
        "mark": {"event": str, "streamSid": str, "mark": {"name": str}},
        "clear": {"event": str, "streamSid": str},
    }
    _sequence: int = 0

    def greeting(self) -> list[Message]:
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

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        """A piece of the call: mu-law, and where it is in the stream."""
        payload = b64encode(audio).decode("ascii")
        return self._message(
            "media", {"track": track, "chunk": str(self._chunk(track)), "timestamp": str(timestamp_ms), "payload": payload}
        )

    def dtmf(self, digit: str) -> Message:
        """A key."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> Message | None:
        """The end."""
        return self._message("stop", {"accountSid": self.account, "callSid": self.call})

    def marked(self, name: str) -> Message:
        """A mark comes back."""
        return self._message("mark", {"name": name})

    def _message(self, event: str, content: Mapping[str, object]) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream, event: content})


def fits(message: dict[str, Any], shape: Shape) -> bool:
    """Whether it has exactly these fields, of these kinds."""
    return message.keys() == shape.keys() and all(_is(message[key], kind) for key, kind in shape.items())


def _is(value: object, kind: object) -> bool:
    if isinstance(kind, Mapping):
        return isinstance(value, dict) and fits(value, kind)
    return isinstance(value, kind) if isinstance(kind, type) else value == kind
