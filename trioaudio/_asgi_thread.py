"""An ASGI app written for Trio, beside a server that runs on asyncio: one thread with one Trio run for all its connections.

Theory of operation. The server calls the app in its event loop, and waits there. The app itself runs as a task of the Trio run. What it
asks of the server (``receive``, ``send``) becomes a task of the event loop, while the Trio task sleeps. Neither side ever waits for the
other's loop to be idle: each puts what it wants into the other's queue.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Protocol, TypeAlias

import outcome
import trio

Message: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI app: what a server calls with ``scope``, ``receive`` and ``send``."""


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
    def create_task(self, coro: Coroutine[Any, Any, Any], /) -> _Task: ...


class AsgiThread:
    """Lets a server that runs on asyncio, such as Uvicorn, call an app that runs on Trio; itself an ASGI app.

    ```python
    async with AsgiThread(talk) as voice:  # in the lifespan of the asyncio app
        ...
    await voice(scope, receive, send)  # where it routes the websocket
    ```

    The thread begins with the block and ends with it: what still runs is cancelled, and waited for.

    Args:
        app: ``async def app(scope, receive, send)``, which runs on Trio.

    An error of the app comes out where the server called, as it would without a thread.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._begun = threading.Event()
        self._failure: BaseException | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> AsgiThread:
        import anyio.to_thread

        if self._thread is not None:
            raise RuntimeError("this AsgiThread has run already; make another one")
        self._thread = threading.Thread(target=self._run, name="trioaudio asgi")
        self._thread.start()
        await anyio.to_thread.run_sync(self._begun.wait)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import anyio.to_thread

        assert self._thread is not None
        self._in_trio(self._end)
        with anyio.CancelScope(shield=True):  # what is cancelled there may still ask something of this loop
            await anyio.to_thread.run_sync(self._thread.join)
        if self._failure is not None and error is None:
            raise self._failure

    def _end(self) -> None:
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel("the block of the AsgiThread has ended")

    # ---- in the Trio thread

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - raised again where the block ends
            self._failure = exc
        finally:
            self._begun.set()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            self._begun.set()
            await trio.sleep_forever()

    def _in_trio(self, step: Callable[[], object]) -> None:
        with suppress(trio.RunFinishedError):
            if self._token is not None:
                self._token.run_sync_soon(step)

    # ---- in the server's event loop

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        """Be called by the server.

        Raises:
            RuntimeError: outside of the block.
        """
        import anyio
        import anyio.lowlevel

        if self._token is None or self._thread is None or not self._thread.is_alive():
            raise RuntimeError("the AsgiThread does not run: serve within its block, such as in the lifespan of the app")
        token: Any = anyio.lowlevel.current_token()
        visit = _Visit(getattr(token, "native_token", token), anyio.Event())  # until 4.11 it is the loop itself
        self._in_trio(functools.partial(self._begin, visit, scope, receive, send))
        try:
            await visit.over.wait()
        except BaseException:
            self._in_trio(visit.scope.cancel)
            with anyio.CancelScope(shield=True):
                await visit.over.wait()
            raise
        visit.result.unwrap()

    def _begin(self, visit: _Visit, scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]) -> None:
        if self._nursery is None or self._nursery.cancel_scope.cancel_called:
            visit.end(outcome.Error(RuntimeError("the AsgiThread has ended")))
        else:
            self._nursery.start_soon(visit.run, self._app, scope, receive, send)


class _Visit:
    """One call of the server's."""

    def __init__(self, loop: _Loop, over: Any) -> None:
        self.loop, self.over = loop, over
        self.scope: trio.CancelScope = trio.CancelScope()
        self.result: outcome.Outcome[None] = outcome.Value(None)

    async def run(self, app: AsgiApp, scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]) -> None:
        """The app, in the Trio thread. Its errors are the server's."""
        result: outcome.Outcome[None] = outcome.Value(None)
        try:
            with self.scope:
                await app(scope, functools.partial(self._asked, receive), functools.partial(self._asked, send))
        except Exception as exc:  # noqa: BLE001 - raised again where the server called
            result = outcome.Error(exc)
        finally:
            self.end(result)

    def end(self, result: outcome.Outcome[None]) -> None:
        """Tell who called."""
        self.result = result
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self.over.set)

    async def _asked(self, ask: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """What a function of the server's returns, which runs in its event loop. On cancel: it is cancelled there, and waited for."""
        await trio.lowlevel.checkpoint_if_cancelled()
        waiting, token, tasks = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token(), list[_Task]()
        raising: list[Callable[[], NoReturn]] = []

        async def body() -> Any:
            return await ask(*args)

        def begin() -> None:
            task = self.loop.create_task(body())
            tasks.append(task)
            task.add_done_callback(report)

        def report(task: _Task) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(lambda: trio.lowlevel.reschedule(waiting, _outcome_of(task, raising)))

        def abort(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
            raising.append(raise_cancel)
            self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
            return trio.lowlevel.Abort.FAILED

        try:
            self.loop.call_soon_threadsafe(begin)
        except RuntimeError as exc:
            raise trio.BrokenResourceError("the server's event loop is closed") from exc
        return await trio.lowlevel.wait_task_rescheduled(abort)


def _outcome_of(task: _Task, raising: list[Callable[[], NoReturn]]) -> outcome.Outcome[Any]:
    if task.cancelled():
        if raising:
            return outcome.capture(raising[0])
        return outcome.Error(trio.BrokenResourceError("the server has given up on this connection"))
    error = task.exception()
    return outcome.Value(task.result()) if error is None else outcome.Error(error)
