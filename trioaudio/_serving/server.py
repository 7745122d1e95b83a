"""Serving: calls come from listeners, each gets one owned task, and none of them can harm another.

Theory of operation. Two nurseries, one inside the other: the inner one has a task for each listener, the outer one a task for
each call. When all listeners have ended, by themselves or at the end of a drain, the outer one waits for the calls that are left.
While it drains, a server goes on listening, so that new callers are refused politely instead of finding nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from os import PathLike
from typing import TypeAlias

import trio

from .._agent import Agent
from .._audiofiles import read_audio
from .._block import Block
from .._errors import OptionError
from .._limits import Limits, Timeouts
from .._plugins import choose_listener
from ..abc import Injected, Invitation, Listener
from ..audio import PCM16_16K, Frame
from .call import Call
from .choice import Choice, OpenModel, as_choice
from .end_reason import Rejection
from .files import CallFiles
from .statistics import ServeStatistics, Tally
from .task import CallTask, Choose, HandleCall, OnSummary, Service, talk

OpenListener: TypeAlias = "str | Listener | Callable[[], AbstractAsyncContextManager[Listener]]"
"""The spec of a listener by name, something that opens one, or one that is open."""

FAREWELL = 0.6
"""Length of the tones that stand for a spoken farewell, in seconds."""


class Server:
    """Serves the calls of its listeners; made by `open_server`."""

    def __init__(self, listeners: Sequence[Listener], service: Service, limits: Limits) -> None:
        self._listeners, self._service, self._limits = listeners, service, limits
        self._block = Block("the server")
        self._calls: dict[CallTask, None] = {}
        self._callers: Counter[str] = Counter()
        self._listening = trio.CancelScope()
        self._life = trio.CancelScope()
        self._draining, self._grace = trio.CancelScope(), trio.CancelScope()
        self._drain_begun, self._idle, self._ended = trio.Event(), trio.Event(), trio.Event()
        self._farewell: Frame | None = None
        self._open = True

    @property
    def ready(self) -> bool:
        """Whether new calls are taken: what ``/readyz`` answers."""
        return self._open and not self._drain_begun.is_set()

    @property
    def calls(self) -> list[Call]:
        """The calls it has now, the oldest first."""
        return [task.call for task in self._calls]

    def statistics(self) -> ServeStatistics:
        """Counters, as of now."""
        going_on = [task.call for task in self._calls if not task.concluded]
        live = [call.channel.statistics() for call in going_on if call.channel is not None]
        listeners = {f"{each.name}.{what}": count for each in self._listeners for what, count in each.counters.items()}
        draining = self._drain_begun.is_set()
        return self._service.tally.as_statistics(ready=self.ready, draining=draining, active=len(going_on), live=live, listeners=listeners)

    def drain(self, timeout: float | None = None, clip: Frame | str | PathLike[str] | None = None) -> None:
        """Go away in order: refuse new calls from now on, let those there are end, say farewell to the rest and hang up.

        Plain ``def``: `wait_ended` waits for the end of it. Calling it again can only make it shorter.

        Args:
            timeout: seconds the calls have to end by themselves; `Timeouts.drain` unless told otherwise.
            clip: what the rest hear: a frame, or an audio file; two quiet tones unless told otherwise.

        Raises:
            AudioFileError: the clip cannot be read; nothing has begun.
        """
        if clip is not None:
            self._farewell = clip if isinstance(clip, Frame) else read_audio(clip)
        deadline = trio.current_time() + (self._service.timeouts.drain if timeout is None else timeout)
        self._grace.deadline = min(self._grace.deadline, deadline)
        self._drain_begun.set()

    async def wait_ended(self) -> None:
        """Wait until it is over: drained, or all listeners have ended and all their calls too. Checkpoint: yes."""
        await self._ended.wait()

    # ---- inside

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        try:
            with self._life:
                async with trio.open_nursery() as calls:
                    calls.start_soon(self._drain)
                    task_status.started()
                    await self._listen_all(calls)
                    await self._wait_idle()
                    self._draining.cancel("all calls have ended")
        finally:
            self._open = False
            self._ended.set()

    def _close(self) -> None:
        self._life.cancel("the server's block has been left")

    async def _listen_all(self, calls: trio.Nursery) -> None:
        with self._listening:
            async with trio.open_nursery() as listening:
                for listener in self._listeners:
                    listening.start_soon(self._listen, listener, calls, name=f"listener {listener.name}")
        self._open = False

    async def _listen(self, listener: Listener, calls: trio.Nursery) -> None:
        try:
            while True:
                self._take(await listener.receive(), listener, calls)
        except trio.EndOfChannel:
            pass
        except Exception as exc:  # noqa: BLE001 - the listener's own failure is the server's: it leaves the block
            exc.add_note(f"raised by the listener {listener.name!r}")
            self._block.fail(exc)
            self._close()

    def _take(self, invitation: Invitation, listener: Listener, calls: trio.Nursery) -> None:
        """Never waits: the listener must be asked again at once."""
        self._service.tally.total += 1
        call = Call(invitation, listener.name, self._limits, self._service.timeouts, self._service.files)
        task = CallTask(call, self._service)
        refusal = self._refusal(call)
        if refusal is not None:
            calls.start_soon(self._refused, task, refusal, name=f"call {call.id}")
        else:
            self._calls[task] = None
            self._callers[call.caller or ""] += 1
            self._idle = trio.Event() if self._idle.is_set() else self._idle
            calls.start_soon(self._served, task, name=f"call {call.id}")

    def _refusal(self, call: Call) -> str | None:
        limits = self._limits
        if self._drain_begun.is_set():
            return "unavailable"
        if limits.calls is not None and len(self._calls) >= limits.calls:
            return "busy"
        most = limits.calls_per_caller
        if call.caller is not None and most is not None and self._callers[call.caller] >= most:
            return "busy"
        return None

    async def _refused(self, task: CallTask, reason: str) -> None:
        await task.refuse(reason)

    async def _served(self, task: CallTask) -> None:
        try:
            await task.run()
        finally:
            del self._calls[task]
            self._callers -= Counter([task.call.caller or ""])
            if not self._calls:
                self._idle.set()

    async def _wait_idle(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._calls:
            await self._idle.wait()

    async def _drain(self) -> None:
        with self._draining:
            await self._drain_begun.wait()
            with self._grace:
                await self._wait_idle()
            farewell = self._farewell or _two_tones()
            for task in self._calls:
                task.end("drained", farewell)
            await self._wait_idle()
            self._listening.cancel("drained")


def _two_tones() -> Frame:
    from ..clips import tone

    return tone(FAREWELL / 2, PCM16_16K, frequency=480, level=-26).joined(tone(FAREWELL / 2, PCM16_16K, frequency=320, level=-26))


def _opened(listener: OpenListener, given: Sequence[Injected]) -> AbstractAsyncContextManager[Listener]:
    if isinstance(listener, Listener):
        return _already(listener)
    return choose_listener(listener)(*given) if isinstance(listener, str) else listener()


@asynccontextmanager
async def _already(listener: Listener) -> AsyncGenerator[Listener, None]:
    yield listener


@asynccontextmanager
async def open_server(
    listeners: OpenListener | Sequence[OpenListener],
    handle_call: HandleCall | None = None,
    *,
    choose: Choose | None = None,
    model: OpenModel | None = None,
    agent: Agent | None = None,
    fallback: OpenModel | Sequence[OpenModel] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    record: str | PathLike[str] | None = None,
    on_summary: OnSummary | None = None,
    given: Sequence[Injected] = (),
) -> AsyncGenerator[Server, None]:
    """Serve calls for as long as the block lasts; leaving it hangs up what is left of them, `Server.drain` does so in order.

    Args:
        listeners: where calls come from: one, or several.
        handle_call: an async function that is given each `Call`, in a task of its own. Without one, whoever was chosen answers.
        choose: who answers, decided before it is answered: a function of the `Call`, sync or async, that returns an `Agent`, a
            model, a `Choice`, a `Rejection`, or None for the default. After `Timeouts.choose` the default answers.
        model, agent, fallback: the default; ``fallback``: models that take the place of the first when that cannot be reached.
        limits, timeouts: of the server and of each call's channel.
        record: a folder for ``YYYY-MM-DD/CALLID.wav`` and ``.json``, the call's summary.
        on_summary: called with the summary of each call once it has ended; the logger ``trioaudio.calls`` has them all too.
        given: what listeners' plugins may want that is no option, such as the front door.

    A handler that raises ends its own call alone: the error is logged once, with the call's id, and counted.

    Raises:
        ExceptionGroup: a listener failed. An error of the body alone comes out bare.
        PluginError, OptionError: a spec cannot be opened, or nobody would answer.
        AudioFileError: ``record`` cannot be written to.
    """
    default = as_choice(Choice(model, agent, fallback=fallback), Choice())
    assert not isinstance(default, Rejection)
    if handle_call is None and choose is None and model is None:
        raise OptionError("nobody would answer: give the server a handle_call, a choose or a model")
    timeouts, files = timeouts or Timeouts(), CallFiles(record) if record is not None else None
    service = Service(handle_call or talk, choose, default, timeouts, files, on_summary, Tally())
    async with AsyncExitStack() as opened:
        several = listeners if isinstance(listeners, Sequence) and not isinstance(listeners, str) else [listeners]
        servants = [await opened.enter_async_context(_opened(each, given)) for each in several]
        server = Server(servants, service, limits or Limits())
        async with server._block.around(server._live, server._close):
            yield server


async def serve(
    listeners: OpenListener | Sequence[OpenListener],
    handle_call: HandleCall | None = None,
    *,
    choose: Choose | None = None,
    model: OpenModel | None = None,
    agent: Agent | None = None,
    fallback: OpenModel | Sequence[OpenModel] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    record: str | PathLike[str] | None = None,
    on_summary: OnSummary | None = None,
    given: Sequence[Injected] = (),
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve calls until all listeners have ended, or the server has been drained: ``server = await nursery.start(serve, ...)``.

    Arguments and errors as for `open_server`. Checkpoint: yes. On cancel: the calls are hung up, within `Timeouts.close`.
    """
    async with open_server(
        listeners,
        handle_call,
        choose=choose,
        model=model,
        agent=agent,
        fallback=fallback,
        limits=limits,
        timeouts=timeouts,
        record=record,
        on_summary=on_summary,
        given=given,
    ) as server:
        task_status.started(server)
        await server.wait_ended()
