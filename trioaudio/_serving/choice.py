"""Who answers a call: a model and an agent, however a user says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

from .._agent import Agent
from .._plugins import choose_model
from ..abc import Model
from .end_reason import Rejection

OpenModel: TypeAlias = str | Callable[[], AbstractAsyncContextManager[Model]]
"""The spec of a model by name, or something that opens one connection each time it is called."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers a call. What is None is the server's default.

    Args:
        model: the spec of a model, or what opens one; never an open `Model`, which is one connection.
        agent: who the model is to be.
        name: what summaries call it.
        fallback: models that take the place of the first when that cannot be reached, in this order.
    """

    model: OpenModel | None = None
    agent: Agent | None = None
    name: str | None = None
    fallback: OpenModel | Sequence[OpenModel] | None = None


Chosen: TypeAlias = "Choice | Agent | OpenModel | Rejection | None"
"""What ``choose`` may return; None is the default."""


def as_choice(chosen: Chosen, default: Choice) -> Choice | Rejection:
    """What was chosen, with the default in the places that were left open.

    Raises:
        PluginError, OptionError: the spec of the model cannot be opened.
        TypeError: it is nothing that could be chosen.
    """
    if isinstance(chosen, Rejection):
        return chosen
    choice = _unfinished(chosen)
    model = default.model if choice.model is None else choice.model
    agent = default.agent if choice.agent is None else choice.agent
    fallback = default.fallback if choice.fallback is None else choice.fallback
    opener = choose_model(model) if isinstance(model, str) else model
    return replace(choice, model=opener, agent=agent, name=choice.name or default.name, fallback=fallback)


def _unfinished(chosen: object) -> Choice:
    if chosen is None:
        return Choice()
    if isinstance(chosen, Choice):
        return chosen
    if isinstance(chosen, Agent):
        return Choice(agent=chosen)
    if isinstance(chosen, str) or (callable(chosen) and not isinstance(chosen, type)):
        return Choice(model=chosen)
    raise TypeError(f"choose returned a {type(chosen).__name__}; return an Agent, a model, a Choice, a Rejection or None")
