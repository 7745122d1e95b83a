"""A model that follows a script: what it says to whom is written down before, and what it was told is written down after."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import trio

from ... import Agent, HistoryItem, ModelEvent, SessionError
from ...abc import Capability, Model
from ...audio import AudioFormat, Frame
from .._stamps import STAMPED, Utterance, count_stamped
from .live_model import LiveScriptedModel
from .model import ScriptedModel, ToolResult

Step: TypeAlias = Callable[[ScriptedModel], None]
"""Something a model does when it is its turn: it schedules events and returns."""

Answer: TypeAlias = Utterance | Step | Sequence["Utterance | Step"]
"""What a model does when the caller has spoken: an utterance, a step, or several of them one after the other."""

ALL: frozenset[Capability] = frozenset({"commit", "cancel", "truncate", "text", "say", "respond", "tools", "history"})

Verb: TypeAlias = Literal["start", "seed", "resume", "append", "commit", "cancel", "truncate", "text", "say", "respond", "tool_result"]
"""What a model is told to do."""

CalledTool: TypeAlias = str | tuple[str, Mapping[str, object] | str] | tuple[str, Mapping[str, object] | str, str]
"""A call of a tool: its name; or with it arguments, as a mapping or as (perhaps bad) JSON text; or with these an id for the call."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something a scripted model was told, when (Trio clock, seconds), and on which connection, the first being 1."""

    time: float
    verb: Verb
    value: object = None
    connection: int = 1


class Script:
    """A model for tests; give it to `open_session`, `converse` or the fixture ``call`` as it is.

    It can be opened again and again, and goes on where it was. It hears the caller speak as soon as a frame is not silent,
    and takes ``pause`` seconds without sound for the end of the utterance; then it gives its next answer, and when it has none
    left it is silent. A commit, a text, and what it is told to say are answered in the same way. Everything is due at an exact time
    of the Trio clock.

    ```python
    script = Script(say(5.0, item="a"), [say(1.0, item="b"), ends()])
    ```

    Args:
        *answers: what it does, one for each utterance: `say`, `calls`, `ends`, `breaks`, `complains`, `stays_silent`, or several in a list.
        greets: the first answer is given at once, without being asked.
        speed: how many times faster than real time its audio comes; all of an answer at once by default.
        delay: seconds from the end of the caller's utterance to the answer.
        pause: seconds without sound that end an utterance; None: it hears no speech, and only answers commits and texts.
        late_deltas: pieces of audio that still come after an answer has been cancelled.
        transcripts: what the caller says, one for each utterance.
        formats: what it hears and speaks, the best first; its answers are converted if need be.
        capabilities: what it can do beyond listening and speaking; all but ``resume`` unless told otherwise.
        starts_after: seconds until its session exists; ``inf`` for never.
        start_errors: why it does not start, one for each connection; None: it does.
        live: it is full-duplex (`Model.live`): it sends 100 ms of sound or silence every 100 ms, but only as much as it was sent, and
            knows no answers: those of the script are sound in its stream, with their words.
        resumes_while_open: whether a connection may be resumed that is still open; if not, such a one does not start.
    """

    def __init__(
        self,
        *answers: Answer,
        greets: bool = True,
        speed: float = math.inf,
        delay: float = 0.0,
        pause: float | None = 0.3,
        late_deltas: int = 0,
        transcripts: Iterable[str] = (),
        formats: Sequence[AudioFormat] = (STAMPED,),
        capabilities: frozenset[Capability] = ALL,
        starts_after: float = 0.0,
        start_errors: Iterable[Exception | None] = (),
        resumes_while_open: bool = True,
        live: bool = False,
    ) -> None:
        self._answers, self._transcripts = list(answers), list(transcripts)
        self._greets, self._responses, self._calls = greets, itertools.count(1), itertools.count(1)
        self.speed: float = speed
        self.delay: float = delay
        self.pause: float | None = pause
        self.late_deltas: int = late_deltas
        self.formats: tuple[AudioFormat, ...] = tuple(formats)
        self.capabilities: frozenset[Capability] = capabilities
        self.starts_after: float = starts_after
        self.resumes_while_open: bool = resumes_while_open
        self.live: bool = live
        self._start_errors = list(start_errors)
        self.connections: list[ScriptedModel] = []
        """Every connection that was opened, the last one last."""
        self.told: list[Told] = []
        """Everything it was told, in order."""

    def __call__(self) -> AbstractAsyncContextManager[Model]:
        """Open a connection with it."""
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Model, None]:
        await trio.lowlevel.checkpoint()
        connection = (LiveScriptedModel if self.live else ScriptedModel)(self, len(self.connections) + 1)
        self.connections.append(connection)
        try:
            yield connection
        finally:
            connection.closed_at = trio.current_time()

    # ---- what a test asks it

    @property
    def appended(self) -> list[Frame]:
        """The audio it was sent, in order."""
        return [told.value for told in self.told if isinstance(told.value, Frame)]

    @property
    def agent(self) -> Agent:
        """Who it was last told to be."""
        return next(told.value for told in reversed(self.told) if isinstance(told.value, Agent))

    @property
    def commits(self) -> list[float]:
        """When it was told to answer."""
        return [told.time for told in self.told if told.verb == "commit"]

    @property
    def cancels(self) -> list[float]:
        """When it was told to stop."""
        return [told.time for told in self.told if told.verb == "cancel"]

    @property
    def truncations(self) -> list[tuple[str, int]]:
        """What it was told that had been heard: item and samples."""
        return [told.value for told in self.told if told.verb == "truncate" and isinstance(told.value, tuple)]

    @property
    def texts(self) -> list[str]:
        """What it was told in text."""
        return [told.value for told in self.told if told.verb == "text" and isinstance(told.value, str)]

    @property
    def sayings(self) -> list[str]:
        """What it was told to say, word for word."""
        return [told.value for told in self.told if told.verb == "say" and isinstance(told.value, str)]

    @property
    def results(self) -> list[ToolResult]:
        """What it was told of the tools it had called."""
        return [told.value for told in self.told if isinstance(told.value, ToolResult)]

    @property
    def seeds(self) -> list[list[HistoryItem]]:
        """The conversations it was told of, one for each time."""
        return [told.value for told in self.told if told.verb == "seed" and isinstance(told.value, list)]

    @property
    def requests(self) -> list[object]:
        """The instructions (or None) of the answers it was told to make, unasked by the caller."""
        return [told.value for told in self.told if told.verb == "respond"]

    def heard(self, item: str) -> int:
        """Samples of ``item`` that it was sent.

        Raises:
            FormatError: it was not started with stamped audio.
        """
        return count_stamped(self.appended, item)

    # ---- what a test lets it do, beside the script

    @property
    def connection(self) -> ScriptedModel:
        """The connection opened last.

        Raises:
            RuntimeError: none has been.
        """
        if not self.connections:
            raise RuntimeError("this script has not been opened yet; give it to open_session or to the fixture call first")
        return self.connections[-1]

    def script(self, *answers: Answer) -> None:
        """Give these answers after the others, when it is asked."""
        self._answers.extend(answers)

    def answer(self, *answer: Utterance | Step) -> None:
        """Do this now, asked or not."""
        self.connection.perform(answer)

    def emit(self, event: ModelEvent, after: float = 0.0) -> None:
        """Send an event, some seconds from now."""
        self.connection.emit(event, after)

    def stall(self, seconds: float = math.inf) -> None:
        """Take nothing for a while, for ever unless told otherwise."""
        self.connection.stall(seconds)

    def end(self) -> None:
        """End the session."""
        self.connection.finish(trio.EndOfChannel())

    def fail(self, error: BaseException | None = None) -> None:
        """Let the connection break."""
        self.connection.finish(error or trio.BrokenResourceError("the model failed, as the test said"))

    # ---- the connection's side

    def next_answer(self) -> Sequence[Utterance | Step]:
        """What to do next; nothing when the script is over."""
        answer = self._answers.pop(0) if self._answers else ()
        return [answer] if isinstance(answer, Utterance) or callable(answer) else answer

    def greeting(self) -> Sequence[Utterance | Step]:
        """What to do unasked, once."""
        greets, self._greets = self._greets, False
        return self.next_answer() if greets else ()

    def next_start_error(self) -> Exception | None:
        """Why the connection does not start that is started now."""
        return self._start_errors.pop(0) if self._start_errors else None

    def next_call_id(self) -> str:
        """A name for the call of a tool that comes now."""
        return f"call-{next(self._calls)}"

    def next_response_id(self) -> str:
        """A name for the answer that begins now."""
        return f"response-{next(self._responses)}"

    def next_transcript(self) -> str | None:
        """What the caller has just said."""
        return self._transcripts.pop(0) if self._transcripts else None

    def note(self, verb: Verb, value: object = None, connection: int | None = None) -> None:
        """Write down what it was told, on the connection opened last unless told otherwise."""
        self.told.append(Told(trio.current_time(), verb, value, len(self.connections) if connection is None else connection))


def calls(*tools: CalledTool, saying: Utterance | None = None) -> Step:
    """A step: one answer in which the model calls tools, all at once, after it has begun to say something or without a word.

    ``calls("hang_up")``, ``calls(("look_up", {"key": "7"}), ("look_up", {"key": "8"}), saying=say(1.0, "a moment"))``.
    """
    return lambda model: model.call([(tool, {}) if isinstance(tool, str) else tool for tool in tools], saying)


def ends() -> Step:
    """A step: the model ends the session, after what it has begun to say."""
    return lambda model: model.then(trio.EndOfChannel())


def breaks(error: BaseException | None = None) -> Step:
    """A step: the connection breaks, after what the model has begun to say."""
    return lambda model: model.then(error or trio.BrokenResourceError("the model failed, as the script said"))


def complains(code: str, message: str = "as the script said") -> Step:
    """A step: the model reports an error, and the session goes on."""
    return lambda model: model.then(SessionError(code, message))


def stays_silent() -> Step:
    """A step: the model does not answer."""
    return lambda model: None
