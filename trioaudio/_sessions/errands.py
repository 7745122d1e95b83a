"""What a model is told beside audio, in order: commands, and requests for an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import trio

from .._agent import Agent
from .._errors import CapabilityError
from ..abc import Capability, Model
from .answers import Answers
from .commands import Command, Commands

log = logging.getLogger("trioaudio.session")


class Errands:
    """Everything a session wants of its model, carried out by one task.

    Args:
        model: whom to tell.
        answers: where the answers are counted that it is asked for.
        bound: commands that may wait.
        on_fault: told of what the model cannot do.
        on_broken: told that the model takes no more.
    """

    def __init__(
        self,
        model: Model,
        answers: Answers,
        bound: int,
        on_fault: Callable[[CapabilityError, str], object],
        on_broken: Callable[[Exception], object],
    ) -> None:
        self._model, self._answers, self._commands = model, answers, Commands(bound)
        self._on_fault, self._on_broken = on_fault, on_broken

    async def run(self) -> None:
        """Carry out what comes, until `drain` has ended it."""
        await self._commands.serve(lambda error: self._on_fault(error, "the model was asked for what it cannot do"))

    async def drain(self) -> None:
        """Take no more, and wait until the rest has been carried out. Checkpoint: yes."""
        await self._commands.drain()

    def tell(self, command: Command, capability: Capability | None = None) -> None:
        """Let a command be carried out; one that needs a capability the model has not is left out."""
        if capability is not None and capability not in self._model.capabilities:
            return
        try:
            self._commands.put(command)
        except trio.ClosedResourceError:
            pass  # the session is ending: there is nobody to tell any more
        except trio.BrokenResourceError as exc:
            self._on_broken(exc)

    @property
    def idle(self) -> bool:
        """Whether everything has been carried out."""
        return self._commands.idle

    def request(self, command: Command, *, protected: bool = False, words: str | None = None) -> None:
        """Let the model be asked for an answer."""
        self.tell(self._answers.asking(command, protected=protected, words=words))

    async def ask(self, command: Command, *, protected: bool = False, words: str | None = None) -> None:
        """Ask the model for an answer, and wait until it has been told; its error is raised here. Checkpoint: yes.

        Raises:
            trio.ClosedResourceError: the session has ended.
        """
        await self._commands.run(self._answers.asking(command, protected=protected, words=words))

    async def have_done(self, command: Command) -> None:
        """Have something done that asks for no answer, and wait for it; its error is raised here. Checkpoint and errors as for `ask`."""
        await self._commands.run(command)

    def introduce(self, agent: Agent) -> None:
        """The agent's first words, unasked; and what it has to do without with this model."""
        can, greeting = self._model.capabilities, agent.greeting
        if agent.tools and "tools" not in can:
            self._miss("tools", "the agent has tools, and its model cannot call them")
        if greeting is None or "greeting" in can:
            return
        if "say" in can:
            self.request(partial(self._model.say, greeting))
        elif "respond" in can:
            self.request(partial(self._model.respond, f"Begin the conversation. Say exactly this, and nothing else: {greeting}"))
        else:
            self._miss("respond", "the agent has a greeting, and its model cannot speak unasked")

    def _miss(self, capability: Capability, what: str) -> None:
        error = self._model._cannot(capability)
        log.warning("%s: %s", what, error)
        self._on_fault(error, what)
