"""What a model says, in one vocabulary for all providers: the realtime events of the kernl SDK, as frozen dataclasses.

All names have a dot, so they never clash with the events of a channel. A session emits them under these names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ._events import Event
from .audio import Frame


@dataclass(frozen=True, slots=True)
class ModelEvent(Event):
    """Parent of all events of a model."""

    name: ClassVar[str] = "model.event"


@dataclass(frozen=True, slots=True)
class SessionCreated(ModelEvent):
    """The provider says that the session exists: only now is it connected."""

    name: ClassVar[str] = "session.created"
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionUpdated(ModelEvent):
    """The provider has taken a configuration, whole; or (not ``acknowledged``) says nothing, and is believed to have."""

    name: ClassVar[str] = "session.updated"
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class SessionError(ModelEvent):
    """The provider reports an error; the connection goes on unless it closes too."""

    name: ClassVar[str] = "session.error"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SessionExpiring(ModelEvent):
    """The provider will end this connection in so many seconds."""

    name: ClassVar[str] = "session.expiring"
    seconds: float


@dataclass(frozen=True, slots=True)
class SessionUsage(ModelEvent):
    """What the session has cost so far, where that is counted in time: seconds; and which share of what the model can keep in mind
    (``context_used``, 0 to 1) is in use, if the provider says it."""

    name: ClassVar[str] = "session.usage"
    seconds: float
    context_used: float | None = None


@dataclass(frozen=True, slots=True)
class InputCommitted(ModelEvent):
    """The caller's utterance is complete and became an item of the conversation."""

    name: ClassVar[str] = "audio.input.committed"
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class InputCleared(ModelEvent):
    """What the model had heard since the last utterance is forgotten, as it was asked to."""

    name: ClassVar[str] = "audio.input.cleared"


@dataclass(frozen=True, slots=True)
class InputSpeechStarted(ModelEvent):
    """The model hears the caller begin to speak; ``audio_ms`` counts from the start of the audio it was sent."""

    name: ClassVar[str] = "speech.started"
    audio_ms: float | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class InputSpeechStopped(ModelEvent):
    """The model hears the caller stop."""

    name: ClassVar[str] = "speech.stopped"
    audio_ms: float | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseCreated(ModelEvent):
    """The model begins an answer.

    ``requested`` says whether the session had asked for it (`Model.say`, `Model.respond`, `Model.send_text`); None: the model
    cannot tell, and it counts for the oldest request that is still open.
    """

    name: ClassVar[str] = "response.created"
    response_id: str
    requested: bool | None = None


@dataclass(frozen=True, slots=True)
class AudioDelta(ModelEvent):
    """A piece of the answer's audio, in the format the model was started with."""

    name: ClassVar[str] = "audio.output.delta"
    item_id: str
    frame: Frame
    response_id: str | None = None
    live: bool = False
    """Whether it comes in real time and is to be heard at once: a live turn (`Channel.turn`) says it, and drops what is late."""


@dataclass(frozen=True, slots=True)
class AudioDone(ModelEvent):
    """All audio of one item has been sent; it may take long until it has been heard."""

    name: ClassVar[str] = "audio.output.done"
    item_id: str


@dataclass(frozen=True, slots=True)
class TextDelta(ModelEvent):
    """A piece of an answer in text."""

    name: ClassVar[str] = "text.output.delta"
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TextDone(ModelEvent):
    """The whole of an answer in text."""

    name: ClassVar[str] = "text.output"
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class InputTranscriptDelta(ModelEvent):
    """A piece of what the caller said, in words."""

    name: ClassVar[str] = "transcript.input.delta"
    item_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class InputTranscript(ModelEvent):
    """What the caller said, in words; it may arrive long after the answer began."""

    name: ClassVar[str] = "transcript.input"
    item_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class OutputTranscriptDelta(ModelEvent):
    """A piece of what the model says, in words."""

    name: ClassVar[str] = "transcript.output.delta"
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputTranscript(ModelEvent):
    """What the model says, in words: all of it, heard or not.

    ``corrected``: what of an item whose words were told before was heard, as the provider reckons; it takes their place.
    """

    name: ClassVar[str] = "transcript.output"
    item_id: str
    text: str
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class ItemCreated(ModelEvent):
    """The conversation has one more item: ``kind`` is ``message``, ``function_call``, ``function_call_output``, or the provider's own.

    ``speaker`` says whose message it is, where it is one of either side.
    """

    name: ClassVar[str] = "item.created"
    item_id: str
    kind: str = "message"
    speaker: Literal["caller", "agent"] | None = None


@dataclass(frozen=True, slots=True)
class ItemDeleted(ModelEvent):
    """The conversation has one item less."""

    name: ClassVar[str] = "item.deleted"
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemTruncated(ModelEvent):
    """The model has taken note of what was heard of an item: the rest of it was never said."""

    name: ClassVar[str] = "item.truncated"
    item_id: str
    audio_ms: float


@dataclass(frozen=True, slots=True)
class ResponseInterrupted(ModelEvent):
    """The model itself stopped an answer because it heard the caller."""

    name: ClassVar[str] = "response.interrupted"
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What answers cost, in tokens as the provider counts them; ``usage + usage`` is both.

    Of the input tokens so many were of audio, of images, and the rest of text; so many were cached, of which some were of audio.
    Of the output tokens so many were of audio.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    input_image_tokens: int = 0
    cached_audio_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class ResponseDone(ModelEvent):
    """An answer is complete, as far as the model is concerned; ``usage`` is what it cost, if the provider says it."""

    name: ClassVar[str] = "response.done"
    response_id: str
    status: Literal["completed", "interrupted", "cancelled", "failed", "incomplete"] = "completed"
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class AsideDone(ModelEvent):
    """An answer aside is complete, or failed; ``usage`` is what it cost, if the provider says it. Its text is for who asked."""

    name: ClassVar[str] = "aside.done"
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ToolStart(ModelEvent):
    """The model begins to write the call of a tool; it may still think better of it: only a `ToolCall` is one."""

    name: ClassVar[str] = "tool.start"
    call_id: str
    tool: str
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolDelta(ModelEvent):
    """A piece of the arguments of a call that is being written."""

    name: ClassVar[str] = "tool.delta"
    call_id: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall(ModelEvent):
    """The model calls a tool; ``arguments`` is JSON text, as the model wrote it. Comes before the `ResponseDone` of its answer."""

    name: ClassVar[str] = "tool.call"
    call_id: str
    tool: str
    arguments: str = field(repr=False)
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCancelled(ModelEvent):
    """The model takes back a call, or one that it had begun to write: nobody waits for its result any more.

    A tool that runs is cancelled.
    """

    name: ClassVar[str] = "tool.cancelled"
    call_id: str


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What is left of one of the provider's limits, such as ``tokens``, and when it is whole again, in seconds."""

    name: str
    limit: int
    remaining: int
    reset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimitsUpdated(ModelEvent):
    """The provider says how much of its limits is left."""

    name: ClassVar[str] = "rate_limits.updated"
    limits: tuple[RateLimit, ...]


MODEL_EVENTS: dict[str, type[ModelEvent]] = {
    kind.name: kind
    for kind in (
        SessionCreated, SessionUpdated, SessionError, SessionExpiring, SessionUsage, InputCommitted, InputCleared, InputSpeechStarted,
        InputSpeechStopped, ResponseCreated, AudioDelta, AudioDone, TextDelta, TextDone, InputTranscriptDelta, InputTranscript,
        OutputTranscriptDelta, OutputTranscript, ItemCreated, ItemDeleted, ItemTruncated, ResponseInterrupted, ResponseDone,
        AsideDone, ToolStart, ToolDelta, ToolCall, ToolCancelled, RateLimitsUpdated,
    )
}  # fmt: skip
"""Every event name of the vocabulary and its class."""
