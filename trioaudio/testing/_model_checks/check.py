"""The acceptance of models: what `trioaudio.abc.Model` promises, checked on a model and its server."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from .._kit import ClockName, Kit
from .._report import Report
from .asking import ASKING
from .bench import OpenModelPair, open_bench
from .session import WHOLE
from .talk import TALKING


def check_model(
    open_pair: OpenModelPair, *, clock: ClockName = "virtual", only: Collection[str] | None = None, raise_: bool = True
) -> Report:
    """Check a model against its contract; the proof that a plugin works.

    ```python
    @asynccontextmanager
    async def open_pair():
        async with FakeServer() as server, open_my_model(server.url) as model:
            yield model, server  # with heard, say, stall, end and fail, or some of them

    def test_conformance():
        print(check_model(open_pair, clock="real"))
    ```

    The server may have these verbs, each ``def`` or ``async def``; without one of them the checks that need it are listed as not
    checked:

    - ``heard()``: all audio that the model has sent it so far, byte for byte: bytes, a `Frame` or frames;
    - ``say(frames)``: one whole answer with this audio, in the model's output format, byte for byte;
    - ``stall()``: from now on it takes nothing;
    - ``answers(frames)``: from now on it answers with this audio when the model is told to say something or to respond;
    - ``call(name, arguments)``: one answer that calls a tool, with arguments in JSON; ``results()``: the results it was sent so far,
      pairs of a call's id and its output;
    - ``end()``: it ends the session; ``fail()``: the connection breaks.

    Args:
        open_pair: an ``@asynccontextmanager`` function that yields a new model, not started, and its server; called once for
            each check. Without a server: anything, ``None`` say.
        clock: "real" for models with sockets or threads, which do not wait for a virtual clock.
        only: names of checks to make; all of them unless told otherwise.
        raise_: whether to raise when a check fails.

    Returns:
        A report that prints as a table.

    Raises:
        AssertionError: checks failed; lists all of them.
        ValueError: there is no check of such a name.
    """
    report = Kit([*TALKING.checks, *ASKING.checks, *WHOLE.checks]).report("check_model", partial(open_bench, open_pair), clock, only)
    if raise_:
        report.raise_failures()
    return report
