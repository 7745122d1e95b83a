"""The acceptance of sources: what `trioaudio.abc.Source` promises, checked on a source and its far end."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from .._kit import ClockName, Kit
from .._report import Report
from .bench import OpenSourcePair, open_bench
from .channel import WHOLE
from .receiving import RECEIVING
from .sending import SENDING


def check_source(
    open_pair: OpenSourcePair, *, clock: ClockName = "virtual", only: Collection[str] | None = None, raise_: bool = True
) -> Report:
    """Check a source against its contract; the proof that a plugin works.

    ```python
    @asynccontextmanager
    async def open_pair():
        source, far_end = memory_pair()
        yield source, FarEnd(far_end)  # with speak, heard, stall, hang_up and fail, or some of them

    def test_conformance():
        print(check_source(open_pair))
    ```

    The far end may have these verbs, each ``def`` or ``async def``; without one of them the checks that need it are listed as
    not checked:

    - ``speak(frame)``: the far party says 20 ms of audio, in the source's input format, byte for byte;
    - ``heard()``: all that has been heard so far, in the output format, byte for byte: bytes, a `Frame` or frames. What
      arrived may count as heard at once, as long as a clear takes back what would not have been played yet;
    - ``stall()``: from now on it takes nothing;
    - ``hang_up()``; ``fail()``: the connection breaks.

    Args:
        open_pair: an ``@asynccontextmanager`` function that yields a new source and its far end; called once for each check.
        clock: "real" for sources with sockets or threads, which do not wait for a virtual clock; it takes 10 s or so.
        only: names of checks to make; all of them unless told otherwise.
        raise_: whether to raise when a check fails.

    Returns:
        A report that prints as a table.

    Raises:
        AssertionError: checks failed; lists all of them.
        ValueError: there is no check of such a name.
    """
    kit = Kit([*RECEIVING.checks, *SENDING.checks, *WHOLE.checks])
    report = kit.report("check_source", partial(open_bench, open_pair), clock, only)
    if raise_:
        report.raise_failures()
    return report
