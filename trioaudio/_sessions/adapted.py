"""A model that speaks other formats than its session, behind converters: a fallback of another provider."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

import trio

from .._agent import Agent
from .._history import HistoryItem
from .._model_events import AudioDelta, AudioDone, ModelEvent
from ..abc import Model
from ..audio import AudioFormat, Converter, Frame
from .negotiation import cheapest

REMEMBERED = 64
"""Items whose length is remembered, for `Model.truncate`."""


def adapted(model: Model, input_format: AudioFormat, output_format: AudioFormat) -> Model:
    """The model itself if it speaks these formats, else one that converts.

    Raises:
        FormatError: no conversion exists.
    """
    who = f"the model {model.name!r}"
    hears = cheapest(model.input_formats, input_format, towards=True, who=who)
    speaks = cheapest(model.output_formats, output_format, towards=False, who=who)
    if (hears, speaks) == (input_format, output_format):
        return model
    return AdaptedModel(model, Converter(input_format, hears), Converter(speaks, output_format))


class AdaptedModel(Model):
    """Converts what a model hears and says; positions are those of the session's samples."""

    def __init__(self, model: Model, ear: Converter, mouth: Converter) -> None:
        self._model, self._ear, self._mouth = model, ear, mouth
        self.name, self.capabilities = model.name, model.capabilities
        self.input_formats, self.output_formats = (ear.source,), (mouth.target,)
        self.resumes_while_open = model.resumes_while_open
        self._speaking: dict[str, Converter] = {}
        self._lengths: OrderedDict[str, int] = OrderedDict()
        self._events: deque[ModelEvent] = deque()

    @property
    def resume_token(self) -> str | None:  # type: ignore[override]  # it is the other model's, and changes
        """As `Model.resume_token`."""
        return self._model.resume_token

    def resume(self, token: str) -> None:
        """As `Model.resume`."""
        self._model.resume(token)

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`, in its own formats."""
        await self._model.start(agent, self._ear.target, self._mouth.source)

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        """As `Model.seed`."""
        await self._model.seed(history)

    async def receive(self) -> ModelEvent:
        """As `Model.receive`."""
        if self._events:
            await trio.lowlevel.checkpoint()
            return self._events.popleft()
        while True:
            self._hear(await self._model.receive())
            if self._events:
                return self._events.popleft()

    def _hear(self, event: ModelEvent) -> None:
        if isinstance(event, AudioDelta):
            self._lengths[event.item_id] = self._lengths.get(event.item_id, 0) + event.frame.num_samples
            while len(self._lengths) > REMEMBERED:
                self._lengths.popitem(last=False)
            converter = self._speaking.setdefault(event.item_id, Converter(self._mouth.source, self._mouth.target))
            self._say(event.item_id, converter.convert(event.frame), event.response_id)
            return
        speaking = self._speaking.pop(event.item_id, None) if isinstance(event, AudioDone) else None
        if speaking is not None and isinstance(event, AudioDone) and (rest := speaking.flush()) is not None:
            self._say(event.item_id, rest, None)
        self._events.append(event)

    def _say(self, item_id: str, frame: Frame, response_id: str | None) -> None:
        if frame.num_samples:
            self._events.append(AudioDelta(item_id, frame, response_id))

    def append_nowait(self, frame: Frame) -> None:
        """Always in the slow way: a frame that is refused must not be converted twice."""
        raise trio.WouldBlock

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        heard = self._ear.convert(frame)
        if heard.num_samples:
            await self._model.append(heard)
        else:
            await trio.lowlevel.checkpoint()

    async def commit(self) -> None:
        """As `Model.commit`."""
        await self._model.commit()

    async def cancel(self) -> None:
        """As `Model.cancel`."""
        await self._model.cancel()

    async def truncate(self, item_id: str, heard: int) -> None:
        """As `Model.truncate`; never more than was received."""
        theirs = heard * self._mouth.source.rate // self._mouth.target.rate
        await self._model.truncate(item_id, min(theirs, self._lengths.get(item_id, theirs)))

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`."""
        await self._model.send_text(text)

    async def say(self, text: str) -> None:
        """As `Model.say`."""
        await self._model.say(text)

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`."""
        await self._model.respond(instructions)

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
