"""The contract of a source: one connection with a far party."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import trio

from ._errors import CapabilityError
from ._events import Event
from .audio import AudioFormat, Frame


@dataclass(frozen=True, slots=True)
class Paced:
    """The far end plays what it is given as it comes: it must be given frames of 20 ms, on time.

    Args:
        lead: how far ahead of real time it is fed, in seconds; at least one frame is always granted.
        can_clear: whether `Source.clear` takes back what was handed over and not played.
        reports: whether the source returns `Played` reports.
        ear: the source is the ear itself, so that what is reckoned here is exactly what was heard.
        live_lead: how far ahead a live turn may be, in seconds: what the far end keeps back against an uneven network. What waits
            there cannot be dropped any more, so it is delay; at least one frame is granted.
    """

    lead: float = 0.04
    can_clear: bool = False
    reports: bool = False
    ear: bool = False
    live_lead: float = 0.0


@dataclass(frozen=True, slots=True)
class Buffering:
    """The far end keeps a buffer of its own and plays from it: it is fed ahead, in chunks as they come. Fields as in `Paced`."""

    lead: float = 1.5
    can_clear: bool = True
    reports: bool = False
    ear: bool = False
    live_lead: float = 0.0


FarEnd: TypeAlias = Paced | Buffering
"""How a far end plays what it is given."""


@dataclass(frozen=True, slots=True)
class Played(Event):
    """A position report: the far end has played ``samples`` samples since its ``clears``-th `Source.clear` (0: since the start).

    ``final`` says that nothing more of that stretch will be played: the answer to a clear.
    """

    name: ClassVar[str] = "played"
    samples: int
    clears: int = 0
    final: bool = False


SourceEvent: TypeAlias = Event
"""What `Source.receive` may return beside audio: `Commit`, `Interrupt`, `Dtmf`, `SpeechStarted`, `Played`, an `AppEvent` ..."""


SourceCapability: TypeAlias = Literal["transfer", "digits"]
"""What a source may be able to do with its far party beyond audio: `Source.transfer` works, `Source.send_digits` works."""


class Source(ABC):
    """One connection with a far party, as a plugin offers it.

    The channel calls `receive` from one task and `send`, `send_nowait` and `clear` from one other task, never two of these
    at a time. The source serialises its own writes: control may pass queued audio, never half a frame. There is no
    ``aclose``: the ``open_*`` context manager is its life.
    """

    input_format: AudioFormat
    """The format of the frames that `receive` returns."""
    output_format: AudioFormat
    """The format of the frames that `send` takes."""
    far_end: FarEnd = Paced()
    """How the far end plays what it is given."""
    capabilities: frozenset[SourceCapability] = frozenset()
    """What it can do beyond audio; the rest raises `CapabilityError`."""
    shows: tuple[type[Event], ...] = ()
    """The events, of the channel and of the sessions coupled to it, that `show` is called with."""
    length: float | None = None
    """Seconds of audio the far party has to say, if that is known; it may stay on in silence after that."""
    receiving: trio.CancelScope | None = None
    """The scope in which `receive` is called again and again, if whoever calls it offers one; it is set for the source.

    When it is cancelled, or its deadline has come, `receive` is called anew. So a source that waits for something beside its far
    party needs no scope of its own for each call, which would cost more than the call.
    """

    @abstractmethod
    async def receive(self) -> Frame | SourceEvent:
        """The next block of the far party's audio, or an event of theirs.

        Checkpoint: yes. On cancel: nothing is lost; the next call returns what this one would have.

        Raises:
            trio.EndOfChannel: the far party hung up.
            trio.BrokenResourceError: the connection failed.
        """

    @abstractmethod
    async def send(self, frame: Frame) -> None:
        """Hand one frame to the far end, whole. Frames for a `Paced` far end are at most 20 ms long.

        Checkpoint: yes. On cancel: the frame is written whole or not at all, or the source is broken.

        Raises:
            trio.BrokenResourceError: the connection failed.
        """

    def send_nowait(self, frame: Frame) -> None:
        """Hand one frame to the far end at once, whole; a fast way that simple sources need not have.

        Raises:
            trio.WouldBlock: there is no room, or no fast way: `send` will be used.
        """
        raise trio.WouldBlock

    async def clear(self) -> None:
        """Make the far end forget what it has not played. Called only when ``far_end.can_clear``.

        Checkpoint: yes. Runs under a shield with a deadline: it is not cancelled while it makes progress.
        """
        await trio.lowlevel.checkpoint()

    def show(self, event: Event) -> None:  # noqa: B027 - most far ends show nothing
        """Let the far party see an event of ``shows``: who says what, how the conversation fares.

        Called in place, where the event happens: it must neither wait nor raise. What cannot be shown at once may be lost.
        """

    async def hang_up(self) -> None:
        """Say goodbye in the far end's own way, if it has one. Called once, when the channel closes; runs under a deadline.

        Checkpoint: yes. May raise `trio.BrokenResourceError`: then nobody is there to say goodbye to.
        """
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        """Hand the far party over to ``target``, in the far end's own words for one: a number, an address. Capability ``transfer``.

        Called from any task. The channel closes afterwards; the `hang_up` that follows must not end what was handed over.

        Checkpoint: yes. On cancel: the far party may have been handed over.

        Raises:
            CapabilityError: the source cannot.
            ValueError: the far end does not know such a target; the far party is still here.
            trio.BrokenResourceError: the connection failed.
        """
        raise self._cannot("transfer")

    async def send_digits(self, digits: str) -> None:
        """Press keys for the far end to hear: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``. Capability ``digits``.

        Called from any task. Checkpoint: yes. On cancel: some may have been pressed. Errors as for `transfer`.
        """
        raise self._cannot("digits")

    def _cannot(self, capability: str) -> CapabilityError:
        declared = sorted(self.capabilities) or "no capabilities"
        return CapabilityError(f"the source {type(self).__name__} cannot {capability}; it declares {declared}")
