"""What an emulated agent lets a client say: each message is taken apart here, and whatever cannot be ends the conversation.

Source: the vendor's AsyncAPI file of the agents websocket (schemas of the client's messages, ``ErrorType``), read 2026-11.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable

from ..._errors import RemoteProtocolError
from .._json import Message, object_untrusted

OVERRIDABLE = {
    "agent": ("first_message", "language", "prompt", "native_mcp_server_ids"),
    "tts": ("voice_id", "speed", "stability", "similarity_boost"),
    "conversation": ("text_only", "client_events"),
}
"""What a conversation may change of an agent, if its owner lets it."""


class AgentRefusedError(Exception):
    """The conversation ends with an ``error`` event of this type, and this close code."""

    def __init__(self, kind: str, message: str, code: int = 1008) -> None:
        super().__init__(message)
        self.kind, self.code = kind, code


def read(data: str | bytes) -> Message:
    """The message that a client has sent, of one of the types that there are, with ``type`` filled in where there is none.

    Raises:
        AgentRefusedError: it is none.
    """
    if isinstance(data, bytes):
        raise AgentRefusedError("invalid_message", "Binary messages are not supported.")
    try:
        message = object_untrusted(data)
    except RemoteProtocolError as exc:
        raise AgentRefusedError("invalid_message", f"Invalid message received: {exc}") from None
    if "user_audio_chunk" in message:
        message = {"type": "user_audio_chunk", **message}
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise AgentRefusedError("invalid_message", f"Invalid message received: unknown type {str(kind)[:60]!r}.")
    _check(message, _FIELDS[kind], kind)
    return message


def audio_of(message: Message) -> bytes:
    """The bytes of a ``user_audio_chunk``.

    Raises:
        AgentRefusedError: it is no base64.
    """
    try:
        return binascii.a2b_base64(message["user_audio_chunk"], strict_mode=True)
    except ValueError:
        raise AgentRefusedError("value_error", "user_audio_chunk is not valid base64.") from None


def overrides_of(message: Message, *, allowed: bool) -> Message:
    """The overrides of the first message, section by section.

    Raises:
        AgentRefusedError: there is no such setting, or it may not be changed.
    """
    override = message.get("conversation_config_override") or {}
    for section, fields in override.items():
        if section not in OVERRIDABLE or not isinstance(fields, dict):
            raise AgentRefusedError("override_error", f"Override for {section!r} is not supported.")
        for field in fields:
            if field not in OVERRIDABLE[section]:
                raise AgentRefusedError("override_error", f"Override for field {field!r} is not supported.")
            if not allowed:
                raise AgentRefusedError("override_error", f"Override for field {field!r} is not allowed by config.")
    return dict(override)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _may_lack(fine: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or fine(value)


_FIELDS: dict[str, dict[str, Callable[[object], bool]]] = {
    "user_audio_chunk": {"user_audio_chunk": _is_text},
    "conversation_initiation_client_data": {
        "conversation_config_override": _may_lack(_is_object),
        "custom_llm_extra_body": _may_lack(_is_object),
        "dynamic_variables": _may_lack(_is_object),
        "user_id": _may_lack(_is_text),
    },
    "pong": {"event_id": _is_number},
    "user_message": {"text": _may_lack(_is_text)},
    "user_activity": {},
    "contextual_update": {"text": _is_text},
    "client_tool_result": {"tool_call_id": _is_text, "result": _is_text, "is_error": lambda value: isinstance(value, bool)},
    "feedback": {"event_id": _is_number, "score": lambda value: value in ("like", "dislike")},
}


def _check(message: Message, fields: dict[str, Callable[[object], bool]], kind: str) -> None:
    for name, fine in fields.items():
        if name not in message and not fine(None):
            raise AgentRefusedError("missing_fields", f"{kind}: {name} is missing.")
        if not fine(message.get(name)):
            raise AgentRefusedError("value_error", f"{kind}: {name} is of the wrong type.")
