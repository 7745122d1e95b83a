"""Checks of a source in a real channel: interruption, closing, and what is left of it."""

from __future__ import annotations

import trio

from ... import Channel, Limits, Timeouts, open_channel
from ...audio import Frame
from .._kit import Kit, require
from .._leftovers import watch_leftovers
from .bench import ROUNDING, SourceBench
from .receiving import NAMED
from .sending import HEARD

WHOLE: Kit[SourceBench] = Kit()


@WHOLE.check(
    needs=("heard",),
    after=(*HEARD, "send nowait takes all or nothing", "clear forgets what is unplayed", "audio in has format and media time"),
)
async def interrupted_channel_is_silent(bench: SourceBench) -> None:
    """Through a real channel: an interrupted turn is heard from its beginning up to the interruption, and nothing of it later."""
    async with open_channel(bench.source, limits=Limits(fade=0)) as channel:  # what is heard is compared, byte for byte
        for turn in range(2):
            await _require_interruption(bench, channel, bench.speech(2.0, seed=turn))


async def _require_interruption(bench: SourceBench, channel: Channel, audio: Frame) -> None:
    before = len(await bench.heard())
    start = trio.current_time()
    channel.turn("checked").send_nowait(audio)
    await trio.sleep(0.4)
    decided = await channel.interrupt().settled()
    tail = 0.1 + (0.0 if bench.source.far_end.can_clear else bench.source.far_end.lead)
    await trio.sleep(tail)
    got = (await bench.heard())[before:]
    require(audio.data.startswith(got), "what was heard is not the beginning of what was said")
    heard = len(got) / audio.format.sample_bytes / audio.format.rate
    most = decided.decided_at - start + tail
    require(heard <= most, f"{heard:.2f} s were heard of a turn that was interrupted after {decided.decided_at - start:.2f} s")
    await trio.sleep(1.0)
    later = len(await bench.heard()) - before
    require(later == len(got), "the far end heard more of the turn after it had fallen silent")


@WHOLE.check(after=NAMED)
async def channel_closes_in_time(bench: SourceBench) -> None:
    """Through a real channel: the goodbye takes no longer than `Timeouts.close`."""
    await _require_close(bench, stalled=False)


@WHOLE.check(needs=("stall",), after=(*NAMED, "channel closes in time"))
async def channel_closes_although_far_end_stalls(bench: SourceBench) -> None:
    """Through a real channel: a far end that takes nothing holds no block open past `Timeouts.close`."""
    await _require_close(bench, stalled=True)


async def _require_close(bench: SourceBench, *, stalled: bool) -> None:
    timeouts = Timeouts()
    async with open_channel(bench.source, timeouts=timeouts) as channel:
        if stalled:
            await bench.do("stall")
        channel.turn("unheard").send_nowait(bench.speech(5.0))
        await trio.sleep(0.3)
        closing_since = trio.current_time()
    took = trio.current_time() - closing_since
    require(
        took <= timeouts.close + ROUNDING, f"closing took {took:.2f} s; the timeout is {timeouts.close} s: does something shield itself?"
    )


@WHOLE.check(after=(*NAMED, "audio in has format and media time"))
async def leaves_nothing_behind(bench: SourceBench) -> None:
    """It can be opened again, and after its block no task, no open file and no warning is left of it."""
    with watch_leftovers() as leftovers:
        for _ in range(2):
            async with bench.open_pair() as (source, _), open_channel(source) as channel:
                channel.turn("short").send_nowait(bench.speech(0.1))
                await trio.sleep(0.3)
    require(not leftovers, "; ".join(leftovers))
