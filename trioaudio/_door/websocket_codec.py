"""What the bytes of an open websocket mean, without any I/O: messages, pings and goodbyes.

wsproto reads and judges them. Only the plainest frames, a whole message in one that is there in full, are taken out before it: they
are nearly all that comes, and cost a quarter of what they would. Whatever is strange about a frame, wsproto has it, and in its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from .websocket_frames import BINARY, TEXT, Head, Masks, frame, head_of, plain_message

GOING_WELL, PROTOCOL_ERROR, ABNORMAL, TOO_BIG = 1000, 1002, 1006, 1009
Role: TypeAlias = Literal["server", "client"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The far end asks whether we are there."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """The far end says goodbye."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """What came breaks the protocol; nothing can be made of what follows."""

    code: int
    reason: str


Item: TypeAlias = str | bytes | Asked | Left | Malformed


class WebSocketCodec:
    """One open websocket: bytes to messages and back.

    Args:
        role: which side we are; a client masks what it sends.
        longest: bytes of a message (characters, if it is text) that are taken.
    """

    def __init__(self, role: Role, longest: int) -> None:
        self._connection = Connection(ConnectionType.SERVER if role == "server" else ConnectionType.CLIENT)
        self._server, self._longest = role == "server", longest
        self._parts: list[str | bytes] = []
        self._length = 0
        self._masks = Masks()
        self._held = b""  # the beginning of a head
        self._owed = 0  # bytes of a frame that wsproto has begun to read
        self._in_pieces = False  # a message is, of which more frames come

    def read_untrusted(self, data: bytes) -> Iterator[Item]:
        """What these bytes of the far end complete, in order; nothing follows a `Left` or `Malformed`. Raises nothing."""
        data, self._held, at = self._held + data if self._held else data, b"", 0
        while at < len(data):
            if not self._owed:
                if (plain := self._plainest(data, at)) is not None:
                    message, at = plain
                    yield message
                    continue
                if (head := head_of(data, at)) is None:
                    self._held = data[at:]
                    return
                self._begin(head, at)
            piece = data[at : at + self._owed]
            at += len(piece)
            self._owed -= len(piece)
            for item in self._judged(piece):
                yield item
                if isinstance(item, Left | Malformed):
                    return

    def _plainest(self, data: bytes, at: int) -> tuple[str | bytes, int] | None:
        """The message that begins here and the place where it ends, if nothing is strange about it."""
        if self._in_pieces or self._connection.state is not ConnectionState.OPEN:
            return None
        return plain_message(data, at, masked=self._server, longest=self._longest)

    def _begin(self, head: Head, at: int) -> None:
        """A frame that wsproto is to read: where it ends, and whether more of its message follows."""
        self._owed = head.end - at
        if not head.first & 0x08:  # no control frame, which may come between
            self._in_pieces = not head.first & 0x80

    def _judged(self, data: bytes) -> Iterator[Item]:
        """What wsproto makes of it."""
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                self._length += len(event.data)
                if self._length > self._longest:
                    yield Malformed(TOO_BIG, f"a message is longer than {self._longest} bytes")
                    return
                if event.message_finished:
                    yield self._whole(event)
                elif event.data:
                    self._parts.append(_plain(event))
            elif isinstance(event, Ping):
                yield Asked(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                yield self._goodbye(event)
                return

    def _whole(self, event: TextMessage | BytesMessage) -> str | bytes:
        if not self._parts:
            self._length = 0
            return _plain(event)
        parts, self._parts, self._length = [*self._parts, _plain(event)], [], 0
        return "".join(parts) if isinstance(event, TextMessage) else b"".join(parts)  # type: ignore[arg-type]  # all are of one type

    def _goodbye(self, event: CloseConnection) -> Item:
        reason = event.reason or ""
        if self._connection.state is ConnectionState.OPEN:  # this is how wsproto says that it cannot read what came
            return Malformed(int(event.code), reason)
        return Left(int(event.code), reason)

    def message(self, data: str | bytes) -> bytes:
        """The bytes of one message; none if it crosses a goodbye of the far end."""
        if self._connection.state is not ConnectionState.OPEN:
            return b""
        if isinstance(data, str):
            return frame(TEXT, data.encode(), self._mask())
        return frame(BINARY, data, self._mask())

    def _mask(self) -> bytes | None:
        return None if self._server else self._masks.next()

    def ping(self) -> bytes:
        """The bytes that ask whether the far end is there; none if it has said goodbye."""
        return self._connection.send(Ping()) if self._connection.state is ConnectionState.OPEN else b""

    def pong(self, asked: Asked) -> bytes:
        """The bytes that answer it; none once we have said goodbye."""
        open = self._connection.state is ConnectionState.OPEN
        return self._connection.send(Pong(asked.payload)) if open else b""

    def goodbye(self, code: int, reason: str = "") -> bytes:
        """The bytes that close the websocket, or answer the far end's goodbye; none if that has been said."""
        if self._connection.state not in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            return b""
        return self._connection.send(CloseConnection(code, reason or None))


def _plain(event: TextMessage | BytesMessage) -> str | bytes:
    return event.data if isinstance(event.data, str) else bytes(event.data)
