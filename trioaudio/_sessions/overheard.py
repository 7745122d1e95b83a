"""What a session hears of its channel's events, for as long as it lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from .._channel import Channel
from .._events import Event


class Overheard:
    """Listeners of a session on its channel; gone with the session, so that a channel can have one session after another."""

    def __init__(self, channel: Channel, listeners: list[tuple[type[Event], Callable[..., object]]]) -> None:
        self._channel, self._listeners = channel, listeners

    def __enter__(self) -> Self:
        for event, listener in self._listeners:
            self._channel.on(event, listener)
        return self

    def __exit__(self, *_: object) -> None:
        for event, listener in self._listeners:
            self._channel.off(event, listener)
