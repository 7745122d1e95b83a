"""Telnyx's call control, without I/O: paths, bodies, and what an error means.

Source: developers.telnyx.com/api-reference/call-commands and telnyx-python 4.189.0 (types/call_dial_params.py, types/calls/), read
2026-11. A command with a ``command_id`` that a call has seen before is ignored, so that it may be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias
from urllib.parse import quote

BASE_URL = "https://api.telnyx.com/v2"
OVER = '"90018"'
"""The call has ended already (status 422)."""
Codec: TypeAlias = Literal["PCMU", "PCMA", "L16"]
RATES: Mapping[Codec, int] = MappingProxyType({"PCMU": 8000, "PCMA": 8000, "L16": 16000})
OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "normal_clearing": "completed",
        "time_limit": "completed",
        "user_busy": "busy",
        "timeout": "no-answer",
        "no_answer": "no-answer",
        "originator_cancel": "canceled",
    }
)
"""How a call has ended, by its ``hangup_cause``; all others are ``failed``."""

CALLS_PATH = "/calls"
"""Where calls are dialled."""


def command_path(call: str, command: str) -> str:
    """Where a call is told something, such as ``hangup``."""
    return f"/calls/{quote(call, safe='')}/actions/{command}"


def stream_body(url: str, codec: Codec) -> dict[str, object]:
    """Join a call to a media websocket, both ways and in one encoding; for ``answer`` and ``streaming_start``."""
    return {
        "stream_url": url,
        "stream_track": "inbound_track",
        "stream_codec": codec,
        "stream_bidirectional_mode": "rtp",  # without it, what is sent is taken for MP3
        "stream_bidirectional_codec": codec,
        "stream_bidirectional_sampling_rate": RATES[codec],
    }


def dial_body(
    to: str,
    caller: str,
    connection: str,
    url: str,
    state: str,
    *,
    ring: int = 60,
    longest: int | None = None,
    detect_machine: bool = False,
) -> dict[str, object]:
    """Dial a number.

    Args:
        to, caller: numbers with their country, or addresses of SIP; the caller's must be the account's.
        connection: the id of the Voice API application that dials.
        url: the webhook that is told how it goes.
        state: comes back with each webhook, in base64.
        ring: seconds, 5 to 600.
        longest: seconds the call may last, 30 to 14400.
        detect_machine: tell whether a person has picked up.
    """
    body: dict[str, object] = {"connection_id": connection, "to": to, "from": caller, "client_state": state}
    body |= {"webhook_url": url, "webhook_url_method": "POST", "timeout_secs": min(max(ring, 5), 600)}
    if longest is not None:
        body["time_limit_secs"] = min(max(longest, 30), 14_400)
    if detect_machine:
        body["answering_machine_detection"] = "detect"
    return body


def is_over(status: int, said: str) -> bool:
    """Whether an answer to a command means that the call has ended already."""
    return status == 404 or (status == 422 and OVER in said)
