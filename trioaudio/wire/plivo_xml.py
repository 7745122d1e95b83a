"""What Plivo is told to do with a call: documents of its XML, as small as they can be.

Source: plivo.com/docs/voice/xml (Stream, Redirect, Hangup, Dial, DTMF), read 2026-11.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from .twiml import hang_up as hang_up
from .twiml import is_address
from .twiml import redirect as redirect
from .twiml import response as response

MULAW = "audio/x-mulaw;rate=8000"


def connect_stream(url: str, status_callback: str, *, content_type: str = MULAW) -> str:
    """Join the call to a media websocket, both ways; what follows is done when the websocket has ended."""
    return (
        f'<Stream bidirectional="true" keepCallAlive="true" contentType={quoteattr(content_type)} '
        f'statusCallbackUrl={quoteattr(status_callback)} statusCallbackMethod="POST">{escape(url)}</Stream>'
    )


def reject(*, busy: bool) -> str:
    """Refuse a call that has not been answered."""
    return f'<Hangup reason="{"busy" if busy else "rejected"}"/>'


def dial(target: str) -> str:
    """Join the call to a number (``+15550100``), or to an address that begins with ``sip:``.

    Raises:
        ValueError: it is neither.
    """
    return f"<Dial><User>{escape(target)}</User></Dial>" if is_address(target) else f"<Dial><Number>{target}</Number></Dial>"


def play_digits(digits: str) -> str:
    """Press keys."""
    return f"<DTMF>{escape(digits)}</DTMF>"
