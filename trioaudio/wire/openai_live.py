"""The client's side of OpenAI's Live protocol (GPT-Live), without I/O: what to send, and what it means that was received.

Theory of operation. One start, once; the session exists when the server says ``session.started``:

    new --start()--> starting --session.started--> live --close()--> closing --session.closed--> closed

From then on audio flows both ways in one format and in real time, silence too. There are no turns, no answers and no interruptions, and
nothing is said of what was heard. What the model does not know it delegates, without saying what: the words that were spoken tell.

Source: typed models of the official SDK (``openai.types.live``, openai 3.54) with their comments, and OpenAI's guides, read 2026-11.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from .._agent import Agent
from .._errors import FormatError, LocalProtocolError, RemoteProtocolError
from .._model_events import (
    AudioDelta,
    InputTranscriptDelta,
    ModelEvent,
    OutputTranscriptDelta,
    SessionCreated,
    SessionError,
    SessionUsage,
    ToolCall,
)
from ..audio import ALAW_8K, MULAW_8K, PCM16_16K, PCM16_24K, AudioFormat, Frame
from ._json import Message, name_or_none, number_or_none, object_untrusted, part, text, written
from ._openai.errors import WireError, error_untrusted
from ._option_checks import overridden, require_range

Phase: TypeAlias = Literal["new", "starting", "live", "closing", "closed"]

FORMATS: Final[tuple[AudioFormat, ...]] = (PCM16_24K, PCM16_16K, MULAW_8K, ALAW_8K)
"""What the model hears and says, the best one first; one of them for both directions."""
LONGEST_CONTENT: Final = 1_500
"""Characters of one piece of context; the server takes 500 tokens, of 3 characters at least in most languages."""
_KINDS = {"pcm16": "audio/pcm", "mulaw": "audio/pcmu", "alaw": "audio/pcma"}


@dataclass(frozen=True, slots=True)
class OpenAILiveOptions:
    """How a session is to be, beyond what its `Agent` says.

    Args:
        delegate: the agent's tool that is called for whatever the model delegates. It is given no arguments: the protocol has none.
        acknowledgement_ms: how long after that the model may say that it is busy; None: at once.
        store: let the provider keep the session.
        safety_identifier: stands for the caller where the provider looks for abuse.
    """

    delegate: str = "delegate"
    acknowledgement_ms: int | None = None
    store: bool | None = None
    safety_identifier: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value cannot be."""
        require_range("openai-live", "acknowledgement_ms", self.acknowledgement_ms, 0, 60_000, whole=True)


@dataclass(frozen=True, slots=True)
class OpenAILiveCounts:
    """What a connection did that nobody else sees: events that are ``unknown`` here, and audio that was none (``invalid_audio``)."""

    unknown: int
    invalid_audio: int


class OpenAILiveWire:
    """One connection's memory; ``model`` is its name, and ``options`` say how the session is to be."""

    def __init__(self, model: str, options: OpenAILiveOptions | None = None) -> None:
        self.model: str = model
        self.options: OpenAILiveOptions = options or OpenAILiveOptions()
        self.phase: Phase = "new"
        self.refusal: WireError | None = None
        """Why the server does not want to, or does not want to any longer."""
        self.ended: str | None = None
        """Why the session ended, as the server said it: ``close_requested``, ``expired``, ``content``, ``remote_hangup`` or so."""
        self.expires_at: float | None = None
        """When it will, in the time of the world's clocks."""
        self._format = PCM16_24K
        self._count = self._unknown = self._invalid_audio = 0

    @property
    def counts(self) -> OpenAILiveCounts:
        """What was skipped so far."""
        return OpenAILiveCounts(self._unknown, self._invalid_audio)

    # ---- what one wants; each method returns the messages to send, in order

    def start(self, agent: Agent, format: AudioFormat) -> list[str]:
        """Begin the session.

        Raises:
            FormatError: the protocol does not know the format.
            OptionError: the agent has provider options that there are not.
            LocalProtocolError: it was begun already.
        """
        if self.phase != "new":
            raise LocalProtocolError("a session is started once, before anything else")
        if format not in FORMATS:
            raise FormatError(f"GPT-Live does not speak {format}; choose one of {', '.join(map(str, FORMATS))}")
        self.options = overridden("openai-live", self.options, agent.provider_options)
        self.phase, self._format = "starting", format
        return [self._message("session.start", session=self._session(agent))]

    def _session(self, agent: Agent) -> Message:
        options = self.options
        audio: Message = {"format": written_format(self._format)}
        if agent.voice:
            audio["output"] = {"voice": agent.voice}
        delegation: Message = {"type": "client"}
        if options.acknowledgement_ms is not None:
            delegation["acknowledgement_delay_ms"] = options.acknowledgement_ms
        wanted = {"instructions": agent.instructions or None, "store": options.store, "safety_identifier": options.safety_identifier}
        given = {key: value for key, value in wanted.items() if value is not None}
        return {"model": self.model, "audio": audio, "delegation": delegation, **given}

    def append(self, frame: Frame) -> str:
        """Let the model hear a frame, without decoding what came as base64.

        Raises:
            FormatError: the frame is not in the session's format.
        """
        if frame.format != self._format:
            raise FormatError(f"this session hears {self._format}, the frame is {frame.format}; convert it first (audio.Converter)")
        return f'{{"type":"session.input_audio.append","audio":"{frame.base64}"}}'

    def respond(self, instructions: str | None = None) -> list[str]:
        """Give the model something to speak about; it speaks when it thinks fit. Without anything, nothing is sent."""
        return self._commentary(instructions, None) if instructions else []

    def tool_result(self, call_id: str, output: str) -> list[str]:
        """What came of what was delegated: something that the model may speak about."""
        return self._commentary(output or "(done)", call_id)

    def _commentary(self, content: str, delegation_id: str | None) -> list[str]:
        pieces = textwrap.wrap(content, LONGEST_CONTENT, replace_whitespace=False, drop_whitespace=False)
        return [self._message("session.commentary.append", content=piece, delegation_id=delegation_id) for piece in pieces]

    def close(self) -> list[str]:
        """End the session, if there is one; the server says ``session.closed`` when it has put it away."""
        if self.phase != "live":
            return []
        self.phase = "closing"
        return [self._message("session.close")]

    def _message(self, kind: str, **fields: object) -> str:
        self._count += 1
        return written({"type": kind, "event_id": f"evt_{self._count}", **fields})

    # ---- what was received

    def receive_untrusted(self, data: str | bytes) -> list[ModelEvent]:
        """What a message means: most often one event, or none.

        Raises:
            RemoteProtocolError: it is no message of this protocol. The connection cannot be trusted any more.
        """
        message = object_untrusted(data)
        match text(message, "type"):
            case "session.output_audio.delta":
                return self._audio(message)
            case "session.input_transcript.delta":
                return _words(InputTranscriptDelta(None, text(message, "delta", "")))
            case "session.output_transcript.delta":
                return _words(OutputTranscriptDelta("", text(message, "delta", "")))
            case "session.started":
                return self._started(part(message, "session"))
            case "session.delegation.created":
                return self._delegated(part(message, "delegation"))
            case "session.usage.updated":
                return _usage(message)
            case "session.closed":
                self.phase, self.ended = "closed", text(message, "reason", "unknown")[:40]
                return _usage(message)
            case "error":
                return self._error(message)
            case "info" | "session.updated" | "session.commentary.appended" | "session.input_audio.append":
                return []  # the last one is for those who listen in
            case _:
                self._unknown += 1
                return []

    def _audio(self, message: Message) -> list[ModelEvent]:
        try:
            frame = Frame.from_base64(text(message, "delta", ""), self._format)
        except FormatError:
            self._invalid_audio += 1
            return []
        return [AudioDelta("", frame, live=True)] if frame.num_samples and self.phase == "live" else []

    def _started(self, session: Message) -> list[ModelEvent]:
        if self.phase != "starting":
            return []
        format = part(part(session, "audio"), "format")
        if format and (format.get("type"), format.get("rate")) != (_KINDS[self._format.encoding], self._format.rate):
            what = f"the server set the format {str(format)[:60]}, we asked for {self._format}"
            self.refusal = WireError("format", what, "mistake", None)
        self.phase, self.expires_at = "live", number_or_none(session, "expires_at")
        return [SessionCreated(name_or_none(session, "id"))]

    def _delegated(self, delegation: Message) -> list[ModelEvent]:
        call_id = name_or_none(delegation, "id")
        if call_id is None:
            raise RemoteProtocolError("a delegation has no id")
        return [ToolCall(call_id, self.options.delegate, "{}")] if text(delegation, "target", "client") == "client" else []

    def _error(self, message: Message) -> list[ModelEvent]:
        error = error_untrusted(message)
        if self.phase == "starting" or error.meaning == "fatal":
            self.refusal = self.refusal or error
        return [SessionError(error.code, error.message)]


def written_format(format: AudioFormat) -> Message:
    """A format as this protocol names it: unlike OpenAI's Realtime API, it wants the rate of telephones' formats, too."""
    return {"type": _KINDS[format.encoding], "rate": format.rate}


def _words(event: InputTranscriptDelta | OutputTranscriptDelta) -> list[ModelEvent]:
    return [event] if event.text else []


def _usage(message: Message) -> list[ModelEvent]:
    seconds = number_or_none(part(message, "usage"), "seconds")
    if seconds is None or not 0 <= seconds <= 10**9:
        return []
    return [SessionUsage(seconds, number_or_none(part(message, "context_window"), "usage_ratio"))]
