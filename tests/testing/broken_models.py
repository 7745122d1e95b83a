"""Models that are wrong in one way each: the proof that every check of the kit can fail."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import trio

from trioaudio import Agent, AudioDelta, AudioDone, HistoryItem, ModelEvent, ResponseCreated, SessionCreated, ToolCall
from trioaudio.abc import Model
from trioaudio.audio import PCM16_8K, AudioFormat, Frame
from trioaudio.testing import Script


class Sound(Model):
    """Nothing is wrong with this one; the others are made of it."""

    name = "sound"

    def __init__(self, inner: Model, script: Script) -> None:
        self.inner, self.script = inner, script
        self.input_formats, self.output_formats, self.capabilities = inner.input_formats, inner.output_formats, inner.capabilities

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await self.inner.start(agent, input_format, output_format)

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        await self.inner.seed(history)

    async def receive(self) -> ModelEvent:
        return await self.inner.receive()

    async def append(self, frame: Frame) -> None:
        await self.inner.append(frame)

    def append_nowait(self, frame: Frame) -> None:
        self.inner.append_nowait(frame)

    async def commit(self) -> None:
        await self.inner.commit()

    async def cancel(self) -> None:
        await self.inner.cancel()

    async def truncate(self, item_id: str, heard: int) -> None:
        await self.inner.truncate(item_id, heard)

    async def send_text(self, text: str) -> None:
        await self.inner.send_text(text)

    async def say(self, text: str) -> None:
        await self.inner.say(text)

    async def respond(self, instructions: str | None = None) -> None:
        await self.inner.respond(instructions)

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        await self.inner.send_tool_result(call_id, output, error=error)


class Nameless(Sound):
    name = ""


class Deaf(Sound):
    def __init__(self, inner: Model, script: Script) -> None:
        super().__init__(inner, script)
        self.input_formats = ()


class CanFly(Sound):
    def __init__(self, inner: Model, script: Script) -> None:
        super().__init__(inner, script)
        self.capabilities = inner.capabilities | {"fly"}  # type: ignore[arg-type]  # that is what is wrong


class NeverStarts(Sound):
    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await trio.sleep_forever()


class CommitsWithoutCheckpoint(Sound):
    async def commit(self) -> None:
        self.script.note("commit")


class ReceivesWithoutCheckpoint(Sound):
    """Has read ahead, and gives what it has at once."""

    def __init__(self, inner: Model, script: Script) -> None:
        super().__init__(inner, script)
        self._ahead: deque[ModelEvent] = deque([SessionCreated("a"), SessionCreated("b")])

    async def receive(self) -> ModelEvent:
        return self._ahead.popleft() if self._ahead else await super().receive()


class DoesNotDeclare(Sound):
    def __init__(self, inner: Model, script: Script) -> None:
        super().__init__(inner, script)
        self.capabilities = inner.capabilities - {"text"}


class DropsFrames(Sound):
    count = 0

    async def append(self, frame: Frame) -> None:
        self.count += 1
        if self.count % 3:
            await super().append(frame)
        else:
            await trio.lowlevel.checkpoint()


class HalfBeforeItBlocks(Sound):
    count = 0

    def append_nowait(self, frame: Frame) -> None:
        self.count += 1
        if self.count % 3 == 0:
            super().append_nowait(frame.cut(0, frame.num_samples // 2))
            raise trio.WouldBlock
        super().append_nowait(frame)


class HalfWhenCancelled(Sound):
    async def append(self, frame: Frame) -> None:
        middle = frame.num_samples // 2
        await super().append(frame.cut(0, middle))
        await trio.sleep(0.002)
        await super().append(frame.cut(middle, frame.num_samples))


class SpeaksAnotherFormat(Sound):
    async def receive(self) -> ModelEvent:
        event = await super().receive()
        if isinstance(event, AudioDelta):
            return AudioDelta(event.item_id, Frame(event.frame.data, PCM16_8K), event.response_id)
        return event


class NewItemForEachDelta(Sound):
    count = 0

    async def receive(self) -> ModelEvent:
        event = await super().receive()
        self.count += 1
        return AudioDelta(f"item-{self.count}", event.frame, event.response_id) if isinstance(event, AudioDelta) else event


class NeverDone(Sound):
    async def receive(self) -> ModelEvent:
        while isinstance(event := await super().receive(), AudioDone):
            pass
        return event


class LosesWhatItWasCancelledWith(Sound):
    async def receive(self) -> ModelEvent:
        event = await super().receive()
        await trio.sleep(0.001)
        return event


class EndsOnce(Sound):
    """The second call waits for ever."""

    _ended = False

    async def receive(self) -> ModelEvent:
        if self._ended:
            await trio.sleep_forever()
        try:
            return await super().receive()
        except trio.EndOfChannel:
            self._ended = True
            raise


class FailsInItsOwnWords(Sound):
    async def receive(self) -> ModelEvent:
        try:
            return await super().receive()
        except trio.BrokenResourceError as exc:
            raise ConnectionResetError("peer went away") from exc


class AppendsInto(Sound):
    """Appends into the void after the server is gone in this way."""

    def __init__(self, inner: Model, script: Script, void: type[BaseException]) -> None:
        super().__init__(inner, script)
        self._void, self._gone = void, False

    async def receive(self) -> ModelEvent:
        try:
            return await super().receive()
        except self._void:
            self._gone = True
            raise

    def append_nowait(self, frame: Frame) -> None:
        if not self._gone:
            super().append_nowait(frame)


class CannotGoOn(Sound):
    def __init__(self, inner: Model, script: Script) -> None:
        super().__init__(inner, script)
        self.capabilities = inner.capabilities - {"respond"}

    async def respond(self, instructions: str | None = None) -> None:
        raise self._cannot("respond")


class KeepsSilent(Sound):
    async def say(self, text: str) -> None:
        await trio.lowlevel.checkpoint()


class RespondsTwice(Sound):
    async def respond(self, instructions: str | None = None) -> None:
        await super().respond(instructions)
        await self.inner.respond(instructions)


class CutsShort(Sound):
    """An answer that is asked for takes the place of the one that is being made."""

    async def respond(self, instructions: str | None = None) -> None:
        await self.inner.cancel()
        await super().respond(instructions)


class CallsEmptyHanded(Sound):
    async def receive(self) -> ModelEvent:
        event = await super().receive()
        return replace(event, arguments="{}") if isinstance(event, ToolCall) else event


class AnswersResultsAtOnce(Sound):
    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        await super().send_tool_result(call_id, output, error=error)
        self.script.emit(ResponseCreated("unasked"))


class AnswersHistory(Sound):
    async def seed(self, history: Sequence[HistoryItem]) -> None:
        await super().seed(history)
        self.script.emit(ResponseCreated("unasked"))


class ResumesUndeclared(Sound):
    def resume(self, token: str) -> None:
        pass


class CommitsForTenSeconds(Sound):
    async def commit(self) -> None:
        await super().commit()
        with trio.CancelScope(shield=True):
            await trio.sleep(10)


class AppendsForEver(Sound):
    """Shields its writes, and has no deadline for them."""

    async def append(self, frame: Frame) -> None:
        with trio.CancelScope(shield=True):
            await super().append(frame)


class LeavesATask(Sound):
    async def append(self, frame: Frame) -> None:
        await super().append(frame)
        trio.lowlevel.spawn_system_task(trio.sleep, 100)


class LeavesAFile(Sound):
    """Opens something that nothing will ever close."""

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await super().start(agent, input_format, output_format)
        LEFT_OPEN.append(os.open(os.devnull, os.O_RDONLY))


LEFT_OPEN: list[int] = []
"""Descriptors to be closed by the test."""


def close_left_open() -> None:
    """Close them."""
    while LEFT_OPEN:
        with suppress(OSError):
            os.close(LEFT_OPEN.pop())


Make = Callable[[Model, Script], Model]
BROKEN: tuple[tuple[Make, str], ...] = (
    (Nameless, "declares what it is"),
    (Deaf, "declares what it is"),
    (CanFly, "declares what it is"),
    (NeverStarts, "starts"),
    (CommitsWithoutCheckpoint, "every method is a checkpoint"),
    (ReceivesWithoutCheckpoint, "every method is a checkpoint"),
    (DoesNotDeclare, "refuses what it does not declare"),
    (DropsFrames, "appended audio is whole and in order"),
    (HalfBeforeItBlocks, "append nowait takes all or nothing"),
    (HalfWhenCancelled, "cancelled append completes or breaks"),
    (SpeaksAnotherFormat, "answer is whole and in order"),
    (NewItemForEachDelta, "answer is whole and in order"),
    (NeverDone, "answer is announced and ended"),
    (LosesWhatItWasCancelledWith, "cancelled receive loses nothing"),
    (EndsOnce, "end ends receive"),
    (FailsInItsOwnWords, "failure breaks receive"),
    (lambda inner, script: AppendsInto(inner, script, trio.EndOfChannel), "append breaks after end"),
    (lambda inner, script: AppendsInto(inner, script, trio.BrokenResourceError), "append breaks after failure"),
    (CannotGoOn, "who calls tools can respond"),
    (KeepsSilent, "say makes an answer"),
    (RespondsTwice, "respond makes an answer"),
    (CutsShort, "answers come one after the other"),
    (CallsEmptyHanded, "tool call is whole"),
    (AnswersResultsAtOnce, "tool result arrives"),
    (AnswersHistory, "history makes no answer"),
    (ResumesUndeclared, "refuses what it does not declare"),
    (CommitsForTenSeconds, "session closes in time"),
    (AppendsForEver, "session closes although server stalls"),
    (LeavesATask, "leaves nothing behind"),
    (LeavesAFile, "leaves nothing behind"),
)
"""How to make it around a scripted model, and the one check that it must fail."""
