"""SignalWire, Telnyx, Plivo and Exotel as carriers, without I/O: what each sends, and how strict it is with what it takes.

Sources: those of `trioaudio.wire.signalwire`, `telnyx`, `plivo` and `exotel`, read 2026-11. What a carrier does that no page says is a
choice here, and said where it is made. The machine is `trioaudio.wire.phone_carrier`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

from ..audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K, AudioFormat
from .phone_carrier import CarrierRefusal, Message
from .twilio_carrier import JsonCarrier, Shape, TwilioCarrier

_TELNYX_NAMES = {MULAW_8K: "PCMU", ALAW_8K: "PCMA"}


class SignalWireCarrier(TwilioCarrier):
    """One stream of SignalWire's: like Twilio's, but only the start and what answers us name the stream."""

    name: ClassVar[str] = "signalwire"
    formats: ClassVar[tuple[AudioFormat, ...]] = (MULAW_8K, PCM16_16K, PCM16_24K)
    malformed: ClassVar[int] = 0
    overflow: ClassVar[int] = 0
    binary: ClassVar[int] = 0
    not_taken: ClassVar[int] = 0
    shapes: ClassVar[Mapping[str, Shape]] = {
        **TwilioCarrier.shapes,
        "dtmf": {"event": str, "streamSid": str, "dtmf": {"digit": str}},
    }

    def greeting(self) -> list[Message]:
        encoding = "audio/x-mulaw" if self.format == MULAW_8K else "audio/x-L16"
        start = {
            "streamSid": self.stream,
            "accountSid": self.account,
            "callSid": self.call,
            "tracks": list(self.tracks),
            "mediaFormat": {"encoding": encoding, "sampleRate": self.format.rate, "channels": 1},
            "customParameters": self.parameters,
        }
        return [json.dumps({"event": "connected", "protocol": "Call", "version": "0.2.0"}), self._numbered("start", start=start)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        content = {"track": track, "chunk": str(self._chunk(track)), "timestamp": str(timestamp_ms), "payload": _base64(audio)}
        return self._numbered("media", media=content)

    def dtmf(self, digit: str) -> Message:
        return self._numbered("dtmf", streamSid=self.stream, dtmf={"digit": digit, "duration": 200})

    def stop(self) -> Message | None:
        return self._numbered("stop")

    def marked(self, name: str) -> Message:
        return self._numbered("mark", streamSid=self.stream, mark={"name": name})

    def _numbered(self, event: str, **content: object) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequenceNumber": str(self._sequence), **content})


class TelnyxCarrier(JsonCarrier):
    """One stream of Telnyx's: what it is told names no stream, and has 20 ms to 30 s of audio in a message."""

    name: ClassVar[str] = "telnyx"
    formats: ClassVar[tuple[AudioFormat, ...]] = (MULAW_8K, ALAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K)
    malformed: ClassVar[int] = 100003
    binary: ClassVar[int] = 100003
    stream_key: ClassVar[str] = "stream_id"
    shapes: ClassVar[Mapping[str, Shape]] = {
        "media": {"event": str, "media": {"payload": str}},
        "mark": {"event": str, "mark": {"name": str}},
        "clear": {"event": str},
    }
    _sequence: int = 0

    def greeting(self) -> list[Message]:
        encoding = _TELNYX_NAMES.get(self.format, "L16")
        start = {
            "user_id": self.account,
            "call_control_id": self.call,
            "call_session_id": "s1",
            "from": self.caller or "",
            "to": self.called or "",
            "client_state": "",
            "tags": [],
            "custom_parameters": self.parameters,
            "media_format": {"encoding": encoding, "sample_rate": self.format.rate, "channels": 1},
        }
        return [json.dumps({"event": "connected", "version": "1.0.0"}), self._numbered("start", start=start)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        content = {"track": track, "chunk": str(self._chunk(track)), "timestamp": str(timestamp_ms), "payload": _base64(audio)}
        return self._numbered("media", media=content)

    def dtmf(self, digit: str) -> Message:
        return self._numbered("dtmf", occurred_at="2026-01-02T03:04:05.6Z", dtmf={"digit": digit})

    def stop(self) -> Message | None:
        return self._numbered("stop", stop={"user_id": self.account, "call_control_id": self.call})

    def marked(self, name: str) -> Message:
        return self._numbered("mark", mark={"name": name})

    def _numbered(self, event: str, **content: object) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequence_number": str(self._sequence), "stream_id": self.stream, **content})

    def _check_audio(self, message: dict[str, Any], audio: bytes) -> None:
        seconds = len(audio) / self._speed
        if not 0.02 <= seconds <= 30:
            raise CarrierRefusal(self.malformed, f"{seconds:g} s of audio in a message; it must be 20 ms to 30 s")

    def _wrong(self, number: int, what: str) -> None:
        super()._wrong(number, what)
        payload = {"code": number, "title": "malformed_frame", "detail": what}
        self.say(json.dumps({"event": "error", "stream_id": self.stream, "payload": payload}))


class PlivoCarrier(JsonCarrier):
    """One stream of Plivo's: no ``connected``, times of the Unix clock, checkpoints.

    Whether checkpoints that are out come back from a clear no page of Plivo's says; a clone's says that they do not.
    """

    name: ClassVar[str] = "plivo"
    formats: ClassVar[tuple[AudioFormat, ...]] = (MULAW_8K, PCM16_8K, PCM16_16K)
    loses_marks: ClassVar[bool] = True
    play: ClassVar[str] = "playAudio"
    ask: ClassVar[str] = "checkpoint"
    forget: ClassVar[str] = "clearAudio"
    stream_key: ClassVar[str] = "streamId"
    shapes: ClassVar[Mapping[str, Shape]] = {
        "playAudio": {"event": str, "media": {"contentType": str, "sampleRate": int, "payload": str}},
        "checkpoint": {"event": str, "streamId": str, "name": str},
        "clearAudio": {"event": str, "streamId": str},
        "sendDTMF": {"event": str, "dtmf": str},
    }
    unix_ms: ClassVar[int] = 1_767_323_045_000
    """When its streams begin, by its clock."""
    _sequence: int = -1

    @property
    def _encoding(self) -> str:
        return "audio/x-mulaw" if self.format == MULAW_8K else "audio/x-l16"

    def greeting(self) -> list[Message]:
        start = {
            "callId": self.call,
            "streamId": self.stream,
            "accountId": self.account,
            "tracks": list(self.tracks),
            "mediaFormat": {"encoding": self._encoding, "sampleRate": self.format.rate},
        }
        headers = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return [self._numbered("start", start=start, extra_headers=headers)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        when = str(self.unix_ms + timestamp_ms)
        content = {"track": track, "chunk": self._chunk(track), "timestamp": when, "payload": _base64(audio)}
        return self._numbered("media", streamId=self.stream, media=content)

    def dtmf(self, digit: str) -> Message:
        return self._numbered("dtmf", streamId=self.stream, dtmf={"digit": digit, "track": "inbound"})

    def stop(self) -> Message | None:
        return self._numbered("stop", streamId=self.stream)

    def marked(self, name: str) -> Message:
        return json.dumps({"event": "playedStream", "name": name})

    def cleared(self) -> Message | None:
        return self._numbered("clearedAudio", streamId=self.stream)

    def _numbered(self, event: str, **content: object) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequenceNumber": self._sequence, **content})

    def _mark_name(self, message: dict[str, Any]) -> str:
        return str(message["name"])

    def _check_audio(self, message: dict[str, Any], audio: bytes) -> None:
        said = (message["media"]["contentType"], message["media"]["sampleRate"])
        if said != (self._encoding, self.format.rate):
            raise CarrierRefusal(self.malformed, f"audio of {said[0]} at {said[1]}; the stream has {self._encoding} at {self.format.rate}")


class ExotelCarrier(JsonCarrier):
    """One stream of Exotel's: PCM, about 100 ms in a message, and multiples of 320 bytes back.

    Whether marks that are out come back from a clear is not documented; they do, as at Twilio.
    """

    name: ClassVar[str] = "exotel"
    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_8K, PCM16_16K, PCM16_24K)
    ptime: ClassVar[float] = 0.1
    stream_key: ClassVar[str] = "stream_sid"
    shapes: ClassVar[Mapping[str, Shape]] = {
        "media": {"event": str, "stream_sid": str, "media": {"payload": str}},
        "mark": {"event": str, "stream_sid": str, "mark": {"name": str}},
        "clear": {"event": str, "stream_sid": str},
    }
    _sequence: int = 0

    def greeting(self) -> list[Message]:
        start = {
            "stream_sid": self.stream,
            "call_sid": self.call,
            "account_sid": self.account,
            "from": self.caller or "",
            "to": self.called or "",
            "custom_parameters": self.parameters,
            "media_format": {"encoding": "audio/x-raw", "sample_rate": str(self.format.rate), "bit_rate": "16"},
        }
        return [json.dumps({"event": "connected"}), self._numbered("start", start=start)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        content = {"chunk": str(self._chunk(track)), "timestamp": str(timestamp_ms), "payload": _base64(audio)}
        return self._numbered("media", media=content)

    def dtmf(self, digit: str) -> Message:
        return self._numbered("dtmf", dtmf={"digit": digit, "duration": "100"})

    def stop(self) -> Message | None:
        return self._numbered("stop", stop={"call_sid": self.call, "account_sid": self.account, "reason": "callended"})

    def marked(self, name: str) -> Message:
        return self._numbered("mark", mark={"name": name})

    def _numbered(self, event: str, **content: object) -> str:
        self._sequence += 1
        return json.dumps({"event": event, "sequence_number": str(self._sequence), "stream_sid": self.stream, **content})

    def _check_audio(self, message: dict[str, Any], audio: bytes) -> None:
        if len(audio) % 320 or not 0 < len(audio) <= 100_000:
            raise CarrierRefusal(self.malformed, f"{len(audio)} bytes of audio; it must be a multiple of 320, at most 100000")


def _base64(audio: bytes) -> str:
    return b64encode(audio).decode("ascii")
