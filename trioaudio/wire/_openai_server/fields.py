"""What clients may say to an OpenAI Realtime server, field by field.

Source: OpenAI API reference, client events of the Realtime API (GA), read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._json import Message
from .checks import (
    Check,
    MisuseError,
    anything,
    at_most,
    base64_audio,
    by_type,
    choice,
    either,
    flag,
    image,
    invalid,
    listed,
    metadata,
    modalities,
    nullable,
    number,
    shape,
    text,
)

LONGEST_DESCRIPTION = 1_024
"""Of a tool, in characters."""

_rate = number(24_000, 24_000, whole=True)
FORMAT = by_type({
    "audio/pcm": shape({"type": text, "rate": _rate}, "type", "rate"),
    "audio/pcmu": shape({"type": text}),
    "audio/pcma": shape({"type": text}),
})  # fmt: skip
_acts: dict[str, Check] = {"type": text, "create_response": flag, "interrupt_response": flag}
TURN_DETECTION = by_type({
    "server_vad": shape({
        **_acts,
        "threshold": number(0, 1),
        "prefix_padding_ms": number(0, 10_000, whole=True),
        "silence_duration_ms": number(0, 10_000, whole=True),
        "idle_timeout_ms": nullable(number(5_000, 30_000, whole=True)),
    }),
    "semantic_vad": shape({**_acts, "eagerness": choice("low", "medium", "high", "auto")}),
})  # fmt: skip


def _texts(value: Any, path: str) -> None:
    anything(value, path)
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise invalid(path, "an object of strings")


_voice = either(text, shape({"id": text}, "id"))
_mcp = shape({
    **dict.fromkeys(("type", "server_label", "server_url", "connector_id", "authorization", "server_description", "tunnel_id"), text),
    **dict.fromkeys(("allowed_callers", "allowed_tools", "headers", "require_approval"), anything),
    "defer_loading": flag,
}, "server_label")  # fmt: skip
TOOL = by_type({
    "function": shape({"type": text, "name": text, "description": at_most(LONGEST_DESCRIPTION), "parameters": anything}, "name"),
    "mcp": _mcp,
})  # fmt: skip
TOKENS = either(choice("inf"), number(1, 4_096, whole=True))
TOOL_CHOICE = either(
    choice("auto", "none", "required"),
    by_type({
        "function": shape({"type": text, "name": text}, "name"),
        "mcp": shape({"type": text, "server_label": text, "name": nullable(text)}, "server_label"),
    }),
)  # fmt: skip
_reasoning = shape({"effort": choice("minimal", "low", "medium", "high", "xhigh")})
TRANSCRIPTION = shape({
    "model": text,
    "language": text,
    "languages": listed(text),
    "keywords": listed(text),
    "prompt": text,
    "delay": choice("minimal", "low", "medium", "high", "xhigh"),
})  # fmt: skip
NOISE_REDUCTION = shape({"type": choice("near_field", "far_field"), "strength": number(0, 1)})
_limits = shape({"post_instructions": number(0, 10**9, whole=True)})
_truncation = either(
    choice("auto", "disabled"),
    shape({"type": choice("retention_ratio"), "retention_ratio": number(0, 1), "token_limits": _limits}, "type", "retention_ratio"),
)
_tracing = either(choice("auto"), shape({"group_id": text, "workflow_name": text, "metadata": anything}))
_prompt = shape({"id": text, "version": nullable(text), "variables": nullable(_texts)}, "id")
SESSION = shape({
    "type": choice("realtime"),
    "instructions": text,
    "output_modalities": modalities,
    "audio": shape({
        "input": shape({
            "format": FORMAT,
            "transcription": nullable(TRANSCRIPTION),
            "noise_reduction": nullable(NOISE_REDUCTION),
            "turn_detection": nullable(TURN_DETECTION),
        }),
        "output": shape({"format": FORMAT, "voice": _voice, "speed": number(0.25, 1.5)}),
    }),
    "tools": listed(TOOL),
    "tool_choice": TOOL_CHOICE,
    "max_output_tokens": TOKENS,
    "truncation": _truncation,
    "tracing": nullable(_tracing),
    "include": nullable(listed(choice("item.input_audio_transcription.logprobs"))),
    "prompt": nullable(_prompt),
    "model": text,
    "reasoning": nullable(_reasoning),
    "parallel_tool_calls": flag,
}, "type")  # fmt: skip
COMMON: dict[str, Check] = {"id": text, "object": choice("realtime.item"), "type": text, "status": text}
SAID = shape({"type": text, "text": text}, "text")
CONTENT: dict[str, Check] = {
    "user": by_type({
        "input_text": SAID,
        "input_audio": shape({"type": text, "audio": base64_audio, "transcript": nullable(text)}, "audio"),
        "input_image": shape({"type": text, "image_url": image, "detail": choice("auto", "low", "high")}, "image_url"),
    }),
    "system": by_type({"input_text": SAID}),
    "assistant": by_type({"output_text": SAID}),
}  # fmt: skip


def items(content: Mapping[str, Check]) -> Check:
    """The items of a conversation, whose messages have this content by role."""
    envelope = shape({**COMMON, "role": choice(*content), "content": anything}, "role", "content")

    def message(value: Any, path: str) -> None:
        envelope(value, path)
        listed(content[value["role"]])(value["content"], f"{path}.content")

    return by_type({
        "message": message,
        "function_call": shape({**COMMON, "call_id": text, "name": text, "arguments": text}, "name", "arguments"),
        "function_call_output": shape({**COMMON, "call_id": text, "output": text}, "call_id", "output"),
    })  # fmt: skip


ITEM = items(CONTENT)
REFERRED = by_type({"item_reference": shape({"type": text, "id": text}, "id")})
RESPONSE = shape({
    "instructions": text,
    "output_modalities": modalities,
    "audio": shape({"output": shape({"format": FORMAT, "voice": _voice})}),
    "tools": listed(TOOL),
    "tool_choice": TOOL_CHOICE,
    "max_output_tokens": TOKENS,
    "metadata": nullable(metadata),
    "conversation": choice("auto", "none"),
    "input": listed(either(REFERRED, ITEM)),
    "prompt": nullable(_prompt),
    "reasoning": nullable(_reasoning),
    "parallel_tool_calls": flag,
})  # fmt: skip

ENVELOPE: dict[str, Check] = {"type": text, "event_id": text}
CLIENT_EVENTS: dict[str, Check] = {
    "session.update": shape({**ENVELOPE, "session": SESSION}, "session"),
    "input_audio_buffer.append": shape({**ENVELOPE, "audio": base64_audio}, "audio"),
    "input_audio_buffer.commit": shape(ENVELOPE),
    "input_audio_buffer.clear": shape(ENVELOPE),
    "conversation.item.create": shape({**ENVELOPE, "item": ITEM, "previous_item_id": nullable(text)}, "item"),
    "conversation.item.retrieve": shape({**ENVELOPE, "item_id": text}, "item_id"),
    "conversation.item.delete": shape({**ENVELOPE, "item_id": text}, "item_id"),
    "conversation.item.truncate": shape(
        {**ENVELOPE, "item_id": text, "content_index": number(0, 1_000, whole=True), "audio_end_ms": number(0, 10**9, whole=True)},
        "item_id", "content_index", "audio_end_ms",
    ),
    "response.create": shape({**ENVELOPE, "response": nullable(RESPONSE)}),
    "response.cancel": shape({**ENVELOPE, "response_id": text}),
}  # fmt: skip
"""Everything a client may send over a websocket."""


def check_event(message: Message, events: Mapping[str, Check]) -> None:
    """Judge a client's message by the table of those it may send.

    Raises:
        MisuseError: the first thing that is wrong with it.
    """
    kind = message.get("type")
    if not isinstance(kind, str):
        raise MisuseError("invalid_event", "The event must be an object with a string 'type'.", "type")
    if kind not in events:
        known = ", ".join(f"'{name}'" for name in events)
        raise MisuseError("invalid_value", f"Invalid value: '{kind[:100]}'. Supported values are: {known}.", "type")
    events[kind](message, "")
