"""The emitter's face that channels and sessions share: ``on``, ``off``, ``once``, ``emit``, ``subscribe``, ``wait_event``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias, TypeVar, overload

import trio

from ._call_log import log_fault
from ._dispatch import Dispatcher, Selector
from ._events import Event, Fault
from ._subscription import Subscription

E = TypeVar("E", bound=Event)

Listener: TypeAlias = Callable[..., object]
Listeners: TypeAlias = Mapping[str | type[Event], Listener]
"""Listeners by what selects their events. A literal fits as it is; a variable needs this annotation, since keys are invariant."""


class Emitter:
    """Something that emits events; selected by class (typed) or by name (a name of your own has a dot)."""

    _dispatch: Dispatcher

    @overload
    def on(self, event: type[E], listener: Callable[[E], object]) -> Self: ...
    @overload
    def on(self, event: str, listener: Callable[..., object]) -> Self: ...
    def on(self, event: Selector, listener: Callable[..., object]) -> Self:
        """Call ``listener`` with every such event.

        A ``def`` runs in place, in order. An ``async def`` runs in a task of the nursery: one event at a time, in order.
        An error in either leaves the channel's block in an exception group.

        Raises:
            ValueError: an undotted name that is no event.
        """
        self._dispatch.add(event, listener)
        return self

    @overload
    def once(self, event: type[E], listener: Callable[[E], object]) -> Self: ...
    @overload
    def once(self, event: str, listener: Callable[..., object]) -> Self: ...
    def once(self, event: Selector, listener: Callable[..., object]) -> Self:
        """Call ``listener`` with the next such event only; otherwise as `on`."""
        self._dispatch.add(event, listener, once=True)
        return self

    def off(self, event: Selector, listener: Callable[..., object]) -> Self:
        """Forget a listener added by `on` or `once`; nothing happens if it is not there."""
        self._dispatch.remove(event, listener)
        return self

    def emit(self, event: Event | str, *args: object) -> bool:
        """Emit an event, or make one of a name and its arguments; True if anybody listens. Never raises a listener's error.

        Raises:
            ValueError: an undotted name that is no event.
            TypeError: the arguments do not make that event.
        """
        made = self._dispatch.event(event, args)
        if isinstance(made, Fault):
            log_fault(made, type(self).__name__.lower())
        return self._dispatch.emit(made)

    @overload
    def subscribe(self, *events: type[E]) -> Subscription[E]: ...
    @overload
    def subscribe(self, *events: str) -> Subscription[Event]: ...
    @overload
    def subscribe(self, *events: str | type[Event]) -> Subscription[Event]: ...
    def subscribe(self, *events: Selector) -> Subscription[Any]:
        """A stream of such events from now on, for ``with ... as events: async for event in events``.

        Without a name: all events but audio.

        Raises:
            ValueError: an undotted name that is no event.
        """
        return self._dispatch.subscribe(events)

    @overload
    async def wait_event(self, event: type[E]) -> E: ...
    @overload
    async def wait_event(self, event: str) -> Event: ...
    async def wait_event(self, event: Selector) -> Event:
        """The next such event.

        Checkpoint: yes.

        Raises:
            trio.ClosedResourceError: it closed before such an event came.
            ValueError: an undotted name that is no event.
        """
        with self._dispatch.subscribe((event,)) as events:
            try:
                return await events.receive()  # type: ignore[no-any-return]  # of the kind that was asked for
            except trio.EndOfChannel:
                raise trio.ClosedResourceError(f"closed while waiting for {self._dispatch.key(event)!r}") from None
