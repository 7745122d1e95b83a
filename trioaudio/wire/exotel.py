"""Exotel's AgentStream, without I/O: the words. What they mean is in `trioaudio.wire.phone`.

Source: developer.exotel.com/docs/agentstream/websocket-protocol and support article 3000108630, read 2026-11. It is like Twilio's, but
for the spelling of its keys and the audio: samples of 16 bits, low byte first, at the rate that ``?sample-rate=16000`` in the URL asks for.
What goes out has a multiple of 320 bytes, better 3200 and more, at most 100 kB: a shorter end is heard as a gap. What a clear does
to marks that are out is not documented.
"""

from __future__ import annotations

from types import MappingProxyType

from ..audio import PCM16_8K, PCM16_16K, PCM16_24K
from ._phone.json import JsonDialect

EXOTEL: JsonDialect = JsonDialect(
    name="exotel",
    kinds=MappingProxyType(
        {"connected": "connected", "start": "start", "media": "media", "dtmf": "key", "mark": "mark", "stop": "stop"},
    ),
    play='{"event":"media","stream_sid":{stream},"media":{"payload":"{payload}"}}',
    ask='{"event":"mark","stream_sid":{stream},"mark":{"name":{name}}}',
    forget='{"event":"clear","stream_sid":{stream}}',
    formats=MappingProxyType({("audio/x-raw", 8000): PCM16_8K, ("audio/x-raw", 16000): PCM16_16K, ("audio/x-raw", 24000): PCM16_24K}),
    stream=("stream_sid", "start.stream_sid"),
    call=("start.call_sid",),
    account=("start.account_sid",),
    caller=("start.from",),
    called=("start.to",),
    encoding=("start.media_format.encoding",),
    rate=("start.media_format.sample_rate",),
    parameters=("start.custom_parameters",),
    default_encoding=("audio/x-raw", 8000),
    packet=0.2,
)
"""Its dialect: PCM of 16 bits, base64 in JSON, 200 ms in a message."""
