"""The contract of a model: one connection with a realtime speech model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TypeAlias

import trio

from ._agent import Agent
from ._errors import CapabilityError
from ._history import HistoryItem
from ._model_events import ModelEvent
from .audio import AudioFormat, Frame

Capability: TypeAlias = Literal[
    "commit", "cancel", "truncate", "text", "say", "respond", "tools", "history", "resume", "clear", "images", "aside", "items", "update",
    "greeting",
]  # fmt: skip
"""What a model may be able to do beyond listening and speaking: the method of the same name works.

``text`` means `Model.send_text`, ``tools`` that it calls the agent's tools and takes `Model.send_tool_result`; who can ``tools``
can ``respond`` too. ``history`` means `Model.seed`: it can be told of a conversation that it did not have itself.
``images`` means `Model.send_image`, ``items`` `Model.create_item` and `Model.delete_item`.
``greeting`` has no method: it says ``Agent.greeting`` by itself once it has started.
"""


class Model(ABC):
    """One connection with a realtime model, as a plugin offers it.

    The session calls `receive` from one task, `append` from a second and everything else from a third; the model
    serialises its own writes, and its answers: those it is asked for come one after the other, after one that is being made; asking
    cuts nothing short. There is no ``aclose``: the ``open_*`` context manager is its life.
    """

    name: str = "model"
    input_formats: tuple[AudioFormat, ...] = ()
    """Formats it can be sent, the best one first."""
    output_formats: tuple[AudioFormat, ...] = ()
    """Formats it can answer in, the best one first."""
    capabilities: frozenset[Capability] = frozenset()
    """What it can do beyond listening and speaking; the rest raises `CapabilityError`."""
    live: bool = False
    """Whether it is full-duplex: it streams in real time, silence too, knows no answers, and speaks only while it is sent audio.

    Such a model sends `AudioDelta` with any ``item_id``, and transcripts piece by piece (`InputTranscriptDelta`, `OutputTranscriptDelta`);
    the session finds out what belongs together, and sends it silence where the far party sends nothing, by `append_nowait`.
    """
    resume_token: str | None = None
    """What another connection can be given to go on where this one is, as the provider last said; None: nothing yet. It changes."""
    resumes_while_open: bool = True
    """Whether another connection may resume this one while this one is open; if not, this one is closed first."""

    def resume(self, token: str) -> None:
        """Let `start` go on where the connection was whose `resume_token` this is; called before it. Capability ``resume``.

        A provider that does not know the token any more lets `start` fail; another connection then starts anew. What the caller said
        that nobody had understood or answered yet is heard again from its beginning: providers do not remember half an utterance.

        Raises:
            CapabilityError: the model cannot.
        """
        raise self._cannot("resume")

    @abstractmethod
    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """Configure the connection; return when the provider has said that the session exists. Called once, first.

        Checkpoint: yes.

        Raises:
            ModelRefused: the provider will never take this.
            trio.BrokenResourceError: the provider refused or the connection failed.
        """

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """Tell the model of a conversation that went before, as its own; it does not answer. Capability ``history``.

        Called once, after `start` and before any audio. Calls are followed by what they returned; an item that the provider has no word
        for may be put in another way, or left out. Checkpoint and errors as for `commit`.
        """
        raise self._cannot("history")

    @abstractmethod
    async def receive(self) -> ModelEvent:
        """The next event of the model.

        Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the model ended the session, in order: the call is over.
            ModelRefused: the provider will never take this again: no quota is left, say.
            trio.BrokenResourceError: the connection failed, or the provider ended it for reasons of its own: another one can be made.
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
        """The caller's utterance is complete: answer it. Capability ``commit``.

        Checkpoint: yes. On cancel: as for `append`.

        Raises:
            CapabilityError: the model cannot.
            trio.BrokenResourceError: the connection failed.
        """
        raise self._cannot("commit")

    async def cancel(self) -> None:
        """Stop the answer that is being made, if any. Capability ``cancel``. Checkpoint and errors as for `commit`."""
        raise self._cannot("cancel")

    async def truncate(self, item_id: str, heard: int) -> None:
        """Tell the model that of this item ``heard`` samples (of its output format) were heard and the rest never will be.

        Capability ``truncate``. Checkpoint and errors as for `commit`.
        """
        raise self._cannot("truncate")

    async def send_text(self, text: str) -> None:
        """Let the caller's words reach the model as text, and have them answered. Capability ``text``.

        Checkpoint and errors as for `commit`.
        """
        raise self._cannot("text")

    async def say(self, text: str) -> None:
        """Speak this text, word for word, as an answer of its own. Capability ``say``. Checkpoint and errors as for `commit`."""
        raise self._cannot("say")

    async def respond(self, instructions: str | None = None) -> None:
        """Make an answer now, unasked by the caller; ``instructions`` are for this answer only, beside the agent's own.

        Capability ``respond``. Checkpoint and errors as for `commit`.
        """
        raise self._cannot("respond")

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """Tell the model what came of a `ToolCall`; ``error``: why nothing did. It does not answer: `respond` follows when it may.

        Where a provider answers results by itself, they are kept until that `respond`.

        Capability ``tools``. Checkpoint and errors as for `commit`.
        """
        raise self._cannot("tools")

    async def clear(self) -> None:
        """Forget what was appended since the last utterance. Capability ``clear``. Checkpoint and errors as for `commit`."""
        raise self._cannot("clear")

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """Show the model an image, such as ``image/png``, with words about it; it does not answer. Capability ``images``.

        Checkpoint and errors as for `commit`.

        Raises:
            LocalProtocolError: the image is none, of another type than the model takes, or too big.
        """
        raise self._cannot("images")

    async def aside(self, instructions: str) -> str:
        """An answer in text that the conversation does not know of: it is not heard, and may be made beside another.

        Capability ``aside``. Any task may ask. Checkpoint: yes. On cancel: it may be made all the same, and is lost.

        Raises:
            ResponseFailedError: the provider did not make it.
            LocalProtocolError: too many are waited for already.
            CapabilityError, trio.BrokenResourceError: as for `commit`.
        """
        raise self._cannot("aside")

    async def create_item(self, item: HistoryItem) -> None:
        """Put an item at the end of the conversation; the model does not answer. Capability ``items``.

        Checkpoint and errors as for `commit`.
        """
        raise self._cannot("items")

    async def delete_item(self, item_id: str) -> None:
        """Take an item out of the conversation. Capability ``items``. Checkpoint and errors as for `commit`."""
        raise self._cannot("items")

    async def update(self, agent: Agent) -> None:
        """Be this agent from now on. Capability ``update``. Checkpoint and errors as for `commit`.

        Raises:
            OptionError: the agent has what cannot change any more, or provider options that there are not.
        """
        raise self._cannot("update")

    def _cannot(self, capability: str) -> CapabilityError:
        doing = _DOING.get(capability, capability)
        return CapabilityError(f"the model {self.name!r} cannot {doing}; it declares {sorted(self.capabilities) or 'no capabilities'}")


_DOING = {
    "tools": "call tools",
    "history": "be told of a conversation",
    "images": "see images",
    "aside": "answer aside",
    "items": "have items put into its conversation, or taken out",
    "update": "change in the middle of a call",
}
"""What a model does that has a capability, where its name does not say it."""
