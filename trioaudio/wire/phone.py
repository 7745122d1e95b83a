"""A call on a carrier's media websocket, without I/O: what to send, what it means that was received, and what was truly played.

Carriers differ in words, not in what they say: a `PhoneDialect` has the words, `PhoneWire` the meaning. A stream moves along this
table; whatever else comes is refused (`RemoteProtocolError`), or counted and skipped if it does no harm:

    connecting --connected--> connecting --start--> started --stop--> stopped
    connecting --test--> tested --stop--> stopped   started --media, key, mark--> started
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from .._errors import FormatError, LocalProtocolError, RemoteProtocolError
from .._events import KEYS, Dtmf
from ..audio import AudioFormat, Frame
from ._phone.both import SIDES, BothSides
from ._phone.ears import PhoneEars
from ._phone.json import JsonDialect as JsonDialect
from ._phone.messages import Cleared as Cleared
from ._phone.messages import Complaint as Complaint
from ._phone.messages import Connected as Connected
from ._phone.messages import KeyPressed as KeyPressed
from ._phone.messages import Malformed as Malformed
from ._phone.messages import MarkReturned as MarkReturned
from ._phone.messages import Media as Media
from ._phone.messages import PhoneConversation as PhoneConversation
from ._phone.messages import PhoneDialect as PhoneDialect
from ._phone.messages import PhoneMessage as PhoneMessage
from ._phone.messages import PlaybackBegan as PlaybackBegan
from ._phone.messages import PlaybackEnded as PlaybackEnded
from ._phone.messages import RoundTrip as RoundTrip
from ._phone.messages import Started as Started
from ._phone.messages import Stopped as Stopped
from ._phone.messages import Tested as Tested
from ._phone.messages import Unknown as Unknown
from ._phone.messages import Wire as Wire
from ._phone.mouth import PhoneMouth
from ._phone.mouth import PhonePlayed as PhonePlayed
from ._phone.order import MediaOrder
from ._phone.reckoned_mouth import ReckonedMouth

Phase: TypeAlias = Literal["connecting", "tested", "started", "stopped"]
Detect: TypeAlias = Callable[[str | bytes], PhoneDialect | None]
"""Whose words a stream begins with: None where a message does not tell."""
PhoneItem: TypeAlias = Frame | Dtmf | PhonePlayed
"""What comes of a message: audio, a key, a position."""

INVALID, UNSUPPORTED, VIOLATION, POLICY = 1007, 1003, 1002, 1008
"""Close codes of RFC 6455 section 7.4.1: for a far end that is told why it is not understood."""


@dataclass(frozen=True, slots=True)
class PhoneCounts:
    """What one call's carrier did that nobody else sees."""

    unknown: int
    """Messages of kinds that are not known here."""
    malformed: int
    """Messages without what they must have, and audio that is none; the caller is silent for its time."""
    repeated: int
    """A start or a stop after the first."""
    stale_marks: int
    """Marks of before a clear, or that nobody had sent."""
    other_tracks: int
    """Pieces of audio of a track that is not listened to."""
    jumps: int
    """Timestamps that cannot be."""
    filled: int
    """Samples of silence that were filled in."""
    unsent: int
    """Frames that were not sent, since a stream that goes one way takes none."""
    late: int
    """Pieces of audio that came twice, or too late to be put in order."""
    complaints: int = 0
    """What the carrier did not like of what it was sent."""


class PhoneWire:
    """One stream's memory. Times are seconds of whatever clock the caller uses, passed in as ``now``.

    Args:
        dialect: the carrier's words.
        one_way: the carrier takes nothing: nothing is sent, ever.
        track: the one that is listened to; ``both`` are the audio channels of one, ``inbound`` left and ``outbound`` right.

    Raises:
        LocalProtocolError: both tracks of a carrier whose messages come in no order.
    """

    def __init__(self, dialect: PhoneDialect, *, one_way: bool = False, track: str = "inbound") -> None:
        self._conversation: PhoneConversation | None = None
        if isinstance(dialect, PhoneConversation):
            dialect = dialect.begun()
            assert isinstance(dialect, PhoneConversation)
            self._conversation = dialect
        self.dialect: PhoneDialect = dialect
        self.one_way: bool = one_way
        self.phase: Phase = "connecting"
        self.start: Started | None = None
        """What the carrier said of the call, once it has started."""
        self.close_code: int = VIOLATION
        """Why the far end is not understood, after `RemoteProtocolError`."""
        if track == "both" and dialect.window:
            raise LocalProtocolError(f"the two tracks of {dialect.name} cannot be put in order together; listen to one of them")
        self._tracks = SIDES if track == "both" else (track,)
        self._ears: PhoneEars | BothSides | None = None
        self._mouth: PhoneMouth | None = None
        self._order: MediaOrder | None = MediaOrder(dialect.window) if dialect.window else None
        self._owed: list[Wire] = []
        self._unknown = self._malformed = self._repeated = self._other_tracks = self._unsent = self._complaints = 0

    @property
    def format(self) -> AudioFormat:
        """Of the audio, both ways; but see `heard_format`.

        Raises:
            LocalProtocolError: the stream has not started.
        """
        ears = self._started_ears()
        return ears.format if isinstance(ears, PhoneEars) else replace(ears.format, num_channels=1)

    @property
    def heard_format(self) -> AudioFormat:
        """Of the audio that is heard: where that is both tracks, it has two audio channels.

        Raises:
            LocalProtocolError: the stream has not started.
        """
        return self._started_ears().format

    @property
    def counts(self) -> PhoneCounts:
        """So far."""
        return PhoneCounts(
            unknown=self._unknown,
            malformed=self._malformed,
            repeated=self._repeated,
            stale_marks=0 if self._mouth is None else self._mouth.stale,
            other_tracks=self._other_tracks,
            jumps=0 if self._ears is None else self._ears.jumps,
            filled=0 if self._ears is None else self._ears.filled,
            unsent=self._unsent,
            late=0 if self._order is None else self._order.late,
            complaints=self._complaints,
        )

    @property
    def generation(self) -> int:
        """How often the carrier was told to forget."""
        return 0 if self._mouth is None else self._mouth.generation

    @property
    def round_trip(self) -> float | None:
        """Seconds from a mark on an empty queue to its return; a guess until one has returned; None before the start."""
        return None if self._mouth is None else self._mouth.round_trip

    # ---- in

    def receive_untrusted(self, data: str | bytes, now: float) -> list[PhoneItem]:
        """What a message means, in order; `owed` has what it makes us say.

        Raises:
            RemoteProtocolError: this is not the protocol; `close_code` says in which way, `owed` has what to say before.
        """
        try:
            return self.take(self._read(data), now)
        except RemoteProtocolError as exc:
            if self._conversation is not None:
                self._owed += [*self._conversation.replies(), *self._conversation.refusal(str(exc))]
            raise

    def _read(self, data: str | bytes) -> PhoneMessage:
        try:
            return self.dialect.read_untrusted(data)
        except RemoteProtocolError:
            self.close_code = UNSUPPORTED if isinstance(data, bytes) else INVALID
            raise

    def take(self, message: PhoneMessage, now: float) -> list[PhoneItem]:
        """The same for a message that has been read."""
        match message:
            case Media():
                return self._media(message, now)
            case MarkReturned():
                self._check_stream(message.stream)
                assert self._mouth is not None
                return [*self._mouth.returned(message.name, now)]
            case Cleared():
                self._check_stream(message.stream)
                assert self._mouth is not None
                return [*self._mouth.cleared(now)]
            case Started():
                self._started(message, now)
            case Stopped():
                if self.phase != "tested":
                    self._check_stream(message.stream)
                self._repeated += self.phase == "stopped"
                rest = self._rest(now)
                self.phase = "stopped"
                return rest
            case KeyPressed():
                self._check_stream(message.stream)
                if message.digit in KEYS:
                    return [Dtmf(message.digit)]
                self._malformed += 1
            case PlaybackBegan() | PlaybackEnded() | RoundTrip():
                return self._told(message, now)
            case Tested():
                self.phase = "tested"
            case Complaint():
                self._complaints += 1
            case Malformed():
                self._malformed += 1
            case Unknown():
                self._unknown += 1
        return []

    def _told(self, message: PlaybackBegan | PlaybackEnded | RoundTrip, now: float) -> list[PhoneItem]:
        """What a carrier without marks says of itself."""
        match message:
            case _ if self._mouth is None:
                pass
            case PlaybackBegan():
                self._mouth.began(now)
            case PlaybackEnded():
                return [*self._mouth.ended(now)]
            case RoundTrip(seconds):
                self._mouth.round_trip = seconds
        return []

    def news(self, now: float) -> list[PhoneItem]:
        """What is known by now although the carrier has not said it: ask after a `clear`, and when it is `due`."""
        return [] if self._mouth is None else [*self._mouth.news(now)]

    def owed(self) -> list[Wire]:
        """Messages to send because of what was received; asking takes them."""
        owed, self._owed = self._owed, []
        if self._conversation is not None:
            owed += self._conversation.replies()
        return owed if self._mouth is None or self.one_way else [*owed, *self._mouth.owed()]

    def goodbye(self, results: Mapping[str, str] | None = None) -> list[Wire]:
        """What the carrier is told at the end of a call, with what came of it; nothing where closing the websocket says it all.

        If there is something, the carrier ends the stream: wait for ``phase`` to become ``stopped``.
        """
        return [] if self._conversation is None or self.phase == "stopped" else self._conversation.goodbye(results or {})

    def _started(self, message: Started, now: float) -> None:
        if self.phase != "connecting":
            self._repeated += 1
            return
        try:
            format = self.dialect.format_of(message)
        except RemoteProtocolError:
            self.close_code = UNSUPPORTED
            raise
        self.phase, self.start = "started", message
        ears = PhoneEars if len(self._tracks) == 1 else BothSides
        self._ears = ears(format, big_endian=self.dialect.big_endian)
        mouth = PhoneMouth if self._conversation is None else ReckonedMouth
        self._mouth = mouth(self.dialect, message.stream, format, now)
        if not self.one_way:
            self._owed += self._mouth.probe(now)

    def lose(self, now: float) -> None:
        """The line broke, and the call may go on in another stream: what had been played is known, the rest is lost."""
        if self._mouth is not None:
            self._mouth.lose(now)

    def go_on(self, started: Started, now: float) -> bool:
        """The call goes on in another stream; `owed` has what that makes us say. Whether something was cut off when the line broke.

        Raises:
            RemoteProtocolError: its audio is in another format.
        """
        if self.dialect.format_of(started) != self.format or self._ears is None or self._mouth is None:
            self.close_code = UNSUPPORTED
            raise RemoteProtocolError("the call goes on in another format than it began in")
        cut, self.start = self._mouth.unheard, started
        self._ears.go_on()
        self._owed = [] if self.one_way else self._mouth.go_on(started.stream, now)
        return cut

    def _media(self, message: Media, now: float) -> list[PhoneItem]:
        self._check_stream(message.stream)
        assert self._ears is not None
        if message.track not in self._tracks or self.phase == "stopped":
            self._other_tracks += message.track not in self._tracks
            return []
        pieces = [message] if self._order is None else self._order.put(message)
        return [frame for piece in pieces for frame in self._heard(piece, now)]

    def _rest(self, now: float) -> list[PhoneItem]:
        """What was kept for its order, at the end."""
        pieces = [] if self._order is None else self._order.rest()
        kept = self._ears.rest() if isinstance(self._ears, BothSides) else []
        return [*(frame for piece in pieces for frame in self._heard(piece, now)), *kept]

    def _heard(self, piece: Media, now: float) -> list[Frame]:
        assert self._ears is not None
        try:
            if isinstance(self._ears, BothSides):
                return self._ears.hear(piece.audio, piece.timestamp, now, piece.track)
            return self._ears.hear(piece.audio, piece.timestamp, now)
        except FormatError:
            self._malformed += 1
            return []

    def _check_stream(self, stream: str) -> None:
        if self.start is None:
            self.close_code = VIOLATION
            raise RemoteProtocolError("the carrier sent something before it had said that the stream starts")
        if stream and stream != self.start.stream:
            self.close_code = POLICY
            raise RemoteProtocolError("the carrier sent something of another stream")

    @property
    def due(self) -> float:
        """When `lull` and `tail` should be asked, unless something comes before."""
        if self._ears is None or self._mouth is None or self.phase != "started":
            return float("inf")
        return min(self._ears.due, self._mouth.due)

    def lull(self, now: float) -> Frame | None:
        """The silence of a line on which nothing comes, if it is time for some."""
        return self._ears.lull(now) if self._ears is not None and self.phase == "started" else None

    # ---- out

    def play(self, frame: Frame, now: float) -> list[Wire]:
        """Let the caller hear a frame; the messages to send.

        Raises:
            LocalProtocolError: the stream has not started.
            FormatError: the frame is not in `format`.
        """
        if frame.format != self.format:
            raise FormatError(f"this stream plays {self.format}, the frame is {frame.format}; convert it first (audio.Converter)")
        if self.one_way:
            self._unsent += 1
            return []
        assert self._mouth is not None
        return self._mouth.play(frame, now)

    def tail(self, now: float) -> list[Wire]:
        """The end of what was said, if it was kept for a whole message and nothing has followed; the messages to send."""
        return [] if self._mouth is None or self.phase != "started" else self._mouth.tail(now)

    def clear(self, now: float) -> list[Wire]:
        """Let the carrier forget what it has not played; the messages to send. Its figure comes as a final `PhonePlayed`.

        Raises:
            LocalProtocolError: the stream has not started.
        """
        self._started_ears()
        assert self._mouth is not None
        return [] if self.one_way else self._mouth.clear(now)

    def _started_ears(self) -> PhoneEars | BothSides:
        if self._ears is None:
            raise LocalProtocolError("nothing can be said or heard before the carrier has said that the stream starts")
        return self._ears
