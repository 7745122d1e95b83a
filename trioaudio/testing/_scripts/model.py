"""One connection with a scripted model: events that are due at their times, and an ear for speech."""

from __future__ import annotations

import heapq
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import trio

from ... import (
    Agent,
    AudioDelta,
    AudioDone,
    CapabilityError,
    HistoryItem,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionError,
    ToolCall,
)
from ...abc import Capability, Model
from ...audio import AudioFormat, Converter, Frame
from .._stamps import Utterance

if TYPE_CHECKING:
    from .script import Script, Step, Verb

MODEL_PHASE = 3e-6
"""Seconds: on a virtual clock a model's timers fall just after everybody else's, so that no two are due in one instant."""


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Something to be received; ``BaseException`` ends the connection."""

    time: float
    order: int
    what: ModelEvent | BaseException
    of_answer: bool = False
    """Whether it goes when the answer is stopped."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a scripted model was told of a tool it had called; ``error``: that it failed."""

    call_id: str
    output: str
    error: bool = False


class ScriptedModel(Model):
    """One connection with a model that follows a `Script`; made by calling the script."""

    name: str = "script"

    def __init__(self, script: Script, number: int = 1) -> None:
        self.number: int = number
        """The script's first connection is 1."""
        self.closed_at: float | None = None
        """When its block ended (Trio clock, seconds)."""
        self.resume_token: str | None = None
        self.resumes_while_open: bool = script.resumes_while_open
        self._resumed: str | None = None
        self.input_formats: tuple[AudioFormat, ...] = script.formats
        self.output_formats: tuple[AudioFormat, ...] = script.formats
        self.capabilities: frozenset[Capability] = script.capabilities
        self._script = script
        self._queue: list[_Due] = []
        self._order = itertools.count()
        self._woken, self._ended = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()
        self._busy_until = -math.inf  # what it has begun to say will have been sent
        self._end: BaseException | None = None
        self._end_is_known = False
        self._stalled_until = -math.inf
        self._requested = False  # while it does what the session asks for
        self._open: list[str] = []  # answers that are being made
        self._heard = 0  # samples of input
        self._quiet_at: float | None = None  # when the caller's utterance ends, if no more sound comes; None between utterances
        self._utterances = itertools.count(1)
        self.called: list[ToolCall] = []
        """The calls of tools that the session has received."""
        self._sent: dict[str, int] = {}  # samples of each item that have been received by the session

    # ---- as a model

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        self._note("start", agent)
        self._input_format, self._output_format = input_format, output_format
        await self._take_time(self._script.starts_after)
        if (error := self._script.next_start_error() or self._cannot_resume()) is not None:
            self.finish(error)
            raise error
        self.resume_token = f"token-{self.number}" if "resume" in self.capabilities else None
        self.emit(SessionCreated(f"session-{len(self._script.connections)}"))
        self.perform(self._script.greeting())

    def resume(self, token: str) -> None:
        if "resume" not in self.capabilities:
            raise self._cannot("resume")
        self._note("resume", token)
        self._resumed = token

    def _cannot_resume(self) -> Exception | None:
        others = [each for each in self._script.connections if each is not self and each.closed_at is None]
        if self._resumed is None or self.resumes_while_open or not others:
            return None
        return trio.BrokenResourceError("the connection that is to be resumed is still open")

    async def seed(self, history: Sequence[HistoryItem]) -> None:
        await self._obey("history")
        self._note("seed", list(history))

    async def receive(self) -> ModelEvent:
        await trio.lowlevel.checkpoint()
        while True:
            now = trio.current_time()
            if self._quiet_at is not None and now >= self._quiet_at:
                self._utterance_ends()
            if self._queue and self._queue[0].time <= now:
                return self._received(heapq.heappop(self._queue).what)
            due = [due.time for due in self._queue[:1]] + [self._quiet_at if self._quiet_at is not None else math.inf]
            with trio.CancelScope(deadline=min(due)):
                await self._woken.park()

    def append_nowait(self, frame: Frame) -> None:
        self._check_connected()
        if self._stalled_until > trio.current_time():
            raise trio.WouldBlock
        self._note("append", frame)
        self._hear(frame)

    async def append(self, frame: Frame) -> None:
        await self._take_time()
        self._note("append", frame)
        self._hear(frame)

    async def commit(self) -> None:
        await self._obey("commit")
        self._note("commit")
        self._utterance_ends()

    async def cancel(self) -> None:
        await self._obey("cancel")
        self._note("cancel")
        self._stop("cancelled", self._script.late_deltas)

    async def truncate(self, item_id: str, heard: int) -> None:
        await self._obey("truncate")
        self._note("truncate", (item_id, heard))
        sent = self._sent.pop(item_id, None)
        if sent is None or not 0 <= heard <= sent:
            what = "is unknown, or was truncated before" if sent is None else f"has {sent} samples, not {heard}"
            self.emit(SessionError("invalid_truncation", f"the item {item_id!r} {what}"))
        else:
            self.emit(ItemTruncated(item_id, heard * 1000 / self._output_format.rate))

    async def send_text(self, text: str) -> None:
        await self._obey("text")
        self._note("text", text)
        self._answer_request()

    async def say(self, text: str) -> None:
        await self._obey("say")
        self._note("say", text)
        self._answer_request()

    async def respond(self, instructions: str | None = None) -> None:
        await self._obey("respond")
        self._note("respond", instructions)
        self._answer_request()

    async def send_tool_result(self, call_id: str, output: str, *, error: bool = False) -> None:
        await self._obey("tools")
        self._note("tool_result", ToolResult(call_id, output, error))

    # ---- as the script says

    def emit(self, event: ModelEvent, after: float = 0.0) -> None:
        """Let an event be received, some seconds from now."""
        self._schedule(trio.current_time() + after + (MODEL_PHASE if after else 0.0), event)

    def then(self, what: ModelEvent | BaseException) -> None:
        """Let an event be received, or the connection end, after what it has begun to say."""
        self._schedule(max(self._busy_until, trio.current_time()), what)

    def perform(self, answer: Iterable[Utterance | Step]) -> None:
        """Do what a script says."""
        for step in answer:
            if isinstance(step, Utterance):
                self._say(step)
            else:
                step(self)

    def call(self, tools: Iterable[Sequence[Any]], saying: Utterance | None) -> None:
        """Call tools in one answer; what it says in it, it says before."""
        self._answer(saying, [self._tool_call(*tool) for tool in tools])

    def stall(self, seconds: float) -> None:
        """Take nothing for a while."""
        self._stalled_until = trio.current_time() + seconds

    def finish(self, end: BaseException) -> None:
        """Nothing more comes, of what was begun neither."""
        self._queue.clear()
        self._schedule(trio.current_time(), end)
        self._quiet_at, self._end = None, end
        self._ended.unpark_all()

    # ---- speaking

    def _say(self, utterance: Utterance) -> None:
        self._answer(utterance, ())

    def _answer(self, utterance: Utterance | None, tool_calls: Iterable[ToolCall]) -> None:
        """An answer, in the order of a real provider, after what it is saying already."""
        start = max(trio.current_time() + self._script.delay, self._busy_until)
        start += MODEL_PHASE if start > trio.current_time() else 0.0
        response_id = self._script.next_response_id()
        self._open.append(response_id)
        self._schedule(start, ResponseCreated(response_id, self._requested), of_answer=True)
        position = 0.0
        for frame in self._converted(utterance) if utterance else ():
            assert utterance is not None
            self._schedule(start + position / self._script.speed, AudioDelta(utterance.item, frame, response_id), of_answer=True)
            position += frame.duration
        self._busy_until = start + position / self._script.speed
        transcript = [OutputTranscript(utterance.item, utterance.transcript)] if utterance and utterance.transcript else []
        done = [AudioDone(utterance.item)] if utterance else []
        of_it = [replace(call, response_id=response_id) for call in tool_calls]
        for event in (*done, *transcript, *of_it, ResponseDone(response_id)):
            self._schedule(self._busy_until, event, of_answer=True)

    def _tool_call(self, tool: str, arguments: Mapping[str, object] | str, call_id: str | None = None) -> ToolCall:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return ToolCall(call_id or self._script.next_call_id(), tool, text)

    def _answer_request(self) -> None:
        """The session asks for an answer."""
        self._requested = True
        try:
            self.perform(self._script.next_answer())
        finally:
            self._requested = False

    def _converted(self, utterance: Utterance) -> Iterable[Frame]:
        if all(frame.format == self._output_format for frame in utterance):
            return utterance
        converter = Converter(utterance[0].format, self._output_format)
        return [*map(converter.convert, utterance), *filter(None, [converter.flush()])]

    def _stop(self, status: Literal["cancelled", "interrupted"], late_deltas: int = 0) -> None:
        """Say nothing more of the answers that are being made, but some deltas that are on their way already."""
        pending = [due.what for due in sorted(self._queue) if due.of_answer]
        unknown = {event.response_id for event in pending if isinstance(event, ResponseCreated)}
        deltas = [event for event in pending if isinstance(event, AudioDelta) and event.response_id not in unknown]
        self._queue = [due for due in self._queue if not due.of_answer]
        heapq.heapify(self._queue)
        stopped, self._open = [response_id for response_id in self._open if response_id not in unknown], []
        for event in (*deltas[:late_deltas], *(ResponseDone(response_id, status) for response_id in stopped)):
            self.emit(event)
        self._busy_until = trio.current_time()

    def _schedule(self, when: float, what: ModelEvent | BaseException, *, of_answer: bool = False) -> None:
        if self._end is None:
            heapq.heappush(self._queue, _Due(when, next(self._order), what, of_answer))
            self._woken.unpark_all()

    def _received(self, what: ModelEvent | BaseException) -> ModelEvent:
        match what:
            case BaseException():
                self._end, self._end_is_known = what, True
                self._queue, self._quiet_at = [_Due(-math.inf, 0, what)], None  # again and again
                self._ended.unpark_all()
                raise what
            case AudioDelta(item_id=item_id, frame=frame):
                self._sent[item_id] = self._sent.get(item_id, 0) + frame.num_samples
            case ToolCall():
                self.called.append(what)
            case ResponseDone(response_id=response_id) if response_id in self._open:
                self._open.remove(response_id)
        return what

    # ---- listening

    def _hear(self, frame: Frame) -> None:
        before, self._heard = self._heard, self._heard + frame.num_samples
        sound = frame.pcm.any(axis=1)
        if self._script.pause is None or not sound.any():
            return
        if self._quiet_at is None:
            self.emit(InputSpeechStarted((before + int(sound.argmax())) * 1000 / self._input_format.rate))
        self._quiet_at = trio.current_time() + self._script.pause + MODEL_PHASE
        self._woken.unpark_all()

    def _utterance_ends(self) -> None:
        """The caller has fallen silent, or somebody said so: answer."""
        if self._quiet_at is not None:
            self._quiet_at = None
            self.emit(InputSpeechStopped(self._heard * 1000 / self._input_format.rate))
        item_id = f"caller-{next(self._utterances)}"
        self.emit(InputCommitted(item_id))
        if (text := self._script.next_transcript()) is not None:
            self.emit(InputTranscript(item_id, text))
        self._stop("interrupted")
        self.perform(self._script.next_answer())

    # ---- being told

    def _note(self, verb: Verb, value: object = None) -> None:
        self._script.note(verb, value, self.number)

    async def _obey(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise CapabilityError(f"this script cannot {capability}; it was given {sorted(self.capabilities) or 'no capabilities'}")
        await self._take_time()

    async def _take_time(self, seconds: float = 0.0) -> None:
        """As long as it takes to be told something; woken if the connection ends meanwhile."""
        self._check_connected()
        until = max(self._stalled_until, trio.current_time() + seconds)
        if until <= trio.current_time():
            await trio.lowlevel.checkpoint()
        else:
            with trio.CancelScope(deadline=until):
                await self._ended.park()
        self._check_connected()

    def _check_connected(self) -> None:
        """A connection that failed breaks the next write; of an end a writer learns once it has been received."""
        if self._end is not None and (self._end_is_known or not isinstance(self._end, trio.EndOfChannel)):
            raise trio.BrokenResourceError("this model is gone: it ended or failed, as the test said") from self._end
