"""One call from the command line: check everything first, make the call, tell it, and leave whole files behind whatever happens."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import trio

from ._audiofiles import check_writable
from ._channel import Channel, open_channel
from ._cli_account import Account, say_files
from ._errors import OptionError
from ._extras import require
from ._instruments import Instrument
from ._plugins import Opener, choose_model, choose_source
from ._receipts import CloseReason
from ._session import Session, open_session
from ._timeline import Timeline
from .abc import Model, Source

BROKEN = 1


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for on the command line; everything that can be known to be wrong with it is known before it begins."""

    source: Opener[Source]
    model: Opener[Model]
    record: Path | None
    timeline: Path | None
    fast: bool
    linger: float


def checked_call(source: str, model: str, record: Path | None, timeline: Path | None, *, fast: bool, linger: float) -> Call:
    """A call that can be made.

    Raises:
        TrioAudioError: it cannot, and why.
    """
    call = Call(choose_source(source), choose_model(model), record, timeline, fast, linger)
    for plugin in (call.source, call.model):
        if fast and not plugin.virtual:
            raise OptionError(f"--fast runs on a virtual clock, and {plugin.name!r} needs the real one; leave --fast out")
    if timeline is not None:
        require("PIL", "drawing the timeline", "demo")
    for path in filter(None, (record, timeline)):
        check_writable(path)
    return call


@dataclass
class _Making:
    """A call being made: what is needed to finish it properly, however it ends."""

    call: Call
    timeline: Timeline | None = None
    account: Account | None = None
    channel: Channel | None = None
    session: Session | None = None
    ended_at: float = field(default=0.0)

    async def run(self) -> CloseReason:
        """From opening the source to the goodbye."""
        async with self.call.source() as far_party:
            self.begin(far_party)
            assert self.account is not None
            watching: list[Instrument] = [self.account, *([self.timeline] if self.timeline is not None else [])]
            listeners = self.account.channel_listeners()
            async with open_channel(far_party, record=self.call.record, instruments=watching, on=listeners) as self.channel:
                try:
                    await self.talk(self.channel, self.account)
                finally:
                    self.ended_at = trio.current_time()
            return await self.channel.wait_closed()

    def begin(self, far_party: Source) -> None:
        now, title = trio.current_time(), f"{self.call.source.text} with {self.call.model.text}"
        if self.call.timeline is not None:
            formats = {"input_format": far_party.input_format, "output_format": far_party.output_format}
            self.timeline = Timeline(**formats, started_at=now, title=title)
        self.account = Account(sys.stdout, title, now, far_party.length, self.timeline)

    async def talk(self, channel: Channel, account: Account) -> None:
        async with open_session(channel, self.call.model, on=account.session_listeners()) as self.session:
            await account.agent_quiet_for(self.call.linger)
            await channel.hang_up()

    def finish(self) -> None:
        """Draw, count, name the files: after the call, outside Trio."""
        if self.account is None:
            return
        if self.channel is not None:
            self.account.end(self.channel, self.session, self.ended_at)
        self.account.close()
        if self.timeline is not None and self.call.timeline is not None:
            self.timeline.finish(self.ended_at)
            self.timeline.draw(self.call.timeline)
        say_files(sys.stdout, self.call.record, self.call.timeline)


def make_call(call: Call) -> int:
    """Make one call; return the exit code.

    Raises:
        TrioAudioError: the source or the model could not be opened after all.
        KeyboardInterrupt: Ctrl-C, after the files have been completed.
    """
    making = _Making(call)
    clock = _virtual_clock() if call.fast else None
    try:
        reason = trio.run(making.run, clock=clock, restrict_keyboard_interrupt_to_checkpoints=True)
    finally:
        with suppress(BrokenPipeError):
            making.finish()
    return 0 if reason.kind in ("closed", "hangup") else BROKEN


def _virtual_clock() -> trio.abc.Clock:
    from trio.testing import MockClock

    return MockClock(autojump_threshold=0)
