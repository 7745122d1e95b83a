"""A call whose sound comes on media websockets of its own: what is the same however its carrier is told what to do with it."""

from __future__ import annotations

import trio

from .._errors import RemoteProtocolError
from .._events import AppEvent
from ..abc import Invitation, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, SourceCapability

REJOINS = 2
"""How often a call whose websocket broke gets another one."""
REJOIN_WITHIN = 8.0
MOST_EARLY = 16


class StreamedCall(Invitation, PhoneControl):
    """A call that a carrier's webhooks tell of, and that one websocket after another joins.

    Args:
        exchange: where its websockets come in.
    """

    capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
    rejoin_within: float = REJOIN_WITHIN

    def __init__(self, exchange: PhoneExchange) -> None:
        self._exchange = exchange
        self._changed = trio.lowlevel.ParkingLot()
        self._stream: PhoneStream | None = None
        self._source: PhoneSource | None = None
        self._token: str | None = None
        self._rejoins = 0
        self._early: list[AppEvent] = []  # what the carrier said before there was anybody to hear it

    def _expect(self, name: str, account: str | None) -> str:
        """A token, good once, with which a websocket says that it is for this call."""
        self._token = self._exchange.expect(name, account, self._joined)
        return self._token

    def _joined(self, stream: PhoneStream) -> None:
        """A websocket has said so."""
        before, self._stream = self._stream, stream
        if self._source is not None:
            try:
                self._source.go_on(stream.websocket, stream.start)
            except RemoteProtocolError:
                self.note("other_format")
                stream.over.set()
        if before is not None:
            before.over.set()
        self._changed.unpark_all()

    def _begin(self, stream: PhoneStream) -> PhoneSource:
        """The source, now that there is a websocket; it hears what the carrier has said before."""
        self._source = PhoneSource(stream.websocket, stream.wire, self)
        for event in self._early:
            self._source.tell(event)
        return self._source

    @property
    def _waits_for_a_stream(self) -> bool:
        """Whether its websocket has ended, and the call has not."""
        return self._source is not None and self._source.waits_for_another_line

    def _forget(self) -> None:
        """Nobody answers any more."""
        self._source = None
        if self._token is not None:
            self._exchange.forget(self._token)

    def _end_stream(self) -> None:
        """Let go of the websocket that the call has at last: the call itself is remembered for a while, which must not keep it."""
        if self._stream is not None:
            self._stream.over.set()
            self._stream = None

    def tell(self, topic: str, value: str) -> None:
        """Let the channel know what the carrier found out about the call."""
        event = AppEvent(topic, (value,))
        if self._source is not None:
            self._source.tell(event)
        elif len(self._early) < MOST_EARLY:
            self._early.append(event)

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._exchange.note(what)
