"""Asterisk's side of its media websocket without I/O: the queue of a channel, as strict and as forgetful as chan_websocket's.

It cuts audio into frames of 20 ms and plays one at each tick. What does not fill a frame at the end of a message is thrown away,
unless buffering is on; a flush loses marks without a word; a command that is too long is dropped. See `asterisk_websocket` for the
other side, and for where the facts are from.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._errors import RemoteProtocolError
from ..audio import PCM16_24K, AudioFormat, Frame
from ._asterisk_words import FORMATS, LONGEST_COMMAND, Fields
from ._json import object_untrusted, written
from .asterisk_websocket import LONGEST_MESSAGE

XON, XOFF, FULL = 800, 900, 1_000
"""Frames in the queue."""


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How Asterisk dials: what stands behind the name in ``Dial(WebSocket/NAME/...)``."""

    format: AudioFormat = PCM16_24K
    """``c(slin24)``"""
    json: bool = True
    """``f(json)``"""
    auto_answer: bool = False
    """not ``n``"""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables of the channel."""
    connection_id: str = "32966726-4388-456b-a333-fdf5dbecc60d"
    channel_id: str = "pbx1-123456789.999"


class AsteriskChannel:
    """One channel. Methods that make it say something put that into what `take` returns."""

    def __init__(self, options: ChannelOptions | None = None) -> None:
        self.options: ChannelOptions = options or ChannelOptions()
        self.answered: bool = self.options.auto_answer
        self.hung_up: bool = False
        """Whether it was told to hang up."""
        self.torn_down: str | None = None
        """What was so wrong that the call was torn down."""
        self.losses: Counter[str] = Counter()
        """What was lost: ``unknown_command``, ``long_command``, ``no_json``, ``cut_frame`` (the end of a message), ``full`` (a message)."""
        self.closing: int = 1000
        """The code with which it closes the websocket."""
        self.commands: list[str] = []
        """Every command that was understood, by name."""
        format = self.options.format
        self._frame_bytes = format.frame_samples * format.sample_bytes
        self._queue: deque[bytes | str] = deque()  # frames, and events that are due when they reach its head
        self._length = 0
        self._rest = b""
        self._buffering = self._paused = self._full = self._tell_drained = False
        self._said: list[str | bytes] = []

    def take(self) -> list[str | bytes]:
        """What is to be sent now."""
        said, self._said = self._said, []
        return said

    @property
    def queued(self) -> int:
        """Frames that wait to be played."""
        return self._length

    @property
    def idle(self) -> bool:
        """Whether a tick would do nothing."""
        return self._paused or not (self._queue or self._full or self._tell_drained)

    # ---- what it says

    def start(self) -> None:
        """The socket is open."""
        names = {format: name for name, format in FORMATS.items()}
        fields = {
            "connection_id": self.options.connection_id,
            "channel": f"WebSocket/{self.options.connection_id}",
            "channel_id": self.options.channel_id,
            "format": names[self.options.format],
            "optimal_frame_size": self._frame_bytes,
            "ptime": 20,
        }
        more: Fields = {"channel_variables": dict(self.options.variables)} if self.options.json else {}
        self._said.append(self._event("MEDIA_START", **fields, **more))

    def say(self, frame: Frame) -> None:
        """The caller says something."""
        self._said.append(frame.data)

    def send(self, message: str | bytes) -> None:
        """Anything at all is sent."""
        self._said.append(message)

    def press(self, digit: str) -> None:
        """The caller presses a key."""
        self._said.append(self._event("DTMF_END", digit=digit, channel_id=self.options.channel_id))

    def _event(self, name: str, **fields: object) -> str:
        if self.options.json:
            return written({"event": name, "channel_id": self.options.channel_id, **fields})
        shown = [f"{key}:{str(value).lower() if isinstance(value, bool) else value}" for key, value in fields.items()]
        return " ".join([name, *shown])

    def _identified(self, name: str, id: str) -> str:
        return self._event(name, correlation_id=id) if self.options.json else f"{name} {id}".rstrip()

    # ---- what it is told

    def receive_untrusted(self, data: str | bytes) -> None:
        """What comes from the app. Never raises: what is wrong is counted, or the call is torn down."""
        if self.torn_down is not None:
            return
        if isinstance(data, bytes):
            self._audio(data)
        elif len(data.encode("utf-8", "replace")) > LONGEST_COMMAND:
            self.losses["long_command"] += 1
        else:
            self._command(data.strip())

    def _audio(self, data: bytes) -> None:
        if len(data) > LONGEST_MESSAGE:
            self.torn_down = f"a message of {len(data)} bytes"
        elif self._length >= FULL:
            self.losses["full"] += 1
        else:
            data = (self._rest if self._buffering else b"") + data
            whole = len(data) - len(data) % self._frame_bytes
            for start in range(0, whole, self._frame_bytes):
                self._enqueue(data[start : start + self._frame_bytes])
            self._rest = data[whole:] if self._buffering else b""
            if data[whole:] and not self._buffering:
                self.losses["cut_frame"] += 1

    def _enqueue(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._length += 1
        if not self._full and self._length >= XOFF:
            self._full = True
            self._said.append(self._event("MEDIA_XOFF"))

    def _command(self, text: str) -> None:
        name, _, id = text.partition(" ")
        if self.options.json:
            try:
                fields = object_untrusted(text)
            except RemoteProtocolError:
                self.losses["no_json"] += 1
                self._said.append(self._event("ERROR", error_text="Unable to parse JSON command"))
                return
            name, id = str(fields.get("command")), str(fields.get("correlation_id") or "")
        obey = self._COMMANDS.get(name)
        if obey is None:
            self.losses["unknown_command"] += 1
            return
        self.commands.append(name)
        obey(self, id)

    def _answer(self, _: str) -> None:
        self.answered = True

    def _hang_up(self, _: str) -> None:
        self.hung_up = True

    def _start_buffering(self, _: str) -> None:
        self._buffering = True

    def _stop_buffering(self, id: str) -> None:
        self._buffering = False
        if self._rest:
            self._enqueue(self._rest)
        self._rest = b""
        self._queue.append(self._identified("MEDIA_BUFFERING_COMPLETED", id))

    def _mark(self, id: str) -> None:
        self._queue.append(self._identified("MEDIA_MARK_PROCESSED", id))

    def _flush(self, _: str) -> None:
        self._queue.clear()
        self._length, self._rest, self._buffering = 0, b"", False

    def _pause(self, _: str) -> None:
        self._paused = True

    def _continue(self, _: str) -> None:
        self._paused = False

    def _status(self, _: str) -> None:
        state = {"queue_full": self._full, "bulk_media": self._buffering, "media_paused": self._paused}
        levels = {"queue_length": self._length, "xon_level": XON, "xoff_level": XOFF}
        self._said.append(self._event("STATUS", **levels, **state))

    def _report_drained(self, _: str) -> None:
        self._tell_drained = True

    _COMMANDS: Mapping[str, Callable[[AsteriskChannel, str], None]] = {
        "ANSWER": _answer,
        "HANGUP": _hang_up,
        "START_MEDIA_BUFFERING": _start_buffering,
        "STOP_MEDIA_BUFFERING": _stop_buffering,
        "MARK_MEDIA": _mark,
        "FLUSH_MEDIA": _flush,
        "PAUSE_MEDIA": _pause,
        "CONTINUE_MEDIA": _continue,
        "GET_STATUS": _status,
        "REPORT_QUEUE_DRAINED": _report_drained,
    }

    # ---- its clock

    def tick(self) -> Frame | None:
        """20 ms have passed: what is played in the next 20 ms, filled up with silence; None if that is silence alone."""
        if self._paused:
            return None
        if self._full and self._length < XON:
            self._full = False
            self._said.append(self._event("MEDIA_XON"))
        if not self._queue and self._tell_drained:
            self._tell_drained = False
            self._said.append(self._event("QUEUE_DRAINED"))
        while self._queue and isinstance(self._queue[0], str):
            self._said.append(self._queue.popleft())
        if not self._queue:
            return None
        self._length -= 1
        frame = self._queue.popleft()
        assert isinstance(frame, bytes)
        format = self.options.format
        return Frame(frame + format.silence((self._frame_bytes - len(frame)) // format.sample_bytes), format)
