"""Carriers that speak JSON: what they call things is a table, and reading it is the same for all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from ..._errors import RemoteProtocolError
from ...audio import AudioFormat, Frame
from .._json import object_untrusted
from .._paths import Places, name_at, names_at, number_at, parameters_at, value_at
from .byte_order import swapped
from .messages import Cleared, Complaint, Connected, KeyPressed, Malformed, MarkReturned, Media, PhoneMessage, Started, Stopped, Unknown

Kind: TypeAlias = Literal["connected", "start", "media", "key", "mark", "cleared", "stop", "error"]
NOWHERE: Places = ()


@dataclass(frozen=True, slots=True)
class JsonDialect:
    """What one carrier calls things. Places are dotted paths, tried in order.

    ``play``, ``ask`` and ``forget`` are the messages we send, exactly; ``{stream}`` and ``{name}`` stand for JSON texts,
    ``{payload}`` for base64 between its quotation marks, ``{encoding}`` and ``{rate}`` for what the carrier calls its format.
    """

    name: str
    kinds: Mapping[str, Kind]
    """By the word under ``event``."""
    play: str
    ask: str
    forget: str
    formats: Mapping[tuple[str, int], AudioFormat]
    """By encoding and rate, as the carrier writes them."""
    stream: Places = ("streamSid", "start.streamSid")
    call: Places = ("start.callSid",)
    account: Places = ("start.accountSid",)
    caller: Places = NOWHERE
    called: Places = NOWHERE
    tracks: Places = ("start.tracks",)
    encoding: Places = ("start.mediaFormat.encoding",)
    rate: Places = ("start.mediaFormat.sampleRate",)
    parameters: Places = ("start.customParameters",)
    track: Places = ("media.track",)
    payload: Places = ("media.payload",)
    timestamp: Places = ("media.timestamp",)
    chunk: Places = ("media.chunk",)
    digit: Places = ("dtmf.digit",)
    mark_name: Places = ("mark.name",)
    default_encoding: tuple[str, int] = ("audio/x-mulaw", 8000)
    """What a start that does not say means."""
    packet: float = 0.0
    """As `PhoneDialect.packet`."""
    window: int = 0
    """As `PhoneDialect.window`."""
    big_endian: bool = False
    """As `PhoneDialect.big_endian`."""
    _parts: Mapping[AudioFormat, tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts: dict[AudioFormat, tuple[str, str]] = {}
        for (encoding, rate), format in self.formats.items():
            before, _, after = self.play.replace("{encoding}", json.dumps(encoding)).replace("{rate}", str(rate)).partition("{payload}")
            parts.setdefault(format, (before, after))
        object.__setattr__(self, "_parts", MappingProxyType(parts))

    def read_untrusted(self, data: str | bytes) -> PhoneMessage:
        """What a message says.

        Raises:
            RemoteProtocolError: it is binary, or no JSON object.
        """
        if isinstance(data, bytes):
            raise RemoteProtocolError(f"a binary message of {len(data)} bytes; {self.name} sends text")
        message = object_untrusted(data)
        word = message.get("event")
        kind = self.kinds.get(word) if isinstance(word, str) else None
        stream = name_at(message, self.stream)
        if kind == "media":
            audio = value_at(message, self.payload)
            if not isinstance(audio, str):
                return Malformed()
            timestamp, chunk = number_at(message, self.timestamp), number_at(message, self.chunk) if self.window else None
            return Media(audio, name_at(message, self.track) or "inbound", timestamp, chunk, stream)
        if kind == "mark":
            name = name_at(message, self.mark_name)
            return MarkReturned(name, stream) if name else Malformed()
        if kind == "key":
            digit = name_at(message, self.digit)
            return KeyPressed(digit, stream) if digit else Malformed()
        if kind == "cleared":
            return Cleared(stream)
        if kind == "start":
            return self._started(message, stream)
        if kind == "stop":
            return Stopped(stream)
        if kind == "error":
            return Complaint()
        return Connected() if kind == "connected" else Unknown()

    def _started(self, message: dict[str, object], stream: str) -> PhoneMessage:
        if not stream:
            return Malformed()
        return Started(
            stream,
            name_at(message, self.call),
            name_at(message, self.account),
            name_at(message, self.encoding) or self.default_encoding[0],
            number_at(message, self.rate) or self.default_encoding[1],
            names_at(message, self.tracks),
            name_at(message, self.caller) or None,
            name_at(message, self.called) or None,
            parameters_at(message, self.parameters),
        )

    def format_of(self, started: Started) -> AudioFormat:
        """What the audio is encoded in.

        Raises:
            RemoteProtocolError: that is not known.
        """
        try:
            return self.formats[started.encoding.lower(), started.rate]
        except KeyError:
            known = ", ".join(f"{encoding} at {rate}" for encoding, rate in self.formats)
            raise RemoteProtocolError(f"{self.name} sends audio that is not understood here; understood is {known}") from None

    def audio(self, stream: str, frame: Frame) -> str:
        """Play this; what came as base64 is not decoded."""
        before, after = self._parts[frame.format]
        if self.big_endian and frame.format.encoding == "pcm16":
            frame = Frame(swapped(frame.data), frame.format)
        return f"{before.replace('{stream}', json.dumps(stream))}{frame.base64}{after}"

    def mark(self, stream: str, name: str) -> str:
        """Say when everything sent so far has been played."""
        return self.ask.replace("{stream}", json.dumps(stream)).replace("{name}", json.dumps(name))

    def clear(self, stream: str) -> str:
        """Forget everything that has not been played."""
        return self.forget.replace("{stream}", json.dumps(stream))
