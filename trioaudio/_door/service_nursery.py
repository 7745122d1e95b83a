"""A nursery for what serves a block: it ends with the block, and leaves the block's own error as it is (law 9)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_service_nursery() -> AsyncGenerator[trio.Nursery, None]:
    """Open a nursery whose tasks are cancelled when the body ends.

    The body's own error comes out bare. A task that raises, which is a mistake of ours, ends the body and comes out in a group.
    """
    body_error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except BaseException as exc:  # noqa: ASYNC103, BLE001 - held only until the nursery has closed; raised again below
            body_error = exc
        nursery.cancel_scope.cancel("the block has ended")
    if body_error is not None:
        raise body_error
