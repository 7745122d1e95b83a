"""The contracts: what a source and a model must offer, and how a plugin announces them.

A plugin sees contracts, events, errors, ``audio`` and ``wire``; never the channel, never another plugin.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, ParamSpec, TypeAlias

import trio

from ._agent import Agent
from ._errors import CapabilityError
from ._events import Event
from ._model_events import ModelEvent
from ._options import Option as Option
from .audio import AudioFormat, Frame

CONTRACT_VERSION = 1
"""Version of this module's contracts; a plugin made for another one is refused when it is loaded."""


@dataclass(frozen=True, slots=True)
class Paced:
    """The far end plays what it is given as it comes: it must be given frames of 20 ms, on time.

    Args:
        lead: how far ahead of real time it is fed, in seconds; at least one frame is always granted.
        can_clear: whether `Source.clear` takes back what was handed over and not played.
        reports: whether the source returns `Played` reports.
        ear: the source is the ear itself, so that what is reckoned here is exactly what was heard.
    """

    lead: float = 0.04
    can_clear: bool = False
    reports: bool = False
    ear: bool = False


@dataclass(frozen=True, slots=True)
class Buffering:
    """The far end keeps a buffer of its own and plays from it: it is fed ahead, in chunks as they come. Fields as in `Paced`."""

    lead: float = 1.5
    can_clear: bool = True
    reports: bool = False
    ear: bool = False


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
    length: float | None = None
    """Seconds of audio the far party has to say, if that is known; it may stay on in silence after that."""

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

    async def hang_up(self) -> None:
        """Say goodbye in the far end's own way, if it has one. Called once, when the channel closes; runs under a deadline."""
        await trio.lowlevel.checkpoint()


Capability: TypeAlias = Literal["commit", "cancel", "truncate", "text"]
"""What a model may be able to do beyond listening and speaking: the method of the same name (``text``: `Model.send_text`) works."""


class Model(ABC):
    """One connection with a realtime model, as a plugin offers it.

    The session calls `receive` from one task, `append` from a second and everything else from a third; the model
    serialises its own writes. There is no ``aclose``: the ``open_*`` context manager is its life.
    """

    name: str = "model"
    input_formats: tuple[AudioFormat, ...] = ()
    """Formats it can be sent, the best one first."""
    output_formats: tuple[AudioFormat, ...] = ()
    """Formats it can answer in, the best one first."""
    capabilities: frozenset[Capability] = frozenset()
    """What it can do beyond listening and speaking; the rest raises `CapabilityError`."""

    @abstractmethod
    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """Configure the connection; return when the provider has said that the session exists. Called once, first.

        Checkpoint: yes.

        Raises:
            trio.BrokenResourceError: the provider refused or the connection failed.
        """

    @abstractmethod
    async def receive(self) -> ModelEvent:
        """The next event of the model.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the model ended the session.
            trio.BrokenResourceError: the connection failed.
        """

    @abstractmethod
    async def append(self, frame: Frame) -> None:
        """Let the model hear one frame, in the input format it was started with.

        Checkpoint: yes. On cancel: the frame is written whole or not at all, or the model is broken.

        Raises:
            trio.BrokenResourceError: the connection failed.
        """

    def append_nowait(self, frame: Frame) -> None:
        """Let the model hear one frame at once; a fast way that simple models need not have.

        Raises:
            trio.WouldBlock: there is no room, or no fast way: `append` will be used.
        """
        raise trio.WouldBlock

    async def commit(self) -> None:
        """The caller's utterance is complete: answer it. Capability ``commit``."""
        raise self._cannot("commit")

    async def cancel(self) -> None:
        """Stop the answer that is being made, if any. Capability ``cancel``."""
        raise self._cannot("cancel")

    async def truncate(self, item_id: str, heard: int) -> None:
        """Tell the model that of this item ``heard`` samples (of its output format) were heard and the rest never will be.

        Capability ``truncate``.
        """
        raise self._cannot("truncate")

    async def send_text(self, text: str) -> None:
        """Let the caller's words reach the model as text, and have them answered. Capability ``text``."""
        raise self._cannot("text")

    def _cannot(self, capability: str) -> CapabilityError:
        return CapabilityError(f"the model {self.name!r} cannot {capability}; it declares {sorted(self.capabilities) or 'no capabilities'}")


P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class SourcePlugin(Generic[P]):
    """A source by name: how to open it. Made by `source_plugin`; its options are the signature of ``open``."""

    name: str
    open: Callable[P, AbstractAsyncContextManager[Source]]
    extra: str | None = None
    """The extra of the package that brings what it needs."""
    virtual: bool = False
    """Whether it runs on a virtual clock: it needs no socket, no thread and no other process."""
    contract: int = field(default=CONTRACT_VERSION, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Source]:
        return self.open(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class ModelPlugin(Generic[P]):
    """A model by name: how to open a connection with it. Made by `model_plugin`; its options are the signature of ``open``."""

    name: str
    open: Callable[P, AbstractAsyncContextManager[Model]]
    extra: str | None = None
    virtual: bool = False
    contract: int = field(default=CONTRACT_VERSION, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Model]:
        return self.open(*args, **kwargs)


AnyPlugin: TypeAlias = SourcePlugin[Any] | ModelPlugin[Any]
"""What an entry point of ``trioaudio.sources`` or ``trioaudio.models`` names."""


def source_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Source]]], SourcePlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Source` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Source]]) -> SourcePlugin[P]:
        return SourcePlugin(name, open, extra, virtual, contract=contract)

    return announce


def model_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Model]]], ModelPlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Model` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Model]]) -> ModelPlugin[P]:
        return ModelPlugin(name, open, extra, virtual, contract=contract)

    return announce
