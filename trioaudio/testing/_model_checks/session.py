"""Checks of a model in a real session: closing, and what is left of it."""

from __future__ import annotations

import trio

from ... import Agent, Timeouts, open_channel, open_session
from ...abc import Model
from .._far_end import ScriptedFarEnd
from .._kit import Kit, require
from .._leftovers import watch_leftovers
from .bench import ROUNDING, ModelBench
from .talk import STARTED

WHOLE: Kit[ModelBench] = Kit()


@WHOLE.check(after=STARTED)
async def session_closes_in_time(bench: ModelBench) -> None:
    """Through a real session: it ends within `Timeouts.close`."""
    await _require_close(bench, stalled=False)


@WHOLE.check(needs=("stall",), after=(*STARTED, "session closes in time"))
async def session_closes_although_server_stalls(bench: ModelBench) -> None:
    """Through a real session: a server that takes nothing holds no block open past `Timeouts.close`."""
    await _require_close(bench, stalled=True)


async def _require_close(bench: ModelBench, *, stalled: bool) -> None:
    timeouts = Timeouts()
    far = ScriptedFarEnd(format=bench.formats[0], line_open=True)
    async with open_channel(far.source, timeouts=timeouts) as channel:
        async with open_session(channel, bench.model, timeouts=timeouts) as session:
            if stalled:
                await bench.do("stall")
            await trio.sleep(0.3)
            session.commit()
            closing_since = trio.current_time()
        took = trio.current_time() - closing_since
    require(
        took <= timeouts.close + ROUNDING, f"closing took {took:.2f} s; the timeout is {timeouts.close} s: does something shield itself?"
    )


@WHOLE.check(after=STARTED)
async def leaves_nothing_behind(bench: ModelBench) -> None:
    """It can be opened again, and after its block no task, no open file and no warning is left of it."""
    with watch_leftovers() as leftovers:
        for _ in range(2):
            async with bench.open_pair() as (model, _):
                await _use(model, bench)
    require(not leftovers, "; ".join(leftovers))


async def _use(model: Model, bench: ModelBench) -> None:
    await model.start(Agent(), *bench.formats)
    await model.append(bench.speech(0.02)[0])
    with trio.move_on_after(0.2):
        await model.receive()
