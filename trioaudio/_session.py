"""A session: a channel coupled to a realtime model.

The interface it stands for: channel audio -> the model's append, commit -> commit, interrupt -> cancel; the model's audio ->
the channel, a cancelled response -> interrupt. Three tasks, one for each way in which a model may be called: `_hear` (append),
`_read` (receive) and `_act` (everything else). None of them ever waits for playback (law 6).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import trio

from ._agent import Agent
from ._block import Block
from ._channel import Channel
from ._commands import Commands
from ._dispatch import Dispatcher
from ._emitter import Emitter, Listeners
from ._errors import SubscriberLagged
from ._events import SESSION_EVENTS, Closed, Commit, Event, Fault, Interrupt, SpeechStarted, SpeechStopped, Status, TurnInterrupted
from ._limits import Limits, Timeouts
from ._model_events import (
    AudioDelta,
    AudioDone,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
)
from ._mouth import Mouth
from ._negotiation import cheapest
from ._plugins import choose_model
from ._settlement import Interruption
from .abc import Model
from .audio import AudioFormat, Converter


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session ended: ``closed`` (the app), ``channel`` (the call is over), ``model`` (it ended or its connection broke) or
    ``failed`` (a listener or a plugin raised); ``error`` is the cause, if it was one."""

    kind: Literal["closed", "channel", "model", "failed"]
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """Something that was said, in words."""

    speaker: Literal["caller", "agent"]
    text: str
    item_id: str | None


class Session(Emitter):
    """A channel coupled to a model; made by `open_session`.

    ``channel`` and ``agent`` are what it was opened with; ``input_format`` is what the model hears, ``output_format`` what it
    speaks. Emits the channel's events (but audio), `Status`, and every event of the model under its dotted name.
    """

    def __init__(self, channel: Channel, model: Model, agent: Agent, limits: Limits, timeouts: Timeouts) -> None:
        self.channel: Channel = channel
        self.agent: Agent = agent
        self._model, self._timeouts = model, timeouts
        self._dispatch = Dispatcher(SESSION_EVENTS, limits, self._listener_failed)
        self._block = Block("the session")
        self._service = trio.CancelScope(shield=True)  # the body ends first, its servants after it
        self._commands = Commands(limits.control_events)
        who = f"the model {model.name!r}"
        self.input_format: AudioFormat = cheapest(model.input_formats, channel.input_format, towards=True, who=who)
        self.output_format: AudioFormat = cheapest(model.output_formats, channel.output_format, towards=False, who=who)
        self._ear = Converter(channel.input_format, self.input_format)
        self._mouth = Mouth(channel, self.output_format)
        self._response: str | None = None
        self._end: SessionEnd | None = None
        self._closing, self._done = trio.Event(), trio.Event()
        self.transcript: list[TranscriptLine] = []
        """What was said so far, both sides, in the order in which the words became known."""

    @property
    def late_audio_ms(self) -> float:
        """Audio of interrupted answers that the model still sent, and that went nowhere (law 4), in milliseconds."""
        return self._mouth.late_ms

    # ---- what an app does

    def interrupt(self) -> Interruption:
        """Stop the agent, now: the channel falls silent, the model's answer is cancelled, and the model is told what was heard.

        As `Channel.interrupt`; the model learns the settled position a moment later.
        """
        interruption = self.channel.interrupt()
        self._cancel_response()
        return interruption

    def commit(self) -> None:
        """The caller's utterance is complete: let the model answer. A model that cannot is reported as a `Fault`."""
        self._command(self._model.commit)

    @property
    def muted(self) -> bool:
        """Whether the model hears silence instead of the caller."""
        return self.channel.muted

    def mute(self, muted: bool = True) -> None:
        """Let the model hear silence instead of the caller; as `Channel.mute`, so listeners and the recording do too."""
        self.channel.mute(muted)

    def unmute(self) -> None:
        """Let the model hear the caller again."""
        self.channel.mute(False)

    async def send_text(self, text: str) -> None:
        """Say something to the model in text, on the caller's behalf; it answers.

        Checkpoint: yes. On cancel: the model may be told all the same.

        Raises:
            CapabilityError: the model takes no text.
            trio.ClosedResourceError: the session has ended.
        """
        await self._commands.run(partial(self._model.send_text, text))

    def close(self) -> None:
        """End the session; the channel stays open. The model's connection closes when the block ends."""
        self._finish(SessionEnd("closed"))

    async def wait_closed(self) -> SessionEnd:
        """Wait until the session has ended; return why. Checkpoint: yes."""
        await self._done.wait()
        assert self._end is not None
        return self._end

    # ---- inside

    def _finish(self, end: SessionEnd) -> None:
        if self._end is None:
            self._end = end
            self._service.deadline = trio.current_time() + self._timeouts.close
            self._closing.set()

    def _fail(self, error: Exception) -> None:
        self._block.fail(error)
        self._finish(SessionEnd("failed", error))

    def _listener_failed(self, error: Exception, title: str) -> None:
        if isinstance(error, SubscriberLagged):
            self.emit(Fault(error, f"the {title} was too slow and has been removed"))
        else:
            error.add_note(f"raised in the {title}")
            self._fail(error)

    def _status(self, status: Literal["connecting", "connected", "closed"], detail: str = "") -> None:
        self._dispatch.emit(Status(status, detail))

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128 - `_work` tells
        """The whole life of the session; ends within `Timeouts.close` of its end, whatever the model does.

        Its workers end first, those who listen to it after them. Shielded: a body that is cancelled ends the session like any
        other, and the model is still told what it has to know.
        """
        with self._service:
            async with trio.open_nursery() as listeners:
                self._dispatch.start(lambda run, title: listeners.start_soon(run, name=title))
                with self._overheard():
                    await self._work(task_status)
                self._conclude()
        self._conclude()

    async def _work(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as workers:
            for task in (self._hear, self._read, self._act):
                workers.start_soon(self._served, task)
            task_status.started()
            await self._closing.wait()
            with trio.move_on_after(self._timeouts.settle):
                await self._mouth.wait_settled()
            await self._commands.drain()  # what the model has still to be told, it is told
            workers.cancel_scope.cancel("the session has ended")

    def _conclude(self) -> None:
        """The last words; those who listen may still work on what they have."""
        if self._done.is_set():
            return
        self._mouth.end_all()
        assert self._end is not None
        self._status("closed", self._end.kind)
        self._dispatch.close()
        self._done.set()

    async def _served(self, serve: Callable[[], Awaitable[None]]) -> None:
        try:
            await serve()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, OSError) as exc:
            self._finish(SessionEnd("model", None if isinstance(exc, trio.EndOfChannel) else exc))
        except Exception as exc:  # noqa: BLE001 - a plugin's bug: kept, and leaves the block (law 9)
            self._fail(exc)

    # ---- channel -> model

    def _overheard(self) -> _Overheard:
        """Listen to the channel for as long as the session lives."""
        listeners: list[tuple[type[Event], Callable[..., object]]] = [
            (Commit, lambda _: self.commit()),
            (Interrupt, lambda _: self.interrupt()),
            (TurnInterrupted, self._turn_interrupted),
            (Closed, lambda event: self._finish(SessionEnd("channel", event.reason.error))),
        ]
        relayed = [kind for kind in SESSION_EVENTS.values() if kind is not Status]
        return _Overheard(self.channel, [*listeners, *((kind, self._dispatch.emit) for kind in relayed)])

    async def _hear(self) -> None:
        frames = aiter(self.channel)
        while True:
            try:
                frame = await anext(frames)
            except (StopAsyncIteration, trio.BrokenResourceError):
                break  # the call is over, perhaps since before there was anybody to hear the event `Closed`
            heard = self._ear.convert(frame)
            try:
                if heard.num_samples:
                    self._model.append_nowait(heard)
            except trio.WouldBlock:
                await self._model.append(heard)
        reason = await self.channel.wait_closed()
        self._finish(SessionEnd("channel", reason.error))

    def _turn_interrupted(self, event: TurnInterrupted) -> None:
        """Whoever interrupted: the model is told what was truly heard, once, and stops an answer that is still being made."""
        item_id = event.receipt.item_id
        if item_id is not None and self._mouth.interrupted(item_id):
            self._cancel_response()
            if "truncate" in self._model.capabilities:
                self._command(partial(self._model.truncate, item_id, event.receipt.heard))

    def _cancel_response(self) -> None:
        if self._response is not None:
            self._mouth.silence_response(self._response)
            self._response = None
            if "cancel" in self._model.capabilities:
                self._command(self._model.cancel)

    def _command(self, command: Callable[[], Awaitable[None]]) -> None:
        try:
            self._commands.put(command)
        except trio.ClosedResourceError:
            pass  # the session is ending: there is nobody to tell any more
        except trio.BrokenResourceError as exc:
            self._finish(SessionEnd("model", exc))

    async def _act(self) -> None:
        await self._commands.serve(lambda error: self.emit(Fault(error, "the model was asked for what it cannot do")))

    # ---- model -> channel

    async def _read(self) -> None:
        while True:
            event = await self._model.receive()
            self._take(event)

    def _take(self, event: ModelEvent) -> None:
        """State first, emit last; never waits."""
        match event:
            case AudioDelta():
                self._speak(event)
            case AudioDone(item_id=item_id):
                self._mouth.end(item_id)
            case InputSpeechStarted():
                self.channel.interrupt()
                self.channel.emit(SpeechStarted())
            case InputSpeechStopped():
                self.channel.emit(SpeechStopped())
            case ResponseCreated(response_id=response_id):
                self._response = response_id
            case ResponseInterrupted() | ResponseDone():
                self._response_over(event)
            case InputTranscript(item_id=item_id, text=text):
                self.transcript.append(TranscriptLine("caller", text, item_id))
            case OutputTranscript(item_id=item_id, text=text):
                self.transcript.append(TranscriptLine("agent", text, item_id))
        self._dispatch.emit(event)

    def _response_over(self, event: ResponseInterrupted | ResponseDone) -> None:
        cancelled = isinstance(event, ResponseInterrupted) or event.status in ("cancelled", "interrupted")
        if event.response_id is None or event.response_id == self._response:
            if cancelled and self._response is not None:
                self._mouth.silence_response(self._response)
            self._response = None
            if cancelled:
                self.channel.interrupt()

    def _speak(self, event: AudioDelta) -> None:
        try:
            self._mouth.say(event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._finish(SessionEnd("channel"))


class _Overheard:
    """Listeners of a session on its channel; gone with the session, so that a channel can have one session after another."""

    def __init__(self, channel: Channel, listeners: list[tuple[type[Event], Callable[..., object]]]) -> None:
        self._channel, self._listeners = channel, listeners

    def __enter__(self) -> None:
        for event, listener in self._listeners:
            self._channel.on(event, listener)

    def __exit__(self, *_: object) -> None:
        for event, listener in self._listeners:
            self._channel.off(event, listener)


def _opened(model: str | Model | Callable[[], AbstractAsyncContextManager[Model]]) -> AbstractAsyncContextManager[Model]:
    if isinstance(model, Model):
        return _already(model)
    return choose_model(model)() if isinstance(model, str) else model()


@asynccontextmanager
async def _already(model: Model) -> AsyncGenerator[Model, None]:
    yield model


@asynccontextmanager
async def open_session(
    channel: Channel,
    model: str | Model | Callable[[], AbstractAsyncContextManager[Model]],
    agent: Agent | None = None,
    *,
    on: Listeners | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Session, None]:
    """Couple a channel to a model; being inside the block is being connected.

    Args:
        channel: stays open when the session ends.
        model: the spec of a model by name (``"parrot"``), something that opens one each time it is called, or an open `Model`.
        agent: who the model is to be.
        on: listeners to add before the first event can happen.
        limits, timeouts: as for `open_channel`.

    Raises:
        FormatError: channel and model have no format in common, and none that can be converted.
        trio.BrokenResourceError: the provider did not say in time that the session exists, or refused.
        ExceptionGroup: a listener or the plugin raised. An error of the body alone comes out bare.
        PluginError, OptionError: the spec cannot be opened.
    """
    timeouts = timeouts or Timeouts()
    async with _opened(model) as opened:
        session = Session(channel, opened, agent or Agent(), limits or Limits(), timeouts)
        for event, listener in (on or {}).items():
            session.on(event, listener)
        session._status("connecting", opened.name)
        with trio.move_on_after(timeouts.start) as starting:
            await opened.start(session.agent, session.input_format, session.output_format)
        if starting.cancelled_caught:
            raise trio.BrokenResourceError(f"the model {opened.name!r} did not start within {timeouts.start} s (Timeouts.start)")
        session._status("connected", opened.name)
        async with session._block.around(session._live, session.close):
            yield session


async def converse(
    channel: Channel, model: str | Model | Callable[[], AbstractAsyncContextManager[Model]], agent: Agent | None = None
) -> SessionEnd:
    """Let the far party talk with a model until one of them ends it; the shortest useful program. Checkpoint: yes.

    Arguments and errors as for `open_session`.
    """
    async with open_session(channel, model, agent) as session:
        return await session.wait_closed()
