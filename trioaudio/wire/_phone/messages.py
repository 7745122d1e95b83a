"""What carriers say on a media websocket, whatever words they have for it; and what a carrier's words must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias

from ...audio import AudioFormat, Frame

Wire: TypeAlias = "str | bytes"
"""A message as it is sent: text or binary."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Connected:
    """The websocket is the carrier's; nothing can be sent yet."""


@dataclass(frozen=True, slots=True)
class Started:
    """The call's audio begins. Its repr shows no numbers and no parameters: they are the caller's."""

    stream: str
    call: str
    account: str
    encoding: str
    rate: int
    tracks: tuple[str, ...] = ()
    caller: str | None = field(default=None, repr=False)
    called: str | None = field(default=None, repr=False)
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Media:
    """Audio: base64 text or bytes."""

    audio: str | bytes = field(repr=False)
    track: str = "inbound"
    timestamp: int | None = None
    """Milliseconds since the stream began."""
    chunk: int | None = None
    stream: str = ""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the caller's telephone."""

    digit: str = field(repr=False)
    stream: str = ""


@dataclass(frozen=True, slots=True)
class MarkReturned:
    """Everything sent before a mark was played, or forgotten."""

    name: str
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What had been sent before a clear is forgotten; marks that were out do not come back."""

    stream: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The call's audio is over."""

    stream: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """Somebody tries whether the websocket can be opened; no call comes of it."""


@dataclass(frozen=True, slots=True)
class PlaybackBegan:
    """What was sent to a carrier that had nothing to play has begun to sound."""


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """The carrier has nothing left to play."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What the carrier has measured of the way to us and back, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Complaint:
    """The carrier did not like something, and goes on."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a kind that is not known here; carriers are ahead of their documents."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message of a known kind without what it must have."""


PhoneMessage: TypeAlias = (
    Connected
    | Started
    | Media
    | KeyPressed
    | MarkReturned
    | Cleared
    | Stopped
    | Tested
    | PlaybackBegan
    | PlaybackEnded
    | RoundTrip
    | Complaint
    | Unknown
    | Malformed
)


class PhoneDialect(Protocol):
    """The words of one carrier. All that comes in is untrusted: reading it raises `RemoteProtocolError` and nothing else."""

    @property
    def name(self) -> str:
        """What logs call it."""

    @property
    def packet(self) -> float:
        """Seconds of audio that one message to the carrier has, in whole frames of 20 ms: the last is filled up with silence; 0: any."""

    @property
    def window(self) -> int:
        """How many messages of audio are kept until an earlier one has come; 0 where they come in order."""

    @property
    def big_endian(self) -> bool:
        """Whether samples of 16 bits come and go with their high byte first."""

    def read_untrusted(self, data: str | bytes) -> PhoneMessage:
        """What a message says."""

    def audio(self, stream: str, frame: Frame) -> Wire:
        """Play this."""

    def mark(self, stream: str, name: str) -> Wire:
        """Say when everything sent so far has been played."""

    def clear(self, stream: str) -> Wire:
        """Forget everything that has not been played."""

    def format_of(self, started: Started) -> AudioFormat:
        """What the audio is encoded in, both ways; raises `RemoteProtocolError` if that is not known."""


class PhoneConversation(ABC):
    """The words of a carrier with whom every stream is a conversation: messages are numbered, and some must be answered.

    Derive a dialect from it as well, and each `PhoneWire` begins one of its own. Such a carrier has no marks: what it has played is
    reckoned by the clock, and by `PlaybackBegan`, `PlaybackEnded` and `RoundTrip` where it says so.
    """

    @abstractmethod
    def begun(self) -> PhoneDialect:
        """The same words for a stream that has not said anything yet."""

    @abstractmethod
    def replies(self) -> list[Wire]:
        """Messages to send because of what was read; asking takes them."""

    @abstractmethod
    def refusal(self, reason: str) -> list[Wire]:
        """What to say to a far end that is not understood, before the websocket is closed."""

    @abstractmethod
    def goodbye(self, results: Mapping[str, str]) -> list[Wire]:
        """What to say at the end of a call, with what came of it; the far end ends the stream then."""
