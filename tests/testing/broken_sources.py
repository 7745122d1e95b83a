"""Sources that are wrong in one way each: the proof that every check of the kit can fail."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import trio

from trioaudio import Event
from trioaudio.abc import Buffering, Paced, Played, Source
from trioaudio.audio import MULAW_8K, PTIME, Frame
from trioaudio.testing import ScriptedFarEnd


class Sound(Source):
    """Nothing is wrong with this one; the others are made of it."""

    def __init__(self, far: ScriptedFarEnd) -> None:
        self.far, self.inner = far, far.source
        self.input_format, self.output_format, self.far_end = self.inner.input_format, self.inner.output_format, self.inner.far_end

    async def receive(self) -> Frame | Event:
        return await self.inner.receive()

    async def send(self, frame: Frame) -> None:
        await self.inner.send(frame)

    def send_nowait(self, frame: Frame) -> None:
        self.inner.send_nowait(frame)

    async def clear(self) -> None:
        await self.inner.clear()

    async def hang_up(self) -> None:
        await self.inner.hang_up()


class NoFarEnd(Sound):
    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self.far_end = "a telephone"  # type: ignore[assignment]  # that is what is wrong


class FormatAsText(Sound):
    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self.input_format = "pcm16/8000"  # type: ignore[assignment]  # that is what is wrong


class LeadInMilliseconds(Sound):
    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self.far_end = Buffering(lead=-1)


class CanFly(Sound):
    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self.capabilities = frozenset({"fly"})  # type: ignore[arg-type]  # that is what is wrong


class PretendsToTransfer(Sound):
    async def transfer(self, target: str) -> None:
        await trio.lowlevel.checkpoint()


class ReceiveWithoutCheckpoint(Sound):
    """Has read ahead, and gives what it has at once."""

    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self._ahead: deque[Frame | Event] = deque()

    async def receive(self) -> Frame | Event:
        if not self._ahead:
            self._ahead.append(await super().receive())
            with trio.move_on_after(1.5 * PTIME), suppress(trio.EndOfChannel, trio.BrokenResourceError):
                self._ahead.append(await super().receive())
        return self._ahead.popleft()


class SendWithoutCheckpoint(Sound):
    async def send(self, frame: Frame) -> None:
        try:
            self.inner.send_nowait(frame)
        except trio.WouldBlock:
            await super().send(frame)


class ClearWithoutCheckpoint(Sound):
    async def clear(self) -> None:
        self.far.ear.forget()


class HangUpWithoutCheckpoint(Sound):
    async def hang_up(self) -> None:
        self.far.goodbyes += 1


class NoMediaTime(Sound):
    async def receive(self) -> Frame | Event:
        item = await super().receive()
        return Frame(item.data, item.format) if isinstance(item, Frame) else item


class AnotherFormat(Sound):
    async def receive(self) -> Frame | Event:
        item = await super().receive()
        return Frame(item.data, MULAW_8K, item.media_time) if isinstance(item, Frame) else item


class Reordering(Sound):
    """Swaps neighbours, and numbers them as if nothing were."""

    def __init__(self, far: ScriptedFarEnd) -> None:
        super().__init__(far)
        self._kept: Frame | None = None
        self._position = 0

    async def receive(self) -> Frame | Event:
        if self._kept is None:
            first = await super().receive()
            item = await super().receive()
            assert isinstance(first, Frame)
            self._kept = first
        else:
            await trio.lowlevel.checkpoint()
            item, self._kept = self._kept, None
        assert isinstance(item, Frame)
        self._position += item.num_samples
        return Frame(item.data, item.format, self._position - item.num_samples)


class LosesWhatItWasCancelledWith(Sound):
    async def receive(self) -> Frame | Event:
        item = await super().receive()
        await trio.sleep(0.001)
        return item


class HangsUpOnce(Sound):
    """The second call waits for ever."""

    _ended = False

    async def receive(self) -> Frame | Event:
        if self._ended:
            await trio.sleep_forever()
        try:
            return await super().receive()
        except trio.EndOfChannel:
            self._ended = True
            raise


class HangsUpByBreaking(Sound):
    async def receive(self) -> Frame | Event:
        try:
            return await super().receive()
        except trio.EndOfChannel:
            raise trio.BrokenResourceError from None


class FailsInItsOwnWords(Sound):
    async def receive(self) -> Frame | Event:
        try:
            return await super().receive()
        except trio.BrokenResourceError as exc:
            raise ConnectionResetError("peer went away") from exc


class SendsInto(Sound):
    """Sends into the void after the far end is gone in this way."""

    def __init__(self, far: ScriptedFarEnd, void: type[BaseException]) -> None:
        super().__init__(far)
        self._void, self._gone = void, False

    async def receive(self) -> Frame | Event:
        try:
            return await super().receive()
        except self._void:
            self._gone = True
            raise

    def send_nowait(self, frame: Frame) -> None:
        if not self._gone:
            super().send_nowait(frame)


class DropsFrames(Sound):
    count = 0

    def send_nowait(self, frame: Frame) -> None:
        self.count += 1
        if self.count % 3:
            super().send_nowait(frame)

    async def send(self, frame: Frame) -> None:
        self.count += 1
        if self.count % 3:
            await super().send(frame)
        else:
            await trio.lowlevel.checkpoint()


class HalfBeforeItBlocks(Sound):
    count = 0

    def send_nowait(self, frame: Frame) -> None:
        self.count += 1
        if self.count % 3 == 0:
            super().send_nowait(frame.cut(0, frame.num_samples // 2))
            raise trio.WouldBlock
        super().send_nowait(frame)


class HalfWhenCancelled(Sound):
    async def send(self, frame: Frame) -> None:
        middle = frame.num_samples // 2
        await super().send(frame.cut(0, middle))
        await trio.sleep(0.002)
        await super().send(frame.cut(middle, frame.num_samples))


class TooSlow(Sound):
    def send_nowait(self, frame: Frame) -> None:
        raise trio.WouldBlock

    async def send(self, frame: Frame) -> None:
        await trio.sleep(1.3 * PTIME)
        await super().send(frame)


class ForgetsToClear(Sound):
    async def clear(self) -> None:
        await trio.lowlevel.checkpoint()


class ClearsTooMuch(Sound):
    """Drops what comes right after a clear, too."""

    cleared = 0

    async def clear(self) -> None:
        await super().clear()
        self.cleared = 2

    def send_nowait(self, frame: Frame) -> None:
        self.cleared -= 1
        if self.cleared < 0:
            super().send_nowait(frame)


class ReportsBackwards(Sound):
    async def receive(self) -> Frame | Event:
        item = await super().receive()
        return Played(max(0, 5000 - item.samples), item.clears, item.final) if isinstance(item, Played) else item


class ReportsSinceTheStart(Sound):
    """Does not begin anew with a clear."""

    async def receive(self) -> Frame | Event:
        item = await super().receive()
        return Played(self.far.ear.heard_samples(), item.clears, item.final) if isinstance(item, Played) else item


class ClearsOnce(Sound):
    """Its second clear is lost."""

    clears = 0

    async def clear(self) -> None:
        self.clears += 1
        if self.clears == 2:
            await trio.lowlevel.checkpoint()
        else:
            await super().clear()


class SaysGoodbyeForTenSeconds(Sound):
    async def hang_up(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)


class WritesForEver(Sound):
    """Shields its writes, and has no deadline for them."""

    async def send(self, frame: Frame) -> None:
        with trio.CancelScope(shield=True):
            await super().send(frame)


class LeavesATask(Sound):
    async def hang_up(self) -> None:
        await super().hang_up()
        trio.lowlevel.spawn_system_task(trio.sleep, 100)


class LeavesAFile(Sound):
    """Opens something that nothing will ever close."""

    async def hang_up(self) -> None:
        await super().hang_up()
        LEFT_OPEN.append(os.open(os.devnull, os.O_RDONLY))


class LeavesASocket(Sound):
    async def hang_up(self) -> None:
        await super().hang_up()
        trio.socket.socket()


LEFT_OPEN: list[int] = []
"""Descriptors to be closed by the test."""

Make = Callable[[ScriptedFarEnd], Source]
BROKEN: tuple[tuple[Make, dict[str, object], str], ...] = (
    (NoFarEnd, {}, "declares what it is"),
    (FormatAsText, {}, "declares what it is"),
    (LeadInMilliseconds, {}, "declares what it is"),
    (CanFly, {}, "declares what it is"),
    (ReceiveWithoutCheckpoint, {}, "every method is a checkpoint"),
    (SendWithoutCheckpoint, {}, "every method is a checkpoint"),
    (ClearWithoutCheckpoint, {}, "every method is a checkpoint"),
    (HangUpWithoutCheckpoint, {}, "every method is a checkpoint"),
    (PretendsToTransfer, {}, "refuses what it does not declare"),
    (NoMediaTime, {}, "audio in has format and media time"),
    (AnotherFormat, {}, "audio in has format and media time"),
    (Reordering, {}, "audio in is whole and in order"),
    (LosesWhatItWasCancelledWith, {}, "cancelled receive loses nothing"),
    (HangsUpOnce, {}, "hang up ends receive"),
    (HangsUpByBreaking, {}, "hang up ends receive"),
    (FailsInItsOwnWords, {}, "failure breaks receive"),
    (lambda far: SendsInto(far, trio.EndOfChannel), {}, "send breaks after hang up"),
    (lambda far: SendsInto(far, trio.BrokenResourceError), {}, "send breaks after failure"),
    (DropsFrames, {}, "audio out is whole and in order"),
    (HalfBeforeItBlocks, {}, "send nowait takes all or nothing"),
    (HalfWhenCancelled, {}, "cancelled send completes or breaks"),
    (TooSlow, {}, "send keeps up with real time"),
    (ForgetsToClear, {}, "clear forgets what is unplayed"),
    (ReportsBackwards, {"report_every": 0.1}, "reports count up from each clear"),
    (ReportsSinceTheStart, {"report_every": 0.1}, "reports count up from each clear"),
    (ClearsOnce, {}, "interrupted channel is silent"),
    (ClearsTooMuch, {}, "interrupted channel is silent"),
    (SaysGoodbyeForTenSeconds, {}, "channel closes in time"),
    (WritesForEver, {"plays": Paced()}, "channel closes although far end stalls"),
    (LeavesATask, {}, "leaves nothing behind"),
    (LeavesAFile, {}, "leaves nothing behind"),
    (LeavesASocket, {}, "leaves nothing behind"),
)
"""How to make it around a scripted far end, options of that far end, and the one check that it must fail."""
