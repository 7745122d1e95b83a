"""What an app may have a session's model do: answer, speak, see, know and be somebody else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .._agent import Agent
from .._emitter import Emitter
from .._history import HistoryItem
from .asides import Asides
from .errands import Errands
from .link import Link
from .referee import Referee
from .toolbox import Toolbox


class Conversation(Emitter):
    """The half of a `Session` that is turned to the model; all but an aside are errands, carried out in order."""

    agent: Agent
    _model: Link
    _errands: Errands
    _asides: Asides
    _referee: Referee
    _toolbox: Toolbox

    def commit(self) -> None:
        """The caller's utterance is complete: let the model answer. A model that cannot is reported as a `Fault`."""
        self._errands.tell(self._model.commit)

    def clear(self) -> None:
        """Let the model forget what it heard since the last utterance. A model that cannot is reported as a `Fault`."""
        self._errands.tell(self._model.clear)

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Let the agent speak this text, word for word, after what it is saying.

        Args:
            text: what is to be said.
            interruptible: False: the caller can interrupt neither this nor what is still to be heard before it. A provider that stops
                by itself for the caller (``TurnDetection(interrupt=True)``) may still stop making it; what was made is heard.

        Checkpoint: yes; returns when the model has been told. On cancel: it may be said all the same.

        Raises:
            CapabilityError: the model cannot say a given text.
            trio.ClosedResourceError: the session has ended.
        """
        await self._errands.ask(partial(self._model.say, text), protected=not interruptible)

    async def respond(self, instructions: str | None = None) -> None:
        """Let the agent speak now, unasked by the caller; ``instructions`` are for this answer only.

        Checkpoint, cancellation and errors as for `say`.
        """
        await self._errands.ask(partial(self._model.respond, instructions))

    async def send_message(self, text: str) -> None:
        """Say something to the model in text, on the caller's behalf; it answers.

        Checkpoint, cancellation and errors as for `say`.
        """
        await self._errands.ask(partial(self._model.send_text, text), words=text)

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """Show the model an image, such as ``image/png`` or ``image/jpeg``, with words about it.

        It does not answer yet: what the caller says next may be about it, or `respond` asks for an answer.

        Checkpoint, cancellation and errors as for `say`.

        Raises:
            LocalProtocolError: the image is none, of another type than the model takes, or too big.
        """
        await self._errands.have_done(partial(self._model.send_image, data, media_type, text))

    async def aside(self, instructions: str) -> str:
        """An answer in text of which the caller hears nothing and the conversation does not know: a summary, say, or a verdict.

        It may be made while the agent speaks, and holds up nothing. Checkpoint: yes. On cancel: it is lost.

        Raises:
            ResponseFailedError: the model did not make it; the message says why.
            LocalProtocolError: too many are waited for already.
            CapabilityError: the model cannot.
            trio.BrokenResourceError: the connection broke before it came.
            trio.ClosedResourceError: the session has ended.
        """
        return await self._asides.wait_for(partial(self._model.aside, instructions))

    async def create_item(self, item: HistoryItem) -> None:
        """Put something into the conversation, at its end, as if it had been said or done; nothing is answered.

        A connection that takes this one's place is told of it too.
        Checkpoint, cancellation and errors as for `say`.
        """
        await self._errands.have_done(partial(self._model.create_item, item))

    async def delete_item(self, item_id: str) -> None:
        """Take an item out of the conversation, for good. Checkpoint, cancellation and errors as for `say`."""
        await self._errands.have_done(partial(self._model.delete_item, item_id))

    async def update(self, agent: Agent) -> None:
        """Let the model be another agent from now on: its instructions, tools, voice and turn detection.

        The greeting is not said again, and ``barge_in`` and ``dtmf`` stay as they were. Checkpoint, cancellation and errors as for `say`.

        Raises:
            OptionError: something of it cannot change any more, or not now; the message says what.
        """

        async def change() -> None:
            before, self.agent = self.agent, agent.replace(barge_in=self.agent.barge_in, dtmf=self.agent.dtmf).filled()
            self._toolbox.equip(self.agent.tools)
            try:
                await self._model.update(self._agent_for_model())
            except BaseException:
                self.agent = before
                self._toolbox.equip(before.tools)
                raise

        await self._errands.have_done(change)

    def _agent_for_model(self) -> Agent:
        """Where the session decides who interrupts, the model does not."""
        if not self._referee.decides:
            return self.agent
        return self.agent.replace(turn_detection=replace(self.agent.turn_detection, interrupt=False))
