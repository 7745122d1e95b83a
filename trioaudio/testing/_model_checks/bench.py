"""A model under test with its server: what the checks do with the two."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import trio

from ... import Agent, AudioDelta, Called, HistoryItem, ModelEvent, Returned, Said
from ...abc import Capability, Model
from ...audio import PTIME, AudioFormat, Frame
from .._kit import do, until, verbs_missing
from .._noise import as_bytes, frames_of, joined, noise

ModelPair: TypeAlias = tuple[Model, object]
OpenModelPair: TypeAlias = Callable[[], AbstractAsyncContextManager[ModelPair]]

HISTORY: tuple[HistoryItem, ...] = (
    Said("agent", "Welcome."),
    Said("caller", "Where is my parcel?"),
    Called("call-of-before", "look_up", '{"key": "7"}'),
    Returned("call-of-before", "in Berlin"),
    Called("broken-call", "look_up", "{}"),
    Returned("broken-call", "the tool failed", error=True),
    Said("agent", "It is in Berlin."),
)
"""A conversation that another connection had."""
IMAGE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""The smallest PNG."""
PATIENCE = 5.0
"""Seconds a check waits for what must come."""
ROUNDING = 0.05
"""Seconds of tolerance for what is measured: timers have phases, and real clocks are late."""


class ModelBench:
    """A model, its server, and what has been received from it so far."""

    def __init__(self, model: Model, server: object, open_pair: OpenModelPair) -> None:
        self.model: Model = model
        self.server: object = server
        self.open_pair: OpenModelPair = open_pair
        self.received: list[ModelEvent] = []
        self.ended_by: BaseException | None = None

    def missing(self, needs: Iterable[str]) -> list[str]:
        """Those of these verbs that the server does not have."""
        return verbs_missing(self.server, needs)

    async def do(self, verb: str, *args: object) -> object:
        """Let the server do something."""
        return await do(self.server, verb, *args)

    @property
    def formats(self) -> tuple[AudioFormat, AudioFormat]:
        """What it is started with: the input and the output format it likes best."""
        return self.model.input_formats[0], self.model.output_formats[0]

    async def start(self) -> None:
        """Start it, as a session does."""
        await self.model.start(Agent("You are being tested."), *self.formats)

    @asynccontextmanager
    async def receiving(self) -> AsyncGenerator[None, None]:
        """Start it, and receive for as long as the block lasts, as a session does."""
        await self.start()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive_all)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    async def _receive_all(self) -> None:
        try:
            while True:
                self.received.append(await self.model.receive())
        except Exception as exc:  # noqa: BLE001 - a check asks for it
            self.ended_by = exc

    async def wait_end(self) -> BaseException | None:
        """Wait until receiving has ended; by what."""
        await until(lambda: self.ended_by is not None, PATIENCE)
        return self.ended_by

    # ---- from the model

    @property
    def deltas(self) -> list[AudioDelta]:
        """The audio received so far."""
        return [event for event in self.received if isinstance(event, AudioDelta)]

    @property
    def spoken(self) -> bytes:
        """What it has said so far."""
        return joined(delta.frame for delta in self.deltas)

    def answer(self, seconds: float) -> Frame:
        """Noise for it to say."""
        return noise(self.formats[1], round(seconds * self.formats[1].rate), seed=7)

    # ---- to the model

    def speech(self, seconds: float) -> list[Frame]:
        """Noise for it to hear, in frames of 20 ms."""
        return frames_of(noise(self.formats[0], round(seconds * self.formats[0].rate)), PTIME)

    async def append(self, frame: Frame, *, fast: bool = False) -> bool:
        """Let it hear a frame; whether that could be done without waiting."""
        if fast:
            try:
                self.model.append_nowait(frame)
            except trio.WouldBlock:
                pass
            else:
                return True
        await self.model.append(frame)
        return False

    async def heard(self) -> bytes:
        """What the server has been sent so far."""
        return as_bytes(await self.do("heard"))

    async def wait_heard(self, sound: bytes) -> bytes:
        """Wait until the server has been sent that much; what it has been."""

        async def enough() -> bool:
            return len(await self.heard()) >= len(sound)

        await until(enough, PATIENCE)
        return await self.heard()

    async def results(self) -> list[tuple[str, str]]:
        """The results of tools that the server has been sent so far: ids of calls and outputs."""
        sent = await self.do("results")
        assert isinstance(sent, Iterable)
        return [(call_id, output) for call_id, output in sent]

    def commands(self) -> dict[Capability, Callable[[], Awaitable[object]]]:
        """What a session may ask of it beside audio."""
        return {
            "history": lambda: self.model.seed(HISTORY),
            "commit": self.model.commit,
            "cancel": self.model.cancel,
            "truncate": lambda: self.model.truncate("no such item", 0),
            "text": lambda: self.model.send_text("Hello"),
            "say": lambda: self.model.say("Hello"),
            "respond": self.model.respond,
            "tools": lambda: self.model.send_tool_result("no such call", "null"),
            "clear": self.model.clear,
            "images": lambda: self.model.send_image(IMAGE, "image/png", "What is this?"),
            "items": lambda: self.model.create_item(Said("caller", "Hello")),
            "update": lambda: self.model.update(Agent("You are somebody else now.")),
        }


@asynccontextmanager
async def open_bench(open_pair: OpenModelPair) -> AsyncGenerator[ModelBench, None]:
    """Open the pair and put it on a bench."""
    async with open_pair() as (model, server):
        yield ModelBench(model, server, open_pair)
