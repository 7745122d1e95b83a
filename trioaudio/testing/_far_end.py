"""A far party that does what a test says: it speaks, hears with an ear of its own, stalls, loses, answers late, hangs up, fails."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable

import trio

from .. import Dtmf, Event, Interrupt
from ..abc import Buffering, FarEnd, Played, Source, SourceCapability
from ..audio import PTIME, AudioFormat, Frame
from ._ear import Ear
from ._stamps import STAMPED, count_stamped, indices

EAR_PHASE = 1e-6
"""Seconds: on a virtual clock the far end's timers fall just after the source's, so that no two are due in one instant."""


class ScriptedFarEnd:
    """The far party of a test; ``source`` is what to open the channel with.

    ```python
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel:
        channel.turn("a").send_nowait(...)
        await caller.wait_hears("a")
        caller.press("1")
    ```

    Args:
        plays: how it plays; the ear is told apart from what the channel reckons by ``ear=False``.
        format: of its audio, both ways; stamped audio unless told otherwise.
        send_delay: seconds a write takes, asked for each frame; 0 means that the fast way is open.
        clear_delay: seconds a clear takes, asked each time.
        report_every: seconds between position reports, None for none; each arrives ``report_delay`` seconds late.
        latency: seconds from a frame's arrival to its sound: what a far end keeps in a buffer that nobody but its reports tells of.
        capabilities: what it can do beyond audio.
        line_open: whether it sends silence when it does not speak, as a telephone does.
    """

    def __init__(
        self,
        plays: FarEnd | None = None,
        *,
        format: AudioFormat = STAMPED,
        send_delay: Callable[[], float] = lambda: 0.0,
        clear_delay: Callable[[], float] = lambda: 0.0,
        report_every: float | None = None,
        report_delay: float = 0.0,
        latency: float = 0.0,
        capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"}),
        line_open: bool = False,
    ) -> None:
        reports = report_every is not None
        self.ear: Ear = Ear(latency=latency)
        self.plays: FarEnd = plays or (Buffering(reports=True) if reports else Buffering(ear=True))
        self.capabilities: frozenset[SourceCapability] = capabilities
        self.source: Source = _ScriptedSource(self, format)
        self._send_delay, self._clear_delay = send_delay, clear_delay
        self._report_every, self._report_delay, self._line_open = report_every, report_delay, line_open
        self._said: deque[Frame] = deque()
        self._inbox: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._woken, self._ended = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()
        self._end: BaseException | None = None
        self._end_is_known = False
        self._stalled_until = -math.inf
        self._to_lose = 0
        self._cleared_at = 0
        self.goodbyes = 0
        """How often the channel said goodbye."""
        self.digits = ""
        """The keys that the channel pressed for it to hear."""
        self.transfers: list[str] = []
        """To whom it was handed over."""
        self.cut_writes = 0
        """Writes that were cancelled half way: there must never be one (law 3)."""

    # ---- what a test lets it do

    def speak(self, audio: Frame | Iterable[Frame]) -> None:
        """Say audio, in frames of 20 ms on time, after what is being said already."""
        for block in [audio] if isinstance(audio, Frame) else audio:
            self._said.extend(block.split(block.format.frame_samples))
        self._woken.unpark_all()

    def signal(self, event: Event) -> None:
        """Send an event: a key, a commit, an interrupt wish, a position report."""
        self._tell(event, trio.current_time())

    def press(self, digits: str) -> None:
        """Press keys of the telephone, one after the other."""
        for digit in digits:
            self.signal(Dtmf(digit))

    def wish_interrupt(self) -> None:
        """Press the stop button."""
        self.signal(Interrupt())

    def stall(self, seconds: float = math.inf) -> None:
        """Take nothing for a while, for ever unless told otherwise: writes wait."""
        self._stalled_until = trio.current_time() + seconds

    def lose(self, frames: int) -> None:
        """The next ``frames`` frames never reach the ear."""
        self._to_lose += frames

    def acknowledge_late(self, seconds: float) -> None:
        """From now on position reports and the answers to clears arrive that late; ``inf`` for never."""
        self._report_delay = seconds

    def hang_up(self) -> None:
        """Put the receiver down; what it has not said yet is not said."""
        self._finish(trio.EndOfChannel())

    def fail(self, error: BaseException | None = None) -> None:
        """Let the connection break."""
        self._finish(error or trio.BrokenResourceError("the far end failed, as the test said"))

    def _finish(self, end: BaseException) -> None:
        self._end = end
        self._said.clear()
        self._line_open = False
        self._woken.unpark_all()
        self._ended.unpark_all()

    # ---- what a test asks it

    def heard(self, item: str) -> int:
        """Samples of ``item`` heard by now.

        Raises:
            FormatError: this far end does not hear stamped audio; ask its ``ear`` for `Ear.heard_samples` then.
        """
        return count_stamped(self.ear.heard_frames(), item)

    def heard_indices(self, item: str) -> list[int]:
        """Which samples of ``item`` were heard, in order."""
        return [int(i) for i in indices(self.ear.heard_frames(), item)]

    def hears_nothing_after(self, time: float, item: str | None = None) -> bool:
        """Whether it fell silent when something was decided at ``time``.

        That is: nothing was handed over whose write began after ``time``, or after the clear that followed; and what had been
        handed over before does not sound past that clear. A far end that cannot clear plays to the end what it had.

        Args:
            time: of the Trio clock, in seconds: ``TurnInterrupted.decided_at``, say.
            item: look at this item only; at everything unless told otherwise.
        """
        return self.ear.falls_silent_at(time, item=item, can_clear=self.plays.can_clear)

    async def wait_hears(self, item: str, samples: int = 1) -> None:
        """Wait until that many samples of ``item`` have been heard. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while self.heard(item) < samples:
            with trio.CancelScope(deadline=self.ear.will_have_heard(item, samples) + EAR_PHASE):
                await self.ear.changed.park()

    # ---- the source's side

    def _delay(self) -> float:
        return max(self._send_delay(), self._stalled_until - trio.current_time())

    def _check_connected(self) -> None:
        """A connection that failed breaks the next write; of a hang-up a writer learns once it has been received."""
        if self._end is not None and (self._end_is_known or not isinstance(self._end, trio.EndOfChannel)):
            raise trio.BrokenResourceError("this far end is gone: it hung up or failed, as the test said") from self._end

    def _arrive(self, frame: Frame, begun: float) -> None:
        lost, self._to_lose = self._to_lose > 0 or self._end is not None, max(0, self._to_lose - 1)
        self.ear.play(frame, lost=lost, begun=begun)
        if self._report_every is not None and len(self.ear.handed) == 1:
            self._woken.unpark_all()  # from now on there is something to report

    def _tell(self, event: Event, when: float) -> None:
        heapq.heappush(self._inbox, (when, next(self._order), event))
        self._woken.unpark_all()

    def _report_due(self) -> float:
        if self._report_every is None or not self.ear.handed:
            return math.inf
        return (math.floor(trio.current_time() / self._report_every) + 1) * self._report_every + EAR_PHASE

    def _heard_since_clear(self) -> int:
        return self.ear.heard_samples() - self._cleared_at


class _ScriptedSource(Source):
    def __init__(self, far: ScriptedFarEnd, format: AudioFormat) -> None:
        self.input_format: AudioFormat = format
        self.output_format: AudioFormat = format
        self.far_end: FarEnd = far.plays
        self.capabilities: frozenset[SourceCapability] = far.capabilities
        self._far = far
        self._next_frame: float | None = None
        self._next_report = math.inf
        self._media_time = 0

    async def receive(self) -> Frame | Event:
        await trio.lowlevel.checkpoint()
        while (item := self._take(trio.current_time())) is None:
            await self._wait()
        return item

    def _take(self, now: float) -> Frame | Event | None:
        far = self._far
        if now >= self._next_report:
            self._next_report = math.inf
            far._tell(Played(far._heard_since_clear(), far.ear.clears), now + far._report_delay)
        if far._inbox and far._inbox[0][0] <= now:
            return heapq.heappop(far._inbox)[2]
        if (frame := self._frame(now)) is not None:
            return frame
        if far._end is not None:
            far._end_is_known = True
            raise far._end
        return None

    def _frame(self, now: float) -> Frame | None:
        if not self._far._said and not self._far._line_open:
            self._next_frame = None
            return None
        if self._next_frame is not None and now < self._next_frame:
            return None
        self._next_frame = (self._next_frame or now) + PTIME
        said = self._far._said
        frame = said.popleft() if said else Frame.silence(self.input_format.frame_samples, self.input_format)
        frame = Frame(frame.data, frame.format, self._media_time)
        self._media_time += frame.num_samples
        return frame

    async def _wait(self) -> None:
        if self._next_report == math.inf:
            self._next_report = self._far._report_due()
        times = [self._next_report, self._next_frame if self._next_frame is not None else math.inf]
        times += [when for when, _, _ in self._far._inbox[:1]]
        with trio.CancelScope(deadline=min(times)):
            await self._far._woken.park()

    def send_nowait(self, frame: Frame) -> None:
        self._far._check_connected()
        if self._far._delay() > 0:
            raise trio.WouldBlock
        self._far._arrive(frame, trio.current_time())

    async def send(self, frame: Frame) -> None:
        begun = trio.current_time()
        try:
            await self._take_time(self._far._delay())
        except trio.Cancelled:
            self._far.cut_writes += 1
            raise
        self._far._arrive(frame, begun)

    async def clear(self) -> None:
        far = self._far
        await self._take_time(max(far._clear_delay(), far._stalled_until - trio.current_time()))
        heard, clears = far._heard_since_clear(), far.ear.clears
        far.ear.forget()
        far._cleared_at += heard
        if self.far_end.reports:
            far._tell(Played(heard, clears, final=True), trio.current_time() + far._report_delay)

    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        self._far.goodbyes += 1

    async def transfer(self, target: str) -> None:
        if "transfer" not in self.capabilities:
            await super().transfer(target)
        await self._take_time(self._far._delay())
        self._far.transfers.append(target)

    async def send_digits(self, digits: str) -> None:
        if "digits" not in self.capabilities:
            await super().send_digits(digits)
        await self._take_time(self._far._delay())
        self._far.digits += digits

    async def _take_time(self, seconds: float) -> None:
        """Keep a writer waiting; it is woken if the connection ends meanwhile."""
        self._far._check_connected()
        if seconds <= 0:
            await trio.lowlevel.checkpoint()
        else:
            with trio.CancelScope(deadline=trio.current_time() + seconds):
                await self._far._ended.park()
        self._far._check_connected()
