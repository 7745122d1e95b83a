"""asyncio functions, awaited from Trio: every Trio run that calls one has one thread with an event loop, for all of them.

Theory of operation. The first call of a run starts the thread, anyio runs asyncio in it, and an instrument of the run ends it
when the run is over: a connection that asyncio code keeps between two calls stays usable. A call is a `_Crossing`. It becomes
an asyncio task over there, while the Trio task sleeps here. Neither side ever waits for the other's loop to be idle: each puts
what it wants into the other's queue. So an asyncio function that blocks its loop holds up other asyncio functions, but no call.
All bookkeeping is done in the Trio thread.
"""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, ParamSpec, Protocol, TypeVar, runtime_checkable

import outcome
import trio

P = ParamSpec("P")
T = TypeVar("T")

LAST_WORDS = 2.0
"""Seconds that asyncio tasks nobody awaits have to end in, once they are cancelled at the end of the run."""
PATIENCE = 1.0
"""Real seconds that a virtual clock stands still for one call."""


def from_asyncio(fn: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let an asyncio function be awaited from Trio: as a listener, as a tool, or anywhere else.

    ``channel.on(Dtmf, from_asyncio(look_up_account))``. The function runs in a thread of its own, in which asyncio's event loop
    runs; all such functions share it, and any number may run at once. It begins with the first call, and ends with `trio.run`: what
    asyncio code keeps between two calls (a connection pool) stays usable, what it still has running is cancelled and given 2 s.

    What is returned has the name, the docstring and the signature of ``fn``. It takes its arguments, returns its result and raises
    its exceptions. Context variables are copied: ``fn`` sees those of the caller, and what it sets stays with it.

    Being in another thread, ``fn`` must not touch a channel, a session, or anything else of Trio's: it returns what it found, and
    its caller acts on it. On a virtual clock no time passes while it runs; one that takes longer than a real second counts as
    hanging, and the clock goes on without it.

    Args:
        fn: what an asyncio program would await: an ``async def``, or anything callable that returns an awaitable.

    Raises:
        TypeError: ``fn`` is not callable; when called: what it returned is not awaitable.

    The function that is returned is a checkpoint. On cancel: the asyncio task is cancelled, once, as asyncio does it, and waited
    for; should it return or raise something nevertheless, so does the call. It raises `RuntimeError` when asyncio code cancelled
    the task, or stopped the event loop.
    """
    if not callable(fn):
        raise TypeError(f"from_asyncio takes the function itself, not {fn!r}; write from_asyncio(look_up), not from_asyncio(look_up())")

    @functools.wraps(fn)
    async def in_asyncio(*args: P.args, **kwargs: P.kwargs) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()  # a call that is cancelled already starts no thread
        return await _Crossing(functools.partial(fn, *args, **kwargs), _title(fn)).result()

    return in_asyncio


def _title(fn: Callable[..., object]) -> str:
    return getattr(fn, "__qualname__", None) or repr(fn)


class _Task(Protocol):
    """What is needed of an asyncio task."""

    def cancel(self) -> object: ...
    def cancelled(self) -> bool: ...
    def exception(self) -> BaseException | None: ...
    def result(self) -> Any: ...
    def add_done_callback(self, fn: Callable[[Any], object], /) -> object: ...


class _Loop(Protocol):
    """What is needed of an asyncio event loop; anyio calls it the native token."""

    def call_soon_threadsafe(self, fn: Callable[[], object], /) -> object: ...
    def call_later(self, delay: float, fn: Callable[[], object], /) -> object: ...
    def create_task(self, coro: Coroutine[Any, Any, Any], /, *, name: str, context: Context) -> _Task: ...


@runtime_checkable
class _Jumping(Protocol):
    """A clock that jumps ahead when all Trio tasks sleep: `trio.testing.MockClock`."""

    autojump_threshold: float


@dataclass(frozen=True, slots=True)
class _Side:
    """The asyncio side, once it is up."""

    loop: _Loop
    variables: Context
    """What a task there begins with."""
    stop: Callable[[], object]


class _Crossing(Generic[T]):
    """One call of an asyncio function."""

    def __init__(self, call: Callable[[], Awaitable[T]], title: str) -> None:
        self._call, self._title = call, title
        self._variables = copy_context()
        self._raise_cancel: Callable[[], NoReturn] | None = None
        self._task: _Task | None = None

    @trio.lowlevel.enable_ki_protection  # Ctrl-C between the two sides would leave an asyncio task without an owner
    async def result(self) -> T:
        """What the function returns, or raises."""
        self._thread = _AsyncioThread.of_this_run()
        self._waiting = trio.lowlevel.current_task()
        self._thread.add(self)
        return await trio.lowlevel.wait_task_rescheduled(self._abort)  # type: ignore[no-any-return]  # what the function returned

    def _abort(self, raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        self._raise_cancel = raise_cancel
        self._thread.step(self, self._cancel)
        return trio.lowlevel.Abort.FAILED

    # ---- in the asyncio thread

    def begin(self, side: _Side) -> None:
        """Become a task, in a context that has the caller's variables except those that the loop has set itself."""
        context = side.variables.copy()
        context.run(self._adopt_variables, side.variables)
        self._task = side.loop.create_task(self._body(), name=self._title, context=context)
        self._task.add_done_callback(self._report)

    def _adopt_variables(self, own: Context) -> None:
        for variable, value in self._variables.items():
            if variable not in own:  # else it says, to anyio for one, which event loop this is
                variable.set(value)

    async def _body(self) -> outcome.Outcome[T]:
        awaitable = self._call()
        if not inspect.isawaitable(awaitable):
            what = type(awaitable).__name__
            raise TypeError(f"{self._title} returned {what}, nothing to await; from_asyncio is for asyncio functions only")
        try:
            return outcome.Value(await awaitable)
        except (SystemExit, KeyboardInterrupt) as exc:  # asyncio would break its loop off for them, under all who use it
            return outcome.Error(exc)

    def _cancel(self, side: _Side) -> None:
        if self._task is not None:
            self._task.cancel()

    def _report(self, task: _Task) -> None:
        self._thread.report(functools.partial(self._finish, task))

    # ---- in the Trio thread again

    def _finish(self, task: _Task) -> None:
        if task.cancelled():
            self._finish_cancelled()
        elif (error := task.exception()) is not None:
            self.wake(outcome.Error(error))
        else:
            self.wake(task.result())

    def _finish_cancelled(self) -> None:
        if self._raise_cancel is not None:
            self.wake(outcome.capture(self._raise_cancel))
        else:
            self.wake(outcome.Error(RuntimeError(f"{self._title} was cancelled by asyncio code, not by Trio")))

    def wake(self, result: outcome.Outcome[Any]) -> None:
        """Tell the Trio task what came of it, unless it has been told."""
        if self._thread.discard(self):
            trio.lowlevel.reschedule(self._waiting, result)


class _HeldClock:
    """Keeps a virtual clock where it is while work is done over there: else it would jump to the next deadline at once."""

    def __init__(self) -> None:
        self._clock, self._threshold = trio.lowlevel.current_clock(), 0.0
        self._holders: set[_Crossing[Any]] = set()

    def hold(self, crossing: _Crossing[Any]) -> bool:
        """Stand still for this call too; False if it is no virtual clock."""
        if not isinstance(self._clock, _Jumping):
            return False
        if not self._holders:
            self._threshold = self._clock.autojump_threshold
            self._clock.autojump_threshold = max(self._threshold, PATIENCE)  # not for ever, should the other side be blocked
        self._holders.add(crossing)
        return True

    def let_go(self, crossing: _Crossing[Any]) -> None:
        """No longer stand still for this call."""
        if crossing in self._holders:
            self._holders.remove(crossing)
            if not self._holders and isinstance(self._clock, _Jumping):
                self._clock.autojump_threshold = self._threshold


class _AsyncioThread(trio.abc.Instrument):
    """The asyncio thread of one Trio run, and the calls under way in it."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._crossings: set[_Crossing[Any]] = set()
        self._clock = _HeldClock()
        self._door = threading.Lock()
        self._side: _Side | None = None
        self._early: list[Callable[[_Side], object]] = []  # what was submitted before the other side was up
        self._over = False  # the loop has been stopped: whoever calls next needs another one
        self._failure: BaseException | None = None
        run_apart = functools.partial(Context().run, self._run)  # a thread may inherit variables, and these are one caller's
        self._thread = threading.Thread(target=run_apart, name="trioaudio asyncio", daemon=True)

    @classmethod
    def of_this_run(cls) -> _AsyncioThread:
        """The one of the current Trio run; started if there is none."""
        thread = _current.get()
        if thread is None or thread._over:
            thread = cls()
            thread._thread.start()
            trio.lowlevel.add_instrument(thread)
            _current.set(thread)
        return thread

    def add(self, crossing: _Crossing[Any]) -> None:
        """Begin a call."""
        self._crossings.add(crossing)
        self.step(crossing, crossing.begin)

    def step(self, crossing: _Crossing[Any], step: Callable[[_Side], object]) -> None:
        """Have something done over there that will change a call soon; until then a virtual clock waits."""
        self.submit(step)
        if self._clock.hold(crossing):
            self.submit(lambda side: side.loop.call_later(PATIENCE, lambda: self.report(lambda: self._clock.let_go(crossing))))

    def discard(self, crossing: _Crossing[Any]) -> bool:
        """A call is over; False if it was over already."""
        if crossing not in self._crossings:
            return False
        self._crossings.remove(crossing)
        self._clock.let_go(crossing)
        return True

    def submit(self, step: Callable[[_Side], object]) -> None:
        """Have something done in the asyncio thread, soon, and in the order in which it was submitted."""
        with self._door:
            if self._side is None:
                self._early.append(step)
            else:
                with suppress(RuntimeError):  # the loop is closed: `_ended` is under way, and tells whoever waits
                    self._side.loop.call_soon_threadsafe(functools.partial(step, self._side))

    def report(self, step: Callable[[], object]) -> None:
        """Have something done in the Trio thread, soon."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(step)

    @trio.lowlevel.enable_ki_protection
    def after_run(self) -> None:
        """Called by Trio."""
        self.submit(lambda side: side.stop())
        self._thread.join(LAST_WORDS)
        if self._thread.is_alive():
            what = f"asyncio code still runs {LAST_WORDS:g} s after trio.run has ended: it blocks its thread, or ignores its cancellation"
            warnings.warn(what, RuntimeWarning, stacklevel=1)

    def _ended(self) -> None:
        """The thread has ended before the run has: whoever waits is told, and the next call gets a new one."""
        trio.lowlevel.remove_instrument(self)
        if _current.get() is self:
            _current.set(None)
        self._thread.join()
        for crossing in tuple(self._crossings):
            error = RuntimeError("the asyncio event loop has ended under this call: did asyncio code stop it?")
            error.__cause__ = self._failure
            crossing.wake(outcome.Error(error))

    # ---- in the asyncio thread

    def _run(self) -> None:
        try:
            import anyio  # here, where it takes nobody's time

            anyio.run(self._serve, backend="asyncio")
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self.report(self._ended)

    async def _serve(self) -> None:
        import anyio
        import anyio.lowlevel

        token: Any = anyio.lowlevel.current_token()
        stopped = anyio.Event()
        with self._door:
            self._side = _Side(getattr(token, "native_token", token), copy_context(), stopped.set)  # until 4.11 it is the loop itself
            for step in self._early:
                self._side.loop.call_soon_threadsafe(functools.partial(step, self._side))
        try:
            await stopped.wait()
        finally:
            self._over = True  # before any call is told that its task was cancelled by the end of the loop


_current: trio.lowlevel.RunVar[_AsyncioThread | None] = trio.lowlevel.RunVar("trioaudio_asyncio_thread", None)
