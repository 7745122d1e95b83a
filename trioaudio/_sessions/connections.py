"""The connections of a link: each lives in a task of its own, and all of them under one roof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from .connection import Connection, Open


class Connections:
    """Those that are open, or are being opened or closed; and the task in which others are made.

    Args:
        opens: what opens a connection with the first model, and with those that may take its place.
        within: the seconds in which one has to close when all do.
        on_over: told of each that has closed, as it was told to or by itself.
    """

    def __init__(self, opens: Sequence[Open], within: float, on_over: Callable[[Connection], object]) -> None:
        self.opens: Sequence[Open] = opens
        self._within, self._on_over = within, on_over
        self._there: list[Connection] = []
        self._count = 0
        self._shelter, self._mending = trio.CancelScope(shield=True), trio.CancelScope()
        self._closing = trio.Event()
        self._nursery: trio.Nursery | None = None

    async def live(self, mend: Callable[[], Awaitable[None]], task_status: trio.TaskStatus[None]) -> None:
        """Keep them until `close`. Shielded until then: the session tells its model what it has to know to the last."""
        with self._shelter:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                self._nursery.start_soon(self._mend, mend)
                await self._closing.wait()
                self.rest()

    async def _mend(self, mend: Callable[[], Awaitable[None]]) -> None:
        with self._mending:
            await mend()

    def rest(self) -> None:
        """Make no others any more."""
        self._mending.cancel("the session has ended")

    def close(self) -> None:
        """Let each of them close; a cancellation from outside reaches them from now on."""
        self._shelter.shield = False
        self._closing.set()
        for connection in self._there:
            connection.close(self._within)

    def begin(self, spec: int) -> Connection:
        """Begin to open a connection."""
        assert self._nursery is not None
        self._count += 1
        connection = Connection(self._count, self.opens[spec], spec, self._is_over)
        self._there.append(connection)
        self._nursery.start_soon(connection.live, name=f"connection {self._count} with the model")
        return connection

    def run(self, pump: Callable[[], Awaitable[None]]) -> None:
        """Let a connection be read that nobody uses yet."""
        assert self._nursery is not None
        self._nursery.start_soon(pump)

    def _is_over(self, connection: Connection) -> None:
        self._there.remove(connection)
        self._on_over(connection)
