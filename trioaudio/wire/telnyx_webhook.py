"""Telnyx's webhooks, without I/O: what is signed, whether it is of now, and what it says.

``base64(Ed25519(TIMESTAMP|BODY))`` stands in the header ``telnyx-signature-ed25519``, the seconds of the Unix clock in
``telnyx-timestamp``; the public key is shown in the portal. Sources: developers.telnyx.com/docs/voice/programmable-voice (webhooks
of call control) and telnyx-python 4.189.0 (resources/webhooks.py, types/call_*.py), read 2026-11; the window of 300 s is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .._errors import RemoteProtocolError
from ._json import object_untrusted
from ._paths import name_at

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
TOLERANCE = 300.0
"""Seconds a webhook may be older or newer than now."""
LONGEST_TIMESTAMP = 15


def signed_bytes(timestamp: str, body: bytes) -> bytes:
    """What the signature is made over."""
    return timestamp.encode("utf-8", "replace") + b"|" + body


def is_of_now(timestamp: str | None, now: float, tolerance: float = TOLERANCE) -> bool:
    """Whether a webhook was signed about now, in seconds of the Unix clock: an old one may be somebody's who overheard it."""
    if timestamp is None or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > LONGEST_TIMESTAMP:
        return False
    return abs(int(timestamp) - now) <= tolerance


@dataclass(frozen=True, slots=True)
class TelnyxEvent:
    """What a webhook says. Its repr shows no number."""

    id: str
    """Of the event; it is the same when the event is sent again."""
    kind: str
    """Such as ``call.initiated``."""
    call: str
    """The call, by its ``call_control_id``."""
    outgoing: bool
    """We dialled."""
    caller: str = field(default="", repr=False)
    called: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    """The ``client_state`` of a command of ours."""
    result: str = ""
    """Who has picked up."""
    cause: str = ""
    """Why it has ended."""


def read_event_untrusted(body: bytes) -> TelnyxEvent:
    """The event of a webhook.

    Raises:
        RemoteProtocolError: it is no JSON object, or does not say what happened to which call.
    """
    message = object_untrusted(body)
    event = TelnyxEvent(
        id=name_at(message, ("data.id",)),
        kind=name_at(message, ("data.event_type",)),
        call=name_at(message, ("data.payload.call_control_id",)),
        outgoing=name_at(message, ("data.payload.direction",)) == "outgoing",
        caller=name_at(message, ("data.payload.from",)),
        called=name_at(message, ("data.payload.to",)),
        state=name_at(message, ("data.payload.client_state",)),
        result=name_at(message, ("data.payload.result",)),
        cause=name_at(message, ("data.payload.hangup_cause",)),
    )
    if not event.kind or not event.call:
        raise RemoteProtocolError("a webhook that names an event and a call was expected")
    return event
