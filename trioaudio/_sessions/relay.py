"""A model whose commands are carried out by whichever connection there is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from .._history import HistoryItem
from ..abc import Model
from .connection import Connection

T = TypeVar("T")


class Relay(Model):
    """Hands on commands; those that are about an answer or an item go only to the connection whose it is."""

    current: Connection | None
    """The connection that is used now, if there is one."""

    @abstractmethod
    async def carry_out(self, command: Callable[[Connection], Awaitable[T]]) -> T:
        """Carry out a command on the current connection, or on the next one if it breaks meanwhile. Checkpoint: yes.

        Raises:
            trio.ClosedResourceError: the session has ended, and there is no connection.
            trio.BrokenResourceError: the connection broke, and there is no other.
            CapabilityError: as the model says.
        """

    def cancelling(self) -> Callable[[], Awaitable[None]]:
        """A command that stops the answer that is being made now; later, on another connection, it does nothing."""
        mine = self.current

        async def cancel(connection: Connection) -> None:
            if connection is mine:
                await connection.model.cancel()
            else:
                await trio.lowlevel.checkpoint()

        return lambda: self.carry_out(cancel)

    async def cancel(self) -> None:
        """As `Model.cancel`."""
        await self.cancelling()()

    async def truncate(self, item_id: str, heard: int) -> None:
        """As `Model.truncate`; items of connections that are no more are left alone."""

        async def truncate(connection: Connection) -> None:
            if connection.has_item(item_id):
                await connection.model.truncate(item_id, heard)
            else:
                await trio.lowlevel.checkpoint()

        await self.carry_out(truncate)

    async def commit(self) -> None:
        """As `Model.commit`."""
        await self.carry_out(lambda connection: connection.model.commit())

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`."""
        await self.carry_out(lambda connection: connection.model.send_text(text))

    async def say(self, text: str) -> None:
        """As `Model.say`."""
        await self.carry_out(lambda connection: connection.model.say(text))

    async def respond(self, instructions: str | None = None) -> None:
        """As `Model.respond`."""
        await self.carry_out(lambda connection: connection.model.respond(instructions))

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        """As `Model.send_tool_result`."""
        await self.carry_out(lambda connection: connection.model.send_tool_result(call_id, output, error=error))

    async def clear(self) -> None:
        """As `Model.clear`."""
        await self.carry_out(lambda connection: connection.model.clear())

    async def send_image(self, data: bytes, media_type: str, text: str | None = None) -> None:
        """As `Model.send_image`."""
        await self.carry_out(lambda connection: connection.model.send_image(data, media_type, text))

    async def aside(self, instructions: str) -> str:
        """As `Model.aside`."""
        return await self.carry_out(lambda connection: connection.model.aside(instructions))

    async def create_item(self, item: HistoryItem) -> None:
        """As `Model.create_item`."""
        await self.carry_out(lambda connection: connection.model.create_item(item))

    async def delete_item(self, item_id: str) -> None:
        """As `Model.delete_item`."""
        await self.carry_out(lambda connection: connection.model.delete_item(item_id))
