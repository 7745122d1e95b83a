"""SignalWire's media websocket, without I/O: Twilio's words, and two formats more. What they mean is in `trioaudio.wire.phone`.

Source: signalwire/docs, compatibility-api/.../stream.mdx, read 2026-11. What differs on the wire: ``connected.version`` is 0.2.0, only
the start has the stream's id, and ``codec="L16@16000h"`` or ``"L16@24000h"`` gives samples of 16 bits. Their byte order is
written nowhere: if they sound like noise, it is ``replace(SIGNALWIRE, big_endian=True)``.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from ..audio import MULAW_8K, PCM16_16K, PCM16_24K
from ._phone.json import JsonDialect
from .twilio import TWILIO

SIGNALWIRE: JsonDialect = replace(
    TWILIO,
    name="signalwire",
    formats=MappingProxyType({("audio/x-mulaw", 8000): MULAW_8K, ("audio/x-l16", 16000): PCM16_16K, ("audio/x-l16", 24000): PCM16_24K}),
)
"""Its dialect."""
