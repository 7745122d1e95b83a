"""The dialect of the beta: what clients of it say, in today's words, and what is said to them, in the beta's.

A session of the beta is flat, and knows formats by one word each. Whatever comes in is judged by the beta's own fields.

Source: OpenAI API reference, Realtime API (beta), and its migration guide, read 2026-11.
"""

from __future__ import annotations

from typing import Any

from .._json import Message
from .._openai.names import BETA_NAMES
from .checks import (
    Check,
    anything,
    choice,
    invalid,
    listed,
    metadata,
    nullable,
    number,
    shape,
    text,
)
from .fields import (
    CLIENT_EVENTS,
    CONTENT,
    ENVELOPE,
    NOISE_REDUCTION,
    TOKENS,
    TOOL,
    TOOL_CHOICE,
    TRANSCRIPTION,
    TURN_DETECTION,
    items,
)

BETA_OMITS = frozenset({"conversation.item.done", "input_audio_buffer.timeout_triggered"})
_OLD_NAMES = {new: old for old, new in BETA_NAMES.items()}
_FORMATS: dict[str, Message] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_WORDS = {format["type"]: word for word, format in _FORMATS.items()}
_OLD_CONTENT = {"output_audio": "audio", "output_text": "text"}


def _modalities(value: Any, path: str) -> None:
    if not isinstance(value, list) or sorted(map(str, value)) not in (["text"], ["audio", "text"]):
        raise invalid(path, "['text'] or ['audio', 'text']")


_format = choice(*_FORMATS)
_common: dict[str, Check] = {
    "modalities": _modalities,
    "instructions": text,
    "voice": text,
    "output_audio_format": _format,
    "tools": listed(TOOL),
    "tool_choice": TOOL_CHOICE,
    "temperature": number(0, 2),
}
_session = shape({
    **_common,
    "model": text,
    "input_audio_format": _format,
    "input_audio_transcription": nullable(TRANSCRIPTION),
    "input_audio_noise_reduction": nullable(NOISE_REDUCTION),
    "turn_detection": nullable(TURN_DETECTION),
    "max_response_output_tokens": TOKENS,
    "speed": number(0.25, 1.5),
    "tracing": anything,
    "include": nullable(listed(text)),
})  # fmt: skip
_item = items({**CONTENT, "assistant": shape({"type": choice("text"), "text": text}, "type", "text")})
_response = shape({
    **_common,
    "max_response_output_tokens": TOKENS,
    "max_output_tokens": TOKENS,
    "metadata": nullable(metadata),
    "conversation": choice("auto", "none"),
    "input": listed(_item),
})  # fmt: skip
BETA_EVENTS: dict[str, Check] = {
    **CLIENT_EVENTS,
    "session.update": shape({**ENVELOPE, "session": _session}, "session"),
    "conversation.item.create": shape({**ENVELOPE, "item": _item, "previous_item_id": nullable(text)}, "item"),
    "response.create": shape({**ENVELOPE, "response": nullable(_response)}),
}
"""Everything that a client of the beta may send."""


# ---- from a client of the beta


def from_beta(message: Message) -> Message:
    """A message of the beta that has been checked, as one of today."""
    if message["type"] == "session.update":
        return {**message, "session": _nested(message["session"])}
    if message["type"] == "response.create" and message.get("response"):
        return {**message, "response": _nested_response(message["response"])}
    if message["type"] == "conversation.item.create" and message["item"].get("role") == "assistant":
        content = [{**part, "type": "output_text"} for part in message["item"]["content"]]
        return {**message, "item": {**message["item"], "content": content}}
    return message


_INPUT = {
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
_RENAMED = {"max_response_output_tokens": "max_output_tokens"}
_KEPT = ("instructions", "tools", "tool_choice", "include", "metadata", "conversation", "input", "max_output_tokens")


def _nested(flat: Message) -> Message:
    nested = _nested_response(flat)
    heard = {new: flat[old] for old, new in _INPUT.items() if old in flat}
    if "input_audio_format" in flat:
        heard["format"] = _FORMATS[flat["input_audio_format"]]
    if heard:
        nested.setdefault("audio", {})["input"] = heard
    return nested


def _nested_response(flat: Message) -> Message:
    nested: Message = {_RENAMED.get(name, name): value for name, value in flat.items() if _RENAMED.get(name, name) in _KEPT}
    said: Message = {name: flat[name] for name in ("voice", "speed") if name in flat}
    if "output_audio_format" in flat:
        said["format"] = _FORMATS[flat["output_audio_format"]]
    if said:
        nested["audio"] = {"output": said}
    if "modalities" in flat:
        nested["output_modalities"] = ["audio"] if "audio" in flat["modalities"] else ["text"]
    return nested


# ---- to a client of the beta


def beta_event(message: Message, *, flat: bool) -> Message:
    """An event under its name of the beta; ``flat``: in the beta's shape, too."""
    message = {**message, "type": _OLD_NAMES.get(message["type"], message["type"])}
    if not flat:
        return message
    if "session" in message:
        message["session"] = _flat_session(message["session"])
    if "response" in message:
        message["response"] = _flat_response(message["response"])
    if "item" in message:
        message["item"] = _old_item(message["item"])
    return message


def _flat_session(session: Message) -> Message:
    heard, said = session["audio"]["input"], session["audio"]["output"]
    flat = {name: session[name] for name in ("id", "object", "model", "instructions", "tools", "tool_choice", "expires_at", "tracing")}
    return {
        **flat,
        "modalities": _flat_modalities(session["output_modalities"]),
        "voice": said["voice"],
        "speed": said["speed"],
        "input_audio_format": _WORDS[heard["format"]["type"]],
        "output_audio_format": _WORDS[said["format"]["type"]],
        **{old: heard[new] for old, new in _INPUT.items()},
        "temperature": 0.8,
        "max_response_output_tokens": session["max_output_tokens"],
    }


def _flat_response(response: Message) -> Message:
    kept = {name: value for name, value in response.items() if name not in ("output_modalities", "audio", "output")}
    said = response["audio"]["output"]
    return {
        **kept,
        "output": [_old_item(item) for item in response["output"]],
        "modalities": _flat_modalities(response["output_modalities"]),
        "voice": said["voice"],
        "output_audio_format": _WORDS[said["format"]["type"]],
        "temperature": 0.8,
    }


def _flat_modalities(modalities: list[str]) -> list[str]:
    return ["audio", "text"] if modalities == ["audio"] else ["text"]


def _old_item(item: Message) -> Message:
    if item.get("role") != "assistant":
        return item
    return {**item, "content": [{**part, "type": _OLD_CONTENT.get(part["type"], part["type"])} for part in item["content"]]}
