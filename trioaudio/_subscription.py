"""A bounded, one-reader stream of events: what `subscribe` gives, and what carries events to an ``async def`` listener."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from ._errors import SubscriberLagged
from ._events import Audio, Event
from ._limits import Limits

if TYPE_CHECKING:
    from types import TracebackType

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Subscription(Generic[E_co]):
    """Events as an async iterator: ``with channel.subscribe(Dtmf) as events: async for event in events: ...``

    A slow reader hurts only itself (law 10): past `Limits.subscription_audio` the oldest `Audio` goes and the next one says
    how many samples are missing; past `Limits.control_events` other events the next step raises `SubscriberLagged`, and
    reading may go on with what comes after. It ends when the channel has closed and everything has been read.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: deque[Event] = deque()
        self._num_audio = self._audio_samples = 0
        self._gap = 0
        self._missed = 0
        self._closed = False
        self._reader = trio.lowlevel.ParkingLot()
        self._on_close: Callable[[], None] | None = None

    def _put(self, event: Event) -> int:
        """Take an event; the number of events lost by it."""
        if self._closed:
            return 0
        if self._missed:
            self._missed += 1
            return 1
        self._events.append(event)
        self._reader.unpark()
        if isinstance(event, Audio):
            return self._bound_audio(event)
        if len(self._events) - self._num_audio > self._limits.control_events:
            return self._overflow()
        return 0

    def _bound_audio(self, event: Audio) -> int:
        self._num_audio += 1
        self._audio_samples += event.frame.num_samples
        bound, lost = self._limits.subscription_audio * event.frame.format.rate, 0
        while self._audio_samples > bound and self._num_audio > 1:
            self._drop_oldest_audio()
            lost += 1
        return lost

    def _drop_oldest_audio(self) -> None:
        oldest = next(i for i, e in enumerate(self._events) if isinstance(e, Audio))
        lost = self._events[oldest]
        del self._events[oldest]
        self._forget(lost)
        self._gap += lost.frame.num_samples  # type: ignore[attr-defined]  # an Audio, as found above

    def _overflow(self) -> int:
        self._missed = len(self._events)
        self._events.clear()
        self._num_audio = self._audio_samples = self._gap = 0
        return self._missed

    def _forget(self, event: Event) -> None:
        if isinstance(event, Audio):
            self._num_audio -= 1
            self._audio_samples -= event.frame.num_samples

    def receive_nowait(self) -> E_co:
        """The next event, if there is one.

        Raises:
            trio.WouldBlock: nothing has come.
            trio.EndOfChannel: the subscription is closed and everything has been read.
            SubscriberLagged: events were lost.
        """
        if self._missed:
            missed, self._missed = self._missed, 0
            raise SubscriberLagged(missed)
        if not self._events:
            raise trio.EndOfChannel if self._closed else trio.WouldBlock
        event = self._events.popleft()
        self._forget(event)
        if self._gap and isinstance(event, Audio):
            event, self._gap = Audio(event.frame, self._gap), 0
        return event  # type: ignore[return-value]  # only events of the subscribed kinds are put

    async def receive(self) -> E_co:
        """The next event.

        Checkpoint: yes. On cancel: no event is lost.

        Raises:
            trio.EndOfChannel: the channel has closed and everything has been read.
            trio.BusyResourceError: another task is reading.
            SubscriberLagged: events were lost because nobody read; reading may go on.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                event = self.receive_nowait()
            except trio.WouldBlock:
                if self._reader:
                    raise trio.BusyResourceError("another task is already reading this subscription; give each reader its own") from None
                await self._reader.park()
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return event

    def __aiter__(self) -> Subscription[E_co]:
        return self

    async def __anext__(self) -> E_co:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """No more events; what has come can still be read."""
        self._closed = True
        self._reader.unpark_all()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Subscription[E_co]:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()
