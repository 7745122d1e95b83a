"""A session: a channel coupled to a realtime model.

The interface it stands for: channel audio -> the model's append, commit -> commit, interrupt -> cancel; the model's audio ->
the channel, a cancelled response -> interrupt. Three tasks, one for each way in which a model may be called: `Caller.hear`
(append), `Reader.run` (receive) and `Errands.run` (everything else). None of them ever waits for playback (law 6). Tools run in
tasks of their own, and one more task waits for the end of a goodbye.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from os import PathLike
from typing import Any, Literal

import trio

from .._agent import Agent
from .._block import Block
from .._call_log import log_said, log_status
from .._channel import Channel
from .._dispatch import Dispatcher
from .._errors import CapabilityError, ModelUnavailable, SubscriberLagged
from .._events import SESSION_EVENTS, Fault, Status
from .._inbox import InboundAudio
from .._limits import Limits, Timeouts
from .._model_events import MODEL_EVENTS, Usage
from .._outbound.settlement import Interruption
from .._virtual_time import time_is_virtual
from ..audio import AudioFormat, Frame
from .answers import Answers
from .asides import Asides
from .caller import Caller
from .conversation import Conversation
from .errands import Errands
from .hold import Hold
from .link import Link
from .mouth import Mouth
from .negotiation import cheapest
from .parting import Parting
from .reader import Reader
from .recovery import Recovery
from .referee import Referee
from .session_end import SessionEnd, TranscriptLine
from .tool_desk import ToolDesk
from .toolbox import Toolbox

log = logging.getLogger("trioaudio.session")


class Session(Conversation):
    """A channel coupled to a model; made by `open_session`.

    ``channel`` and ``agent`` are what it was opened with; ``input_format`` is what the model hears, ``output_format`` what it
    speaks. Emits the channel's events (but audio), `Status`, and every event of the model under its dotted name.
    """

    def __init__(
        self,
        channel: Channel,
        model: Link,
        agent: Agent,
        limits: Limits,
        timeouts: Timeouts,
        *,
        call: Any,
        dependencies: Any,
        heard: InboundAudio,
        hold: Hold,
    ) -> None:
        self.channel: Channel = channel
        self.agent: Agent = agent.filled()
        self.call: Any = call
        """The call that is served, where one is; None otherwise."""
        self.dependencies: Any = dependencies
        """What tools find in their `CallContext`."""
        self._model, self._timeouts = model, timeouts
        self._dispatch = Dispatcher(SESSION_EVENTS, limits, self._listener_failed)
        self._dispatch.show(channel._source, (Status.name, *MODEL_EVENTS))  # what is the channel's, the channel shows
        self._block = Block("the session")
        self._service = trio.CancelScope(shield=True)  # the body ends first, its servants after it
        who = f"the model {model.name!r}"
        self.input_format: AudioFormat = cheapest(model.input_formats, channel.input_format, towards=True, who=who)
        self.output_format: AudioFormat = cheapest(model.output_formats, channel.output_format, towards=False, who=who)
        self._mouth = Mouth(channel, self.output_format)
        channel._on_coupled(self)
        self._answers = Answers()
        fault, broken = self._model_cannot, self._model_is_broken
        self._errands = Errands(model, self._answers, limits.control_events, on_fault=fault, on_broken=broken)
        self._referee = Referee(self)
        self._hold, self._recovery = hold, Recovery(self, hold, limits.history)
        model.patron = self._recovery
        self._toolbox = Toolbox(self.agent.tools, ToolDesk(self), limits, timeouts, inline=time_is_virtual())
        self._reader, self._caller = Reader(self), Caller(self, heard)
        self._start_task: Callable[[Callable[[], Awaitable[None]], str], None] | None = None
        self._parting = Parting(self, hold, timeouts)
        self._end: SessionEnd | None = None
        self._closing, self._done = trio.Event(), trio.Event()
        self._asides = Asides()
        self.transcript: list[TranscriptLine] = []
        """What was said so far, both sides, in the order in which the words became known."""
        self.usage: Usage = Usage()
        """What the model's answers have cost so far, as far as the provider says it: that of all its connections."""

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

    async def wait_spoken(self) -> None:
        """Wait until no answer is being made or awaited, and all that was said has been heard, as `Channel.wait_heard` knows it.

        Checkpoint: yes.
        """
        await trio.lowlevel.checkpoint()
        while not self._answers.idle:
            await self._answers.changed.park()
        await self.channel.wait_heard()

    @property
    def protected(self) -> bool:
        """Whether the caller cannot interrupt what is being said: it was said with ``interruptible=False``, or is a goodbye."""
        return self._parting.has_begun or self._mouth.protected

    async def hang_up(self) -> SessionEnd:
        """End the call once the agent's goodbye has been heard: the answer that is being made, what it was asked for, tools it called.

        From now on the model hears silence, and the caller can interrupt nothing. What is not known to have been heard within
        `Timeouts.hang_up` is lost. Checkpoint: yes. On cancel: the call ends all the same.
        """
        self.leave()
        return await self.wait_closed()

    def leave(self) -> None:
        """As `hang_up`, for those who cannot wait, such as tools: the call ends a moment later."""
        self._parting.begin()

    async def transfer(self, target: str) -> SessionEnd:
        """Hand the caller over to ``target``, once what is being said has been heard; ends session and channel.

        Checkpoint: yes. On cancel: they may have been handed over. Errors as for `Channel.transfer`: then the call goes on.
        """
        await self._parting.transfer(target)
        return await self.wait_closed()

    async def background(self, sound: str | PathLike[str] | Frame | None, *, gain: float = 0.0) -> None:
        """Let something sound under the agent, and while it is silent; as `Channel.background`. It stays when the session ends."""
        await self.channel.background(sound, gain=gain)

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
            self._model.rest()
            self._asides.end()

    def _fail(self, error: Exception) -> None:
        self._block.fail(error)
        self._finish(SessionEnd("failed", error))

    def _model_cannot(self, error: CapabilityError, what: str) -> None:
        self.emit(Fault(error, what))

    def _model_is_broken(self, error: Exception) -> None:
        self._finish(SessionEnd("model", error))

    def _listener_failed(self, error: Exception, title: str) -> None:
        if isinstance(error, SubscriberLagged):
            self.emit(Fault(error, f"the {title} was too slow and has been removed"))
        else:
            error.add_note(f"raised in the {title}")
            self._fail(error)

    def _status(
        self, status: Literal["connecting", "connected", "reconnecting", "closed"], detail: str = "", error: Exception | None = None
    ) -> None:
        log_status(self._model.name, status, detail, error or (self._end.error if self._end else None))
        self._dispatch.emit(Status(status, detail))

    def _said(self, speaker: Literal["caller", "agent"], text: str, item_id: str | None) -> None:
        self.transcript.append(TranscriptLine(speaker, text, item_id))
        log_said(speaker, text)

    def _correct(self, text: str, item_id: str) -> None:
        """Of what the agent said last under this id, only this was heard."""
        for index in reversed(range(len(self.transcript))):
            if (self.transcript[index].item_id, self.transcript[index].speaker) == (item_id, "agent"):
                self.transcript[index] = TranscriptLine("agent", text, item_id)
                return

    async def _start(self) -> None:
        name = self._model.name
        self._status("connecting", name)
        await self._model.start(self._agent_for_model(), self.input_format, self.output_format)
        self._status("connected", self._model.name)

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128 - `_work` tells
        """The whole life of the session; ends within `Timeouts.close` of its end, whatever the model does.

        Its workers end first, those who listen to it after them. Shielded: a body that is cancelled ends the session like any
        other, and the model is still told what it has to know.
        """
        with self._service:
            async with trio.open_nursery() as listeners:
                self._dispatch.start(lambda run, title: listeners.start_soon(run, name=title))
                with self._caller.overheard():
                    await self._work(task_status)
                self._conclude()
        self._conclude()

    async def _work(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as workers:
            self._start_task = lambda run, title: workers.start_soon(self._served, run, name=title)
            keypad, clock = self._caller.keypad, self._referee.keep_time if self._referee.decides else None
            servants = (self._caller.hear, self._reader.run, self._errands.run, self._parting.run, self._hold.run)
            for task in (*servants, keypad.run if keypad else None, clock):
                if task is not None:
                    workers.start_soon(self._served, task)
            self._errands.introduce(self.agent)
            task_status.started()
            await self._closing.wait()
            self._referee.policy.close()
            self._toolbox.stop()
            with trio.move_on_after(self._timeouts.settle):
                await self._mouth.wait_settled()
            await self._errands.drain()  # what the model has still to be told, it is told
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
        except ModelUnavailable as exc:
            await self._parting.without_model(exc)
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, OSError) as exc:
            self._finish(SessionEnd("model", None if isinstance(exc, trio.EndOfChannel) else exc))
        except Exception as exc:  # noqa: BLE001 - a plugin's bug: kept, and leaves the block (law 9)
            self._fail(exc)

    # ---- what the model is told

    def _cancel_response(self) -> None:
        if (response_id := self._answers.current) is not None:
            self._mouth.silence_response(response_id)
            self._answers.over(response_id)
            self._errands.tell(self._model.cancelling(), "cancel")
