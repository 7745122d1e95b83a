"""The events of a channel: frozen dataclasses, each with the name under which it can also be selected.

A name with a dot (``"mumble.text"``) belongs to plugins and applications; it needs no class: `AppEvent` carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ._receipts import ChannelStatistics, CloseReason, TurnReceipt
from .audio import Frame

KEYS = frozenset("0123456789*#ABCD")
"""What a telephone has."""


@dataclass(frozen=True, slots=True)
class Event:
    """Parent of all events; ``name`` is the word that selects it in ``on``, ``subscribe`` and ``emit``."""

    name: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class Audio(Event):
    """Audio came in from the far party; ``frame.base64`` is its wire text."""

    name: ClassVar[str] = "audio"
    frame: Frame
    dropped: int = 0
    """Samples missed just before this frame, because this subscription was not read in time."""


@dataclass(frozen=True, slots=True)
class Commit(Event):
    """The far party (or the app) says: the utterance is complete, answer it."""

    name: ClassVar[str] = "commit"


@dataclass(frozen=True, slots=True)
class Interrupt(Event):
    """The far party (or the app) *wishes* that the agent stops; the act is `Channel.interrupt`, its event `TurnInterrupted`."""

    name: ClassVar[str] = "interrupt"


@dataclass(frozen=True, slots=True)
class Dtmf(Event):
    """A key was pressed on a telephone: one of ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""

    name: ClassVar[str] = "dtmf"
    digit: str


@dataclass(frozen=True, slots=True)
class TextMessage(Event):
    """The far party wrote something instead of saying it; a session tells its model, which answers."""

    name: ClassVar[str] = "text"
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hangup(Event):
    """The far party hung up, or its connection broke; ``error`` says how in the second case."""

    name: ClassVar[str] = "hangup"
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The far party began to speak."""

    name: ClassVar[str] = "speech_started"


@dataclass(frozen=True, slots=True)
class SpeechStopped(Event):
    """The far party stopped speaking."""

    name: ClassVar[str] = "speech_stopped"


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """The first audio of a turn is about to be handed to the source."""

    name: ClassVar[str] = "turn_started"
    item_id: str | None


@dataclass(frozen=True, slots=True)
class TurnPlayed(Event):
    """A turn has been played out to its end."""

    name: ClassVar[str] = "turn_played"
    receipt: TurnReceipt


@dataclass(frozen=True, slots=True)
class TurnInterrupted(Event):
    """A turn was interrupted, and the far end has answered the flush (or its time to answer is over): the final figure.

    ``decided_at`` and ``flushed_at`` are times of the Trio clock, in seconds.
    """

    name: ClassVar[str] = "turn_interrupted"
    receipt: TurnReceipt
    decided_at: float
    flushed_at: float

    @property
    def item_id(self) -> str | None:
        """The model's name for the turn."""
        return self.receipt.item_id

    @property
    def heard(self) -> int:
        """Samples of the turn that were heard."""
        return self.receipt.heard

    @property
    def lost(self) -> int:
        """Samples of the turn that were accepted and never heard."""
        return self.receipt.lost


@dataclass(frozen=True, slots=True)
class TurnPaused(Event):
    """A turn that had begun was paused: it is interrupted next, or it goes on. Its receipt says what was heard of it, as far as is known.

    ``paused_at`` is a time of the Trio clock, in seconds.
    """

    name: ClassVar[str] = "turn_paused"
    receipt: TurnReceipt
    paused_at: float

    @property
    def item_id(self) -> str | None:
        """The model's name for the turn."""
        return self.receipt.item_id


@dataclass(frozen=True, slots=True)
class TurnResumed(Event):
    """A turn that was paused goes on, from exactly where its receipt says that the far party's ear is.

    ``paused_at`` and ``resumed_at`` are times of the Trio clock, in seconds.
    """

    name: ClassVar[str] = "turn_resumed"
    receipt: TurnReceipt
    paused_at: float
    resumed_at: float

    @property
    def item_id(self) -> str | None:
        """The model's name for the turn."""
        return self.receipt.item_id


@dataclass(frozen=True, slots=True)
class Mute(Event):
    """The caller's audio was muted (it is silence from now on) or unmuted."""

    name: ClassVar[str] = "mute"
    muted: bool


@dataclass(frozen=True, slots=True)
class AudioDropped(Event):
    """Audio was dropped or refused because a bound was reached; reported once per occasion, counted in the statistics."""

    name: ClassVar[str] = "audio_dropped"
    direction: Literal["inbound", "outbound"]
    milliseconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """Something failed that does not end the channel: a slow listener, a recording that stopped, a message that made no sense."""

    name: ClassVar[str] = "error"
    error: BaseException
    what: str


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """The channel has closed; no event follows."""

    name: ClassVar[str] = "closed"
    reason: CloseReason
    statistics: ChannelStatistics


@dataclass(frozen=True, slots=True)
class AppEvent(Event):
    """An event of an application or plugin, under a name of its own that has a dot in it."""

    name: ClassVar[str] = "app"
    topic: str
    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Status(Event):
    """The session's link to its model: ``connected`` only when the provider has said that the session exists.

    ``reconnecting``: it was lost, ``detail`` says by what. Every further connection is ``connected`` too, also one that took over
    before another one expired.
    """

    name: ClassVar[str] = "status"
    status: Literal["connecting", "connected", "reconnecting", "closed"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """The session has begun to run a tool that its model called. Arguments it could not read are shown as none."""

    name: ClassVar[str] = "tool.called"
    call_id: str
    tool: str
    arguments: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolReturned(Event):
    """What came of a tool, as the model is told: its result, or (``failed``) why there is none. ``seconds`` is what it took."""

    name: ClassVar[str] = "tool.returned"
    call_id: str
    tool: str
    output: str = field(repr=False)
    failed: bool
    seconds: float


CHANNEL_EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        Audio, Commit, Interrupt, Dtmf, TextMessage, Hangup, SpeechStarted, SpeechStopped, TurnStarted, TurnPlayed, TurnInterrupted,
        TurnPaused, TurnResumed, Mute, AudioDropped, Fault, Closed,
    )
}  # fmt: skip
"""Every undotted event name and its class."""

SESSION_EVENTS: dict[str, type[Event]] = {**{name: kind for name, kind in CHANNEL_EVENTS.items() if name != "audio"}, Status.name: Status}
"""Every undotted event name of a session: those of its channel, but audio, and its own. Its model's events all have a dot."""
