"""Answers in text of which the caller hears nothing: who waits for one, waits no longer than the session lasts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


class Asides:
    """Those that a session waits for."""

    def __init__(self) -> None:
        self._waiting: set[trio.CancelScope] = set()
        self._ended = False

    async def wait_for(self, make: Callable[[], Awaitable[str]]) -> str:
        """Have one made. Checkpoint and errors as for `Model.aside`.

        Raises:
            trio.ClosedResourceError: the session has ended, perhaps meanwhile.
        """
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                if not self._ended:
                    return await make()
            finally:
                self._waiting.discard(scope)
        await trio.lowlevel.checkpoint()
        raise trio.ClosedResourceError("the session has ended: there will be no answer")

    def end(self) -> None:
        """The session has ended: nobody waits any more."""
        self._ended = True
        for waiting in self._waiting:
            waiting.cancel("the session has ended")
