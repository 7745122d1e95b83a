"""Twilio Media Streams, without I/O: the words of the media websocket. What they mean is in `trioaudio.wire.phone`.

Sources: twilio.com/docs/voice/media-streams/websocket-messages and /docs/voice/twiml/stream, error pages 31920 to 31951, read
2026-11. Every number Twilio sends is a text, but for those of ``mediaFormat``. What we send has exactly the fields below: one
more, and Twilio says 31951. Binary messages are answered with 31950.
"""

from __future__ import annotations

from types import MappingProxyType

from ..audio import MULAW_8K
from ._phone.json import JsonDialect

TWILIO: JsonDialect = JsonDialect(
    name="twilio",
    kinds=MappingProxyType(
        {"connected": "connected", "start": "start", "media": "media", "dtmf": "key", "mark": "mark", "stop": "stop"},
    ),
    play='{"event":"media","streamSid":{stream},"media":{"payload":"{payload}"}}',
    ask='{"event":"mark","streamSid":{stream},"mark":{"name":{name}}}',
    forget='{"event":"clear","streamSid":{stream}}',
    formats=MappingProxyType({("audio/x-mulaw", 8000): MULAW_8K}),
)
"""Its dialect: mu-law at 8 kHz, base64 in JSON."""

STREAM_ERRORS: MappingProxyType[int, str] = MappingProxyType(
    {
        31901: "Twilio could not connect to the media websocket in time",
        31910: "Twilio does not trust the certificate of the media websocket",
        31920: "the media websocket was not opened: the answer was no 101; a query in its URL is one cause",
        31921: "the media websocket was closed at our end",
        31922: "the URL of the media websocket is not wss://",
        31924: "the websocket protocol was broken, or something was sent on a stream that goes one way",
        31930: "audio of the caller was dropped by Twilio, since it was read too slowly",
        31931: "audio for the caller was dropped by Twilio: more than ten minutes of it were waiting",
        31950: "a binary message was sent to Twilio",
        31951: "Twilio did not understand a message: its shape was not exactly as it must be",
    }
)
"""What Twilio's error numbers of streams mean here."""
