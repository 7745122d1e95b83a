"""An emulated GPT-Live server, without I/O: as strict about what it is sent as its typed models are, and a parrot in what it says.

It streams sound or silence, 100 ms for each 100 ms that it is sent and never faster than real time, and says again what the caller said,
once they have paused; its words tell how long that was. Nothing interrupts it: what it hears while it speaks, it says afterwards.

Source: typed models of the official SDK (``openai.types.live``, openai 3.54) with their comments, read 2026-11. What the service does is
known from there, not from captures: the texts of errors and the moment of transcripts are this server's own.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .._errors import FormatError, RemoteProtocolError
from ..audio import PCM16_24K, AudioFormat, Frame
from ..audio._utterances import Utterances
from ._json import Message, object_untrusted, part, written
from .openai_live import FORMATS, written_format

CloseCause: TypeAlias = Literal["close_requested", "expired", "content", "remote_hangup", "connection_lost"]
DELTA = 0.1
"""Seconds of sound in each message."""
LONGEST_ECHO = 30.0
"""Seconds of what it heard that it says again; the oldest goes."""
SESSION_FIELDS = {"model", "instructions", "audio", "delegation", "input", "store", "safety_identifier", "triggers", "client"}
APPENDED = ("instructions", "thinking", "commentary")
KEPT = 1_000
"""Errors and context that are kept to be read back."""


@dataclass(frozen=True, slots=True)
class OpenAILiveServerOptions:
    """How it behaves.

    Args:
        key: the only one that it accepts; None: any, or none.
        lasts: seconds after which a session expires.
        fatal: the code of an error that ends the session instead of beginning it, such as ``insufficient_quota``.
    """

    key: str | None = field(default=None, repr=False)
    lasts: float = 3600.0
    fatal: str | None = None


@dataclass(slots=True, repr=False)
class OpenAILiveServer:
    """One session; times are seconds of whatever clock the caller uses.

    ``received`` and ``sent`` count events by type, ``errors`` are the codes of what was refused, ``context`` is what the client told it
    to speak about or to bear in mind, with the ids of delegations.
    """

    options: OpenAILiveServerOptions
    now: float
    session: Message | None = None
    received: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    context: deque[tuple[str, str, str | None]] = field(default_factory=lambda: deque(maxlen=KEPT))
    heard_seconds: float = 0.0
    closing: bool = False
    """Whether the connection is to be closed once all was sent."""
    _format: AudioFormat = PCM16_24K
    _ears: Utterances = field(default_factory=lambda: Utterances(PCM16_24K))
    _outbox: list[str] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=itertools.count)
    _unanswered: float = 0.0
    _next_at: float = 0.0
    _begun: float = 0.0
    _heard: list[Frame] = field(default_factory=list)
    _to_say: deque[Frame] = field(default_factory=deque)

    def __repr__(self) -> str:
        state = "closed" if self.closing else "open" if self.session is not None else "new"
        return f"<OpenAILiveServer {state}, {self.heard_seconds:.1f} s heard>"

    # ---- what the shell does

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """Take a message of the client; what is wrong with it, it is told."""
        self.now = now
        try:
            message = object_untrusted(data)
            kind = message.get("type")
            self._take(kind if isinstance(kind, str) else "", message)
        except (RemoteProtocolError, FormatError) as exc:
            self._refuse("invalid_value", str(exc), None)

    def take(self) -> list[str]:
        """What is to be sent now."""
        messages, self._outbox = self._outbox, []
        return messages

    @property
    def due(self) -> float:
        """When `advance` has something to do; ``inf`` while nothing is sent to it."""
        if self.session is None or self.closing:
            return float("inf")
        expires_at = self._begun + self.options.lasts
        return min(expires_at, self._next_at) if self._unanswered >= DELTA - 1e-9 else expires_at

    def advance(self, now: float) -> None:
        """Say what is due."""
        self.now = now
        if self.session is None or self.closing:
            return
        if now >= self._begun + self.options.lasts:
            self.end("expired")
            return
        while self._unanswered >= DELTA - 1e-9 and self._next_at <= now:
            self._unanswered -= DELTA
            self._next_at = max(self._next_at, now - 2 * DELTA) + DELTA
            frame = self._to_say.popleft() if self._to_say else Frame.silence(round(DELTA * self._format.rate), self._format)
            self._send("session.output_audio.delta", delta=frame.base64)

    # ---- what a test lets it do

    def say(self, frame: Frame, words: str = "") -> None:
        """Let this be heard, after what it is saying, with its words; in the session's format."""
        if words:
            self._send("session.output_transcript.delta", delta=words, **self._span(frame.duration))
        self._to_say.extend(frame.split(round(DELTA * self._format.rate)))

    def delegate(self) -> str:
        """Delegate something to the client; its id."""
        delegation_id = f"delegation_{next(self._ids)}"
        delegation = {"id": delegation_id, "target": "client", "type": "delegation"}
        self._send("session.delegation.created", delegation=delegation, offset_ms=self._elapsed_ms())
        return delegation_id

    def complain(self, code: str, message: str = "It went wrong, as it was told to.") -> None:
        """Report an error; the session goes on."""
        self._send("error", error={"type": "server_error", "code": code, "message": message})

    def end(self, reason: CloseCause) -> None:
        """End the session, for this reason."""
        if not self.closing:
            self.closing = True
            self._send("session.closed", reason=reason, session=self.session, usage=self._usage())

    # ---- what it is told

    def _take(self, kind: str, message: Message) -> None:
        self.received[kind[:100]] += 1
        event_id = message.get("event_id")
        if kind == "session.start":
            self._start(message, event_id)
        elif self.session is None or self.closing:
            self._refuse("invalid_value", "Send session.start first, and nothing after session.close.", event_id)
        elif kind == "session.input_audio.append":
            self._hear(message, event_id)
        elif kind.endswith(".append") and kind.split(".")[1] in APPENDED:
            self._append(kind.split(".")[1], message, event_id)
        elif kind == "session.close":
            self.end("close_requested")
        else:
            self._refuse("invalid_value", f"There is no event {kind[:40]!r} here.", event_id, "type")

    def _start(self, message: Message, event_id: object) -> None:
        session = part(message, "session")
        if self.session is not None or self.options.fatal is not None:
            self._refuse(self.options.fatal or "invalid_value", "This session cannot be started.", event_id)
            self.closing = self.closing or self.options.fatal is not None
            return
        if unknown := sorted(set(session) - SESSION_FIELDS):
            self._refuse("unknown_parameter", f"There is no parameter {unknown[0][:40]!r}.", event_id, f"session.{unknown[0][:40]}")
            return
        asked = part(part(session, "audio"), "format") or written_format(PCM16_24K)
        format = next((format for format in FORMATS if written_format(format) == asked), None)
        if format is None or not isinstance(session.get("model"), str):
            self._refuse("invalid_value", "The model or the format is none.", event_id, "session")
            return
        self._format, self._begun, self._next_at = format, self.now, self.now
        self._ears = Utterances(format)
        self.session = {**session, "id": f"live_{next(self._ids)}", "status": "active", "expires_at": 0}
        self.session["expires_at"] = 4_102_444_800  # a time of the world's clocks, which are unknown here: the year 2100
        self._send("session.started", session=self.session, **({"client_event_id": event_id} if isinstance(event_id, str) else {}))

    def _hear(self, message: Message, event_id: object) -> None:
        audio = message.get("audio")
        if not isinstance(audio, str) or set(message) - {"type", "audio", "event_id"}:
            self._refuse("invalid_value", "An append has audio in base64, and nothing else.", event_id, "audio")
            return
        frame = Frame.from_base64(audio, self._format)
        if not frame.num_samples:
            return
        before = int(self.heard_seconds / 10)
        self.heard_seconds += frame.duration
        self._unanswered = min(self._unanswered + frame.duration, LONGEST_ECHO)
        for stretch in self._ears.push(frame):
            self._heard.append(stretch.frame)
            if stretch.ends:
                self._parrot()
        del self._heard[: -round(LONGEST_ECHO / 0.02)]
        if int(self.heard_seconds / 10) > before:
            self._send("session.usage.updated", usage=self._usage(), context_window={"usage_ratio": min(self.heard_seconds / 3600, 1.0)})
        self.advance(self.now)

    def _parrot(self) -> None:
        whole = self._heard[0]
        for frame in self._heard[1:]:
            whole = whole.joined(frame)
        self._heard.clear()
        words = f"{whole.duration:.1f} seconds"
        self._send("session.input_transcript.delta", delta=words, **self._span(0.0))
        self.say(whole, f"You spoke for {words}.")

    def _append(self, what: str, message: Message, event_id: object) -> None:
        content, delegation_id = message.get("content"), message.get("delegation_id")
        known = "delegation_id" in message and (delegation_id is None or isinstance(delegation_id, str))
        if not isinstance(content, str) or not known or set(message) - {"type", "content", "delegation_id", "event_id"}:
            self._refuse("invalid_value", "Context has a content, and a delegation_id that may be null.", event_id)
            return
        self.context.append((what, content, delegation_id))
        self._send(f"session.{what}.appended", **self._span(0.0))
        if what == "commentary":
            self._send("session.output_transcript.delta", delta=content, **self._span(0.0))

    # ---- what it says

    def _refuse(self, code: str, message: str, event_id: object, param: str | None = None) -> None:
        self.errors.append(code)
        error: dict[str, Any] = {"type": "invalid_request_error", "code": code, "message": message}
        error |= {"client_event_id": event_id[:100]} if isinstance(event_id, str) else {}
        self._send("error", error=error | ({"param": param} if param else {}))

    def _usage(self) -> Message:
        return {"seconds": float(int(self.now - self._begun))}

    def _elapsed_ms(self) -> int:
        return round((self.now - self._begun) * 1000)

    def _span(self, seconds: float) -> Message:
        start = self._elapsed_ms()
        return {"start_ms": start, "end_ms": start + round(seconds * 1000)}

    def _send(self, kind: str, **fields: object) -> None:
        self.sent[kind] += 1
        ids = {} if kind == "session.output_audio.delta" else {"event_id": f"event_{next(self._ids)}"}
        self._outbox.append(written({"type": kind, **ids, **fields}))
