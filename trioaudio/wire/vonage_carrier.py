"""Vonage as a carrier, without I/O: binary audio, and how strict it is with what it takes.

Source: as for `trioaudio.wire.vonage`. What it does with notifications that are out when the queue is cleared is not documented: they are
lost here, as the harder case. The machine is `trioaudio.wire.phone_carrier`.
"""

from __future__ import annotations

import json
from typing import ClassVar

from ..audio import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from ._json import object_untrusted
from .phone_carrier import CarrierRefusal, Message, PhoneCarrier

MOST_MESSAGES = 3_072
"""Messages of 20 ms that wait to be played."""


class VonageCarrier(PhoneCarrier):
    """One websocket of Vonage's; arguments as for `PhoneCarrier`, of which the ids are not told to anybody."""

    name: ClassVar[str] = "vonage"
    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_16K, PCM16_8K, PCM16_24K)
    most_queued: ClassVar[float] = MOST_MESSAGES * 0.02
    loses_marks: ClassVar[bool] = True

    def greeting(self) -> list[Message]:
        said = {**self.parameters, "event": "websocket:connected", "content-type": f"audio/l16;rate={self.format.rate}"}
        return [json.dumps(said)]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> Message:
        return audio

    def dtmf(self, digit: str) -> Message:
        return json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def stop(self) -> Message | None:
        return None

    def marked(self, name: str) -> Message:
        return json.dumps({"event": "websocket:notify", "payload": json.loads(name)})

    def cleared(self) -> Message | None:
        return json.dumps({"event": "websocket:cleared"})

    def _heed(self, data: Message, now: float) -> None:
        if isinstance(data, bytes):
            self._take_audio(data, now)
            return
        match object_untrusted(data):
            case {"action": "clear", **others} if not others:
                self._clear(now)
            case {"action": "notify", "payload": dict(payload), **others} if not others:
                self._mark(json.dumps(payload), now)
            case _:
                raise CarrierRefusal(0, "an action that there is not, or a field too many or too few")

    def _take_audio(self, data: bytes, now: float) -> None:
        expected = self.format.frame_samples * self.format.sample_bytes
        if len(data) != expected:
            raise CarrierRefusal(0, f"{len(data)} bytes of audio; every message has 20 ms, {expected} bytes")
        self._play(data, now)
