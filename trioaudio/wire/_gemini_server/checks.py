"""What an emulated Gemini refuses, and with which close frame: the service answers each misuse by ending the connection.

Source: Gemini Live API reference, the typed models of google-genai 3.4, and published reports of close frames, read 2026-11.
"""

from __future__ import annotations

import binascii
import re
from typing import Any, NamedTuple

from ..._errors import RemoteProtocolError
from ...audio import AudioFormat, Frame
from .._json import Message, object_untrusted

INVALID, POLICY, INTERNAL = 1007, 1008, 1011
INVALID_ARGUMENT = "Request contains an invalid argument."

_CLIENT = {"setup", "clientContent", "realtimeInput", "toolResponse", "contextUpdate"}
_FIELDS = {
    "setup": {
        "model", "generationConfig", "systemInstruction", "tools", "sessionResumption", "contextWindowCompression",
        "inputAudioTranscription", "outputAudioTranscription", "proactivity", "explicitVadSignal", "historyConfig", "avatarConfig",
        "safetySettings", "labels", "realtimeInputConfig",
    },
    "clientContent": {"turns", "turnComplete"},
    "realtimeInput": {"audio", "video", "text", "audioStreamEnd", "activityStart", "activityEnd", "mediaChunks"},
    "toolResponse": {"functionResponses"},
    "contextUpdate": {"systemInstruction", "tools"},
}  # fmt: skip
_FOREIGN = {"args", "response", "properties", "parameters", "parametersJsonSchema", "parameters_json_schema"}
"""What is under these names has names of its own."""
_UNDERSCORE = re.compile(r"_([a-z])")
_MIME = re.compile(r"audio/pcm(;\s*rate=(?P<rate>\d{4,5}))?")


class GeminiClosing(NamedTuple):
    """The close frame that ends the connection."""

    code: int
    reason: str


class MisuseError(Exception):
    """The client may not do that; the connection ends with ``closing``."""

    def __init__(self, reason: str = INVALID_ARGUMENT, code: int = INVALID) -> None:
        super().__init__(reason)
        self.closing = GeminiClosing(code, reason)


def require(fine: object, reason: str = INVALID_ARGUMENT, code: int = INVALID) -> None:
    """Refuse what is not fine."""
    if not fine:
        raise MisuseError(reason, code)


def client_message_untrusted(data: str | bytes) -> tuple[str, Message]:
    """What a client's message is, and what it holds.

    Raises:
        MisuseError: it is none.
    """
    try:
        message = _camel(object_untrusted(data))
    except RemoteProtocolError as exc:
        raise MisuseError(f"Invalid JSON payload received. {exc}"[:120]) from None
    except RecursionError:
        raise MisuseError from None
    require(len(message) == 1)
    [(kind, value)] = message.items()
    require(kind in _CLIENT, _unknown(kind))
    require(isinstance(value, dict))
    for name in value:
        require(name in _FIELDS[kind], _unknown(name))
    return kind, value


def check_setup(setup: Message) -> None:
    """Refuse a setup that the service would not take."""
    require(isinstance(setup.get("model"), str))
    modalities = field(setup, "generationConfig").get("responseModalities", ["AUDIO"])
    require(modalities == ["AUDIO"])
    require("explicitVadSignal" not in setup, "explicitVadSignal is not supported.")
    for tool in listed(setup, "tools"):
        for declared in listed(tool, "functionDeclarations"):
            require(isinstance(declared.get("name"), str) and re.fullmatch(r"[a-zA-Z_][\w.-]{0,63}", declared["name"]))
            parameters = declared.get("parameters")
            require(parameters is None or field(declared, "parameters").get("properties"), "parameters.properties: should be non-empty")


def field(message: Message, name: str) -> Message:
    """The object under this name, or an empty one."""
    value: Any = message.get(name)
    require(value is None or isinstance(value, dict))
    return value or {}


def listed(message: Message, name: str) -> list[Message]:
    """The objects listed under this name."""
    value = message.get(name)
    require(value is None or (isinstance(value, list) and all(isinstance(each, dict) for each in value)))
    return value or []


def frame_of(blob: Message) -> Frame:
    """The audio of a ``realtimeInput``."""
    kind, data = blob.get("mimeType"), blob.get("data")
    match = _MIME.fullmatch(kind) if isinstance(kind, str) else None
    if match is None or not isinstance(data, str):
        raise MisuseError
    rate = int(match["rate"] or 16_000)
    require(8_000 <= rate <= 48_000)
    try:
        sound = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise MisuseError from None
    return Frame(sound[: len(sound) // 2 * 2], AudioFormat("pcm16", rate))


def words_of(turns: list[Message]) -> list[tuple[str, str]]:
    """Who said what, in the turns of a ``clientContent``."""
    said = []
    for turn in turns:
        role = turn.get("role", "user")
        require(role in ("user", "model"))
        texts = [part["text"] for part in listed(turn, "parts") if isinstance(part.get("text"), str)]
        said.append((str(role), " ".join(texts)))
    return said


def _camel(message: Message) -> Message:
    """The message with its names in the canonical spelling; JSON of protocol buffers may also have them ``with_underscores``."""
    return {_UNDERSCORE.sub(lambda match: match[1].upper(), name): _inside(name, value) for name, value in message.items()}


def _inside(name: str, value: Any) -> Any:
    if name in _FOREIGN:
        return value
    if isinstance(value, list):
        return [_inside("", each) for each in value]
    return _camel(value) if isinstance(value, dict) else value


def _unknown(name: str) -> str:
    return f'Invalid JSON payload received. Unknown name "{name[:60]}": Cannot find field.'
