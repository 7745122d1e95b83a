"""Media websockets of carriers whose calls are controlled elsewhere: a stream that comes is a call, and who knows the key may open one.

No webhook of ours announces these streams: XML, an NCCO, a flow or an API request of the user's own names our websocket. So the
address itself has the secret, since no carrier keeps back what stands in a path; and nothing can be done about a call but talk.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio

from .._secret import Secret
from ..abc import FrontDoor, Invitation, Listener, PhoneControl, PhoneExchange, PhoneSource, PhoneStream, Source, Upgrade
from ..wire.phone import PhoneDialect

log: logging.Logger = logging.getLogger("trioaudio.phone")

TOKEN = "trioaudio-token"
MOST_WAITING = 1_000


class StreamCall(Invitation, PhoneControl):
    """A call whose stream has started, and which nobody has answered yet."""

    def __init__(self, listener: StreamListener, stream: PhoneStream) -> None:
        self.caller: str | None = stream.start.caller
        self.called: str | None = stream.start.called
        self.account: str | None = stream.start.account or None
        self.parameters: Mapping[str, str] = stream.start.parameters
        self._listener, self._stream = listener, stream

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        try:
            await trio.lowlevel.checkpoint()
            if self._stream.websocket.close_code is not None:
                raise trio.EndOfChannel
            yield PhoneSource(self._stream.websocket, self._stream.wire, self)
        finally:
            self._stream.over.set()

    async def reject(self, reason: str) -> None:
        await self.hang_up()
        self._stream.over.set()

    def note(self, what: str) -> None:
        """As `PhoneControl.note`."""
        self._listener.exchange.note(what)

    async def hang_up(self) -> None:
        """Closing the websocket is all there is; what the carrier does then is its own affair. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        if not self._listener.closing_ends and self._stream.wire.phase == "started":
            self.note("left_to_the_carrier")


class StreamListener(Listener):
    """Streams of one carrier's; made by `open_streams`.

    Args:
        name: of the carrier.
        dialect: its words.
        key: what stands in the path of the websocket.
        closing_ends: a call is over when its websocket is closed.
    """

    def __init__(self, name: str, dialect: PhoneDialect, key: Secret, *, closing_ends: bool = False) -> None:
        self.name: str = name
        self.closing_ends: bool = closing_ends
        """Whether a call is over when its websocket is closed."""
        self._key = key
        self._came, self._calls = trio.open_memory_channel[Invitation](MOST_WAITING)
        self.exchange: PhoneExchange = PhoneExchange(name, dialect, TOKEN, unannounced=self._take)
        """Its media websockets."""

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    @property
    def counters(self) -> Mapping[str, int]:
        return dict(self.exchange.counters)

    async def media(self, upgrade: Upgrade) -> None:
        """A media websocket is asked for. Checkpoint: yes."""
        if self._key.matches(upgrade.request.values["key"]):
            await self.exchange.serve(await upgrade.accept())
        else:
            self.exchange.note("wrong_key")
            await upgrade.reject(403, "the key in this address is not the one")

    def _take(self, stream: PhoneStream) -> None:
        try:
            self._came.send_nowait(StreamCall(self, stream))
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            stream.over.set()


@asynccontextmanager
async def open_streams(
    name: str, dialect: PhoneDialect, door: FrontDoor, key: Secret, path: str, *, closing_ends: bool = False
) -> AsyncGenerator[StreamListener, None]:
    """Take the streams that a carrier opens at ``PUBLIC-URL/PATH/KEY``."""
    listener = StreamListener(name, dialect, key, closing_ends=closing_ends)
    with door.websocket(f"{path.rstrip('/')}/{{key}}", listener.media, auth="token"):
        yield listener
