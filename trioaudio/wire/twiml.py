"""What Twilio is told to do with a call: documents of TwiML, as small as they can be.

Source: twilio.com/docs/voice/twiml, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPE = "text/xml; charset=utf-8"
LONGEST = 4_000
"""Characters of a document that Twilio takes through its REST interface (error 32018)."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def response(*verbs: str) -> str:
    """A whole document."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'


def connect_stream(url: str, parameters: Mapping[str, str], status_callback: str | None = None) -> str:
    """Join the call to a media websocket, both ways; what follows is done when the websocket has ended."""
    return f"<Connect>{_stream(url, parameters, status_callback)}</Connect>"


def start_stream(url: str, parameters: Mapping[str, str], status_callback: str | None = None, *, track: str = "inbound_track") -> str:
    """Let a media websocket listen; what follows is done at once."""
    return f"<Start>{_stream(url, parameters, status_callback, track)}</Start>"


def _stream(url: str, parameters: Mapping[str, str], status_callback: str | None, track: str | None = None) -> str:
    more = f" track={_attribute(track)}" if track else ""
    more += f" statusCallback={_attribute(status_callback)}" if status_callback else ""
    inside = "".join(f"<Parameter name={_attribute(name)} value={_attribute(value)}/>" for name, value in parameters.items())
    return f"<Stream url={_attribute(url)}{more}>{inside}</Stream>"


def redirect(url: str) -> str:
    """Ask at this URL what is next."""
    return f'<Redirect method="POST">{_text(url)}</Redirect>'


def hang_up() -> str:
    """End the call."""
    return "<Hangup/>"


def reject(*, busy: bool) -> str:
    """Refuse a call that has not been answered; it costs nobody anything."""
    return f'<Reject reason="{"busy" if busy else "rejected"}"/>'


def dial(target: str) -> str:
    """Join the call to a number (``+15550100``), or to an address that begins with ``sip:``.

    Raises:
        ValueError: it is neither.
    """
    return f"<Dial><Sip>{_text(target)}</Sip></Dial>" if is_address(target) else f"<Dial>{target}</Dial>"


def is_address(target: str) -> bool:
    """Whether a call is sent on to an address of SIP, rather than to a number.

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch(r"sips?:[^\s<>&\"']{1,250}", target):
        return True
    if not re.fullmatch(r"\+?[0-9]{2,20}", target):
        raise ValueError("a call is sent on to a number such as +15550100, or to an address sip:NAME@HOST")
    return False


def play_digits(digits: str) -> str:
    """Press keys; half a second each."""
    return f"<Play digits={_attribute(digits)}/>"


def _text(value: str) -> str:
    return escape(_NO_XML.sub("", value))


def _attribute(value: str) -> str:
    return quoteattr(_NO_XML.sub("", value))
