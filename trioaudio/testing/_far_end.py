"""A far party that does what a test says: it speaks, hears with an ear of its own, stalls, loses, answers late, hangs up, fails.

The ear shares no arithmetic with the channel: it notes when each frame arrived, plays one after the other, and looks at
the samples themselves to say what it heard.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import trio

from .. import Event, Interrupt
from ..abc import Buffering, FarEnd, Played, Source
from ..audio import PTIME, AudioFormat, Frame
from ._stamps import STAMPED, count_stamped, indices

EAR_PHASE = 1e-6
"""Seconds: on a virtual clock the far end's timers fall just after the source's, so that no two are due in one instant."""


@dataclass(eq=False)
class _Scheduled:
    start: float
    frame: Frame

    @property
    def end(self) -> float:
        return self.start + self.frame.duration

    def heard_by(self, now: float) -> Frame:
        return self.frame.cut(0, max(0, math.floor((now - self.start) * self.frame.format.rate + 1e-3)))


@dataclass
class Ear:
    """What the far party hears, and when."""

    schedule: list[_Scheduled] = field(default_factory=list)
    end: float = -math.inf
    clears: int = 0
    clear_times: list[float] = field(default_factory=list)
    handed: list[tuple[float, Frame]] = field(default_factory=list)
    """Every frame that was handed over, and when: heard or not."""

    def play(self, frame: Frame, *, lost: bool = False) -> None:
        """A frame has arrived: it is heard after all that came before it."""
        now = trio.current_time()
        self.handed.append((now, frame))
        if not lost:
            start = max(self.end, now)
            self.schedule.append(_Scheduled(start, frame))
            self.end = start + frame.duration

    def forget(self) -> None:
        """What has not been heard will not be."""
        now = trio.current_time()
        self.clears += 1
        self.clear_times.append(now)
        cut = [_Scheduled(s.start, s.heard_by(now)) for s in self.schedule]
        self.schedule = [s for s in cut if s.frame.num_samples]
        self.end = min(self.end, now)

    def heard_frames(self) -> list[Frame]:
        """What has been heard by now, in order."""
        now = trio.current_time()
        return [s.heard_by(now) for s in self.schedule if s.start <= now]


class ScriptedFarEnd:
    """The far party of a test; ``source`` is what to open the channel with.

    Args:
        plays: how it plays; the ear is told apart from what the channel reckons by ``ear=False``.
        format: of its audio, both ways; stamped audio unless told otherwise.
        send_delay: seconds a write takes, asked for each frame; 0 means that the fast way is open.
        clear_delay: seconds a clear takes, asked each time.
        report_every: seconds between position reports, None for none; each arrives ``report_delay`` seconds late.
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
        line_open: bool = False,
    ) -> None:
        reports = report_every is not None
        self.ear = Ear()
        self.plays = plays or (Buffering(reports=True) if reports else Buffering(ear=True))
        self.source = _ScriptedSource(self, format)
        self._send_delay, self._clear_delay = send_delay, clear_delay
        self._report_every, self._report_delay, self._line_open = report_every, report_delay, line_open
        self._said: deque[Frame] = deque()
        self._inbox: deque[tuple[float, Event]] = deque()
        self._woken = trio.lowlevel.ParkingLot()
        self._end: BaseException | None = None
        self._stalled_until = -math.inf
        self._to_lose = 0
        self._cleared_at = 0
        self.goodbyes = 0
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
        self._inbox.append((trio.current_time(), event))
        self._woken.unpark_all()

    def wish_interrupt(self) -> None:
        """Press the stop button."""
        self.signal(Interrupt())

    def stall(self, seconds: float) -> None:
        """Take nothing for a while: writes wait."""
        self._stalled_until = trio.current_time() + seconds

    def lose(self, frames: int) -> None:
        """The next ``frames`` frames never reach the ear."""
        self._to_lose += frames

    def hang_up(self) -> None:
        """Put the receiver down."""
        self._finish(trio.EndOfChannel())

    def fail(self, error: BaseException | None = None) -> None:
        """Let the connection break."""
        self._finish(error or trio.BrokenResourceError("the far end failed, as the test said"))

    def _finish(self, end: BaseException) -> None:
        self._end = end
        self._woken.unpark_all()

    # ---- what a test asks it

    def heard(self, item: str) -> int:
        """Samples of ``item`` heard by now."""
        return count_stamped(self.ear.heard_frames(), item)

    def heard_indices(self, item: str) -> list[int]:
        """Which samples of ``item`` were heard, in order."""
        return [int(i) for i in indices(self.ear.heard_frames(), item)]

    def hears_nothing_after(self, time: float) -> bool:
        """Whether nothing was handed over after ``time`` and nothing sounds past the next clear."""
        return not [when for when, _ in self.ear.handed if when > time]

    async def wait_hears(self, item: str, samples: int = 1) -> None:
        """Wait until that many samples of ``item`` have been heard. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while self.heard(item) < samples:  # noqa: ASYNC110 - an ear is looked at, it does not tell
            await trio.sleep(0.001)

    # ---- the source's side

    def _delay(self) -> float:
        return max(self._send_delay(), self._stalled_until - trio.current_time())

    def _arrive(self, frame: Frame) -> None:
        lost, self._to_lose = self._to_lose > 0, max(0, self._to_lose - 1)
        self.ear.play(frame, lost=lost)

    def _report_due(self) -> float:
        if self._report_every is None or not self.ear.handed:
            return math.inf
        return (math.floor(trio.current_time() / self._report_every) + 1) * self._report_every + EAR_PHASE

    def _heard_since_clear(self) -> int:
        return sum(frame.num_samples for frame in self.ear.heard_frames()) - self._cleared_at


class _ScriptedSource(Source):
    def __init__(self, far: ScriptedFarEnd, format: AudioFormat) -> None:
        self.input_format = self.output_format = format
        self.far_end = far.plays
        self._far = far
        self._next_frame: float | None = None
        self._next_report = math.inf
        self._media_time = 0

    async def receive(self) -> Frame | Event:
        far = self._far
        await trio.lowlevel.checkpoint()
        while True:
            now = trio.current_time()
            if far._inbox and far._inbox[0][0] <= now:
                return far._inbox.popleft()[1]
            if now >= self._next_report:
                self._next_report = math.inf
                self._report(now)
                continue
            if frame := self._frame(now):
                return frame
            if far._end is not None:
                raise far._end
            await self._wait()

    def _report(self, now: float) -> None:
        played = Played(self._far._heard_since_clear(), self._far.ear.clears)
        self._far._inbox.append((now + self._far._report_delay, played))

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
        times += [when for when, _ in list(self._far._inbox)[:1]]
        with trio.CancelScope(deadline=min(times)):
            await self._far._woken.park()

    def send_nowait(self, frame: Frame) -> None:
        if self._far._delay() > 0:
            raise trio.WouldBlock
        self._far._arrive(frame)

    async def send(self, frame: Frame) -> None:
        try:
            await trio.sleep(max(0.0, self._far._delay()))
        except trio.Cancelled:
            self._far.cut_writes += 1
            raise
        self._far._arrive(frame)

    async def clear(self) -> None:
        await trio.sleep(self._far._clear_delay())
        heard, clears = self._far._heard_since_clear(), self._far.ear.clears
        self._far.ear.forget()
        self._far._cleared_at += heard
        if self.far_end.reports:
            self._far._inbox.append((trio.current_time() + self._far._report_delay, Played(heard, clears, final=True)))
            self._far._woken.unpark_all()

    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        self._far.goodbyes += 1
