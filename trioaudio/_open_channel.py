"""How a channel is opened: for a block, or for the life of a nursery."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from os import PathLike

import trio

from ._channel import Channel
from ._emitter import Listeners
from ._instruments import Instrument
from ._limits import Limits, Timeouts
from ._plugins import open_source
from .abc import Source


def _opened(source: Source | str) -> AbstractAsyncContextManager[Source]:
    return open_source(source) if isinstance(source, str) else _already(source)


@asynccontextmanager
async def _already(source: Source) -> AsyncGenerator[Source, None]:
    yield source


@asynccontextmanager
async def open_channel(
    source: Source | str,
    *,
    on: Listeners | None = None,
    record: str | PathLike[str] | None = None,
    instruments: Sequence[Instrument] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Channel, None]:
    """Open a channel with a far party; being inside the block is being connected.

    Args:
        source: a `Source`, or the spec of one by name: ``"wavfile:caller.wav"``.
        on: listeners to add before the first event can happen.
        record: a WAV file to write the call to: caller left, agent as heard right; see `Channel.recording`.
        instruments: who else watches the audio (a timeline, a meter).
        limits, timeouts: every bound and deadline; the defaults suit a telephone.

    Leaving the block closes the channel and ends all its tasks within `Timeouts.close`, whatever the peer does.

    Raises:
        ExceptionGroup: a listener or the plugin raised (then with the body's own error, if any). An error of the body
            alone comes out bare. A far party that hangs up or breaks raises nothing here: the next call does, or
            `Channel.wait_closed` says so.
        PluginError, OptionError: the spec cannot be opened.
        AudioFileError: the recording cannot be written.
    """
    async with _opened(source) as opened:
        channel = Channel(opened, limits or Limits(), timeouts or Timeouts(), instruments, record)
        async with living(channel, on):
            yield channel


@asynccontextmanager
async def living(channel: Channel, on: Listeners | None) -> AsyncGenerator[None, None]:
    """Let a channel live for as long as the block lasts; ``on`` is added first."""
    for event, listener in (on or {}).items():
        channel._dispatch.add(event, listener)
    async with channel._life.block.around(channel._life._live, channel.close):
        yield


async def start_channel(
    nursery: trio.Nursery,
    source: Source | str,
    *,
    on: Listeners | None = None,
    record: str | PathLike[str] | None = None,
    instruments: Sequence[Instrument] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> Channel:
    """Open a channel whose life is the nursery's instead of a block's; it ends with `Channel.close` or with the nursery.

    Arguments as for `open_channel`. What cannot be opened raises here, as there; what would leave the block later, leaves
    through ``nursery``.

    Checkpoint: yes. On cancel: nothing is left open.
    """
    opening = partial(open_channel, source, on=on, record=record, instruments=instruments, limits=limits, timeouts=timeouts)
    channel: Channel = await nursery.start(_live_in, opening, name="trioaudio channel")
    await trio.lowlevel.checkpoint_if_cancelled()  # rather than a channel that its nursery's cancellation has closed already
    return channel


async def _live_in(opening: Callable[[], AbstractAsyncContextManager[Channel]], task_status: trio.TaskStatus[Channel]) -> None:
    async with opening() as channel:
        task_status.started(channel)
        await channel.wait_closed()
