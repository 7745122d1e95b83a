"""What the errors of the OpenAI Realtime protocol mean: which are races that cost nothing, which end it all.

An ``error`` event alone is never fatal; what follows it (a close frame) is. Compatible servers have codes of their own, so a
race is also known by its words.

Source: OpenAI API reference and published captures of the live service, read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._json import Message, part, text

Meaning: TypeAlias = Literal["race", "mistake", "fatal", "reconnect"]
"""``race``: two messages crossed, nothing is wrong. ``mistake``: something we sent was refused, the session lives. ``fatal``:
trying again will not help. ``reconnect``: a new connection will."""

ALREADY_ACTIVE = "conversation_already_has_active_response"

MEANINGS: dict[str, Meaning] = {
    "response_cancel_not_active": "race",
    ALREADY_ACTIVE: "race",
    "input_audio_buffer_commit_empty": "race",
    "item_truncate_invalid_item_id": "race",
    "item_create_duplicate_item_id": "race",
    "invalid_json": "mistake",
    "invalid_event": "mistake",
    "invalid_value": "mistake",
    "unknown_parameter": "mistake",
    "missing_required_parameter": "mistake",
    "integer_below_min_value": "mistake",
    "string_above_max_length": "mistake",
    "item_retrieve_invalid_item_id": "mistake",
    "item_delete_invalid_item_id": "mistake",
    "invalid_api_key": "fatal",
    "insufficient_quota": "fatal",
    "credit_balance_exhausted": "fatal",
    "account_deactivated": "fatal",
    "billing_hard_limit_reached": "fatal",
    "invalid_model": "fatal",
    "missing_model": "fatal",
    "beta_api_shape_disabled": "fatal",
    "session_expired": "reconnect",
    "server_error": "reconnect",
}
"""Every code of the catalogue and what it means."""

_WORDS = {
    "no active response": "response_cancel_not_active",
    "already has an active response": ALREADY_ACTIVE,
    "buffer too small": "input_audio_buffer_commit_empty",
}
"""How compatible servers say the same in words, in lower case."""
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class WireError:
    """An ``error`` event, read: its code in OpenAI's words, its meaning, and the message of ours it answers, if it says so."""

    code: str
    message: str
    meaning: Meaning
    event_id: str | None


def error_untrusted(message: Message) -> WireError:
    """Read an ``error`` event.

    Raises:
        RemoteProtocolError: a field is of the wrong type.
    """
    error = part(message, "error")
    said, kind = text(error, "message", "")[:_LONGEST], text(error, "type", "error")
    code = text(error, "code", "") or kind
    code = next((ours for words, ours in _WORDS.items() if words in said.lower()), code)
    return WireError(code[:100], said, _meaning(code, kind, text(error, "param", ""), said), text(error, "event_id", "") or None)


def _meaning(code: str, kind: str, param: str, said: str) -> Meaning:
    """By code, else by type (some errors of quota have their word there); a truncation that came too late is a race."""
    if param == "audio_end_ms" or "already shorter than" in said:
        return "race"
    return MEANINGS.get(code) or MEANINGS.get(kind) or "mistake"
