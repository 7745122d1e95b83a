"""Opens sessions: a model by name or as it is, coupled to a channel for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from random import Random
from typing import Any, TypeAlias

from .._agent import Agent
from .._channel import Channel
from .._emitter import Listeners
from .._limits import Limits, Timeouts
from .._plugins import choose_model
from .._virtual_time import time_is_virtual
from ..abc import Model
from .connection import Open
from .full_duplex import taking_turns
from .hold import Hold
from .link import Link, open_link
from .mender import Mender
from .session import Session
from .session_end import SessionEnd

OpenModel: TypeAlias = str | Callable[[], AbstractAsyncContextManager[Model]]


def _opener(model: str | Model | Callable[[], AbstractAsyncContextManager[Model]]) -> Open:
    if isinstance(model, Model):
        return lambda: _already(model)
    return choose_model(model) if isinstance(model, str) else model


@asynccontextmanager
async def _already(model: Model) -> AsyncGenerator[Model, None]:
    yield model


def _each(fallback: OpenModel | Sequence[OpenModel]) -> list[OpenModel]:
    return [fallback] if isinstance(fallback, str) or callable(fallback) else list(fallback)


@asynccontextmanager
async def open_session(
    channel: Channel,
    model: str | Model | Callable[[], AbstractAsyncContextManager[Model]],
    agent: Agent | None = None,
    *,
    fallback: OpenModel | Sequence[OpenModel] = (),
    on: Listeners | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    call: Any = None,
    dependencies: Any = None,
) -> AsyncGenerator[Session, None]:
    """Couple a channel to a model; being inside the block is being connected.

    What the caller says while the model connects is kept for it, and what was said in the half second before: `Limits.start_audio`.
    If no model is to be had, the caller hears ``Reconnect.on_failure`` and is transferred, if that is what is to be done then, before
    the error is raised.

    Args:
        channel: stays open when the session ends.
        model: the spec of a model by name (``"parrot"``), something that opens one each time it is called, or an open `Model`.
        agent: who the model is to be.
        fallback: specs of models that take the place of the first when that cannot be reached; in this order.
        on: listeners to add before the first event can happen.
        limits, timeouts: as for `open_channel`.
        call: the `Call` that is served, for tools; known without it where a server answered the call.
        dependencies: anything tools need (a database, the caller's account); they find it in their `CallContext`.

    Raises:
        FormatError: channel and model have no format in common, and none that can be converted.
        trio.BrokenResourceError: the provider did not say in time that the session exists, or refused.
        trio.BusyResourceError: somebody is reading the channel's audio already, such as another session.
        ExceptionGroup: a listener or the plugin raised. An error of the body alone comes out bare.
        PluginError, OptionError: the spec cannot be opened, or a variable of the agent is missing.
    """
    limits, timeouts = limits or Limits(), timeouts or Timeouts()
    call, agent = channel._call if call is None else call, agent or Agent()
    opens = [taking_turns(_opener(each)) for each in (model, *_each(fallback))]
    hold = Hold(channel, agent.reconnect)
    await hold.load()
    with closing(channel._hearing.iterate(limits.start_audio)) as heard:
        link = Link(opens, agent.reconnect, limits, timeouts, again=not isinstance(model, Model))
        link.mend = Mender(link, Random(0) if time_is_virtual() else Random()).run
        async with AsyncExitStack() as stack:
            async with hold.apologizing(timeouts.hang_up):
                await stack.enter_async_context(open_link(link))
                session = Session(channel, link, agent, limits, timeouts, call=call, dependencies=dependencies, heard=heard, hold=hold)
                for event, listener in (on or {}).items():
                    session.on(event, listener)
                await session._start()
            async with session._block.around(session._live, session.close):
                yield session


async def converse(
    channel: Channel,
    model: str | Model | Callable[[], AbstractAsyncContextManager[Model]],
    agent: Agent | None = None,
    *,
    fallback: OpenModel | Sequence[OpenModel] = (),
) -> SessionEnd:
    """Let the far party talk with a model until one of them ends it; the shortest useful program. Checkpoint: yes.

    Arguments and errors as for `open_session`.
    """
    async with open_session(channel, model, agent, fallback=fallback) as session:
        return await session.wait_closed()
