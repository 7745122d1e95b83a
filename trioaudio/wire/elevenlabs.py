"""The client's side of the ElevenLabs agents protocol, without I/O: what to send, and what it means that was received.

Theory of operation. An agent is made at the provider, with its voice, its tools and its formats; a conversation with it may
change a little of that. So the first message asks for what is different, and the answer to it says what the agent hears and
speaks, which is final:

    created --initiate()--> initiating --conversation_initiation_metadata, formats as declared--> ready
    initiating --metadata with other formats--> refused

From then on the agent alone decides when it speaks and who interrupts it: nothing can be committed, cancelled or truncated. It
has no answers with a beginning and an end either; `AgentTurns` finds them, and needs the time for that: ``now``, in seconds of
any clock, is passed in, and `due` says when to come again.

Source: the vendor's AsyncAPI file of the agents websocket, its client events page and its Python SDK, read 2026-11.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._agent import Agent
from .._errors import FormatError, LocalProtocolError, RemoteProtocolError
from .._model_events import (
    ModelEvent,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionError,
    TextDelta,
    TextDone,
    ToolCall,
)
from ..audio import AudioFormat, Frame
from ._elevenlabs.asks import Asks
from ._elevenlabs.caller import CallerTurns
from ._elevenlabs.errors import AgentError, error_untrusted, is_final
from ._elevenlabs.formats import format_named, written_format
from ._elevenlabs.initiation import ConversationOptions as ConversationOptions
from ._elevenlabs.initiation import initiation
from ._elevenlabs.turns import MAX_ID, AgentTurns
from ._json import MAX_TEXT, Message, count, name_or_none, object_untrusted, part, text, written

Phase: TypeAlias = Literal["created", "initiating", "ready", "refused"]

SHORTEST, LONGEST = 0.02, 0.1
"""Length of a piece of audio that is sent, in seconds: odd ones have broken agents that hear mu-law."""
REMEMBERED_CALLS = 64

UNUSED_EVENTS = frozenset(
    (
        *("asr_initiation_metadata", "agent_tool_request", "agent_tool_response", "agent_tool_response_full_payload"),
        *("agent_response_metadata", "mcp_tool_call", "mcp_connection_status", "context_usage", "dtmf_request", "client_error"),
        *("internal_turn_probability", "internal_tentative_agent_response"),
    )
)
"""Events that are known and tell a session nothing."""


@dataclass(frozen=True, slots=True)
class WireCounts:
    """What a connection did that nobody else sees.

    ``unknown_events`` are of a type that is not known here; ``late_audio`` are pieces of audio of answers that were interrupted or
    cancelled; ``pings`` were answered; ``needless`` are things that were asked for and not sent, because they would have changed
    nothing.
    """

    unknown_events: int
    late_audio: int
    pings: int
    needless: int


class ElevenLabsWire:
    """One connection's memory; ``options`` say how the conversation is to be."""

    def __init__(self, options: ConversationOptions | None = None) -> None:
        self.options: ConversationOptions = options or ConversationOptions()
        self.phase: Phase = "created"
        self.refusal: str | None = None
        """Why this conversation cannot be, in phase ``refused``, and what to do."""
        self.conversation_id: str | None = None
        self.input_format: AudioFormat = format_named(self.options.input_format, "input_format")
        """What the agent is declared to hear."""
        self.output_format: AudioFormat = format_named(self.options.output_format, "output_format")
        """What it is declared to speak."""
        self._turns, self._asks = AgentTurns(self.output_format), Asks()
        self._owed: list[str] = []
        self._rest: Frame | None = None
        self._error: AgentError | None = None
        self._caller = CallerTurns()
        self._results: list[str] = []
        self._chat = ""
        self._open_calls: dict[str, None] = {}
        self._unknown = self._pings = self._needless = self._failures = 0

    @property
    def counts(self) -> WireCounts:
        """What was skipped, answered and spared so far."""
        return WireCounts(self._unknown, self._turns.late_audio, self._pings, self._needless)

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        silence = self._turns.sounds_until if self._asks.waiting and self.phase == "ready" else math.inf
        return min(self._turns.due, self._asks.due, silence)

    # ---- what one wants; each method returns the messages to send, in order

    def initiate(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> list[str]:
        """Begin the conversation: the first message.

        Raises:
            FormatError: the agent is not declared to hear or speak this.
            OptionError: the agent has provider options that there are not.
            LocalProtocolError: it has begun already.
        """
        if self.phase != "created":
            raise LocalProtocolError("a conversation begins once, with the first message")
        for wanted, declared, verb in ((input_format, self.input_format, "hear"), (output_format, self.output_format, "speak")):
            if wanted != declared:
                raise FormatError(f"this agent is declared to {verb} {declared}, not {wanted}")
        self.options = self.options.overridden(agent.provider_options)
        self._caller.transcribe, self.phase = agent.transcribe, "initiating"
        return [written(initiation(agent, self.options))]

    def append(self, frame: Frame) -> list[str]:
        """Let the agent hear a frame, in pieces of 20 to 100 ms; what is shorter waits for the next frame.

        Raises:
            FormatError: the frame is not in the input format.
        """
        if frame.format != self.input_format:
            raise FormatError(f"this agent hears {self.input_format}, the frame is {frame.format}; convert it first (audio.Converter)")
        whole = frame if self._rest is None else self._rest.joined(frame)
        self._rest = None
        least, most = round(SHORTEST * frame.format.rate), round(LONGEST * frame.format.rate)
        pieces = whole.split(most)
        if pieces and pieces[-1].num_samples < least:
            self._rest = pieces.pop()
        return [f'{{"user_audio_chunk":"{piece.base64}"}}' for piece in pieces]

    def send_text(self, words: str, now: float) -> list[str]:
        """Say something on the caller's behalf; the agent answers. It waits until the agent has finished, which it would interrupt.

        Raises:
            LocalProtocolError: too many answers are waited for already.
        """
        self._asks.ask(written({"type": "user_message", "text": words}))
        return self._due_asks(now)

    def respond(self, instructions: str | None, now: float) -> list[str]:
        """Let the agent speak: as `send_text`, for the protocol knows no other way to ask for an answer.

        Where results of tools are there, they are sent now: they are what the agent answers.
        """
        if self._results:
            results, self._results = self._results, []
            self._turns.pass_on()
            self._asks.expect(now)
            return [*(self.update_context(instructions) if instructions else ()), *results]
        return self.send_text(f"(An instruction, not said by the caller: {instructions or 'go on.'})", now)

    def tool_result(self, call_id: str, output: str, *, error: bool = False) -> list[str]:
        """What came of a call, and whether that is an error. It is kept until `respond`, for the agent answers it at once.

        One of a call that is unknown, or has its result, goes nowhere.
        """
        if call_id not in self._open_calls:
            return self._spared()
        del self._open_calls[call_id]
        self._results.append(written({"type": "client_tool_result", "tool_call_id": call_id, "result": output, "is_error": error}))
        return []

    def update_context(self, words: str) -> list[str]:
        """Let the agent know something; it does not answer, and is not interrupted."""
        return [written({"type": "contextual_update", "text": words})]

    def user_activity(self) -> list[str]:
        """The caller is busy in some other way, such as typing: the agent does not speak for a moment."""
        return [written({"type": "user_activity"})]

    def cancel(self, now: float) -> list[ModelEvent]:
        """Hear no more of the answer that is being made; what that means. The agent cannot be told, and believes that it is heard."""
        events = self._turns.cancel(now)
        self._needless += not events
        return events

    def owed(self, now: float) -> list[str]:
        """What has become due to be sent; asked for after each `receive_untrusted` and each `advance`."""
        owed, self._owed = self._owed, []
        return [*owed, *self._due_asks(now)]

    def advance(self, now: float) -> list[ModelEvent]:
        """It is ``now``: what that means."""
        return [*self._turns.advance(now), *(self._unanswered() if self._asks.given_up(now) else [])]

    def refused(self, code: int | None, reason: str) -> str | None:
        """Why connecting again cannot help, after the connection has ended with this close frame; None if it may."""
        if code in (None, 1000):
            return None
        said = self._error
        if (said is not None and said.final) or is_final(code, reason):
            return f"the agent refused the conversation: {_why(said, reason)} ({code})"
        return None

    def broken(self, code: int | None, reason: str) -> str:
        """How the connection ended, in words."""
        return f"the agent ended the conversation: {_why(self._error, reason)} ({code})"

    def _is_heard(self, now: float) -> bool:
        return now < self._turns.sounds_until

    def _due_asks(self, now: float) -> list[str]:
        asked = self._asks.release(now, speaking=self._is_heard(now) or self.phase != "ready")
        if asked:
            self._turns.pass_on()
        return asked

    def _unanswered(self) -> list[ModelEvent]:
        """An answer that was asked for and never came: whoever waits for it learns that."""
        self._failures += 1
        name = f"unanswered-{self._failures}"
        complaint = SessionError("no_answer", "the agent did not answer a message")
        return [complaint, ResponseCreated(name, requested=True), ResponseDone(name, "failed")]

    def _spared(self) -> list[str]:
        self._needless += 1
        return []

    # ---- what was received

    def receive_untrusted(self, data: str | bytes, now: float) -> list[ModelEvent]:
        """What a message means, in order; most often one event, or none.

        Raises:
            RemoteProtocolError: it is no message of this protocol. The connection cannot be trusted any more.
        """
        message = object_untrusted(data)
        take = _TAKERS.get(kind := text(message, "type", ""))
        if take is None:
            self._unknown += kind not in UNUSED_EVENTS
            return []
        events = list(take(self, message, now))
        if any(isinstance(event, ResponseCreated) for event in events):
            self._asks.answered()
            return [*self._caller.stopped(), *events]
        return events

    def _metadata(self, message: Message, now: float) -> list[ModelEvent]:
        if self.phase != "initiating":
            return []
        event = part(message, "conversation_initiation_metadata_event")
        self.conversation_id = name_or_none(event, "conversation_id")
        hears, speaks = (text(event, name, "")[:40] for name in ("user_input_audio_format", "agent_output_audio_format"))
        ours = written_format(self.input_format), written_format(self.output_format)
        if (hears or ours[0], speaks or ours[1]) != ours:
            self.phase, self.refusal = "refused", _other_formats(hears or ours[0], speaks or ours[1], *ours)
            return []
        self.phase = "ready"
        return [SessionCreated(self.conversation_id)]

    def _ping(self, message: Message, now: float) -> list[ModelEvent]:
        self._pings += 1
        self._owed.append(written({"type": "pong", "event_id": count(part(message, "ping_event"), "event_id", MAX_ID)}))
        return []

    def _interruption(self, message: Message, now: float) -> list[ModelEvent]:
        events = self._turns.interrupted(message, now)
        return [*self._caller.started(), *events] if events else []

    def _tool_call(self, message: Message, now: float) -> list[ModelEvent]:
        call = part(message, "client_tool_call")
        call_id, tool = name_or_none(call, "tool_call_id"), name_or_none(call, "tool_name")
        if call_id is None or tool is None or call_id in self._open_calls:
            return []
        arguments = _arguments(part(call, "parameters"))
        self._open_calls = dict.fromkeys([*self._open_calls, call_id][-REMEMBERED_CALLS:])
        begun = self._turns.open(count(call, "event_id", MAX_ID), now)
        called = ToolCall(call_id, tool, arguments, self._turns.response_id)
        return [*begun, called, *self._turns.complete()]

    def _all_words(self, message: Message, now: float) -> list[ModelEvent]:
        self._turns.pass_on()
        return self._caller.all_words(message)

    def _chat_part(self, message: Message, now: float) -> list[ModelEvent]:
        """An answer in text, piece by piece."""
        event = part(message, "text_response_part")
        kind, piece = text(event, "type", "delta"), text(event, "text", "")
        begun = self._turns.open(count(event, "event_id", MAX_ID), now)
        item_id = f"text-of-{self._turns.response_id}"
        self._chat = ("" if kind == "start" else self._chat) + piece
        self._chat = self._chat[:MAX_TEXT]
        if kind == "stop":
            return [*begun, TextDone(item_id, self._chat)]
        return [*begun, TextDelta(item_id, piece)] if piece else begun

    def _err(self, message: Message, now: float) -> list[ModelEvent]:
        self._error = error_untrusted(message)
        return [SessionError(self._error.code, self._error.message)]

    def _guardrail(self, message: Message, now: float) -> list[ModelEvent]:
        return [SessionError("guardrail_triggered", "a guardrail of the agent has stopped it")]


_TAKERS: dict[str, Callable[[ElevenLabsWire, Message, float], Sequence[ModelEvent]]] = {
    "conversation_initiation_metadata": ElevenLabsWire._metadata,
    "ping": ElevenLabsWire._ping,
    "audio": lambda wire, message, now: wire._turns.audio(message, now),
    "interruption": ElevenLabsWire._interruption,
    "agent_response": lambda wire, message, now: wire._turns.words(message, now),
    "agent_response_correction": lambda wire, message, now: wire._turns.corrected(message),
    "agent_response_complete": lambda wire, message, now: wire._turns.complete(),
    "agent_chat_response_part": ElevenLabsWire._chat_part,
    "client_tool_call": ElevenLabsWire._tool_call,
    "user_transcript": ElevenLabsWire._all_words,
    "tentative_user_transcript": lambda wire, message, now: wire._caller.tentative_words(message, over_agent=wire._is_heard(now)),
    "vad_score": lambda wire, message, now: wire._caller.vad_score(message, over_agent=wire._is_heard(now)),
    "error": ElevenLabsWire._err,
    "guardrail_triggered": ElevenLabsWire._guardrail,
}


def _arguments(parameters: Message) -> str:
    try:
        return json.dumps(parameters, allow_nan=False)
    except (RecursionError, ValueError):
        raise RemoteProtocolError("the arguments of a tool cannot be written down again: nested too deeply, or no numbers") from None


def _other_formats(hears: str, speaks: str, our_input: str, our_output: str) -> str:
    return (
        f"the agent hears {hears} and speaks {speaks}, and was opened as one that hears {our_input} and speaks {our_output}: both sides "
        f"would hear noise. Open it with input_format={hears} and output_format={speaks}, or change the agent's settings"
    )


def _why(error: AgentError | None, reason: str) -> str:
    return f"{error.message} [{error.code}]" if error is not None else reason or "it does not say why"
