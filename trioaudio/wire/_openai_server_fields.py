"""What clients may say to an OpenAI Realtime server, field by field, and the error each mistake is answered with.

A field is judged by a *check*: called with a value and the path to it, it raises `MisuseError` or returns. Checks are made of
checks, so the tables at the end read like the documentation they are taken from.

Source: OpenAI API reference, client events of the Realtime API (GA), and published captures of its errors, read 2026-11.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ._json import Message

Check: TypeAlias = Callable[[Any, str], None]
DEEPEST = 100


class MisuseError(Exception):
    """A client's message is refused; its socket stays open."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code: str = code
        self.param: str | None = param


def _invalid(path: str, expected: str) -> MisuseError:
    return MisuseError("invalid_value", f"Invalid value for '{path}': expected {expected}.", path)


def _text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise _invalid(path, "a string")


def _flag(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise _invalid(path, "a boolean")


def _anything(value: Any, path: str) -> None:
    """Whatever JSON can hold, so long as it is not deeper than anybody needs: it is written down again."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return
    raise _invalid(path, f"at most {DEEPEST} levels of nesting")


def _base64(value: Any, path: str) -> None:
    _text(value, path)
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # of which binascii.Error is one
        raise _invalid(path, "base64-encoded audio") from None


def _number(least: float, most: float, *, whole: bool = False) -> Check:
    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise _invalid(path, "an integer" if whole else "a number")
        if value < least:
            raise MisuseError("integer_below_min_value", f"Invalid '{path}': expected a value >= {least}, but got {value} instead.", path)
        if value > most:
            raise MisuseError("integer_above_max_value", f"Invalid '{path}': expected a value <= {most}, but got {value} instead.", path)

    return check


def _choice(*choices: Any) -> Check:
    def check(value: Any, path: str) -> None:
        if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
            raise _invalid(path, f"one of {', '.join(map(repr, choices))}")

    return check


def _nullable(inner: Check) -> Check:
    return lambda value, path: None if value is None else inner(value, path)


def _either(first: Check, second: Check) -> Check:
    def check(value: Any, path: str) -> None:
        try:
            first(value, path)
        except MisuseError:
            second(value, path)

    return check


def _listed(inner: Check) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise _invalid(path, "an array")
        for index, each in enumerate(value):
            inner(each, f"{path}[{index}]")

    return check


def _object(fields: Mapping[str, Check], *required: str) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise _invalid(path, "an object")
        begin = f"{path}." if path else ""
        for name in value:
            if name not in fields:
                raise MisuseError("unknown_parameter", f"Unknown parameter: '{begin}{name}'.", f"{begin}{name}")
        for name in required:
            if name not in value:
                raise MisuseError("missing_required_parameter", f"Missing required parameter: '{begin}{name}'.", f"{begin}{name}")
        for name, each in value.items():
            fields[name](each, begin + name)

    return check


def _by_type(kinds: Mapping[str, Check]) -> Check:
    """An object judged by its ``type``."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise _invalid(path, "an object")
        if "type" not in value:
            raise MisuseError("missing_required_parameter", f"Missing required parameter: '{path}.type'.", f"{path}.type")
        _choice(*kinds)(value["type"], f"{path}.type")
        kinds[value["type"]](value, path)

    return check


def _metadata(value: Any, path: str) -> None:
    if not isinstance(value, dict) or len(value) > 16 or not all(isinstance(each, str) for each in value.values()):
        raise _invalid(path, "an object of at most 16 strings")


def _modalities(value: Any, path: str) -> None:
    if value not in (["audio"], ["text"]):
        raise _invalid(path, "['audio'] or ['text']")


_rate = _number(24_000, 24_000, whole=True)
FORMAT = _by_type({
    "audio/pcm": _object({"type": _text, "rate": _rate}, "type", "rate"),
    "audio/pcmu": _object({"type": _text}),
    "audio/pcma": _object({"type": _text}),
})  # fmt: skip
_acts: dict[str, Check] = {"type": _text, "create_response": _flag, "interrupt_response": _flag}
TURN_DETECTION = _by_type({
    "server_vad": _object({
        **_acts,
        "threshold": _number(0, 1),
        "prefix_padding_ms": _number(0, 10_000, whole=True),
        "silence_duration_ms": _number(0, 10_000, whole=True),
        "idle_timeout_ms": _nullable(_number(5_000, 30_000, whole=True)),
    }),
    "semantic_vad": _object({**_acts, "eagerness": _choice("low", "medium", "high", "auto")}),
})  # fmt: skip
_voice = _either(_text, _object({"id": _text}, "id"))
_tool = _by_type({
    "function": _object({"type": _text, "name": _text, "description": _text, "parameters": _anything}, "name"),
    "mcp": _anything,
})  # fmt: skip
_tokens = _either(_choice("inf"), _number(1, 4_096, whole=True))
_tool_choice = _either(
    _choice("auto", "none", "required"), _by_type({"function": _object({"type": _text, "name": _text}), "mcp": _anything})
)
_reasoning = _object({"effort": _choice("minimal", "low", "medium", "high", "xhigh")})
SESSION = _object({
    "type": _choice("realtime"),
    "instructions": _text,
    "output_modalities": _modalities,
    "audio": _object({
        "input": _object({
            "format": FORMAT,
            "transcription": _nullable(_object({"model": _text, "language": _text, "prompt": _text, "delay": _anything})),
            "noise_reduction": _nullable(_object({"type": _choice("near_field", "far_field"), "strength": _number(0, 1)})),
            "turn_detection": _nullable(TURN_DETECTION),
        }),
        "output": _object({"format": FORMAT, "voice": _voice, "speed": _number(0.25, 1.5)}),
    }),
    "tools": _listed(_tool),
    "tool_choice": _tool_choice,
    "max_output_tokens": _tokens,
    "truncation": _anything,
    "tracing": _anything,
    "include": _nullable(_listed(_text)),
    "prompt": _anything,
    "model": _text,
    "reasoning": _nullable(_reasoning),
    "parallel_tool_calls": _flag,
}, "type")  # fmt: skip
_common: dict[str, Check] = {"id": _text, "object": _choice("realtime.item"), "type": _text, "status": _text}
_said = _object({"type": _text, "text": _text}, "text")
_CONTENT: dict[str, Check] = {
    "user": _by_type({
        "input_text": _said,
        "input_audio": _object({"type": _text, "audio": _base64, "transcript": _nullable(_text)}, "audio"),
        "input_image": _object({"type": _text, "image_url": _text, "detail": _choice("auto", "low", "high")}, "image_url"),
    }),
    "system": _by_type({"input_text": _said}),
    "assistant": _by_type({"output_text": _said}),
}  # fmt: skip


def _message(value: Any, path: str) -> None:
    _object({**_common, "role": _choice(*_CONTENT), "content": _anything}, "role", "content")(value, path)
    _listed(_CONTENT[value["role"]])(value["content"], f"{path}.content")


ITEM = _by_type({
    "message": _message,
    "function_call": _object({**_common, "call_id": _text, "name": _text, "arguments": _text}, "name", "arguments"),
    "function_call_output": _object({**_common, "call_id": _text, "output": _text}, "call_id", "output"),
})  # fmt: skip
_referred = _by_type({"item_reference": _object({"type": _text, "id": _text}, "id")})
RESPONSE = _object({
    "instructions": _text,
    "output_modalities": _modalities,
    "audio": _object({"output": _object({"format": FORMAT, "voice": _voice})}),
    "tools": _listed(_tool),
    "tool_choice": _tool_choice,
    "max_output_tokens": _tokens,
    "metadata": _nullable(_metadata),
    "conversation": _choice("auto", "none"),
    "input": _listed(_either(_referred, ITEM)),
    "prompt": _anything,
    "reasoning": _nullable(_reasoning),
    "parallel_tool_calls": _flag,
})  # fmt: skip

_envelope: dict[str, Check] = {"type": _text, "event_id": _text}
CLIENT_EVENTS: dict[str, Check] = {
    "session.update": _object({**_envelope, "session": SESSION}, "session"),
    "input_audio_buffer.append": _object({**_envelope, "audio": _base64}, "audio"),
    "input_audio_buffer.commit": _object(_envelope),
    "input_audio_buffer.clear": _object(_envelope),
    "conversation.item.create": _object({**_envelope, "item": ITEM, "previous_item_id": _nullable(_text)}, "item"),
    "conversation.item.retrieve": _object({**_envelope, "item_id": _text}, "item_id"),
    "conversation.item.delete": _object({**_envelope, "item_id": _text}, "item_id"),
    "conversation.item.truncate": _object(
        {**_envelope, "item_id": _text, "content_index": _number(0, 1_000, whole=True), "audio_end_ms": _number(0, 10**9, whole=True)},
        "item_id", "content_index", "audio_end_ms",
    ),
    "response.create": _object({**_envelope, "response": _nullable(RESPONSE)}),
    "response.cancel": _object({**_envelope, "response_id": _text}),
}  # fmt: skip
"""Everything a client may send over a websocket."""


def check_event(message: Message) -> None:
    """Judge a client's message.

    Raises:
        MisuseError: the first thing that is wrong with it.
    """
    kind = message.get("type")
    if not isinstance(kind, str):
        raise MisuseError("invalid_event", "The event must be an object with a string 'type'.", "type")
    if kind not in CLIENT_EVENTS:
        known = ", ".join(f"'{name}'" for name in CLIENT_EVENTS)
        raise MisuseError("invalid_value", f"Invalid value: '{kind[:100]}'. Supported values are: {known}.", "type")
    CLIENT_EVENTS[kind](message, "")
