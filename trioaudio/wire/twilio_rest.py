"""Twilio's REST interface for calls, without I/O: paths, forms, and what an error means.

Source: twilio.com/docs/voice/api/call-resource, and the error pages 20404 and 21220, read 2026-11.
"""

from __future__ import annotations

from .dialled import check_numbers

BASE_URL = "https://api.twilio.com"
NOT_IN_PROGRESS = "21220"
"""The call has ended."""


def base_url(region: str | None, edge: str | None) -> str:
    """Where an account of a region is found; its credentials are the region's own."""
    return BASE_URL if region is None else f"https://api.{edge or region}.{region}.twilio.com"


def calls_path(account: str) -> str:
    """Where calls are dialled."""
    return f"/2010-04-01/Accounts/{account}/Calls.json"


def call_path(account: str, call: str) -> str:
    """Where one call is changed."""
    return f"/2010-04-01/Accounts/{account}/Calls/{call}.json"


def dial_form(
    to: str, caller: str, url: str, status_url: str, *, ring: int = 60, longest: int | None = None, detect_machine: bool = False
) -> dict[str, str]:
    """Dial a number.

    Args:
        to, caller: numbers with their country, such as +15550100, or addresses; the caller's must be the account's.
        url: the webhook that is asked once somebody has picked up.
        status_url: is told how it goes.
        ring: seconds, at most 600.
        longest: seconds the call may last.
        detect_machine: whether a person or a machine has picked up is told later, at ``status_url``.

    Raises:
        ValueError: these are no numbers.
    """
    check_numbers(to, caller)
    form = {"To": to, "From": caller, "Url": url, "Method": "POST", "Timeout": str(min(max(ring, 5), 600))}
    form |= {"StatusCallback": status_url, "StatusCallbackMethod": "POST"}
    if longest is not None:
        form["TimeLimit"] = str(longest)
    if detect_machine:
        form |= {"MachineDetection": "DetectMessageEnd", "AsyncAmd": "true", "AsyncAmdStatusCallback": status_url}
    return form


def hang_up_form() -> dict[str, str]:
    """End a call that goes on."""
    return {"Status": "completed"}


def twiml_form(document: str) -> dict[str, str]:
    """Let a call go on with another document; its stream ends."""
    return {"Twiml": document}


def is_over(status: int, said: str) -> bool:
    """Whether an answer to a change means that the call has ended already."""
    return status == 404 or (status == 400 and NOT_IN_PROGRESS in said)
