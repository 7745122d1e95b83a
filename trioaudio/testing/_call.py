"""A whole call in one line: a scripted caller, a channel, and a session with a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from .. import Agent, Event, Limits, Session, Timeouts, open_channel, open_session
from ..abc import Model
from ._far_end import ScriptedFarEnd
from ._scripts.script import Script


@asynccontextmanager
async def open_call(
    model: str | Model | Callable[[], AbstractAsyncContextManager[Model]] | None = None,
    agent: Agent | None = None,
    *,
    caller: ScriptedFarEnd | None = None,
    on: Mapping[str | type[Event], Callable[..., object]] | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[tuple[ScriptedFarEnd, Session], None]:
    """A call between a scripted caller and a model; the fixture ``call`` is this, on the virtual clock.

    ```python
    async with open_call(Script(say(5.0, item="a"))) as (caller, session):
        await caller.wait_hears("a")
    ```

    Args:
        model, agent, on, limits, timeouts: as for `open_session`; a model that says nothing unless told otherwise.
        caller: the far party; one that buffers, clears and is the ear itself unless told otherwise.
    """
    caller = caller or ScriptedFarEnd()
    async with (
        open_channel(caller.source, limits=limits, timeouts=timeouts) as channel,
        open_session(channel, model or Script(), agent, on=on, limits=limits, timeouts=timeouts) as session,
    ):
        yield caller, session
