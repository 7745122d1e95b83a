"""Plivo's media websocket, without I/O: the words. What they mean is in `trioaudio.wire.phone`.

Sources: plivo.com/docs/voice-agents/audio-streaming and plivo/plivo-stream-sdk-java, read 2026-11. There is no ``connected``; timestamps
are milliseconds of the Unix clock; a mark is a ``checkpoint``, and comes back as ``playedStream``. A clear is confirmed by
``clearedAudio``; whether checkpoints that were out come back too is not said, and both are understood. The byte order of samples of
16 bits is not said either: low byte first is assumed, and ``replace(PLIVO, big_endian=True)`` is the other one.
"""

from __future__ import annotations

from types import MappingProxyType

from ..audio import MULAW_8K, PCM16_8K, PCM16_16K
from ._phone.json import JsonDialect

PLIVO: JsonDialect = JsonDialect(
    name="plivo",
    kinds=MappingProxyType(
        {"start": "start", "media": "media", "dtmf": "key", "playedStream": "mark", "clearedAudio": "cleared", "stop": "stop"},
    ),
    play='{"event":"playAudio","media":{"contentType":{encoding},"sampleRate":{rate},"payload":"{payload}"}}',
    ask='{"event":"checkpoint","streamId":{stream},"name":{name}}',
    forget='{"event":"clearAudio","streamId":{stream}}',
    formats=MappingProxyType({("audio/x-mulaw", 8000): MULAW_8K, ("audio/x-l16", 8000): PCM16_8K, ("audio/x-l16", 16000): PCM16_16K}),
    stream=("streamId", "start.streamId"),
    call=("start.callId",),
    account=("start.accountId",),
    parameters=("extra_headers", "start.extra_headers"),
    mark_name=("name",),
)
"""Its dialect: mu-law or L16, base64 in JSON. The ``contentType`` of the <Stream> element must be said: Plivo's pages name two defaults."""
