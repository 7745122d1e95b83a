"""Models with their servers, as their authors would hand them to the conformance kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from trioaudio.abc import Model
from trioaudio.audio import Frame
from trioaudio.models.parrot import open_parrot
from trioaudio.testing import Script, Utterance, calls

OpenPair = Callable[[], AbstractAsyncContextManager[tuple[Model, object]]]


class Verbs:
    """A script with the verbs of the kit: what it has heard is audio there, not a count."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.stall, self.end, self.fail = script.stall, script.end, script.fail

    def heard(self) -> list[Frame]:
        return self._script.appended

    def say(self, frames: list[Frame]) -> None:
        self._script.answer(Utterance("answer", frames))

    def answers(self, frames: list[Frame]) -> None:
        self._script.script(*([Utterance(f"answer {number}", frames)] for number in range(5)))

    def call(self, name: str, arguments: str) -> None:
        self._script.answer(calls((name, arguments)))

    def results(self) -> list[tuple[str, str]]:
        return [(result.call_id, result.output) for result in self._script.results]


def scripted(make: Callable[[Model, Script], Model] = lambda model, script: model, **options: Any) -> OpenPair:
    """Pairs of a script and a connection with it, or of a model made around one."""

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Model, object], None]:
        script = Script(pause=None, **options)
        async with script() as model:
            yield make(model, script), Verbs(script)

    return open_pair


class Echo:
    """What makes a parrot say something: it says it itself, and commits."""

    def __init__(self, parrot: Model) -> None:
        self._parrot = parrot

    async def say(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._parrot.append_nowait(frame)
        await self._parrot.commit()


@asynccontextmanager
async def parrot() -> AsyncGenerator[tuple[Model, object], None]:
    async with open_parrot(engine="off") as model:
        yield model, Echo(model)
