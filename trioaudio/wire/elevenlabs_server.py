"""The server's side of the ElevenLabs agents protocol, without I/O: what an emulated agent says, and when.

Theory of operation. Whoever runs it hands over what the client sent with the time it came (`receive_untrusted`), lets time pass
(`advance`, due at `due`), and sends what `take` returns, in order. When ``closing`` is set, that is the close frame which follows.
The conversation begins with the client's first message. The agent listens with the voice activity detection of this package,
answers by a function from a `ElevenLabsQuestion` to a `ElevenLabsReply`, and believes that what it sent is heard as it sounds: who
speaks before that has passed interrupts it. What the client may not say ends the conversation, as with the provider.

It is thinner than the provider: it knows no knowledge base, no workflows, no telephony, and no tools but the client's.

Source: the vendor's AsyncAPI file of the agents websocket and its Python SDK, read 2026-11.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..audio import Frame
from ..audio._tape import Tape
from ._elevenlabs.formats import DEFAULT, format_named
from ._elevenlabs.initiation import UNDERSTOOD
from ._elevenlabs_server.checks import AgentRefusedError, audio_of, overrides_of, read
from ._elevenlabs_server.reply import ElevenLabsAnswer as ElevenLabsAnswer
from ._elevenlabs_server.reply import ElevenLabsCall as ElevenLabsCall
from ._elevenlabs_server.reply import ElevenLabsQuestion as ElevenLabsQuestion
from ._elevenlabs_server.reply import ElevenLabsReply as ElevenLabsReply
from ._elevenlabs_server.reply import parrot as parrot
from ._elevenlabs_server.reply import sound_of
from ._elevenlabs_server.turn import TurnMaker
from ._json import Message, written

PREROLL = 0.3
"""What from before the start of speech belongs to it, in seconds."""
TAIL = 0.1
"""What from after its end, in seconds."""
LONGEST_UTTERANCE = 120.0
ALWAYS = ("conversation_initiation_metadata", "ping", "error")
"""Events that no setting turns off."""


class Closing(NamedTuple):
    """The close frame that ends the connection."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class ElevenLabsServerOptions:
    """How an emulated agent is set.

    Args:
        input_format: what it hears, by the provider's name.
        output_format: what it speaks.
        first_message: what it says first; empty: it waits for the caller.
        overridable: a conversation may change its prompt, voice and so on.
        events: what it tells clients, unless they ask for something else.
        variables: dynamic variables without which it does not begin.
        agents: ids of the agents that there are; None: every one.
        keys: keys that may ask for a signed address; None: the agent is public.
        speed: how much faster than it sounds audio is sent.
        silence_ms: silence that ends an utterance, in milliseconds.
        ping_every: seconds from one ping to the next.
        lasts: seconds after which a conversation ends.
        numbers: what has a number of its own: each ``"turn"`` of the agent, or each ``"piece"`` of its audio.
        slips: a piece of audio that was on its way slips out after an interruption.
        extras: say things that no document knows, too.
    """

    input_format: str = DEFAULT
    output_format: str = DEFAULT
    first_message: str = "Hello."
    overridable: bool = True
    events: frozenset[str] = frozenset(UNDERSTOOD) - {"agent_response_complete", "vad_score"}
    variables: frozenset[str] = frozenset()
    agents: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    speed: float = 10.0
    silence_ms: float = 600.0
    ping_every: float = 5.0
    lasts: float = 600.0
    numbers: Literal["turn", "piece"] = "turn"
    slips: bool = False
    extras: bool = False

    def __post_init__(self) -> None:
        format_named(self.input_format, "input_format")
        format_named(self.output_format, "output_format")


class ElevenLabsServer:
    """One conversation with an emulated agent.

    Args:
        answer: what it says to a question; `parrot` by default.
        options: how it is set.
        now: the time its life begins, in seconds of any clock.
    """

    def __init__(self, answer: ElevenLabsAnswer | None = None, options: ElevenLabsServerOptions | None = None, now: float = 0.0) -> None:
        self.options: ElevenLabsServerOptions = options or ElevenLabsServerOptions()
        self.closing: Closing | None = None
        self.initiation: Message | None = None
        """The client's first message."""
        self.errors: list[str] = []
        """Types of the errors it has ended with, and what the client did that ends nothing and means nothing."""
        self.context: list[str] = []
        """What it was told beside the conversation."""
        self.results: dict[str, tuple[str, bool]] = {}
        """What came of its calls, by id: output, and whether it was an error."""
        self.counts: Counter[str] = Counter()
        """How many messages of each type the client has sent."""
        self._answer = answer or parrot
        self._input, self._output = format_named(self.options.input_format, ""), format_named(self.options.output_format, "")
        self._now = now
        self._end, self._ping_due, self._step_due = now + self.options.lasts, math.inf, math.inf
        self._events, self._prompt = self.options.events, ""
        self._out: list[str] = []
        self._pings, self._numbers, self._calls = itertools.count(1), 0, itertools.count(1)
        self._unanswered_pings: set[int] = set()
        self._turn: TurnMaker | None = None
        self._given: deque[ElevenLabsReply] = deque()
        self._open_calls: set[str] = set()
        self._new_results: list[str] = []
        self._heard = bytearray()
        self._tape: Tape | None = None
        self._speech = 0

    # ---- whoever runs it

    def open(self, agent_id: str | None, *, authorised: bool = True) -> None:
        """The websocket is open; whether the agent exists and may be talked to is judged now."""
        if not agent_id or (self.options.agents is not None and agent_id not in self.options.agents):
            self.closing = Closing(3000, "The AI agent you are trying to reach does not exist.")
        elif self.options.keys is not None and not authorised:
            self.closing = Closing(3000, "The AI agent you are trying to reach requires authorization.")

    def take(self) -> list[str]:
        """The messages to send, in order."""
        taken, self._out = self._out, []
        return taken

    @property
    def has_news(self) -> bool:
        """Whether there is something to send, or an end to make."""
        return bool(self._out) or self.closing is not None

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        return min(self._end, self._ping_due, self._step_due)

    def advance(self, now: float) -> None:
        """It is ``now``: do what has become due."""
        while self.due <= now and self.closing is None:
            self._now = max(self._now, self.due)
            if self._now >= self._end:
                self.closing = Closing(1000, "The conversation has reached its maximum duration.")
            elif self._ping_due <= self._now:
                self._ping()
            else:
                self._step()
        self._now = max(self._now, now)

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """The client has sent a message; nothing that it sends raises."""
        self.advance(now)
        if self.closing is not None:
            return
        try:
            message = read(data)
            self.counts[message["type"]] += 1
            if self.initiation is None:
                self._begin(message)
            elif message["type"] == "conversation_initiation_client_data":
                self.errors.append("initiated_twice")
            _TAKERS[message["type"]](self, message)
        except AgentRefusedError as refused:
            self.complain(refused.kind, str(refused), refused.code)
            self.closing = Closing(refused.code, str(refused)[:100])

    def say(self, reply: ElevenLabsReply, now: float) -> None:
        """Let it say something unasked, once it says nothing else."""
        self.advance(now)
        self._reply(reply)

    def complain(self, kind: str, message: str, code: int = 1011) -> None:
        """Say that something went wrong; the close frame that should follow is somebody else's affair."""
        self.errors.append(kind)
        self._say("error", error_event={"code": code, "message": message, "error_type": kind, "reason": None})

    def _say(self, kind: str, **fields: object) -> None:
        if kind in self._events or kind in ALWAYS:
            self._out.append(written({"type": kind, **fields}))

    # ---- the conversation

    def _begin(self, message: Message) -> None:
        """The first message; one that asks for nothing will do."""
        self.initiation = message
        override = overrides_of(message, allowed=self.options.overridable)
        agent = override.get("agent") or {}
        missing = sorted(self.options.variables - set(message.get("dynamic_variables") or {}))
        if missing:
            raise AgentRefusedError("missing_dynamic_variable", f"Missing required dynamic variables: {', '.join(missing)}")
        self._events = frozenset((override.get("conversation") or {}).get("client_events") or self._events)
        self._prompt = str((agent.get("prompt") or {}).get("prompt") or "")
        formats = {"agent_output_audio_format": self.options.output_format, "user_input_audio_format": self.options.input_format}
        metadata = {"conversation_id": "conv_emulated", **formats}
        self._say("conversation_initiation_metadata", conversation_initiation_metadata_event=metadata)
        if self.options.extras:
            self._out.append(written({"type": "agent_mood", "agent_mood_event": {"mood": "fine"}}))
        self._ping()
        first = agent.get("first_message", self.options.first_message)
        if isinstance(first, str) and first:
            self._reply(ElevenLabsReply(first))

    def _ping(self) -> None:
        number = next(self._pings)
        self._unanswered_pings.add(number)
        self._ping_due = self._now + self.options.ping_every
        self._say("ping", ping_event={"event_id": number, "ping_ms": 20 if number > 1 else None})

    def _pong(self, message: Message) -> None:
        if message["event_id"] not in self._unanswered_pings:
            self.errors.append("unexpected_pong")
        self._unanswered_pings.discard(message["event_id"])

    @property
    def unanswered_pings(self) -> int:
        """Pings that the client has not answered yet."""
        return len(self._unanswered_pings)

    def _context(self, message: Message) -> None:
        self.context.append(message["text"])

    def _user_message(self, message: Message) -> None:
        self._interrupt()
        self._respond(words=message.get("text") or "")

    def _result(self, message: Message) -> None:
        if message["tool_call_id"] not in self._open_calls:
            self.errors.append("unknown_tool_call")
            return
        self._open_calls.discard(message["tool_call_id"])
        self.results[message["tool_call_id"]] = (message["result"], message["is_error"])
        self._new_results.append(message["result"])
        if not self._open_calls:
            results, self._new_results = tuple(self._new_results), []
            self._respond(results=results)

    def _nothing(self, message: Message) -> None:
        """It is counted, and that is all."""

    # ---- the caller

    def _audio(self, message: Message) -> None:
        data, width = bytes(self._heard) + audio_of(message), self._input.sample_bytes
        whole = len(data) - len(data) % width
        self._heard = bytearray(data[whole:])
        frame = Frame(data[:whole], self._input)
        if self._tape is None:
            from ..audio._vad import voice_activity  # it needs numpy, which a program that only imports this never loads

            self._tape, self._vad = Tape(self._input), voice_activity(self._input, hangover_ms=self.options.silence_ms)
        self._tape.add(frame)
        for edge in self._vad.push(frame):
            self._caller_began(edge.position) if edge.speaking else self._caller_stopped(edge.position)
        self._say("vad_score", vad_score_event={"vad_score": 0.9 if self._vad.speaking else 0.1})
        self._tape.keep(round((LONGEST_UTTERANCE if self._vad.speaking else 2.0) * self._input.rate))

    def _caller_began(self, position: int) -> None:
        self._speech = max(0, position - round(PREROLL * self._input.rate))
        self._interrupt()
        words = {"user_transcript": "(speech", "event_id": self._numbers + 1}
        self._say("tentative_user_transcript", tentative_user_transcription_event=words)

    def _caller_stopped(self, position: int) -> None:
        assert self._tape is not None
        end = min(self._tape.end, position + round(TAIL * self._input.rate))
        heard = self._tape.take(max(self._tape.begin, self._speech), end)
        words = f"({heard.duration:.1f} s of speech)"
        self._say("user_transcript", user_transcription_event={"user_transcript": words, "event_id": self._numbers + 1})
        self._respond(heard=heard)

    def _interrupt(self) -> None:
        """Stop the agent, if it is being heard: all of its audio may have been sent, and not have sounded yet."""
        turn = self._turn
        if turn is None or (self._step_due == math.inf and self._now >= turn.plays_until):
            return
        self._turn, was_sending, self._step_due = None, self._step_due < math.inf, math.inf
        self._say("interruption", interruption_event={"event_id": turn.event_id})
        if self.options.slips and was_sending:
            turn.step(self._now)
        if turn.reply.text:
            self._say("agent_response_correction", agent_response_correction_event=turn.correction(self._now))
        self._numbers = turn.event_id

    # ---- the agent

    def _respond(self, *, heard: Frame | None = None, words: str | None = None, results: tuple[str, ...] = ()) -> None:
        reply = self._answer(ElevenLabsQuestion(self._prompt, self._output, heard, words, results, tuple(self.context)))
        if reply is not None:
            self._reply(reply)

    def _reply(self, reply: ElevenLabsReply) -> None:
        self._given.append(reply)
        self._say_given()

    def _say_given(self) -> None:
        if self._given and self._step_due == math.inf:
            reply = self._given.popleft()
            sound, numbers_pieces = sound_of(reply, self._output), self.options.numbers == "piece"
            self._numbers += 1
            speed = self.options.speed
            self._turn = TurnMaker(reply, self._numbers, sound, self._say, speed=speed, numbers_pieces=numbers_pieces)
            self._step_due = self._now
            self._step()

    def _step(self) -> None:
        assert self._turn is not None
        wait = self._turn.step(self._now)
        self._numbers = self._turn.event_id
        if wait is not None:
            self._step_due = self._now + wait
            return
        self._step_due = math.inf
        self._open_calls.update(self._turn.calls(lambda: f"call_{next(self._calls)}"))
        if self.options.extras or "agent_response_complete" in self._events:
            self._say("agent_response_complete", agent_response_complete_event={"event_id": self._turn.event_id})
        self._say_given()


_TAKERS: dict[str, Callable[[ElevenLabsServer, Message], None]] = {
    "user_audio_chunk": ElevenLabsServer._audio,
    "conversation_initiation_client_data": ElevenLabsServer._nothing,
    "pong": ElevenLabsServer._pong,
    "user_message": ElevenLabsServer._user_message,
    "user_activity": ElevenLabsServer._nothing,
    "contextual_update": ElevenLabsServer._context,
    "client_tool_result": ElevenLabsServer._result,
    "feedback": ElevenLabsServer._nothing,
}
