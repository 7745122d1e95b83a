"""The server's side of the Gemini Live protocol, without I/O: what an emulator says, and when.

Theory of operation. Whoever runs it hands over what the client sent with the time it came (`receive_untrusted`), lets time pass
(`advance`, due at `due`), and sends what `take` returns, in order, as binary messages. When ``closing`` is set, that is the close
frame which follows: every misuse is answered so, as the live service does. What it says is decided by a function from a
`GeminiQuestion` to a `GeminiReply`. It is thin: one answer at a time, no video, no search, and it reckons no tokens.

Source: Gemini Live API reference (``BidiGenerateContent``), and published reports of the live service, read 2026-11.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable

from ..audio import Frame
from ._gemini_server.checks import (
    INTERNAL,
    POLICY,
    GeminiClosing,
    MisuseError,
    check_setup,
    client_message_untrusted,
    field,
    frame_of,
    listed,
    require,
    words_of,
)
from ._gemini_server.ears import Ears, Heard
from ._gemini_server.reply import GeminiAnswer as GeminiAnswer
from ._gemini_server.reply import GeminiCall as GeminiCall
from ._gemini_server.reply import GeminiQuestion as GeminiQuestion
from ._gemini_server.reply import GeminiReply as GeminiReply
from ._gemini_server.reply import parrot as parrot
from ._gemini_server.turn import GeminiServerOptions as GeminiServerOptions
from ._gemini_server.turn import GeminiTurn
from ._json import Message, written

REMEMBERED = 1_000
"""Lines of a conversation that are kept."""
NO_KEY = "API key not valid. Please pass a valid API key."
DEADLINE = GeminiClosing(INTERNAL, "Deadline expired before operation could complete.")


class GeminiServer:
    """One client's session.

    Args:
        answer: what it says to a question; `parrot` by default.
        options: how it behaves.
        now: the time its life begins, in seconds of any clock.
        handles: sessions that can be taken up again, by their handles; servers that share it are one service.
    """

    def __init__(
        self,
        answer: GeminiAnswer | None = None,
        options: GeminiServerOptions | None = None,
        now: float = 0.0,
        handles: dict[str, GeminiServer] | None = None,
    ) -> None:
        self.options: GeminiServerOptions = options or GeminiServerOptions()
        self.closing: GeminiClosing | None = None
        self.connected: bool = True
        """Whether the client is still there; whoever runs it says when it is not."""
        self.setup: Message = {}
        self.conversation: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        """Who said what, ``user`` or ``model``; also in the session that this one goes on with, or was told of."""
        self.results: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        """What tools found, by the ids of their calls."""
        self._answer = answer or parrot
        self._now, self._end = now, now + self.options.lasts
        self._goes_away_at = self._end - self.options.warns
        self._handles = {} if handles is None else handles
        self._names, self._handle = itertools.count(1), ""
        self._out: list[str] = []
        self._ears: Ears | None = None
        self._turn: GeminiTurn | None = None
        self._given: deque[GeminiReply] = deque()
        self._found: list[str] = []
        self._unanswered: deque[Frame] = deque()

    # ---- whoever runs it

    def open(self, key: str | None) -> None:
        """The websocket is open; the key is judged now, as the live service does."""
        if self.options.keys is not None and key not in self.options.keys:
            self.closing = MisuseError(NO_KEY).closing

    def take(self) -> list[bytes]:
        """The messages to send, in order."""
        taken, self._out = self._out, []
        return [message.encode() for message in taken]

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        return min(self._end, self._goes_away_at, self._turn.due if self._turn else math.inf)

    @property
    def has_news(self) -> bool:
        """Whether there is something to send, or an end to make."""
        return bool(self._out) or self.closing is not None

    def advance(self, now: float) -> None:
        """It is ``now``: do what has become due."""
        while self.due <= now and self.closing is None:
            self._now = max(self._now, self.due)
            if self._now >= self._end:
                self.closing = DEADLINE
            elif self._now >= self._goes_away_at:
                self._goes_away_at = math.inf
                self._say(goAway={"timeLeft": f"{self._end - self._now:g}s"})
            else:
                self._go_on()
        self._now = max(self._now, now)

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        """The client has sent a message; nothing that it sends raises."""
        self.advance(now)
        if self.closing is not None:
            return
        try:
            kind, message = client_message_untrusted(data)
            require((kind == "setup") == (not self.setup), "The first message must be a setup, and no other.")
            _TAKERS[kind](self, message)
        except MisuseError as misuse:
            self.closing = misuse.closing

    def say(self, reply: GeminiReply, now: float) -> None:
        """Let it say something unasked, once it says nothing else."""
        self.advance(now)
        self._given.append(reply)
        self._next()

    def complain(self, kind: str, message: str) -> None:
        """End the connection as a service does where something is wrong with it; the protocol has no other complaints."""
        self.closing = GeminiClosing(INTERNAL, f"{kind}: {message}"[:120])

    def _say(self, **message: object) -> None:
        self._out.append(written(message))

    def _say_all(self, messages: list[Message]) -> None:
        for message in messages:
            self._say(**message)

    # ---- the session

    def _begin(self, setup: Message) -> None:
        check_setup(setup)
        model = setup["model"]
        if self.options.models is not None and model.rpartition("/")[2] not in self.options.models:
            raise MisuseError(f"{model[:60]} is not found for API version v1beta, or is not supported for bidiGenerateContent.", POLICY)
        self._ears = Ears(field(setup, "realtimeInputConfig"))
        self._take_up(field(setup, "sessionResumption").get("handle"))
        self.setup = setup
        self._handle = f"handle_{len(self._handles) + 1}"
        self._say(setupComplete={"sessionId": f"session_{len(self._handles) + 1}"})
        self._can_be_resumed()

    def _take_up(self, handle: object) -> None:
        if handle is None:
            return
        before = self._handles.get(handle) if isinstance(handle, str) else None
        if before is None:
            raise MisuseError
        require(not before.connected, "Internal error occurred.", INTERNAL)
        self.conversation.extend(before.conversation)

    def _can_be_resumed(self) -> None:
        if "sessionResumption" in self.setup:
            self._handles[self._handle] = self
            self._say(sessionResumptionUpdate={"newHandle": self._handle, "resumable": True})

    def _update_context(self, update: Message) -> None:
        self.setup = {**self.setup, **update}

    @property
    def _takes_turns(self) -> bool:
        return "gemini-2" in self.setup["model"]

    def _content(self, content: Message) -> None:
        """Turns of the conversation: at any time for Gemini 2, for others only as an announced history, before all else."""
        is_history = not self._takes_turns
        announced = field(self.setup, "historyConfig").get("initialHistoryInClientContent") is True
        require(not is_history or (announced and not self.conversation and self._turn is None))
        said = words_of(listed(content, "turns"))
        self.conversation.extend(said)
        if content.get("turnComplete") is not False and not is_history:
            self._ask(words=" ".join(words for _, words in said[-1:]) or None)

    def _input(self, message: Message) -> None:
        require(len(message) == 1)
        [(kind, value)] = message.items()
        require(kind != "mediaChunks", "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.")
        ears = self._ears
        assert ears is not None
        match kind:
            case "audio":
                for heard in ears.hear(frame_of(field(message, "audio"))):
                    self._hear(heard)
            case "text":
                require(isinstance(value, str))
                self.conversation.append(("user", value))
                self._ask(words=value)
            case "activityStart":
                ears.begin()
                self._interrupt()
            case "activityEnd":
                self._hear(ears.end())
            case "audioStreamEnd":
                if (last := ears.pause()) is not None:
                    self._hear(last)

    # ---- the caller

    def _hear(self, heard: Heard) -> None:
        if self.options.tells_of_speech:
            kind = "ACTIVITY_START" if heard.utterance is None else "ACTIVITY_END"
            self._say(voiceActivity={"voiceActivityType": kind, "audioOffset": f"{heard.at:g}s"})
        if heard.utterance is None:
            self._interrupt()
        else:
            self._write_down(heard.utterance)
            self._unanswered.append(heard.utterance)
            self._next()

    def _interrupt(self) -> None:
        assert self._ears is not None
        if self._ears.interrupts:
            self._cut_short()

    def _cut_short(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and turn.state != "over":
            self._say_all(turn.cut_short())
            self.conversation.append(("model", turn.said))
            self._can_be_resumed()

    def _write_down(self, utterance: Frame) -> None:
        words = f"({utterance.duration:.1f} s of speech)"
        self.conversation.append(("user", words))
        if "inputAudioTranscription" in self.setup:
            for piece in words.partition(" s "):
                self._say(serverContent={"inputTranscription": {"text": piece}})

    # ---- answers

    def _ask(self, heard: Frame | None = None, words: str | None = None, results: tuple[str, ...] = ()) -> None:
        """Answer a question now; what is being said is cut short by it."""
        self._cut_short()
        declared = [each for tool in listed(self.setup, "tools") for each in listed(tool, "functionDeclarations")]
        instructions = " ".join(words for _, words in words_of([field(self.setup, "systemInstruction")]))
        self._reply(self._answer(GeminiQuestion(instructions, heard, words, results, tuple(each["name"] for each in declared))))

    def _reply(self, reply: GeminiReply) -> None:
        words = "outputAudioTranscription" in self.setup
        self._turn = GeminiTurn(reply, self.options, self._now, f"call_{next(self._names)}", words=words)
        if "sessionResumption" in self.setup:
            self._say(sessionResumptionUpdate={"newHandle": "", "resumable": False})
        self._go_on()

    def _go_on(self) -> None:
        turn = self._turn
        assert turn is not None
        self._say_all(turn.advance())
        if turn.state == "over":
            self.conversation.append(("model", turn.said))
            self._turn = None
            self._can_be_resumed()
            self._next()

    def _next(self) -> None:
        """What waits until nothing is said: what the caller said where it interrupts nothing, and what is to be said unasked."""
        if self._turn is None and self._unanswered:
            self._ask(heard=self._unanswered.popleft())
        elif self._turn is None and self._given and self.setup:
            self._reply(self._given.popleft())

    def _results(self, message: Message) -> None:
        """What tools found; once a turn has all it asked for, it goes on."""
        turn = self._turn
        responses = listed(message, "functionResponses")
        require(responses)
        for response in responses:
            call_id, outcome = response.get("id"), response.get("response")
            if turn is None or call_id not in turn.calls or not isinstance(outcome, dict):
                raise MisuseError
            del turn.calls[call_id]
            self._found.append(str(outcome.get("output", outcome.get("error", outcome))))
            self.results.append((call_id, self._found[-1]))
        if turn is not None and not turn.calls:
            self._turn, found, self._found = None, tuple(self._found), []
            self._ask(results=found)


_TAKERS: dict[str, Callable[[GeminiServer, Message], None]] = {
    "setup": GeminiServer._begin,
    "clientContent": GeminiServer._content,
    "realtimeInput": GeminiServer._input,
    "toolResponse": GeminiServer._results,
    "contextUpdate": GeminiServer._update_context,
}
