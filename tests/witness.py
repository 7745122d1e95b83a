"""What stands beside the core and watches it: a source that notes each hand-over, and an instrument that audits ledgers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from trioaudio import Channel, Event, Ledger, Turn
from trioaudio.abc import Source
from trioaudio.audio import Frame


class Witness(Source):
    """Stands between a channel and a source, and notes what is asked of the source, at the moment when it is asked.

    Args:
        source: what the calls are passed on to.
        on_hand_over: called with each frame, in the same step in which it is handed over.
    """

    def __init__(self, source: Source, on_hand_over: Callable[[Frame], object] = lambda frame: None) -> None:
        self.input_format, self.output_format, self.far_end = source.input_format, source.output_format, source.far_end
        self._source, self.on_hand_over = source, on_hand_over
        self._writing = False
        self.handed: list[tuple[float, Frame]] = []
        """Every frame, and when its write began."""
        self.complaints: list[str] = []
        """Where the channel broke the contract of a source."""

    def _note(self, frame: Frame) -> None:
        self.handed.append((trio.current_time(), frame))
        self.on_hand_over(frame)

    def _check(self, what: str) -> None:
        if self._writing:
            self.complaints.append(f"{what} during another write at {trio.current_time()}")

    async def receive(self) -> Frame | Event:
        return await self._source.receive()

    def send_nowait(self, frame: Frame) -> None:
        self._check("send_nowait")
        self._source.send_nowait(frame)
        self._note(frame)

    async def send(self, frame: Frame) -> None:
        self._check("send")
        self._note(frame)
        await self._write(self._source.send(frame))

    async def clear(self) -> None:
        self._check("clear")
        await self._write(self._source.clear())

    async def _write(self, write) -> None:
        self._writing = True
        try:
            await write
        finally:
            self._writing = False

    async def hang_up(self) -> None:
        await self._source.hang_up()


@dataclass(eq=False)
class Auditor(trio.abc.Instrument):
    """Law 1, after every step of every task: of every turn it is told of, and of the sums of its channel."""

    channel: Channel | None = None
    reports: bool = False
    """Whether the far end reports what was heard: then the figure of an interrupted turn may still change."""
    findings: list[str] = field(default_factory=list)
    _seen: dict[Turn, tuple[Ledger, bool]] = field(default_factory=dict)

    def watch(self, turn: Turn) -> Turn:
        """Audit this turn from now on."""
        self._seen[turn] = turn.ledger, turn.interrupted
        return turn

    @property
    def turns(self) -> list[Turn]:
        """All that it was told of."""
        return list(self._seen)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.channel is None or self.findings:
            return
        for turn, (before, was_over) in self._seen.items():
            now = turn.ledger
            broken = [law for law, holds in self._laws(turn, before, was_over, now) if not holds]
            if broken:
                self.findings.append(f"{', '.join(broken)}: {turn!r} at {trio.current_time()}, before: {before}")
            self._seen[turn] = now, turn.interrupted
        sums = self.channel.statistics()
        if abs(sums.accepted_ms - sums.queued_ms - sums.sent_ms - sums.dropped_ms) > 1e-6:
            self.findings.append(f"the sums do not agree: {sums}")

    def _laws(self, turn: Turn, before: Ledger, was_over: bool, now: Ledger) -> list[tuple[str, bool]]:
        counts = (now.accepted, now.queued, now.sent, now.dropped, now.heard, now.flushed, now.late)
        laws = [
            ("accepted == queued + sent + dropped", now.accepted == now.queued + now.sent + now.dropped),
            ("sent == heard + unheard", now.sent == now.heard + now.unheard and now.unheard >= 0),
            ("nothing is negative", min(counts) >= 0),
            ("sums only grow", now.accepted >= before.accepted and now.late >= before.late),
            ("only what was unheard is taken back", now.sent >= (before.heard if turn.interrupted or not self.reports else 0)),
            ("what is taken back is queued", now.sent >= before.sent or now.queued > before.queued),
        ]
        if not turn.interrupted:
            kept = now.dropped >= before.dropped if turn.live else now.dropped == 0  # a live turn drops what is late
            return [*laws, ("nothing of a living turn is lost", kept and now.flushed == 0)]
        frozen = not was_over or self.reports or now.heard == before.heard
        return [*laws, ("once over, sent == heard + flushed", now.sent == now.heard + now.flushed), ("heard is frozen", frozen)]
