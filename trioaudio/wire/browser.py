"""The app's side of the browser's protocol, version 1, without I/O: what to send to a page, and what it means that was received.

One websocket. Text messages are JSON objects with a type ``t``, binary ones are samples: 16 bits, little-endian, mono. The page
says which rate its microphone has, and is told at which rate it is sent audio. ``docs/reference/browser-protocol.md`` has all messages.

The other side is `trioaudio.wire.browser_page`, and the page that is shipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from .._errors import RemoteProtocolError
from .._events import AudioDropped, Commit, Event, Interrupt, Mute, SpeechStarted, SpeechStopped, TextMessage
from ..audio import AudioFormat, Frame
from ._browser.allowance import Allowance
from ._browser.board import SHOWN as SHOWN
from ._browser.board import Board
from ._browser.ears import Ears
from ._browser.hello import CAPABILITIES as CAPABILITIES
from ._browser.hello import CLOSE_CODES as CLOSE_CODES
from ._browser.hello import RATES as RATES
from ._browser.hello import SUBPROTOCOL as SUBPROTOCOL
from ._browser.hello import TOKEN_PREFIX as TOKEN_PREFIX
from ._browser.hello import VERSION, farewell, refusal
from ._browser.hello import Hello as Hello
from ._browser.hello import hello_untrusted as hello_untrusted
from ._browser.mouth import BrowserPlayed as BrowserPlayed
from ._browser.mouth import Mouth, Wire
from ._json import Message, count, number_or_none, object_untrusted, text, written

RATE = 24_000
"""At which a page is sent audio, unless it is said otherwise: what most models speak at."""
PREBUFFER = 0.08
"""Seconds of audio that a page keeps back at first, against a network that delivers unevenly."""
LONGEST_MESSAGE = 32_768
"""Characters of a text message of a page."""
LONGEST_TEXT = 4_000
"""Characters that somebody may write at once."""
MESSAGES_AT_ONCE, MESSAGES_A_SECOND = 200, 50
TEXTS_AT_ONCE, TEXTS_A_SECOND = 20, 1
"""Each of them is an answer, which costs something."""

BrowserItem: TypeAlias = Frame | Event | BrowserPlayed
"""What comes of a message."""


class BrowserWire:
    """One call of a page that has said hello. Times are of the caller's clock.

    Args:
        hello: what it said.
        call: our name for the call.
        rate: at which the page is sent audio.
        prebuffer: seconds of audio that it is to keep back at first.
    """

    def __init__(self, hello: Hello, call: str = "", *, rate: int = RATE, prebuffer: float = PREBUFFER) -> None:
        self.hello: Hello = hello
        self.input_format: AudioFormat = AudioFormat("pcm16", hello.rate)
        self.output_format: AudioFormat = AudioFormat("pcm16", rate)
        self.counts: Counter[str] = Counter()
        """What was skipped: ``unknown`` messages, ``stale`` reports."""
        self.over: bool = False
        """Whether the page has said goodbye."""
        self._call, self._prebuffer = call, prebuffer
        self._ears, self._mouth = Ears(self.input_format), Mouth(self.output_format, self.counts)
        self._board = Board(words="text" in hello.can)
        self._allowance = Allowance(MESSAGES_AT_ONCE, MESSAGES_A_SECOND)
        self._texts = Allowance(TEXTS_AT_ONCE, TEXTS_A_SECOND)
        self._own: Mute | None = None  # what the page has done to itself, which comes back to be shown
        self._muted_here = False
        self._owed: list[Wire] = []

    # ---- what is sent

    def ready(self) -> list[Wire]:
        """Answer the hello: the call begins."""
        answer = {"rate": self.output_format.rate, "call": self._call, "prebuffer_ms": round(self._prebuffer * 1000)}
        return [written({"t": "ready", "v": VERSION, **answer, "modes": ["open", "push"]})]

    def play(self, frame: Frame, now: float) -> list[Wire]:
        """Say this after all that was said before.

        Raises:
            FormatError: it is not in the format that the page was told.
        """
        return self._mouth.play(frame, now)

    def clear(self, now: float) -> list[Wire]:
        """Let the page forget what it has not played, and say what it had."""
        return self._mouth.clear(now)

    @property
    def backlog(self) -> float:
        """Seconds of audio that the page was given and has not been heard to have played; grows for ever if it cannot say (``pos``)."""
        return self._mouth.backlog

    def show(self, event: Event) -> list[Wire]:
        """Let the page show an event of the channel or of the session: one of `SHOWN`."""
        if not isinstance(event, Mute):
            return [*self._board.show(event, self._mouth.cleared_turn)]  # a receipt comes late, when the next turn may have begun
        if event is self._own:
            return []
        self._muted_here = event.muted
        return [self._muted()]

    def owed(self) -> list[Wire]:
        """What is to be sent because of what was received."""
        owed, self._owed = self._owed, []
        return owed

    def _muted(self) -> str:
        return written({"t": "muted", "on": self._muted_here or self._ears.muted})

    def bye(self, reason: str) -> list[Wire]:
        """The call is over, and all is well."""
        return [farewell(reason)]

    def refuse(self, code: str, words: str) -> list[Wire]:
        """Say why the websocket will be closed, with the code of `CLOSE_CODES`."""
        return [refusal(code, words)]

    # ---- what time makes due

    @property
    def due(self) -> float:
        """When `advance` has something to say."""
        return self._mouth.due

    def advance(self, now: float) -> tuple[list[BrowserItem], list[Wire]]:
        """What has become of things because time has passed, and what is to be sent because of it."""
        return [*self._mouth.tail(now)], self._mouth.end(now)

    # ---- what was received

    def receive_untrusted(self, data: str | bytes, now: float) -> list[BrowserItem]:
        """What a message means.

        Raises:
            RemoteProtocolError: it is none of this protocol, or there are too many of them.
        """
        if isinstance(data, bytes):
            frame = self._ears.take_untrusted(data, now)
            return [] if frame is None else [frame]
        if len(data) > LONGEST_MESSAGE:
            raise RemoteProtocolError(f"a message of {len(data)} characters; at most {LONGEST_MESSAGE} are read")
        if not self._allowance.take(1, now):
            raise RemoteProtocolError(f"more than {MESSAGES_A_SECOND} messages a second")
        message = object_untrusted(data)
        name = message.get("t")
        meaning = _MEANINGS.get(name) if isinstance(name, str) else None
        if meaning is None:
            self.counts["unknown"] += 1
            return []
        return meaning(self, message, now)

    def _played(self, message: Message, now: float) -> list[BrowserItem]:
        played, latency = number_or_none(message, "played_ms"), number_or_none(message, "latency_ms")
        return [*self._mouth.played(_turn(message), played or 0.0, latency or 0.0, now)]

    def _cleared(self, message: Message, now: float) -> list[BrowserItem]:
        return [*self._mouth.cleared(_turn(message), number_or_none(message, "played_ms") or 0.0)]

    def _commit(self, message: Message, now: float) -> list[BrowserItem]:
        return [SpeechStopped(), Commit()]

    def _talk(self, message: Message, now: float) -> list[BrowserItem]:
        return [SpeechStarted(), Interrupt()]

    def _interrupt(self, message: Message, now: float) -> list[BrowserItem]:
        return [Interrupt()]

    def _mute(self, message: Message, now: float) -> list[BrowserItem]:
        on = message.get("on")
        if not isinstance(on, bool):
            raise RemoteProtocolError('"on" must be true or false')
        self._ears.muted = on
        self._own = Mute(on)
        self._owed.append(self._muted())
        return [self._own]

    def _text(self, message: Message, now: float) -> list[BrowserItem]:
        words = text(message, "text").strip()
        if len(words) > LONGEST_TEXT:
            raise RemoteProtocolError(f"a text of {len(words)} characters; at most {LONGEST_TEXT} are taken")
        if not self._texts.take(1, now):
            raise RemoteProtocolError(f"more than {TEXTS_A_SECOND} texts a second")
        return [TextMessage(words)] if words else []

    def _dropped(self, message: Message, now: float) -> list[BrowserItem]:
        milliseconds = min(max(number_or_none(message, "ms") or 0.0, 0.0), 1e9)
        return [AudioDropped("inbound", milliseconds, "the browser could not send in time")] if milliseconds else []

    def _bye(self, message: Message, now: float) -> list[BrowserItem]:
        self.over = True
        return []


def _turn(message: Message) -> int:
    return count(message, "turn", 10**9)


_MEANINGS: Mapping[str, Callable[[BrowserWire, Message, float], list[BrowserItem]]] = {
    "pos": BrowserWire._played,
    "cleared": BrowserWire._cleared,
    "commit": BrowserWire._commit,
    "talk": BrowserWire._talk,
    "interrupt": BrowserWire._interrupt,
    "mute": BrowserWire._mute,
    "text": BrowserWire._text,
    "dropped": BrowserWire._dropped,
    "bye": BrowserWire._bye,
}
