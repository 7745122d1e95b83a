"""The dialect of xAI's voice agents: what clients of it say, in OpenAI's words, and what is said to them, in xAI's.

Source: docs.x.ai, voice agent, and adapters that work with the live service, read 2026-11.
"""

from __future__ import annotations

from typing import Any

from .._json import Message
from ..xai import FASTEST, LOUDEST, QUIETEST, RATES, SERVER_TOOLS, SLOWEST
from .checks import Check, choice, invalid, listed, number, shape, text
from .fields import CLIENT_EVENTS, ENVELOPE, ITEM, SAID, TOOL

VERBATIM = "force_message"


def _format(value: Any, path: str) -> None:
    shape({"type": choice("audio/pcm", "audio/pcmu", "audio/pcma"), "rate": number(8_000, 48_000, whole=True)}, "type")(value, path)
    if value["type"] == "audio/pcm" and value.get("rate", RATES[0]) not in RATES:
        raise invalid(f"{path}.rate", f"one of {', '.join(map(str, sorted(RATES)))}")


def _turn_detection(value: Any, path: str) -> None:
    _detection(value, path)
    if value.get("type") not in (None, "server_vad"):
        raise invalid(f"{path}.type", "'server_vad' or null")


def _anything_typed(value: Any, path: str) -> None:
    if value is not None:
        text(value, path)


_detection = shape({
    "type": _anything_typed,
    "threshold": number(QUIETEST, LOUDEST),
    "silence_duration_ms": number(0, 10_000, whole=True),
    "prefix_padding_ms": number(0, 10_000, whole=True),
    "idle_timeout_ms": number(5_000, 30_000, whole=True),
})  # fmt: skip


def _tool(value: Any, path: str) -> None:
    if not (isinstance(value, dict) and value.get("type") in SERVER_TOOLS):
        TOOL(value, path)


_session = shape({
    "instructions": text,
    "voice": text,
    "turn_detection": _turn_detection,
    "tools": listed(_tool),
    "audio": shape({
        "input": shape({"format": _format, "transcription": shape({"model": text, "language_hint": text, "keyterms": listed(text)})}),
        "output": shape({"format": _format, "speed": number(SLOWEST, FASTEST)}),
    }),
    "reasoning": shape({"effort": choice("high", "none")}),
})  # fmt: skip
_verbatim = shape({"type": text, "role": choice("assistant"), "content": listed(SAID)}, "content")


def _item(value: Any, path: str) -> None:
    (_verbatim if isinstance(value, dict) and value.get("type") == VERBATIM else ITEM)(value, path)


XAI_EVENTS: dict[str, Check] = {
    **CLIENT_EVENTS,
    "session.update": shape({**ENVELOPE, "session": _session}, "session"),
    "conversation.item.create": shape({**ENVELOPE, "item": _item}, "item"),
}
"""Everything that a client of xAI may send."""


def from_xai(message: Message) -> Message:
    """A message of xAI's that has been checked, as one of OpenAI's."""
    if message["type"] != "session.update":
        return message
    session = message["session"]
    audio = session.get("audio", {})
    heard, said = dict(audio.get("input", {})), dict(audio.get("output", {}))
    if transcription := heard.get("transcription"):
        heard["transcription"] = {"model": transcription.get("model", "")}
    if "turn_detection" in session:
        heard["turn_detection"] = session["turn_detection"] if session["turn_detection"].get("type") else None
    if "voice" in session:
        said["voice"] = session["voice"]
    kept = {name: session[name] for name in ("instructions",) if name in session}
    tools = [tool for tool in session.get("tools", []) if tool["type"] not in SERVER_TOOLS]
    return {**message, "session": {"type": "realtime", **kept, "tools": tools, "audio": {"input": heard, "output": said}}}


def verbatim(message: Message) -> str | None:
    """The text that is to be spoken word for word, if that is what a message wants."""
    if message["type"] != "conversation.item.create" or message["item"]["type"] != VERBATIM:
        return None
    return " ".join(part["text"] for part in message["item"]["content"])


_LACKS = {
    "response.output_audio_transcript.done": ("transcript",),
    "input_audio_buffer.speech_started": ("audio_start_ms",),
    "input_audio_buffer.speech_stopped": ("audio_end_ms",),
}


def xai_event(message: Message) -> Message:
    """An event as xAI says it."""
    kind = message["type"]
    message = {name: value for name, value in message.items() if name not in _LACKS.get(kind, ())}
    if kind == "conversation.item.input_audio_transcription.delta":
        said = {name: value for name, value in message.items() if name != "delta"}
        return {**said, "type": kind.replace(".delta", ".updated"), "transcript": message["delta"]}
    if "session" in message:
        message["session"] = _flat(message["session"])
    if kind == "response.output_item.added" and message["item"]["type"] == "function_call":
        message["item"] = {name: message["item"][name] for name in ("id", "type", "status")}
    if kind == "error":
        message["error"] = {**message["error"], "code": None}
    return message


def _flat(session: Message) -> Message:
    heard, said = session["audio"]["input"], session["audio"]["output"]
    kept = {name: session[name] for name in ("id", "object", "model", "instructions", "tools")}
    audio = {
        "input": {"format": heard["format"], "transcription": heard["transcription"]},
        "output": {"format": said["format"], "speed": said["speed"]},
    }
    return {**kept, "voice": said["voice"], "turn_detection": heard["turn_detection"] or {"type": None}, "audio": audio}
