"""The block around a channel or a session: its one nursery, and which errors leave it in which shape (law 9).

An error of the body alone comes out bare; what listeners and plugins raised comes out in a group, with the body's error if
there is one too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio


class _Begun:
    """Tells that ``live`` has begun; what it may take for a `trio.TaskStatus`."""

    def __init__(self) -> None:
        self.event = trio.Event()

    def started(self, value: object = None) -> None:
        self.event.set()


class Block:
    """What may end a block from inside, and what will leave it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._body = trio.CancelScope()
        self._errors: list[Exception] = []

    def fail(self, error: Exception) -> None:
        """Keep an error that must not be lost, and end the body."""
        self._errors.append(error)
        self._body.cancel(f"a listener or a plugin of {self._what} failed")

    @asynccontextmanager
    async def around(
        self, live: Callable[[trio.TaskStatus[Any]], Awaitable[None]], close: Callable[[], None]
    ) -> AsyncGenerator[None, None]:
        """Run ``live`` beside the body; call ``close`` after the body, whatever happened, and wait for ``live`` to end."""
        body_error: BaseException | None = None
        begun = _Begun()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, begun)  # noqa: ASYNC113 - not `start`: cut short by Ctrl-C, it would wait for one whom nobody tells to end
            try:
                await begun.event.wait()
                with self._body:
                    yield
            except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
                body_error = exc
            close()
        if self._errors:
            with_body = [*self._errors, *([body_error] if body_error is not None else [])]
            raise BaseExceptionGroup(f"a listener or a plugin of {self._what} failed", with_body)
        if body_error is not None:
            raise body_error
