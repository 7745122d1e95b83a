"""Laws 1 to 4 and 8 under random schedules: whatever people do to a channel, in whatever order, the ear agrees with the books.

Each seed makes a far end, some producers, interrupters and listeners, and lets them loose on one channel. The oracle shares no
arithmetic with the core: every sample says who it is (`trioaudio.testing.stamp`), the scripted far end's ear says which were
heard, and a `Witness` says at which step each was handed over. TRIOAUDIO_SEEDS sets how many seeds are run.
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
import trio
from witness import Auditor, Witness

from trioaudio import (
    Hangup,
    Interruption,
    Limits,
    Pause,
    Timeouts,
    Turn,
    TurnInterrupted,
    TurnInterruptedError,
    TurnPaused,
    TurnPlayed,
    TurnReceipt,
    TurnResumed,
    TurnStarted,
    open_channel,
)
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import AudioFormat, Frame
from trioaudio.lowlevel import ticker_statistics
from trioaudio.testing import LATE, STAMPED, ScriptedFarEnd, item_number, run_virtual, stamp

SEEDS = int(os.environ.get("TRIOAUDIO_SEEDS", "150"))
FIRST_SEED = int(os.environ.get("TRIOAUDIO_FIRST_SEED", "0"))
RATE = STAMPED.rate
MONO, MONO_16K = AudioFormat("pcm16", RATE), AudioFormat("pcm16", 2 * RATE)
EDGE = 32  # samples: the edge of a resampled step passes through other numbers
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)  # TurnInterruptedError is a BrokenResourceError


@dataclass(eq=False)
class Item:
    """Samples that belong together: those of an explicit turn, or of one producer of implicit audio."""

    name: str
    format: AudioFormat = STAMPED
    attempted: int = 0
    """Samples offered so far, accepted or not; none is offered twice."""
    accepted: int = 0
    dead: int = 0
    """Samples before this one must not be handed over any more."""
    last: int = -1
    """The newest sample that was handed over."""
    fate: list[str] = field(default_factory=list)
    """The events that told of it."""
    turn: Turn | None = None

    @property
    def live(self) -> bool:
        return self.turn is not None and self.turn.live

    @property
    def number(self) -> int:
        return item_number(self.name)

    def frame(self, seconds: float) -> Frame:
        start, num_samples = self.attempted, round(seconds * self.format.rate)
        self.attempted += num_samples
        if self.format == STAMPED:
            return stamp(self.name, start, num_samples)
        return Frame.from_samples(np.full(num_samples, self.number, np.int16), self.format, start)


class World:
    """One random scenario."""

    def __init__(self, seed: int) -> None:
        self.seed, self.dice = seed, random.Random(seed)
        dice = self.dice
        self.slow = dice.choice([0, 0, 0, 0.001, 0.004, 0.3])
        self.slow_clear = dice.choice([0, 0, 0.05]) if not self.slow else dice.choice([0, 0.05, 0.2])
        self.late_by = dice.choice([0, 0.05, 0.2, 0.4]) if dice.random() < 0.3 else None
        self.can_clear = dice.random() < 0.8
        self.instant = not self.slow and not self.slow_clear and self.late_by is None
        self.lead = dice.choice([0.0, 0.02, 0.1, 2.0, 5.0])
        kind = Paced if dice.random() < 0.5 else Buffering
        plays = kind(self.lead, self.can_clear, reports=self.late_by is not None, ear=self.instant and dice.random() < 0.8)
        self.far = ScriptedFarEnd(
            plays,
            send_delay=lambda: dice.random() * self.slow,
            clear_delay=lambda: dice.random() * self.slow_clear,
            report_every=None if self.late_by is None else 0.1,
            report_delay=self.late_by or 0.0,
            line_open=dice.random() < 0.2,
        )
        self.source = Witness(self.far.source, self.on_hand_over)
        self.fade = dice.choice([0, 0, 0.01])
        self.limits = Limits(
            outbound=dice.choice([0.02, 0.1, 1.0]), max_turn=dice.choice([0.3, 300.0]), fade=self.fade, live_audio=dice.choice([0.05, 0.4])
        )
        self.auditor = Auditor(reports=self.late_by is not None)
        self.items: dict[int, Item] = {}
        self.late = 0.0
        self.complaints: list[str] = []
        self.seen: Counter[str] = Counter()
        self.finals: list[TurnReceipt] = []
        self.gone = False
        self.background = isinstance(plays, Paced) and dice.random() < 0.3
        self.paused: Pause | None = None
        self.pauses = 0
        self.cuts = 1  # how often something is cut short or begins anew, by the end of the call too: what is faded is not recognised

    # ---- what is done to the channel

    def item(self, name: str, format: AudioFormat = STAMPED) -> Item:
        while item_number(name) in self.items:
            name += "'"
        self.items[item_number(name)] = item = Item(name, format)
        return item

    def turn(self, name: str, format: AudioFormat = STAMPED, *, live: bool = False) -> Item:
        item = self.item(name, format)
        item.turn = self.auditor.watch(self.channel.turn(item.name, format=format, live=live))
        return item

    def interrupt(self) -> Interruption:
        before, replies = {item: item.attempted for item in self.items.values()}, self.seen["reply from a listener"]
        self.cuts += 1
        interruption = self.channel.interrupt()
        self.bury(before)
        self.seen["interrupt"] += bool(interruption)
        for receipt in interruption.turns:
            self.check_receipt(receipt)
        if replies == self.seen["reply from a listener"] and self.channel.interrupt():
            self.complaints.append("the second of two interruptions is not empty")
        if interruption:
            self.nursery.start_soon(self.settle, interruption)
        return interruption

    def pause(self) -> Pause:
        again = self.paused is not None and self.paused.outcome is None
        self.cuts += 2
        pause = self.channel.pause(resume_after=self.dice.choice([0.0, 0.02, 0.3, 1.5]))
        if again and pause is not self.paused:
            self.complaints.append("a pause during a pause is another one")
        if self.instant and self.can_clear and not again and not self.gone:
            for receipt in pause.turns:
                if receipt.item_id is not None:
                    self.compare(receipt, 1, "paused")
        self.seen["second pause"] += again
        self.paused, self.pauses = pause, self.pauses + (not again)
        return pause

    def confirm(self, pause: Pause) -> None:
        before, undecided = {item: item.attempted for item in self.items.values()}, pause.outcome is None
        interruption = pause.confirm()
        if undecided:
            self.bury(before)
            self.seen["confirmed"] += bool(interruption)
            self.nursery.start_soon(self.settle, interruption)
            for receipt in interruption.turns:
                self.check_receipt(receipt)
        elif pause.outcome == "rejected" and interruption:
            self.complaints.append("a pause was confirmed after it had been rejected")
        if pause.confirm() is not pause.confirm() and pause.outcome == "confirmed" and pause.confirm() != interruption:
            self.complaints.append("to confirm twice is not the same as once")

    def bury(self, offered: dict[Item, int] | None = None) -> None:
        """Nothing that was offered until now (or before a listener replied) may be handed over any more."""
        for item, attempted in (offered or {item: item.attempted for item in self.items.values()}).items():
            item.dead = max(item.dead, attempted)

    async def settle(self, interruption: Interruption) -> None:
        final = await interruption.settled()
        patience = Timeouts().settle + 2 * self.slow + self.slow_clear + 0.001
        if trio.current_time() > interruption.decided_at + patience and not self.slow > Timeouts().settle:
            self.complaints.append(f"settled only after {trio.current_time() - interruption.decided_at} s")
        told = [(receipt.item_id, receipt.heard + receipt.lost) for receipt in interruption.turns]
        if told != [(receipt.item_id, receipt.heard + receipt.lost) for receipt in final.turns]:
            self.complaints.append(f"{final} is about something else than {interruption}")
        self.seen["settled"] += 1

    # ---- what is seen

    def on_hand_over(self, frame: Frame) -> None:
        if self.background and not frame.pcm.any():
            return
        closing = self.fade and not self.can_clear and frame.duration <= self.fade
        if self.paused is not None and self.paused.outcome is None and not closing:
            self.complaints.append(f"{frame} was handed over during {self.paused} at {trio.current_time()}")
        stamps, indices = frame.pcm.T
        ahead = self.far.ear.end - trio.current_time()
        for number in map(int, np.unique(stamps)):
            if item := self.items.get(number):
                mine = stamps == number
                edge = item.format != STAMPED or (stamps == indices)[mine].all()  # mono is doubled, and its edges pass through any number
                if not (edge or self.fade) or np.count_nonzero(mine) > EDGE:
                    self.check_order(item, indices[mine].view(np.uint16))
                if item.live and not edge and self.instant and self.pauses == 0 and ahead > 0.0403 + self.fade:
                    self.complaints.append(f"{ahead} s of the live {item.name} are given ahead at {trio.current_time()}")
        if self.late_by is None and ahead > self.allowed_ahead():
            self.complaints.append(f"{ahead} s are given ahead, the lead is {self.lead} s")

    def allowed_ahead(self) -> float:
        paced = isinstance(self.far.plays, Paced) or not self.can_clear
        return max(self.lead, 0.02) + (0.0203 if paced else 0.4003) + self.slow + self.fade

    def check_order(self, item: Item, indices: np.ndarray) -> None:
        if item.format != STAMPED:
            if item.dead:
                self.complaints.append(f"audio of {item.name} was handed over after interrupt() had returned")
            return
        if item.dead > indices[0]:
            self.complaints.append(f"sample {indices[0]} of {item.name} was handed over after interrupt() had returned ({item.dead})")
        if item.last >= indices[0] or (np.diff(indices.astype(int)) < 1).any():
            self.complaints.append(f"sample {indices[0]} of {item.name} was handed over after sample {item.last}")
        whole = item.turn is not None and not item.live and item.turn.ledger.late == 0 and self.limits.max_turn > 1 and not self.fade
        if whole and indices[0] > item.last + 1:
            self.complaints.append(f"samples {item.last + 1} to {indices[0]} of {item.name} are missing")
        item.last = int(indices[-1])

    def check_receipt(self, receipt: TurnReceipt) -> None:
        """At the moment of the interruption: what the ear has heard and what was accepted."""
        if receipt.item_id is None:
            return
        item = self.items[item_number(receipt.item_id)]
        if receipt.heard + receipt.lost != item.turn.ledger.accepted:
            self.complaints.append(f"{receipt} does not say what became of {item.turn.ledger.accepted} samples")
        if self.instant and self.can_clear:
            self.compare(receipt, 1, "decided")

    def compare(self, receipt: TurnReceipt, tolerance: float, when: str) -> None:
        item = self.items[item_number(receipt.item_id or "")]
        if any(other.format == MONO_16K for other in self.items.values()):
            tolerance += 4  # the edge of a resampled step passes through any number, perhaps through this one
        if item.format != STAMPED:  # the edges of a resampled step are not the step: 2 ms on either side, and 2 ms inside the converter
            tolerance += 0.006 * RATE
        tolerance += self.cuts * self.fade * RATE
        if not self.instant:
            tolerance *= 1 + self.pauses  # each of them goes on from where the ear was thought to be
        heard = self.far.heard(item.name)
        self.seen[f"compared {when}"] += 1
        if abs(receipt.heard * RATE / receipt.rate - heard) > tolerance:
            self.complaints.append(f"{when}: {receipt}, but the ear heard {heard} (+- {tolerance}) at {trio.current_time()}")

    def on_started(self, event: TurnStarted) -> None:
        self.tell(event.item_id, "started")
        if self.dice.random() < 0.05:
            self.seen["interrupt from a listener"] += 1
            self.interrupt()

    def on_played(self, event: TurnPlayed) -> None:
        self.tell(event.receipt.item_id, "played")
        live = event.receipt.item_id is not None and self.items[item_number(event.receipt.item_id)].live
        if event.receipt.lost and not live:
            self.complaints.append(f"{event} was played, and yet something is lost")
        if self.instant and event.receipt.item_id:
            self.compare(event.receipt, 1, "played")
        if self.dice.random() < 0.05:
            self.interrupt()
        elif self.dice.random() < 0.1:
            self.reply()

    def on_interrupted(self, event: TurnInterrupted) -> None:
        self.tell(event.receipt.item_id, "interrupted")
        if event.flushed_at < event.decided_at:
            self.complaints.append(f"{event} was flushed before it was decided")
        if event.receipt.item_id:
            self.finals.append(event.receipt)
        if self.dice.random() < 0.05:
            self.reply()

    def on_paused(self, event: TurnPaused) -> None:
        self.seen["paused"] += 1
        if self.dice.random() < 0.1:
            self.decide(self.paused or self.channel.pause(resume_after=1))

    def on_resumed(self, event: TurnResumed) -> None:
        """It goes on from the very sample that is heard next."""
        self.seen["resumed"] += 1
        if event.item_id is None:  # some speaker's, and nobody knows whose
            for item in self.items.values():
                item.last = item.last if item.turn else -1
        else:
            item = self.items[item_number(event.item_id)]
            if self.can_clear and item.turn is not None and item.format == STAMPED and item.turn.ledger.sent == event.receipt.heard:
                item.last = event.receipt.heard - 1
            if self.instant and self.can_clear:
                self.compare(event.receipt, 1, "resumed")
        if self.dice.random() < 0.05:
            self.pause()

    def decide(self, pause: Pause) -> None:
        how = self.dice.choice(["confirm", "reject", "interrupt", "pause", "nothing"])
        self.seen[f"{how} it"] += 1
        if how == "confirm":
            self.confirm(pause)
        elif how == "reject":
            pause.reject()
        elif how == "interrupt":
            self.interrupt()
        elif how == "pause":
            self.pause()

    def reply(self) -> None:
        """A listener begins to speak, in the middle of whatever made it be called."""
        try:
            item = self.turn(f"reply {self.seed}")
        except GONE:
            return
        self.push(item, 0.13)
        self.seen["reply from a listener"] += 1
        if self.dice.random() < 0.9:
            item.turn.end()

    def tell(self, name: str | None, what: str) -> None:
        if name is not None:
            self.items[item_number(name)].fate.append(what)

    def on_hangup(self, event: Hangup) -> None:
        self.bury()

    # ---- who does it

    async def dawdle(self, *seconds: float) -> None:
        await trio.sleep(self.dice.choice(seconds))

    async def synthesiser(self) -> None:
        """An embedder's loop: explicit turns, each in a block, fed as fast as the channel takes it."""
        for number in range(self.dice.randrange(1, 4)):
            if self.dice.random() < 0.3:
                await self.dawdle(0, 0.02, 0.1, self.dice.random())
            await self.say(f"speech {number}", self.dice.choice([STAMPED, STAMPED, STAMPED, MONO, MONO_16K]))

    async def say(self, name: str, format: AudioFormat) -> None:
        chunk, gap = self.dice.choice([0.02, 0.02, 0.03, 0.1, 0.5]), self.dice.choice([0, 0, 0.005, 0.03])
        try:
            item = self.turn(f"{name} {self.seed}", format)
            with item.turn:
                await self.utter(item, self.dice.random() * 2, chunk, gap)
                if self.dice.random() < 0.5:
                    await item.turn.wait_played()
                if self.dice.random() < 0.2:
                    await trio.sleep(self.dice.random())
            self.seen["block ended quietly"] += item.turn.interrupted
        except TurnInterruptedError:
            self.complaints.append("the block of a turn did not end quietly")
        except GONE:
            self.seen["turned away"] += 1

    async def utter(self, item: Item, seconds: float, chunk: float, gap: float) -> None:
        while item.attempted < seconds * item.format.rate:
            await item.turn.send(item.frame(chunk))
            item.accepted = item.attempted
            await trio.sleep(gap) if gap else None

    async def model_reader(self) -> None:
        """It never waits, and keeps pushing after an interruption."""
        try:
            item = self.turn(f"model {self.seed}")
        except GONE:
            return
        for _ in range(self.dice.randrange(1, 60)):
            self.push(item, self.dice.choice([0.02, 0.02, 0.13]))
            await self.dawdle(0, 0, 0.01, 0.02)
        if self.dice.random() < 0.8:
            item.turn.end()

    async def full_duplex_model(self) -> None:
        """It streams in real time, more or less, and begins another turn when one is over."""
        for number in range(self.dice.randrange(1, 4)):
            try:
                item = self.turn(f"line {number} {self.seed}", self.dice.choice([STAMPED, STAMPED, MONO]), live=True)
            except GONE:
                return
            length = self.dice.choice([0.02, 0.1, 0.1, 0.13])
            for _ in range(self.dice.randrange(1, 40)):
                self.push(item, length)
                await self.dawdle(0, length / 2, length, length, length, 0.3)
                if item.turn.ended:
                    break
            if self.dice.random() < 0.2:
                await item.turn.wait_played()
            self.seen["live"] += 1
            self.seen["overtaken"] += item.turn.ledger.dropped > 0 and not item.turn.interrupted

    def push(self, item: Item, seconds: float) -> None:
        frame = item.frame(seconds)
        try:
            item.turn.send_nowait(frame)
        except trio.WouldBlock:
            self.seen["refused"] += 1
        except GONE:
            self.seen["late"] += 1
            self.late += frame.duration
        else:
            item.accepted += frame.num_samples

    async def speaker(self) -> None:
        """Audio without a turn."""
        item = self.item(f"speaker {self.seed}")
        for _ in range(self.dice.randrange(1, 40)):
            try:
                await self.channel.send_audio(item.frame(self.dice.choice([0.02, 0.02, 0.1, 0.017])))
            except TurnInterruptedError:
                self.seen["producer woken"] += 1
            except GONE:
                return
            if self.dice.random() < 0.2:
                await self.dawdle(0, 0.02, 0.05, 0.7)

    async def interrupter(self) -> None:
        for _ in range(self.dice.randrange(0, 6)):
            await self.dawdle(0, 0.02, 0.04, 0.1, 0.5, self.dice.random())
            self.interrupt()

    async def pauser(self) -> None:
        for _ in range(self.dice.randrange(1, 6)):
            await self.pause_somewhere()

    async def pause_somewhere(self) -> None:
        await self.dawdle(0, 0.02, 0.04, 0.1, 0.5, self.dice.random())
        pause = self.pause()
        for _ in range(self.dice.randrange(0, 3)):
            await self.dawdle(0, 0, 0.02, 0.1, 0.4, self.dice.random())
            self.decide(pause)

    async def cancelled(self, actor: Callable[[], Awaitable[None]]) -> None:
        with trio.move_on_after(self.dice.random()) as scope:
            await actor()
        self.seen["cancelled producer"] += scope.cancelled_caught
        if scope.cancelled_caught and self.dice.random() < 0.2:
            scope = trio.CancelScope()
            scope.cancel()
            with scope:
                self.interrupt()  # from a task that is being cancelled
                await trio.lowlevel.checkpoint()

    async def stalls(self) -> None:
        """The far end takes nothing for a while."""
        await trio.sleep(self.dice.random())
        self.far.stall(self.dice.random() * self.slow)

    async def fate(self) -> None:
        """The far party's end, if it is to end this call."""
        await trio.sleep(self.dice.random() * 2)
        self.gone = True
        if self.dice.random() < 0.5:
            self.far.hang_up()
        else:
            self.far.fail()
        self.seen["far end gone"] += 1

    # ---- the call

    async def play(self) -> None:
        on = {TurnStarted: self.on_started, TurnPlayed: self.on_played, TurnInterrupted: self.on_interrupted, Hangup: self.on_hangup}
        on |= {TurnPaused: self.on_paused, TurnResumed: self.on_resumed}
        async with trio.open_nursery() as self.nursery:
            async with open_channel(self.source, on=on, limits=self.limits) as self.channel:
                self.auditor.channel = self.channel
                await self.body()
                left_at = trio.current_time()
            closing = trio.current_time() - left_at
        await self.after(closing)

    async def body(self) -> None:
        dice = self.dice
        if self.background:
            await self.channel.background(Frame.silence(RATE, STAMPED))  # so that the ear still knows every sample
            self.seen["background"] += 1
        with trio.move_on_after(dice.choice([0, 0.02, 0.1, 1, 3, 30])):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(dice.choice([self.synthesiser, self.model_reader, self.full_duplex_model]))
                nursery.start_soon(self.interrupter)
                if dice.random() < 0.5:
                    nursery.start_soon(self.pauser)
                nursery.start_soon(self.cancelled, dice.choice([self.synthesiser, self.speaker]))
                if dice.random() < 0.6:
                    nursery.start_soon(self.speaker)
                if dice.random() < 0.4:
                    nursery.start_soon(self.synthesiser)
                if self.slow:
                    nursery.start_soon(self.stalls)
                if dice.random() < 0.15:
                    nursery.start_soon(self.fate)
        await self.end()

    async def end(self) -> None:
        how = self.dice.choice(["leave", "leave", "wait", "wait", "hang up", "close", "interrupt and close", "aclose"])
        self.seen[how] += 1
        if how == "wait":
            await self.wait_played(self.channel.wait_played)
        elif how == "hang up":
            await self.wait_played(self.channel.hang_up)
        elif how == "interrupt and close":
            self.interrupt()
        if "close" in how:
            self.channel.close()
            self.bury()
        if how == "aclose":
            await self.channel.aclose()

    async def wait_played(self, wait: Callable[[], Awaitable[object]]) -> None:
        before = [(item, item.turn.ledger.accepted) for item in self.items.values() if item.turn and not item.turn.interrupted]
        with trio.fail_after(120):
            await wait()
        for item, mark in before:
            ledger = item.turn.ledger
            mark -= ledger.dropped if item.live else 0
            if ledger.heard < mark and not item.turn.interrupted and self.late_by is None:
                self.complaints.append(f"waited for {item.name}, but it is still being heard: {ledger}")
            known = mark - 1 - self.cuts * self.fade * RATE
            if self.instant and item.format == STAMPED and not item.turn.interrupted and self.far.heard(item.name) < known:
                self.complaints.append(f"waited for {mark} samples of {item.name}, the ear heard {self.far.heard(item.name)}")

    # ---- the verdict

    async def after(self, closing: float) -> None:
        if closing > Timeouts().close + 0.001:
            self.complaints.append(f"closing took {closing} s")
        if ticker_statistics().parked:
            self.complaints.append("somebody is left in the ticker")
        if self.far.cut_writes:
            self.complaints.append(f"{self.far.cut_writes} writes were cut")
        await trio.sleep_until(max(self.far.ear.end, trio.current_time()) + 1)
        for item in self.items.values():
            self.check_fate(item)
        self.check_finals()
        self.check_sums()
        self.complaints += self.source.complaints + self.auditor.findings

    def check_fate(self, item: Item) -> None:
        ends = [word for word in item.fate if word != "started"]
        if len(ends) > 1 or item.fate.count("started") > 1 or (ends and item.fate[-1] == "started"):
            self.complaints.append(f"of {item.name} was told: {item.fate}")
        if item.turn is None:
            return
        stamped = all(other.format == STAMPED for other in self.items.values())  # else an edge may look like a stamp
        if self.instant and self.can_clear and not self.gone and not self.fade and stamped and self.limits.max_turn > 1:
            steps = np.diff(self.far.heard_indices(item.name), prepend=-1)
            if (steps < 0).any() if item.live else (abs(steps - 1) > 1).any():  # a clock that shows 1e3 s may be off by a sample
                self.complaints.append(f"of {item.name} the ear heard something twice or skipped it: {steps[steps != 1]}")
        ledger = item.turn.ledger
        if ledger.queued or ledger.accepted != ledger.sent + ledger.dropped:
            self.complaints.append(f"{item.name} ended with {ledger}")
        if ledger.accepted and not ends:
            self.complaints.append(f"nothing was told of the end of {item.name}: {ledger}")
        if ledger.sent and "started" not in item.fate:
            self.complaints.append(f"{item.name} never started, yet it was heard")

    def check_finals(self) -> None:
        if self.gone:  # the scripted ear plays on after it has hung up
            return
        for receipt in self.finals:
            exact = receipt.evidence == "exact"
            self.seen[receipt.evidence] += 1
            self.compare(receipt, 1 if exact or self.instant else self.tolerance, "final")

    @property
    def tolerance(self) -> float:
        """Of an estimate, in samples: what is on its way to the ear or from it is not known; a write, a stalled clear, a late report."""
        return 1 + RATE * (2 * self.slow + self.slow_clear + (self.late_by or 0) + 2 * LATE)

    def check_sums(self) -> None:
        sums = self.channel.statistics()
        accepted = sum(turn.ledger.accepted / turn.format.rate for turn in self.auditor.turns)
        if sums.accepted_ms / 1000 < accepted - 1e-6 or abs(sums.queued_ms) > 1e-6:
            self.complaints.append(f"{sums} does not tell of the {accepted} s of audio that was accepted")
        if not math.isclose(sums.late_ms, sum(t.ledger.late * 1000 / t.format.rate for t in self.auditor.turns), abs_tol=1e-6):
            self.seen["late without a turn"] += 1


def play(seed: int) -> Counter[str]:
    world = World(seed)
    run_virtual(world.play, seed=seed, late=LATE if seed % 5 == 4 else 0.0, instruments=[world.auditor])
    assert not world.complaints, "\n".join(world.complaints[:5])
    return world.seen


def test_the_laws_hold_under_random_schedules():
    seen: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        try:
            seen += play(seed)
        except BaseException as error:
            print(f"seed {seed} fails; to replay it alone: TRIOAUDIO_FIRST_SEED={seed} TRIOAUDIO_SEEDS=1")
            error.add_note(f"seed {seed}")
            raise
    print(dict(seen))
    if SEEDS >= 100:
        missing = {
            "interrupt", "interrupt from a listener", "settled", "exact", "estimated", "compared decided", "compared final",
            "compared played", "block ended quietly", "turned away", "refused", "late", "producer woken", "cancelled producer",
            "live", "overtaken", "background", "paused", "resumed", "second pause", "confirmed", "compared paused", "compared resumed",
            "far end gone", "leave", "wait", "hang up", "close", "interrupt and close", "aclose", "reply from a listener",
        } - set(seen)  # fmt: skip
        assert not missing, f"these schedules are too tame, they never saw: {missing}"
