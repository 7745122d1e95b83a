"""Plivo's REST interface for calls, without I/O: paths, bodies, and what an error means.

Source: plivo.com/docs/voice/api/call and plivo-python 4.63.0 (resources/calls.py), read 2026-11.
"""

from __future__ import annotations

BASE_URL = "https://api.plivo.com/v1"
GONE = 404
"""There is no such call any more."""


def calls_path(account: str) -> str:
    """Where calls are dialled."""
    return f"/Account/{account}/Call/"


def call_path(account: str, call: str) -> str:
    """Where one call is changed, or ended by DELETE."""
    return f"/Account/{account}/Call/{call}/"


def request_path(account: str, request: str) -> str:
    """Where a call is ended that was dialled, and of which no more is known yet."""
    return f"/Account/{account}/Request/{request}/"


def digits_path(account: str, call: str) -> str:
    """Where keys are pressed."""
    return f"/Account/{account}/Call/{call}/DTMF/"


def dial_body(
    to: str, caller: str, url: str, status_url: str, *, ring: int = 60, longest: int | None = None, detect_machine: bool = False
) -> dict[str, object]:
    """Dial a number.

    Args:
        to, caller: numbers with their country, such as +15550100, or addresses of SIP; the caller's must be the account's.
        url: the webhook that is asked once somebody has picked up.
        status_url: is told how it ends.
        ring: seconds, at most 120.
        longest: seconds the call may last.
        detect_machine: whether a person or a machine has picked up is told later, at ``status_url``.
    """
    body: dict[str, object] = {"from": caller, "to": to, "answer_url": url, "answer_method": "POST"}
    body |= {"hangup_url": status_url, "hangup_method": "POST", "ring_timeout": min(max(ring, 5), 120)}
    if longest is not None:
        body["time_limit"] = longest
    if detect_machine:
        body |= {"machine_detection": "true", "machine_detection_url": status_url, "machine_detection_method": "POST"}
    return body
