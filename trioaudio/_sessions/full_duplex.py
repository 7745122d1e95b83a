"""A full-duplex model behind the face of one that takes turns: what `Model.live` means for a session.

Such a model listens and speaks at once, and who interrupts whom is its own business: nothing is cleared when the caller speaks. It
goes on only while it is sent audio, so silence is sent where the far party sends none. What it says is heard without a lead
(`Channel.turn`, ``live``), utterance by utterance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import trio

from .._agent import Agent
from .._history import HistoryItem
from .._model_events import ModelEvent
from ..abc import Model
from ..audio import PTIME, AudioFormat, Frame
from ..audio._live_queue import QUIET
from ..audio._utterances import level
from .inferred_turns import InferredTurns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

GRACE = 0.06
"""Seconds: the far party's audio may come so late before silence is sent instead."""
AHEAD = 0.2
"""Seconds: so much more than has passed may be sent, as after a stall; past that silence is left out."""


def taking_turns(open_model: Callable[[], AbstractAsyncContextManager[Model]]) -> Callable[[], AbstractAsyncContextManager[Model]]:
    """Open the same model, but let it take turns if it does not."""

    @asynccontextmanager
    async def open_turns() -> AsyncGenerator[Model, None]:
        async with open_model() as model:
            yield FullDuplex(model) if model.live else model

    return open_turns


class FullDuplex(Model):
    """Hears for a live model, and tells its stream as answers; everything else is passed on."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name, self.capabilities = model.name, model.capabilities | {"cancel", "truncate"}
        self.input_formats, self.output_formats = model.input_formats, model.output_formats
        self.resumes_while_open = model.resumes_while_open
        self._events: deque[ModelEvent] = deque()
        self._fed_until = 0.0  # when the model will have heard all it was sent
        self._in_gap = False  # silence is being sent

    @property
    def resume_token(self) -> str | None:  # type: ignore[override]  # it is the other model's, and changes
        """As `Model.resume_token`."""
        return self._model.resume_token

    def resume(self, token: str) -> None:
        """As `Model.resume`."""
        self._model.resume(token)

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`."""
        self._turns = InferredTurns(input_format, output_format)
        self._silence = Frame.silence(input_format.frame_samples, input_format)
        await self._model.start(agent, input_format, output_format)
        self._fed_until = trio.current_time()

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """As `Model.seed`."""
        await self._model.seed(history)

    # ---- what it says

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
        while not self._events:
            await self._receive()
        return self._events.popleft()

    async def _receive(self) -> None:
        due = min(self._turns.due, self._fed_until + (PTIME if self._in_gap else GRACE))
        try:
            with trio.CancelScope(deadline=due):
                event = await self._model.receive()
                self._events.extend(self._turns.take(event, trio.current_time()))
        except (trio.EndOfChannel, trio.BrokenResourceError):
            self._events.extend(self._turns.finish())
            if not self._events:
                raise
        self._events.extend(self._turns.pass_time(trio.current_time()))
        self._feed_silence(trio.current_time())

    async def cancel(self) -> None:
        """Nobody wants to hear the rest of this utterance; a live model cannot be told, and will say the next one."""
        self._events.extend(self._turns.end("cancelled"))
        await trio.lowlevel.checkpoint()

    async def truncate(self, item_id: str, heard: int) -> None:
        """What was heard of it cannot be told to a live model. It believes that all was."""
        await trio.lowlevel.checkpoint()

    # ---- what it hears

    def _feed_silence(self, now: float) -> None:
        """Where the far party sends nothing, time goes on for the model."""
        try:
            while self._fed_until + (PTIME if self._in_gap else GRACE) <= now:
                self._model.append_nowait(self._silence)
                self._turns.hear(self._silence)
                self._fed_until += PTIME
                self._in_gap = True
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            self._fed_until = now  # it takes nothing now, or never again: then whoever receives is told

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`."""
        if not self._is_needless(frame):
            self._model.append_nowait(frame)
            self._fed(frame)

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        if self._is_needless(frame):
            await trio.lowlevel.checkpoint()
        else:
            await self._model.append(frame)
            self._fed(frame)

    def _is_needless(self, frame: Frame) -> bool:
        """Silence that would come later than it was silent, for what was sent too early, or all at once."""
        return self._fed_until > trio.current_time() + AHEAD and level(frame) < QUIET

    def _fed(self, frame: Frame) -> None:
        self._fed_until = max(self._fed_until, trio.current_time()) + frame.duration
        self._turns.hear(frame)
        self._in_gap = False

    # ---- what it is told

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`."""
        await self._model.send_text(text)

    async def say(self, text: str) -> None:
        """As `Model.say`."""
        await self._model.say(text)

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`."""
        await self._model.respond(instructions)

    async def commit(self) -> None:
        """As `Model.commit`."""
        await self._model.commit()

    async def clear(self) -> None:
        """As `Model.clear`."""
        await self._model.clear()

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """As `Model.send_image`."""
        await self._model.send_image(data, media_type, text)

    async def aside(self, instructions: str) -> str:
        """As `Model.aside`."""
        return await self._model.aside(instructions)

    async def create_item(self, item: HistoryItem) -> None:
        """As `Model.create_item`."""
        await self._model.create_item(item)

    async def delete_item(self, item_id: str) -> None:
        """As `Model.delete_item`."""
        await self._model.delete_item(item_id)

    async def update(self, agent: Agent) -> None:
        """As `Model.update`."""
        await self._model.update(agent)

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`."""
        await self._model.send_tool_result(call_id, output, error=error)
