"""Which carrier has opened a media websocket, told from what it says first."""

from __future__ import annotations

from ._json import object_untrusted
from ._paths import Places, name_at
from ._phone.messages import PhoneDialect
from .exotel import EXOTEL
from .genesys import GENESYS
from .plivo import PLIVO
from .signalwire import SIGNALWIRE
from .telnyx import TELNYX
from .twilio import TWILIO
from .vonage import VONAGE

_RULES: tuple[tuple[Places, PhoneDialect], ...] = (
    (("streamSid", "start.streamSid", "start.callSid"), TWILIO),
    (("start.streamSid", "start.callSid"), SIGNALWIRE),
    (("stream_id", "start.call_control_id"), TELNYX),
    (("start.streamId", "start.callId"), PLIVO),
    (("start.stream_sid", "start.call_sid", "start.account_sid"), EXOTEL),
)
"""Where a start must have ids to be one carrier's; the first that fits."""


def detect_untrusted(data: str | bytes) -> PhoneDialect | None:
    """The carrier's words, by its first message, or by the one after that.

    SignalWire says what Twilio says, except that its messages carry the stream's id in the start alone: a stream of SignalWire's that
    looks like Twilio's does no harm as long as it is mu-law.

    Returns:
        None where the message does not tell, as ``connected`` does not: ask again with the next one.

    Raises:
        RemoteProtocolError: it is text, and no JSON object.
    """
    if isinstance(data, bytes):
        return None
    message = object_untrusted(data)
    if message.get("event") == "websocket:connected":
        return VONAGE
    if message.get("type") == "open" and name_at(message, ("parameters.conversationId",)):
        return GENESYS
    if message.get("event") != "start":
        return None
    return next((dialect for places, dialect in _RULES if all(name_at(message, (place,)) for place in places)), None)
