"""Sources with their far ends, as their authors would hand them to the conformance kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from trioaudio.abc import Source
from trioaudio.audio import AudioFormat, Frame
from trioaudio.sources.memory import MemoryFarEnd, memory_pair
from trioaudio.testing import ScriptedFarEnd

OpenPair = Callable[[], AbstractAsyncContextManager[tuple[Source, object]]]


class Verbs:
    """A scripted far end with the verbs of the kit: what it has heard is audio there, not a count."""

    def __init__(self, far: ScriptedFarEnd) -> None:
        self._far = far
        self.speak, self.stall, self.hang_up, self.fail = far.speak, far.stall, far.hang_up, far.fail

    def heard(self) -> list[Frame]:
        return self._far.ear.heard_frames()


def scripted(make: Callable[[ScriptedFarEnd], Source] = lambda far: far.source, **options: Any) -> OpenPair:
    """Pairs of a scripted far end and its source, or of one made around it."""

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Source, object], None]:
        far = ScriptedFarEnd(**options)
        yield make(far), Verbs(far)

    return open_pair


class MemoryVerbs:
    """The far end of a memory source, with the verbs that it can have; `hear` is its ear."""

    def __init__(self, far: MemoryFarEnd) -> None:
        self._far, self._heard = far, list[Frame]()
        self.speak, self.hang_up = far.say, far.hang_up

    def heard(self) -> list[Frame]:
        try:
            while True:
                self._heard.append(self._far.hear_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):
            return self._heard


def memory(format: AudioFormat) -> OpenPair:
    """Pairs of a memory source and its far end."""

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Source, object], None]:
        source, far = memory_pair(format)
        yield source, MemoryVerbs(far)

    return open_pair
