"""Telnyx's media websocket, without I/O: the words. What they mean is in `trioaudio.wire.phone`.

Sources: developers.telnyx.com/docs/voice/programmable-voice/media-streaming and /api-reference/websockets, read 2026-11. The stream's
id stands beside ``start``, not in it, and is not sent back. Audio may come out of order, so it is put in order by ``chunk``; what
goes out has at least 20 ms in a message. The stream must be started with ``stream_bidirectional_mode: "rtp"``: without it what is
sent is taken for MP3. Whether samples of 16 bits come with their low byte first is disputed among those who have tried: PCMU avoids
the question, and ``replace(TELNYX, big_endian=True)`` is the other answer.
"""

from __future__ import annotations

from types import MappingProxyType

from ..audio import ALAW_8K, MULAW_8K, PCM16_8K, PCM16_16K, PCM16_24K, PCM16_48K, PTIME
from ._phone.json import JsonDialect

TELNYX: JsonDialect = JsonDialect(
    name="telnyx",
    kinds=MappingProxyType(
        {
            "connected": "connected",
            "start": "start",
            "media": "media",
            "dtmf": "key",
            "mark": "mark",
            "stop": "stop",
            "error": "error",
        },
    ),
    play='{"event":"media","media":{"payload":"{payload}"}}',
    ask='{"event":"mark","mark":{"name":{name}}}',
    forget='{"event":"clear"}',
    formats=MappingProxyType(
        {
            ("pcmu", 8000): MULAW_8K,
            ("audio/x-mulaw", 8000): MULAW_8K,
            ("pcma", 8000): ALAW_8K,
            ("l16", 8000): PCM16_8K,
            ("l16", 16000): PCM16_16K,
            ("l16", 24000): PCM16_24K,
            ("l16", 48000): PCM16_48K,
        }
    ),
    stream=("stream_id",),
    call=("start.call_control_id",),
    account=("start.user_id",),
    caller=("start.from",),
    called=("start.to",),
    encoding=("start.media_format.encoding",),
    rate=("start.media_format.sample_rate",),
    parameters=("start.custom_parameters",),
    default_encoding=("PCMU", 8000),
    packet=PTIME,
    window=3,
)
"""Its dialect: PCMU, PCMA or L16, base64 in JSON."""
