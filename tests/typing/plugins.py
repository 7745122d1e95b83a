"""Which plugins type-check: read by mypy and pyright, never run (see `listeners.py`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import assert_type

import trio

from trioaudio.abc import Paced, Source, SourcePlugin, model_plugin, source_plugin
from trioaudio.audio import PCM16_8K, Frame


class Silence(Source):
    """A source, complete."""

    input_format = output_format = PCM16_8K
    far_end = Paced(lead=0.02)

    async def receive(self) -> Frame:
        await trio.sleep(0.02)
        return Frame.silence(160, PCM16_8K)

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()


class Mute(Silence):
    """A source that cannot be spoken to."""

    async def send(self) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


@source_plugin("silence")
@asynccontextmanager
async def open_silence(device: str, *, gain: float = 1.0) -> AsyncGenerator[Source, None]:
    yield Silence()


@asynccontextmanager
async def open_number(device: str) -> AsyncGenerator[int, None]:
    yield len(device)


def right_uses() -> None:
    assert_type(open_silence("hw:0", gain=0.5), AbstractAsyncContextManager[Source])
    plugin: SourcePlugin[...] = open_silence
    assert_type(plugin.name, str)


def wrong_uses() -> None:
    open_silence(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    open_silence("hw:0", volume=1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    source_plugin("number")(open_number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model_plugin("silence")(open_silence.open)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Source()  # type: ignore[abstract]  # pyright: ignore[reportAbstractUsage]
