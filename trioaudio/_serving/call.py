"""A call that has come in, as the user's handler sees it: who calls, and the verbs that answer it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from os import PathLike
from typing import Literal, TypeAlias, TypeVar, overload

import trio

from .._channel import Channel
from .._emitter import Listeners
from .._errors import AudioFileError, CapabilityError, ParameterError
from .._instruments import Instrument
from .._limits import Limits, Timeouts
from .._logs import new_call_id
from .._model_events import ResponseDone
from .._open_channel import living
from .._option_types import reader_of
from .._sessions.session import Session
from ..abc import Direction, Invitation, Source
from .choice import Choice
from .end_reason import EndReason
from .files import CallFiles
from .silence import Silence

Answered: TypeAlias = Literal["accepted", "rejected", "redirected"]
ValueT = TypeVar("ValueT")
DefaultT = TypeVar("DefaultT")


class _Required:
    """Stands for the default of a parameter that must be there."""


_REQUIRED = _Required()


class Call:
    """A call that has come in; made by the server, given to ``handle_call`` and ``choose``.

    Exactly one of `accept`, `reject` and `redirect` is for it. A handler that ends without any rejects it politely.
    """

    def __init__(self, invitation: Invitation, listener: str, limits: Limits, timeouts: Timeouts, files: CallFiles | None) -> None:
        self._invitation, self._limits, self._timeouts, self._files = invitation, limits, timeouts, files
        self.id: str = new_call_id()
        """Ours: unguessable, and later calls have greater ones."""
        self.started: datetime = datetime.now(UTC)
        """When it came in: wall clock, for people and file names only."""
        self.listener: str = listener
        """Name of the listener it came from."""
        self.direction: Direction = invitation.direction
        """Who dialled."""
        self.caller: str | None = invitation.caller
        """Number, address or name of the far party, if it is known."""
        self.called: str | None = invitation.called
        """What was dialled."""
        self.account: str | None = invitation.account
        """Whose call it is, where a listener serves several customers."""
        self.parameters: Mapping[str, str] = invitation.parameters
        """What came with it by name; `parameter` reads one of them with a type."""
        self.headers: Mapping[str, str] = invitation.headers
        """What the protocol carried beside it, names in lower case."""
        self.choice: Choice = Choice()
        """Who is to answer it: what ``choose`` said, or the server's default."""
        self.channel: Channel | None = None
        """Its channel, once it is answered; stays when it has ended."""
        self.end_reason: EndReason | None = None
        """Why it ended. Found when it has; a handler that knows better sets it before."""
        self.usage: dict[str, int] = {}
        """Tokens as its models counted them, and what else `report_usage` was told, added up."""
        self.cost: float | None = None
        """What `report_usage` was told, added up; None: nothing."""
        self._answer: Answered | None = None
        self._rejection: str | None = None
        self._came_at, self._answered_at = trio.current_time(), math.nan
        self._abandoned = False  # the far party hung up before it was answered
        self._unanswered: Exception | None = None  # why it could not be connected
        self._model_error: Exception | None = None
        self._unrecorded: AudioFileError | None = None
        self._ending: EndReason | None = None  # what ends it from outside, once something does
        self._told_to_end = trio.Event()
        self._farewell_said: trio.Event | None = None
        self._allowance = trio.CancelScope()  # left when a limit is reached
        self._silence: Silence | None = None
        self._sessions: list[Session] = []
        self._reckon()

    @overload
    def parameter(self, name: str) -> str: ...
    @overload
    def parameter(self, name: str, type: type[ValueT]) -> ValueT: ...
    @overload
    def parameter(self, name: str, type: type[ValueT], default: DefaultT) -> ValueT | DefaultT: ...
    def parameter(self, name: str, type: type = str, default: object = _REQUIRED) -> object:
        """A parameter that came with the call.

        Args:
            name: of the parameter.
            type: str, int, float or bool.
            default: what it is when it did not come; without a default it must.

        Raises:
            ParameterError: it did not come, or its value is not of the type. The value is not shown: it may be anything.
            TypeError: no text can be of that type.
        """
        reader = reader_of(type)
        if reader is None:
            raise TypeError(f"a parameter can be a str, int, float or bool, not a {getattr(type, '__name__', type)}")
        if name not in self.parameters:
            if default is _REQUIRED:
                raise ParameterError(f"the call has no parameter {name!r} (it has {', '.join(sorted(self.parameters)) or 'none'})")
            return default
        try:
            return reader.read(self.parameters[name])
        except ValueError:
            raise ParameterError(f"the call's parameter {name!r} is not of its type; expected: {reader.type}") from None

    # ---- the verbs

    @asynccontextmanager
    async def accept(
        self,
        *,
        on: Listeners | None = None,
        record: str | PathLike[str] | None = None,
        instruments: Sequence[Instrument] = (),
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> AsyncGenerator[Channel, None]:
        """Answer the call; being inside the block is talking, leaving it hangs up. Arguments and errors as for `open_channel`.

        A limit, or a server that is going away, ends the call as the far party would: the channel closes, and the block may
        find out in its own time; after `Timeouts.close` the handler is cancelled.

        Args:
            record: instead of the server's own recording of this call.
            limits, timeouts: instead of the server's.

        Raises:
            trio.BrokenResourceError: the far party is gone already, or it could not be connected within `Timeouts.answer`.
            RuntimeError: the call was accepted, rejected or redirected before.
        """
        self._decide("accepted")
        timeouts = timeouts or self._timeouts
        with trio.CancelScope(deadline=trio.current_time() + timeouts.answer) as answering:
            async with self._answered(answering) as source:
                channel = self._new_channel(source, record, instruments, limits or self._limits, timeouts)
                async with living(channel, on):
                    yield channel
                    if self._farewell_said is not None:
                        await self._farewell_said.wait()
        if answering.cancelled_caught:
            self._unanswered = trio.BrokenResourceError(f"the call was not connected within {timeouts.answer} s (Timeouts.answer)")
            raise self._unanswered

    async def reject(self, reason: str = "declined") -> None:
        """Refuse the call politely.

        Args:
            reason: one word for the far end: ``busy``, ``declined``, ``unavailable``, or what its protocol knows.

        Checkpoint: yes. On cancel: the far party may have been told all the same.

        Raises:
            trio.BrokenResourceError: the far party is gone, or could not be told within `Timeouts.answer`.
            RuntimeError: the call was accepted, rejected or redirected before.
        """
        self._decide("rejected")
        self._rejection = reason
        with trio.move_on_after(self._timeouts.answer) as telling:
            await self._invitation.reject(reason)
        self._check_told(telling)

    async def redirect(self, target: str) -> None:
        """Send the far party elsewhere, unanswered; ``target`` is a number or an address, as its protocol understands it.

        Checkpoint: yes. On cancel: the far party may have been told all the same.

        Raises:
            CapabilityError: this kind of call cannot be redirected; it may still be accepted or rejected.
            trio.BrokenResourceError, RuntimeError: as for `reject`.
        """
        self._decide("redirected")
        with trio.move_on_after(self._timeouts.answer) as telling:
            try:
                await self._invitation.redirect(target)
            except CapabilityError:
                self._answer = None
                raise
        self._check_told(telling)

    def report_usage(self, usage: Mapping[str, int] | None = None, cost: float | None = None) -> None:
        """Count what the call has used since the last report; one that costs more than `Limits.cost_per_call` ends.

        The tokens of its sessions are counted without it. What they cost, only you know.

        Args:
            usage: characters, seconds, by any names.
            cost: in the currency of the limit.
        """
        for name, amount in (usage or {}).items():
            self.usage[name] = self.usage.get(name, 0) + amount
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost
            if self._limits.cost_per_call is not None and self.cost > self._limits.cost_per_call:
                self._end("limit")

    # ---- inside

    def _decide(self, answer: Answered) -> None:
        if self._answer is not None:
            raise RuntimeError(f"this call has been {self._answer} already; a call is accepted, rejected or redirected once")
        self._answer = answer

    def _check_told(self, telling: trio.CancelScope) -> None:
        if telling.cancelled_caught:
            raise trio.BrokenResourceError(f"the far end could not be told within {self._timeouts.answer} s (Timeouts.answer)")

    @asynccontextmanager
    async def _answered(self, answering: trio.CancelScope) -> AsyncGenerator[Source, None]:
        entered = False
        try:
            async with self._invitation.answer() as source:
                answering.deadline, entered = math.inf, True
                yield source
        except trio.EndOfChannel as exc:
            if entered:
                raise
            self._abandoned = True
            raise trio.BrokenResourceError("the far party hung up before the call was answered") from exc
        except Exception as exc:
            if not entered:
                self._unanswered = exc
            raise

    def _new_channel(
        self, source: Source, record: str | PathLike[str] | None, instruments: Sequence[Instrument], limits: Limits, timeouts: Timeouts
    ) -> Channel:
        self._answered_at = trio.current_time()
        silence = Silence(self._reckon) if self._limits.idle_hang_up is not None else None
        watching = [*instruments, *([silence] if silence is not None else [])]
        if record is None and self._files is not None:
            self.channel = self._recorded(self._files, source, watching, limits, timeouts)
        if self.channel is None:
            self.channel = Channel(source, limits, timeouts, watching, record)
        self.channel._call, self.channel._on_coupled = self, self._joined
        if silence is not None:
            silence.watch(self.channel)
        self._silence = silence
        self._reckon()
        return self.channel

    def _recorded(
        self, files: CallFiles, source: Source, watching: Sequence[Instrument], limits: Limits, timeouts: Timeouts
    ) -> Channel | None:
        """None if the file cannot be written: a full disk must not cost the call. It has its name once it can be played."""
        try:
            path = files.recording(self.id, self.started)
            channel = Channel(source, limits, timeouts, watching, path.with_name(f".{path.name}.part"))
        except AudioFileError as exc:
            self._unrecorded = exc
            return None
        assert channel.recording is not None
        with suppress(AudioFileError):
            channel.recording.rename(path)
        return channel

    def _joined(self, session: object) -> None:
        """A session of this call has begun; what it uses is counted."""
        assert isinstance(session, Session)
        self._sessions.append(session)
        session.on(ResponseDone, lambda done: self.report_usage(asdict(done.usage)) if done.usage is not None else None)

    def _end(self, reason: EndReason) -> None:
        """Have it ended from outside, in order."""
        if self._ending is None:
            self._ending = reason
            self._told_to_end.set()

    def _reckon(self) -> None:
        """Set the moment at which a limit is reached."""
        length, idle = self._limits.call_length, self._limits.idle_hang_up
        since = self._came_at if math.isnan(self._answered_at) else self._answered_at
        deadline = math.inf if length is None else since + length
        if self._silence is not None and idle is not None and not self._silence.anybody_speaks:
            deadline = min(deadline, self._silence.since + idle)
        self._allowance.deadline = deadline

    def __repr__(self) -> str:
        return f"<Call {self.id} {self.end_reason or self._answer or 'ringing'}>"
