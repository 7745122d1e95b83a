"""The audio formats of the OpenAI Realtime protocol, as its session objects write them down.

Source: OpenAI API reference, session object of the Realtime API (GA and beta), read 2026-11.
"""

from __future__ import annotations

from ..._errors import FormatError
from ...audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat
from .._json import Message, part

FORMATS: tuple[AudioFormat, ...] = (PCM16_24K, MULAW_8K, ALAW_8K)
"""What the model can be sent and can speak, the best one first; the two directions are independent."""

# A PCM format is refused without its rate, a telephone's format with one.
_WRITTEN: dict[AudioFormat, Message] = {
    PCM16_24K: {"type": "audio/pcm", "rate": 24_000},
    MULAW_8K: {"type": "audio/pcmu"},
    ALAW_8K: {"type": "audio/pcma"},
}
_KINDS = {"audio/pcm": PCM16_24K, "audio/pcmu": MULAW_8K, "audio/pcma": ALAW_8K}
_BETA = {"pcm16": PCM16_24K, "g711_ulaw": MULAW_8K, "g711_alaw": ALAW_8K}


def written_format(format: AudioFormat) -> Message:
    """The format as a session object names it.

    Raises:
        FormatError: the protocol does not know it.
    """
    if format not in _WRITTEN:
        raise FormatError(f"OpenAI's realtime models do not speak {format}; choose one of {', '.join(map(str, FORMATS))}")
    return dict(_WRITTEN[format])


def format_untrusted(session: Message, direction: str) -> AudioFormat | str | None:
    """What a session object says of the ``"input"`` or ``"output"`` format: a text where it is none of ours, None where it is silent.

    Understands the nested objects of today and the flat names of the beta.

    Raises:
        RemoteProtocolError: an object is something else.
    """
    flat = session.get(f"{direction}_audio_format")
    if isinstance(flat, str):
        return _BETA.get(flat, flat[:40])
    format = part(part(part(session, "audio"), direction), "format")
    if not format:
        return None
    kind, rate = str(format.get("type"))[:40], format.get("rate")
    known = _KINDS.get(kind)
    return known if known is not None and rate in (None, known.rate) else f"{kind} at {str(rate)[:40]} Hz"
