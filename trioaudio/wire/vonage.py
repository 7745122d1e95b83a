"""Vonage's voice websocket, without I/O: binary audio, and a few words. What they mean is in `trioaudio.wire.phone`.

Sources: developer.vonage.com/voice/voice-api/concepts/websockets and Nexmo/nexmo-developer (4da2b396), read 2026-11. Audio is PCM of 16
bits, low byte first, at 8 or 16 kHz, and goes out in binary messages of exactly 20 ms each; 24 kHz is what Vonage's Video API has,
and is not confirmed for Voice. The headers of the NCCO stand at the top of the first message, among Vonage's own keys. Nothing names
the stream or the call unless a header does. A mark is a ``notify``, which comes back as ``websocket:notify``; a clear is confirmed by
``websocket:cleared``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import RemoteProtocolError
from ..audio import PCM16_8K, PCM16_16K, PCM16_24K, PTIME, AudioFormat, Frame
from ._json import Message, object_untrusted, written
from ._paths import name_at, parameters_at
from ._phone.messages import Cleared, KeyPressed, Malformed, MarkReturned, Media, PhoneMessage, Started, Unknown

MARK = "m"
FORMATS: dict[tuple[str, int], AudioFormat] = {
    ("audio/l16", 8000): PCM16_8K,
    ("audio/l16", 16000): PCM16_16K,
    ("audio/l16", 24000): PCM16_24K,
}
_CONTENT_TYPE = re.compile(r"([a-z0-9/-]{1,40})\s*;\s*rate=(\d{1,6})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VonageDialect:
    """What Vonage calls things. The stream has no id: it is the empty text."""

    name: str = "vonage"
    packet: float = PTIME
    """As `PhoneDialect.packet`."""
    window: int = 0
    """As `PhoneDialect.window`."""
    big_endian: bool = False
    """As `PhoneDialect.big_endian`."""

    def read_untrusted(self, data: str | bytes) -> PhoneMessage:
        """What a message says.

        Raises:
            RemoteProtocolError: it is text, and no JSON object.
        """
        if isinstance(data, bytes):
            return Media(data)
        message = object_untrusted(data)
        match message.get("event"):
            case "websocket:connected":
                return _started(message)
            case "websocket:dtmf":
                digit = name_at(message, ("digit",))
                return KeyPressed(digit) if digit else Malformed()
            case "websocket:notify":
                name = name_at(message, (f"payload.{MARK}",))
                return MarkReturned(name) if name else Malformed()
            case "websocket:cleared":
                return Cleared()
        return Unknown()

    def format_of(self, started: Started) -> AudioFormat:
        """What the audio is encoded in.

        Raises:
            RemoteProtocolError: that is not known.
        """
        try:
            return FORMATS[started.encoding.lower(), started.rate]
        except KeyError:
            raise RemoteProtocolError(
                "vonage sends audio that is not understood here; understood is audio/l16 at 8000, 16000 and 24000"
            ) from None

    def audio(self, stream: str, frame: Frame) -> bytes:
        """Play this: a binary message of 20 ms."""
        return frame.data

    def mark(self, stream: str, name: str) -> str:
        """Say when everything sent so far has been played."""
        return written({"action": "notify", "payload": {MARK: name}})

    def clear(self, stream: str) -> str:
        """Forget everything that has not been played."""
        return '{"action":"clear"}'


def _started(message: Message) -> Started:
    found = _CONTENT_TYPE.fullmatch(name_at(message, ("content-type",)))
    encoding, rate = (found[1], int(found[2])) if found else ("", 0)
    headers = {key: value for key, value in message.items() if key not in ("event", "content-type")}
    return Started("", "", "", encoding, rate, parameters=parameters_at({"headers": headers}, ("headers",)))


VONAGE: VonageDialect = VonageDialect()
"""Its dialect: PCM of 16 bits in binary messages of 20 ms."""
