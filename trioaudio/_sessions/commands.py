"""What a model is told beside audio, one thing after the other: a bounded queue that never drops (law 6)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from .._errors import CapabilityError, ControlOverflowError

Command: TypeAlias = Callable[[], Awaitable[None]]


class Commands:
    """Commands for one task to carry out.

    Args:
        bound: how many may wait; one more breaks, loudly, rather than being lost.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._send, self._receive = trio.open_memory_channel[Command](math.inf)
        self._waiting = 0
        self._finished = trio.lowlevel.ParkingLot()
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether none waits, and none is being carried out."""
        return not self._waiting

    def put(self, command: Command) -> None:
        """Let a command be carried out.

        Raises:
            ControlOverflowError: too many wait already.
            trio.ClosedResourceError: nobody carries out commands any more.
        """
        if self._waiting >= self._bound:
            raise ControlOverflowError(f"{self._waiting} commands wait for the model (Limits.control_events); it does not take them")
        self._send.send_nowait(command)
        self._waiting += 1

    async def run(self, command: Command) -> None:
        """Have a command carried out and wait for it; its error is raised here.

        Checkpoint: yes. On cancel: the command may still be carried out.

        Raises:
            trio.ClosedResourceError: the session ended before it was carried out.
        """
        results: list[Exception | None] = []

        async def carry_out() -> None:
            try:
                await command()
            except Exception as exc:  # noqa: BLE001 - raised again, in the task that asked for it
                results.append(exc)
            else:
                results.append(None)

        self.put(carry_out)
        while not results and not self._ended:
            await self._finished.park()
        if not results:
            raise trio.ClosedResourceError("the session ended before the model could be told")
        if results[0] is not None:
            raise results[0]

    async def serve(self, on_refusal: Callable[[CapabilityError], object]) -> None:
        """Carry out commands until `drain` has ended them; ``on_refusal`` is told what the model cannot do.

        Whoever waits when it ends, by an error or a cancellation too, is told that nothing more is carried out.
        """
        try:
            async for command in self._receive:
                try:
                    await command()
                except CapabilityError as exc:
                    on_refusal(exc)
                finally:
                    self._done()
        finally:
            self._end()

    def _done(self) -> None:
        self._waiting -= 1
        self._finished.unpark_all()

    async def drain(self) -> None:
        """Take no more commands, and wait until the rest has been carried out. Checkpoint: yes."""
        self._send.close()
        await trio.lowlevel.checkpoint()
        while self._waiting and not self._ended:
            await self._finished.park()

    def _end(self) -> None:
        self._ended = True
        self._finished.unpark_all()
