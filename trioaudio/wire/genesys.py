"""Genesys AudioHook and Audio Connector, version 2, without I/O: numbered messages, binary audio.

What they mean is in `trioaudio.wire.phone`. Sources: developer.genesys.cloud/devapps/audiohook;
purecloudlabs/audiohook-reference-implementation (2871b01c) and GenesysCloudBlueprints/audioconnector-server-reference-implementation
(3d7236e8), read 2026-11.

Genesys is the *client*, we are the *server*: the client opens, closes, pings, and says that it has ``paused`` or ``resumed``; the server
asks it to ``pause`` and to ``resume``. Each side numbers its messages from 1, and says with each the last number that it has seen. The
server chooses one of the formats that are offered, and says so with ``opened``; no audio comes before. Each ping is answered, and
so is ``close``, by ``closed``. A conversation or a participant of zeros is nobody: the connection is only tried.

There are no marks, and no answer to ``barge_in``: only the beginning and the end of a playback are told. Who sends more than a few
messages a second is answered with the error 429, so audio goes out in 200 ms a message.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from .._errors import RemoteProtocolError
from ..audio import MULAW_8K, PCM16_8K, AudioFormat, Frame
from ._json import Message, object_untrusted, written
from ._paths import MAX_NUMBER, name_at, parameters_at, value_at
from ._phone.messages import (
    Complaint,
    KeyPressed,
    Malformed,
    Media,
    PhoneConversation,
    PhoneDialect,
    PhoneMessage,
    PlaybackBegan,
    PlaybackEnded,
    RoundTrip,
    Started,
    Stopped,
    Tested,
    Unknown,
    Wire,
)

VERSION = "2"
NOBODY = "00000000-0000-0000-0000-000000000000"
EXTERNAL, INTERNAL = "external", "internal"
FORMATS: dict[tuple[str, int], AudioFormat] = {("pcmu", 8000): MULAW_8K, ("l16", 8000): PCM16_8K}
"""By what an offer says, the better one first: what a telephone has need not be converted."""
MOST_OFFERS = 32
LONGEST_INFO = 200
"""Characters of the reason that a disconnect gives."""
_DURATION = re.compile(r"PT(\d{1,9}(?:\.\d{1,9})?)S", re.ASCII)


class GenesysDialect(PhoneConversation):
    """What Genesys calls things, and one session's numbers. Give `GENESYS` to a `PhoneWire`: it begins one of its own.

    Args:
        channel: whom to listen to where Genesys offers both, the ``external`` party or the ``internal`` one.
        session, organization: whose messages are taken, where that is known beforehand; empty: whoever begins.
    """

    name: str = "genesys"
    packet: float = 0.2
    """As `PhoneDialect.packet`."""
    window: int = 0
    """As `PhoneDialect.window`."""
    big_endian: bool = False
    """As `PhoneDialect.big_endian`."""

    def __init__(self, channel: str = EXTERNAL, *, session: str = "", organization: str = "") -> None:
        self.channel: str = channel
        """Whom it listens to."""
        self.paused: bool = False
        """Whether Genesys sends no audio for the time being."""
        self._session, self._organization = session, organization
        self._seen = self._sent = 0
        self._replies: list[tuple[str, Message]] = []
        self._media: Message | None = None
        self._format = MULAW_8K
        self._stride, self._offset = 1, 0
        self._samples = 0  # of the call, so far: those that came and those that Genesys has left out
        self._parting = False

    def begun(self) -> PhoneDialect:
        """A session that has not said anything yet."""
        return GenesysDialect(self.channel, session=self._session, organization=self._organization)

    # ---- in

    def read_untrusted(self, data: str | bytes) -> PhoneMessage:
        """What a message says.

        Raises:
            RemoteProtocolError: it is no message of this session, or not the next one, or audio before any was agreed upon.
        """
        if isinstance(data, bytes):
            return self._audio(data)
        message = object_untrusted(data)
        self._check(message)
        match message.get("type"):
            case "open":
                return self._opened(message)
            case "ping":
                self._replies.append(("pong", {}))
                trip = _seconds(value_at(message, ("parameters.rtt",)))
                return Unknown() if trip is None else RoundTrip(min(trip, 1.0))
            case "close":
                self._replies.append(("closed", {}))
                return Stopped(self._session)
            case "dtmf":
                digit = name_at(message, ("parameters.digit",))
                return KeyPressed(digit, self._session) if digit else Malformed()
            case "playback_started":
                return PlaybackBegan()
            case "playback_completed":
                return PlaybackEnded()
            case "error":
                return Complaint()
            case "update":
                self._replies.append(("updated", {}))
            case "paused":
                self.paused = True
            case "resumed" | "discarded" as kind:
                self.paused = self.paused and kind == "discarded"
                self._samples += round((_seconds(value_at(message, ("parameters.discarded",))) or 0.0) * self._format.rate)
        return Unknown()

    def _check(self, message: Message) -> None:
        """Every message has its number, and is of this session."""
        number, seen, session = message.get("seq"), message.get("serverseq"), message.get("id")
        if message.get("version") != VERSION:
            raise RemoteProtocolError(f"a message of AudioHook's version {VERSION} was expected")
        if not _is_number(number) or number != self._seen + 1:
            raise RemoteProtocolError(f"the message with the number {self._seen + 1} was expected")
        if not _is_number(seen) or seen > self._sent:
            raise RemoteProtocolError(f"serverseq is not one of the numbers that were sent; the last is {self._sent}")
        if not isinstance(session, str) or not session or session != (self._session or name_at(message, ("id",))):
            raise RemoteProtocolError("a message of another session")
        if self._media is None and message.get("type") not in ("open", "close", "error"):
            raise RemoteProtocolError("a session begins with open")
        self._session, self._seen = session, self._seen + 1

    def _opened(self, message: Message) -> PhoneMessage:
        if self._media is not None:
            raise RemoteProtocolError("this session has been opened before")
        account = name_at(message, ("parameters.organizationId",))
        if self._organization not in ("", account):
            raise RemoteProtocolError("a session of another organization")
        self._media = self._chosen(value_at(message, ("parameters.media",)))
        self._replies.append(("opened", {"media": [self._media] if self._media else [], "startPaused": False}))
        ids = [value_at(message, (place,)) for place in ("parameters.conversationId", "parameters.participant.id")]
        if NOBODY in ids:
            return Tested()
        if not self._media:
            raise RemoteProtocolError("nothing that is understood here was offered; understood is PCMU or L16 at 8000")
        encoding = next(name for (name, _), format in FORMATS.items() if format == self._format)
        return Started(
            self._session,
            name_at(message, ("parameters.conversationId",)),
            account,
            encoding,
            self._format.rate,
            (self.channel,),
            _number(name_at(message, ("parameters.participant.ani",))),
            _number(name_at(message, ("parameters.participant.dnis",))),
            parameters_at(message, ("parameters.inputVariables",)),
        )

    def _chosen(self, offers: object) -> Message:
        """The best of what is offered: of one party rather than of both, mu-law rather than PCM; nothing if nothing fits."""
        listed = offers[:MOST_OFFERS] if isinstance(offers, list) else []
        understood = [found for offer in listed if (found := _understood(offer, self.channel)) is not None]
        if not understood:
            return {}
        best = min(understood, key=lambda each: (len(each.channels), each.rank))
        self._format = list(FORMATS.values())[best.rank]
        self._stride, self._offset = len(best.channels), best.channels.index(self.channel)
        return {"type": "audio", "format": best.encoding, "channels": best.channels, "rate": self._format.rate}

    def _audio(self, data: bytes) -> PhoneMessage:
        if not self._media:
            raise RemoteProtocolError("audio came before it was agreed what it is")
        if len(data) % (self._stride * self._format.sample_bytes):
            return Malformed()
        timestamp = self._samples * 1000 // self._format.rate
        mine = data if self._stride == 1 else _every(data, self._offset, self._stride, self._format)
        self._samples += len(mine) // self._format.sample_bytes
        return Media(mine, timestamp=timestamp, stream=self._session)

    def format_of(self, started: Started) -> AudioFormat:
        """What the audio is encoded in."""
        return self._format

    # ---- out

    def audio(self, stream: str, frame: Frame) -> bytes:
        """Play this: a binary message of 200 ms."""
        return frame.data

    def mark(self, stream: str, name: str) -> str:
        """There are no marks, and nobody asks for one.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("AudioHook has no marks")

    def clear(self, stream: str) -> str:
        """Forget everything that has not been played: the caller has barged in."""
        return self._written("event", {"entities": [{"type": "barge_in", "data": {}}]})

    def pause(self) -> str:
        """Ask Genesys to send no audio for the time being; it says ``paused``."""
        return self._written("pause", {})

    def resume(self) -> str:
        """Ask it to go on; it says ``resumed``."""
        return self._written("resume", {})

    def replies(self) -> list[Wire]:
        """As `PhoneConversation.replies`."""
        replies, self._replies = self._replies, []
        return [self._written(kind, parameters) for kind, parameters in replies]

    def refusal(self, reason: str) -> list[Wire]:
        """As `PhoneConversation.refusal`: a disconnect with the reason ``error``."""
        return self._disconnect("error", reason[:LONGEST_INFO], {})

    def goodbye(self, results: Mapping[str, str]) -> list[Wire]:
        """As `PhoneConversation.goodbye`: a disconnect that is no failure; the results are the flow's output variables."""
        return self._disconnect("completed", "", results)

    def _disconnect(self, reason: str, info: str, results: Mapping[str, str]) -> list[Wire]:
        """The client answers it with ``close``. It is said once."""
        if self._parting:
            return []
        self._parting = True
        return [self._written("disconnect", {"reason": reason, "info": info, "outputVariables": dict(results)})]

    def _written(self, kind: str, parameters: Message) -> str:
        self._sent += 1
        return written(
            {
                "version": VERSION,
                "type": kind,
                "seq": self._sent,
                "clientseq": self._seen,
                "id": self._session or NOBODY,
                "parameters": parameters,
            }
        )


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _seconds(duration: object) -> float | None:
    """Of an ISO 8601 duration as AudioHook writes it; None if it is none."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return float(found[1]) if found else None


def _number(uri: str) -> str | None:
    """The telephone number of ``tel:+15550100``; other addresses as they are."""
    return uri.removeprefix("tel:") or None


@dataclass(frozen=True, slots=True)
class _Offer:
    """A format that is offered, and its place in `FORMATS`."""

    encoding: str
    channels: list[str]
    rank: int


def _understood(offer: object, channel: str) -> _Offer | None:
    """An offer that is of use; None for any other."""
    if not isinstance(offer, dict) or offer.get("type") != "audio":
        return None
    channels, encoding, rate = offer.get("channels"), offer.get("format"), offer.get("rate")
    if (
        channels not in ([channel], [EXTERNAL, INTERNAL], [INTERNAL, EXTERNAL])
        or not isinstance(encoding, str)
        or not isinstance(rate, int)
    ):
        return None
    known = list(FORMATS)
    return _Offer(encoding, channels, known.index((encoding.lower(), rate))) if (encoding.lower(), rate) in known else None


def _every(data: bytes, offset: int, stride: int, format: AudioFormat) -> bytes:
    """One channel of several that take turns, sample by sample."""
    return data[offset::stride] if format.sample_bytes == 1 else array("H", data)[offset::stride].tobytes()


GENESYS: GenesysDialect = GenesysDialect()
"""Its dialect: PCMU or L16 in binary messages."""
