"""Events out of a channel or session: callbacks and async iterators, in order, none of them able to hurt the others.

Theory of operation. `Dispatcher.emit` runs every ``def`` listener in place, in the order in which they were added. An event
that a listener emits waits until the current one has reached everybody (events run to completion). A listener's error
never leaves ``emit``: the other listeners still run, and the owner is told. An ``async def`` listener is a subscription
and a task of its own: one event at a time, in order.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from ._errors import ControlOverflowError
from ._events import AppEvent, Event
from ._limits import Limits
from ._subscription import Subscription
from .abc import Source

Listener: TypeAlias = Callable[..., object]
Selector: TypeAlias = str | type[Event]
StartTask: TypeAlias = Callable[[Callable[[], Awaitable[None]], str], None]


@dataclass(eq=False, slots=True)
class _Entry:
    """One listener: called in place, or (``async def``) fed through a subscription that its own task reads."""

    name: str
    listener: Listener
    once: bool
    subscription: Subscription[Event] | None

    @property
    def title(self) -> str:
        return f"listener {getattr(self.listener, '__qualname__', repr(self.listener))} for {self.name!r}"


class Dispatcher:
    """Who listens to what; the machine behind the emitter's face of a channel and of a session.

    Args:
        known: every undotted name, and its event class.
        limits: bounds of subscriptions and of events that wait for delivery.
        on_error: told of a listener's error, with the listener's title; a `SubscriberLagged` is that listener's own affair.
    """

    def __init__(self, known: Mapping[str, type[Event]], limits: Limits, on_error: Callable[[Exception, str], None]) -> None:
        self._known, self._limits, self._on_error = known, limits, on_error
        self._entries: dict[str, list[_Entry]] = {}
        self._subscriptions: dict[str, list[Subscription[Any]]] = {}
        self._pending: deque[tuple[str, Event]] = deque()
        self._busy = self._closed = False
        self._chain = 0  # events that listeners have emitted, since the outermost event began to be delivered
        self._start_task: StartTask | None = None
        self._unstarted: list[_Entry] = []
        self.lagged = 0
        """Events that slow subscribers missed."""

    def key(self, selector: Selector) -> str:
        """The name under which ``selector`` is kept.

        Raises:
            ValueError: an undotted name that is no event; the message lists the names.
        """
        name = selector if isinstance(selector, str) else selector.name
        if "." not in name and name not in self._known:
            names = ", ".join(sorted(self._known))
            raise ValueError(f"no event is called {name!r}; there are {names}; a name of your own has a dot in it, such as 'app.{name}'")
        return name

    def listening(self, name: str) -> bool:
        """Whether anybody wants events of this name; keeps the audio path from making events for nobody."""
        return name in self._entries or name in self._subscriptions

    def add(self, selector: Selector, listener: Listener, *, once: bool = False) -> None:
        """Call ``listener`` with every event selected, or with the next one only."""
        subscription = Subscription[Event](self._limits) if _is_async(listener) else None
        entry = _Entry(self.key(selector), listener, once, subscription)
        if self._closed:  # nothing will come, and the nursery for its task may have gone
            return
        self._entries.setdefault(entry.name, []).append(entry)
        if subscription is not None:
            self._unstarted.append(entry)
            self._start_waiting()

    def show(self, source: Source, known: Collection[str]) -> None:
        """Let a source show its far party those of these events that it can."""
        for kind in source.shows:
            if kind.name in known:
                self.add(kind, source.show)

    def remove(self, selector: Selector, listener: Listener) -> None:
        """Forget ``listener``, the one added last first; nothing happens if it is not there."""
        entries = self._entries.get(self.key(selector), [])
        for entry in reversed(entries):
            if entry.listener == listener:
                self._forget(entry)
                return

    def _forget(self, entry: _Entry) -> None:
        entries = self._entries.get(entry.name, [])
        if entry in entries:
            entries.remove(entry)
            if not entries:
                del self._entries[entry.name]
        if entry.subscription is not None:
            entry.subscription.close()

    def start(self, start_task: StartTask) -> None:
        """From now on ``async def`` listeners have a nursery to run in."""
        self._start_task = start_task
        self._start_waiting()

    def _start_waiting(self) -> None:
        if self._start_task is not None:
            for entry in self._unstarted:
                self._start_task(partial(self._run_async, entry), entry.title)
            self._unstarted.clear()

    async def _run_async(self, entry: _Entry) -> None:
        assert entry.subscription is not None
        try:
            async for event in entry.subscription:
                await entry.listener(*_arguments(event))  # type: ignore[misc]  # it is async, as _is_async saw
        except Exception as exc:  # noqa: BLE001 - the app's code: its error is kept and leaves the block (law 9)
            self._forget(entry)
            self._on_error(exc, entry.title)

    def subscribe(self, selectors: tuple[Selector, ...]) -> Subscription[Any]:
        """A stream of the selected events, of all events but audio when none is named."""
        names = list(dict.fromkeys(map(self.key, selectors))) or ["*"]
        subscription = Subscription[Any](self._limits)
        if self._closed:
            subscription.close()
            return subscription
        for name in names:
            self._subscriptions.setdefault(name, []).append(subscription)
        subscription._on_close = partial(self._unsubscribe, names, subscription)
        return subscription

    def _unsubscribe(self, names: list[str], subscription: Subscription[Any]) -> None:
        for name in names:
            with suppress(KeyError, ValueError):
                self._subscriptions[name].remove(subscription)
                if not self._subscriptions[name]:
                    del self._subscriptions[name]

    def event(self, what: Event | str, args: tuple[object, ...]) -> Event:
        """The event that ``emit(what, *args)`` means.

        Raises:
            ValueError: an undotted name that is no event.
            TypeError: the arguments do not make that event.
        """
        if isinstance(what, Event):
            if args:
                raise TypeError(f"emit({type(what).__name__}(...)) takes no further arguments, got {args!r}")
            return what
        kind = self._known.get(self.key(what))
        return AppEvent(what, args) if kind is None else kind(*args)

    def emit(self, event: Event) -> bool:
        """Deliver an event to everybody, or let it wait until the current one has been; True if anybody listens."""
        name = event.topic if isinstance(event, AppEvent) else event.name
        if self._closed or not (self.listening(name) or "*" in self._subscriptions):
            return False
        if self._busy and self._chain_is_too_long(name):
            return True
        self._pending.append((name, event))
        if not self._busy:
            self._deliver_pending()
        return True

    def _chain_is_too_long(self, name: str) -> bool:
        self._chain += 1
        limit = self._limits.control_events
        if self._chain == limit + 1:  # once for each chain: what follows is of the same mistake
            what = f"listeners emitted more than {limit} events while one was delivered, {name!r} the last: do they emit in a circle?"
            self._on_error(ControlOverflowError(what), f"listeners for {name!r}")
        return self._chain > limit

    def _deliver_pending(self) -> None:
        self._busy = True
        try:
            while self._pending:
                self._deliver(*self._pending.popleft())
        finally:
            self._busy, self._chain = False, 0

    def _deliver(self, name: str, event: Event) -> None:
        for entry in tuple(self._entries.get(name, ())):
            if entry in self._entries.get(name, ()):  # else removed meanwhile, by a listener before it
                self._hand(entry, event)
        everything = self._subscriptions.get("*", ()) if name != "audio" else ()
        for subscription in (*self._subscriptions.get(name, ()), *everything):
            self.lagged += subscription._put(event)

    def _hand(self, entry: _Entry, event: Event) -> None:
        if entry.subscription is not None:
            self.lagged += entry.subscription._put(event)
        if entry.once:
            self._forget(entry)
        if entry.subscription is None:
            self._call(entry, event)

    def _call(self, entry: _Entry, event: Event) -> None:
        try:
            result = entry.listener(*_arguments(event))
            if inspect.isawaitable(result):
                _refuse(result, entry.title)
        except Exception as exc:  # noqa: BLE001 - law 9: emit never raises a listener's error
            self._on_error(exc, entry.title)

    def close(self) -> None:
        """Nothing is delivered any more; subscriptions and ``async def`` listeners end after what they have."""
        self._closed = True
        ends = [*self._subscriptions.values(), [e.subscription for entries in self._entries.values() for e in entries if e.subscription]]
        for subscription in [subscription for some in ends for subscription in some]:
            subscription.close()


def _arguments(event: Event) -> tuple[object, ...]:
    return event.args if isinstance(event, AppEvent) else (event,)


def _is_async(listener: Listener) -> bool:
    while isinstance(listener, partial):
        listener = listener.func
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(getattr(type(listener), "__call__", None))  # noqa: B004 - asks how, not whether


def _refuse(result: object, title: str) -> None:
    if isinstance(result, Coroutine):
        result.close()  # else Python warns, later and elsewhere, that it was never awaited
    raise TypeError(f"the {title} is a 'def' that returned an awaitable; make it an 'async def'")
