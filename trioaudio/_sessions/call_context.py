"""What a tool may know of the call it is run in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._channel import Channel
from .._tool import Supplied

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True, slots=True, eq=False)
class CallContext(Supplied):
    """Who calls a tool. A parameter annotated with it is filled by the session, and the model knows nothing of it.

    ``session`` and ``channel`` are those of the call; ``call`` is the `Call` where one is served, else None; ``dependencies`` is
    what `open_session` was given under that name; ``call_id`` is the model's name for this run of the tool. A tool that is no
    ``async def`` runs in a thread: there it must not touch session, channel or call, except through `trio.from_thread`.
    """

    session: Session
    channel: Channel
    call: Any
    dependencies: Any
    call_id: str
    _cut_short: Callable[[], bool] = field(default=lambda: False, repr=False)

    @property
    def interrupted(self) -> bool:
        """Whether the caller (or the app) has interrupted the answer that calls the tool."""
        return self._cut_short()
