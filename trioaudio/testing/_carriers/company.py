"""Tasks that keep a block company: they end with it, and leave its own error as it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_company() -> AsyncGenerator[trio.Nursery, None]:
    """A nursery that is cancelled when the body ends; the body's own error comes out bare, those of tasks in a group."""
    body_error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
            body_error = exc
        nursery.cancel_scope.cancel("the block has ended")
    if body_error is not None:
        raise body_error
