"""Opens sessions: a model by name or as it is, coupled to a channel for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import Any

from .._agent import Agent
from .._channel import Channel
from .._emitter import Listeners
from .._limits import Limits, Timeouts
from .._plugins import choose_model
from ..abc import Model
from .session import Session
from .session_end import SessionEnd


def _opened(model: str | Model | Callable[[], AbstractAsyncContextManager[Model]]) -> AbstractAsyncContextManager[Model]:
    if isinstance(model, Model):
        return _already(model)
    return choose_model(model)() if isinstance(model, str) else model()


@asynccontextmanager
async def _already(model: Model) -> AsyncGenerator[Model, None]:
    yield model


@asynccontextmanager
async def open_session(
    channel: Channel,
    model: str | Model | Callable[[], AbstractAsyncContextManager[Model]],
    agent: Agent | None = None,
    *,
    on: Listeners | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    call: Any = None,
    dependencies: Any = None,
) -> AsyncGenerator[Session, None]:
    """Couple a channel to a model; being inside the block is being connected.

    What the caller says while the model connects is kept for it, and what was said in the half second before: `Limits.start_audio`.

    Args:
        channel: stays open when the session ends.
        model: the spec of a model by name (``"parrot"``), something that opens one each time it is called, or an open `Model`.
        agent: who the model is to be.
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
    call = channel._call if call is None else call
    with closing(channel._hearing.iterate(limits.start_audio)) as heard:
        async with _opened(model) as opened:
            session = Session(channel, opened, agent or Agent(), limits, timeouts, call=call, dependencies=dependencies, heard=heard)
            for event, listener in (on or {}).items():
                session.on(event, listener)
            await session._start()
            async with session._block.around(session._live, session.close):
                yield session


async def converse(
    channel: Channel, model: str | Model | Callable[[], AbstractAsyncContextManager[Model]], agent: Agent | None = None
) -> SessionEnd:
    """Let the far party talk with a model until one of them ends it; the shortest useful program. Checkpoint: yes.

    Arguments and errors as for `open_session`.
    """
    async with open_session(channel, model, agent) as session:
        return await session.wait_closed()
