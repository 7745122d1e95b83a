"""Media websockets of a carrier, joined to the calls that were announced for them: by a token that is good once.

A stranger who opens a websocket has a few seconds to say which call it is for. The token is used up by the stream that shows it
and is of the right call, never by one that is refused.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import trio

from ._errors import RemoteProtocolError
from ._limits import Timeouts
from ._socket import WebSocket
from .wire.phone import INVALID, POLICY, VIOLATION, Detect, PhoneDialect, PhoneWire, Started

log = logging.getLogger("trioaudio.phone")

MOST_UNTOLD = 3
"""Messages that may come before it is told whose they are."""
TRIED_FOR = 10.0
"""Seconds that a websocket may stay open which is only tried."""
MOST_UNSTARTED = 200
"""Websockets that may be without a call at a time."""
REMEMBERED = 1_000
"""Tokens that were used: who shows one again is counted apart."""


@dataclass(eq=False)
class PhoneStream:
    """A stream that has started, and who it is for; ``over`` ends its websocket."""

    websocket: WebSocket
    wire: PhoneWire
    over: trio.Event = field(default_factory=trio.Event)

    @property
    def start(self) -> Started:
        """What the carrier said of it."""
        assert self.wire.start is not None
        return self.wire.start


Take: TypeAlias = Callable[[PhoneStream], None]


@dataclass(frozen=True, slots=True)
class _Expected:
    call: str
    account: str | None
    take: Take

    def fits(self, start: Started) -> bool:
        """Whether a stream is the one: of the call, and of the account if that was said."""
        return start.call == self.call and self.account in (None, start.account)


class _Opening:
    """A websocket that has not said yet which call it is for, nor maybe in whose words."""

    def __init__(self, dialect: PhoneDialect | Detect, *, one_way: bool, track: str) -> None:
        self._detect = dialect if callable(dialect) else None
        self._new = partial(PhoneWire, one_way=one_way, track=track)
        self._untold = 0
        self.wire: PhoneWire | None = None if callable(dialect) else self._new(dialect)

    @property
    def unknown(self) -> bool:
        """Whether these are nobody's words."""
        return self._untold >= MOST_UNTOLD

    @property
    def settled(self) -> bool:
        """Whether there is no need to read on."""
        return self.unknown or (self.wire is not None and self.wire.phase != "connecting")

    @property
    def close_code(self) -> int:
        """Why the far end is not understood."""
        return INVALID if self.wire is None else self.wire.close_code

    def take(self, data: str | bytes, now: float) -> None:
        """Read a message.

        Raises:
            RemoteProtocolError: it is nobody's, or not as it must be.
        """
        if self.wire is None and self._detect is not None:
            if (dialect := self._detect(data)) is None:
                self._untold += 1
                return
            self.wire = self._new(dialect)
        if self.wire is not None:
            self.wire.receive_untrusted(data, now)


async def see_off(websocket: WebSocket, wire: PhoneWire | None, within: float) -> None:
    """Say what is owed, and answer until the carrier has ended the stream, at most ``within`` seconds. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    with suppress(trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(within or 1):
        while wire is not None:
            for message in wire.owed():
                await websocket.send(message)
            if wire.phase == "stopped" or not within:
                return
            wire.receive_untrusted(await websocket.receive(), trio.current_time())


class PhoneExchange:
    """The media websockets of one listener.

    Args:
        name: of the carrier, in logs.
        dialect: its words; or what finds out whose they are, by the first messages of a stream.
        token_parameter: the custom parameter that has the token.
        unannounced: what to do with a stream without a token; without this it is refused.
        one_way: the carrier takes nothing on these streams.
        track: the one of theirs that is listened to, or ``both``.
    """

    def __init__(
        self,
        name: str,
        dialect: PhoneDialect | Detect,
        token_parameter: str,
        *,
        unannounced: Take | None = None,
        one_way: bool = False,
        track: str = "inbound",
    ) -> None:
        self.counters: Counter[str] = Counter()
        """What was refused or put up with, by name."""
        self.start_within: float = Timeouts().start
        """Seconds a websocket has to say which call it is for."""
        self._name, self._dialect, self._parameter, self._unannounced = name, dialect, token_parameter, unannounced
        self._one_way, self._track = one_way, track
        self._expected: dict[str, _Expected] = {}
        self._used: deque[str] = deque(maxlen=REMEMBERED)
        self._unstarted = 0

    def heed(self, timeouts: Timeouts | None) -> None:
        """Wait as long as these say, if anything does: ``start`` counts."""
        if timeouts is not None:
            self.start_within = timeouts.start

    def note(self, what: str, *, level: int = logging.WARNING) -> None:
        """Count something and log it; it must not be of a caller's."""
        self.counters[what] += 1
        log.log(level, "%s: %s", self._name, what.replace("_", " "))

    def expects(self, account: str) -> bool:
        """Whether any call of this account waits for its stream; where streams need not be announced, always."""
        return self._unannounced is not None or any(each.account == account for each in self._expected.values())

    def awaits(self, token: str) -> bool:
        """Whether a call waits for the stream that shows this token."""
        return token in self._expected

    def expect(self, call: str, account: str | None, take: Take) -> str:
        """A call's stream will come: the token that it must show. ``take`` is given it once; `forget` the token if it does not come.

        Args:
            call, account: whose the stream must say that it is; None is any account, where no webhook names it.
            take: is given the stream.
        """
        token = secrets.token_urlsafe(18)
        self._expected[token] = _Expected(call, account, take)
        return token

    def forget(self, token: str) -> None:
        """The stream will not come, or need not any more; harmless if it has."""
        self._expected.pop(token, None)

    async def serve(self, websocket: WebSocket, dialect: PhoneDialect | None = None, *, token: str | None = None) -> None:
        """Find out which call a websocket is for; returns when it is over. Checkpoint: yes.

        Args:
            websocket: open.
            dialect: where more is known of its words.
            token: what its address had, where it is not a custom parameter that has the token.
        """
        if self._unstarted >= MOST_UNSTARTED:
            await self._refuse(websocket, "too_many_unstarted", 1013)
            return
        self._unstarted += 1
        try:
            stream = await self._started(websocket, dialect or self._dialect)
        finally:
            self._unstarted -= 1
        if stream is not None and (take := await self._owner(stream, token)) is not None:
            take(stream)
            await stream.over.wait()

    async def _started(self, websocket: WebSocket, dialect: PhoneDialect | Detect) -> PhoneStream | None:
        opening = _Opening(dialect, one_way=self._one_way, track=self._track)
        try:
            with trio.move_on_after(self.start_within):
                while not opening.settled:
                    opening.take(await websocket.receive(), trio.current_time())
        except (trio.EndOfChannel, trio.BrokenResourceError) as exc:
            if isinstance(exc, RemoteProtocolError):
                await see_off(websocket, opening.wire, 0)
                await self._refuse(websocket, "protocol_error", opening.close_code)
            else:
                self.note("left_before_start")
                await trio.lowlevel.checkpoint()
            return None
        if opening.wire is not None and opening.wire.phase == "started":
            return PhoneStream(websocket, opening.wire)
        await self._part(websocket, opening)
        return None

    async def _part(self, websocket: WebSocket, opening: _Opening) -> None:
        """Nothing has started."""
        if opening.wire is not None and opening.wire.phase == "tested":
            self.note("connection_tested", level=logging.INFO)
            await see_off(websocket, opening.wire, TRIED_FOR)
        else:
            await self._refuse(websocket, "unknown_carrier" if opening.unknown else "no_start", POLICY)

    async def _owner(self, stream: PhoneStream, token: str | None) -> Take | None:
        """Who the stream is for; the token has been used up then."""
        token = stream.start.parameters.get(self._parameter) if token is None else token
        expected = self._expected.get(token) if token is not None else None
        if token is None and self._unannounced is not None:
            await trio.lowlevel.checkpoint()
            return self._unannounced
        if token is None or expected is None:
            what = "no_token" if token is None else "reused_token" if token in self._used else "unknown_token"
            await self._refuse(stream.websocket, what, POLICY)
        elif not expected.fits(stream.start):
            await self._refuse(stream.websocket, "wrong_call", POLICY)
        else:
            del self._expected[token]
            self._used.append(token)
            await trio.lowlevel.checkpoint()
            return expected.take
        return None

    async def _refuse(self, websocket: WebSocket, what: str, code: int = VIOLATION) -> None:
        self.note(what)
        await websocket.aclose(code, what.replace("_", " "))
