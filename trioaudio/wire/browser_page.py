"""The page's side of the browser's protocol, without I/O: what a strict page makes of a server, and a player that keeps its rule.

It is the other end for tests, and a model for whoever writes a client in another language. ``docs/reference/browser-protocol.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .._errors import RemoteProtocolError
from ._browser.hello import VERSION, Hello, greeting
from ._browser.player import Player as Player
from ._json import Message, count, number_or_none, object_untrusted, text, written

REPORT_EVERY = 0.1
"""Seconds between two reports of what has been played."""
STATES = frozenset({"connecting", "connected", "reconnecting", "listening", "thinking", "speaking", "closed"})


@dataclass(frozen=True, slots=True)
class ShownWords:
    """What somebody says, as far as it is known: the whole text so far."""

    who: str
    id: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ShownReceipt:
    """What became of a turn that was interrupted."""

    turn: int
    heard_ms: float
    dropped_ms: float
    latency_ms: float
    reason: str


class BrowserPage:
    """One call, from the page's end. Times are of the caller's clock.

    Args:
        hello: who it says that it is.
        latency: seconds between leaving the player and being heard.
    """

    def __init__(self, hello: Hello, *, latency: float = 0.0) -> None:
        self.hello: Hello = hello
        self.latency: float = latency
        self.player: Player | None = None
        """Once the server is ready."""
        self.call: str = ""
        self.states: list[str] = []
        """How the conversation fared."""
        self.words: list[ShownWords] = []
        self.receipts: list[ShownReceipt] = []
        self.muted: bool = False
        self.error: str | None = None
        """The code of the error with which the server has turned us away."""
        self.goodbye: str | None = None
        """Why the server has ended the call."""
        self.unknown: int = 0
        """Messages that were skipped."""
        self._owed: list[str] = []
        self._turn = 0
        self._open = False
        self._report_due = math.inf

    # ---- what is sent

    def greeting(self) -> str:
        """Say hello."""
        return greeting(self.hello)

    def commit(self) -> str:
        """The talk button is let go."""
        return written({"t": "commit"})

    def talk(self) -> str:
        """The talk button is pressed."""
        return written({"t": "talk"})

    def interrupt(self) -> str:
        """The stop button is pressed."""
        return written({"t": "interrupt"})

    def mute(self, on: bool = True) -> str:
        """The microphone is switched off, or on."""
        return written({"t": "mute", "on": on})

    def write(self, text: str) -> str:
        """Something is written."""
        return written({"t": "text", "text": text})

    def dropped(self, milliseconds: float) -> str:
        """Audio of the microphone was dropped, since it could not be sent in time."""
        return written({"t": "dropped", "ms": milliseconds})

    def bye(self) -> str:
        """The page is left."""
        return written({"t": "bye"})

    @property
    def due(self) -> float:
        """When `take` has something to say."""
        if self._owed or self.player is None:
            return -math.inf if self._owed else math.inf
        return min(self._report_due, self.player.due)

    def take(self, now: float) -> list[str]:
        """What is to be said: answers, and reports of what has been played."""
        owed, self._owed = self._owed, []
        if (player := self.player) is None:
            return owed
        player.advance(now)
        finished, player.finished = player.finished, []
        reports = [self._report(player, turn) for turn in finished]
        if player.due == math.inf or player.turn not in player.played:
            self._report_due = math.inf
        elif now >= self._report_due:
            reports, self._report_due = [*reports, self._report(player, player.turn)], now + REPORT_EVERY
        elif self._report_due == math.inf:
            self._report_due = now + REPORT_EVERY
        return [*owed, *(reports if "pos" in self.hello.can else [])]

    def _report(self, player: Player, turn: int) -> str:
        figures = {"played_ms": player.played[turn] * 1000 / player.rate, "underrun_ms": player.underrun * 1000}
        return written({"t": "pos", "turn": turn, **figures, "queued_ms": player.queued * 1000, "latency_ms": self.latency * 1000})

    # ---- what was received

    def heard(self, now: float) -> bytes:
        """All that has left the player by now, without the silence between."""
        if self.player is None:
            return b""
        self.player.advance(now)
        return bytes(self.player.sound)

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """Take a message.

        Raises:
            RemoteProtocolError: it is not one that a server sends, or not now.
        """
        if isinstance(data, bytes):
            self._hear(data, now)
            return
        message = object_untrusted(data)
        if self.player is None and message.get("t") not in ("ready", "error"):
            raise RemoteProtocolError("the server is not ready, and says something else first")
        match message.get("t"):
            case "ready":
                self._begin(message)
            case "turn":
                self._begin_turn(count(message, "turn", 10**9))
            case "end":
                self._require_current(message, "end")
                self._open = False
                self._ready.end(self._turn, now)
            case "clear":
                self._clear(message, now)
            case "transcript":
                self.words.append(_words(message))
            case "status":
                self.states.append(_state(message))
            case "receipt":
                self.receipts.append(_receipt(message))
            case "muted":
                self.muted = message.get("on") is True
            case "error":
                self.error = text(message, "code")
            case "bye":
                self.goodbye = text(message, "reason")
            case _:
                self.unknown += 1

    @property
    def _ready(self) -> Player:
        if self.player is None:
            raise RemoteProtocolError("the server is not ready")
        return self.player

    def _begin(self, message: Message) -> None:
        rate = count(message, "rate", 192_000)
        if message.get("v") != VERSION or self.player is not None or rate < 8_000:
            raise RemoteProtocolError("the server is ready for another version, at an unheard-of rate, or once more")
        self.player = Player(rate, min(count(message, "prebuffer_ms", 10_000) / 1000, 1.0))
        self.call = text(message, "call", "")

    def _begin_turn(self, number: int) -> None:
        if self._open or number != self._turn + 1:
            raise RemoteProtocolError(f"turn {number} begins after turn {self._turn}, which has {'not ' if self._open else ''}ended")
        self._turn, self._open = number, True

    def _require_current(self, message: Message, what: str) -> None:
        if count(message, "turn", 10**9) != self._turn:
            raise RemoteProtocolError(f"{what} names another turn than the last, {self._turn}")

    def _hear(self, data: bytes, now: float) -> None:
        if not self._open or not data or len(data) % 2:
            raise RemoteProtocolError(f"{len(data)} bytes of audio {'' if self._open else 'outside of any turn'}")
        self._ready.push(self._turn, data, now)

    def _clear(self, message: Message, now: float) -> None:
        self._require_current(message, "clear")
        self._open = False
        turn, played, dropped = self._ready.clear(now)
        figures = {"played_ms": played * 1000 / self._ready.rate, "dropped_ms": dropped * 1000, "latency_ms": self.latency * 1000}
        if "clear" in self.hello.can:
            self._owed.append(written({"t": "cleared", "turn": turn or self._turn, **figures}))


def _words(message: Message) -> ShownWords:
    who = text(message, "who")
    if who not in ("caller", "agent"):
        raise RemoteProtocolError(f"{who[:20]!r} is nobody")
    return ShownWords(who, text(message, "id", ""), text(message, "text"), message.get("final") is True)


def _state(message: Message) -> str:
    state = text(message, "state")
    if state not in STATES:
        raise RemoteProtocolError(f"{state[:20]!r} is no state")
    return state


def _receipt(message: Message) -> ShownReceipt:
    heard, dropped, latency = (number_or_none(message, f"{name}_ms") or 0.0 for name in ("heard", "dropped", "latency"))
    return ShownReceipt(count(message, "turn", 10**9), heard, dropped, latency, text(message, "reason"))
