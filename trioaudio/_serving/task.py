"""One call that is served, from its first ring to its summary: choose, handle, end, account for it.

Theory of operation. The call's task runs the handler; beside it a watcher waits for the call's allowance to be used up, or for
somebody to have it ended. The watcher ends a call as a far party would, by closing the channel, so that a handler has one kind
of end to deal with; only a handler that does not end then is cancelled. What a handler raises stays here, but for what is not
the call's own: `KeyboardInterrupt`, `SystemExit` and Trio's cancellation pass.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import trio

from .._limits import Timeouts
from .._logs import current_call_id, mask_number
from .._receipts import ChannelStatistics
from .._sessions.open_session import open_session
from ..audio import Frame
from .call import Call
from .choice import Choice, Chosen, as_choice
from .end_reason import EndReason, Rejection
from .files import CallFiles
from .statistics import Tally, added
from .summary import CallSummary

log = logging.getLogger("trioaudio.serve")
calls_log = logging.getLogger("trioaudio.calls")

HandleCall = Callable[[Call], Awaitable[object]]
Choose = Callable[[Call], "Chosen | Awaitable[Chosen]"]
OnSummary = Callable[[CallSummary], object]


@dataclass(frozen=True, slots=True)
class Service:
    """What a server does with each of its calls."""

    handle: HandleCall
    choose: Choose | None
    default: Choice
    timeouts: Timeouts
    files: CallFiles | None
    on_summary: OnSummary | None
    tally: Tally


class CallTask:
    """The task of one call."""

    def __init__(self, call: Call, service: Service) -> None:
        self.call: Call = call
        self._service, self._timeouts, self._tally = service, service.timeouts, service.tally
        self._handling = trio.CancelScope()
        self._handled = trio.Event()
        self._error: BaseException | None = None
        self._farewell: Frame | None = None
        self.concluded: bool = False
        """Whether the call has been counted among those that have ended."""

    def end(self, reason: EndReason, farewell: Frame | None = None) -> None:
        """Have the call ended in order, after a farewell if there is one."""
        self._farewell = farewell
        self.call._end(reason)

    async def refuse(self, reason: str) -> None:
        """Reject the call without asking anybody. Checkpoint: yes."""
        current_call_id.set(self.call.id)
        try:
            await self._reject(reason)
        finally:
            with trio.move_on_after(3 * self._timeouts.close, shield=True):
                await self._finish()

    async def run(self) -> None:
        """Serve the call. Only what is not the call's own leaves here. Checkpoint: yes."""
        current_call_id.set(self.call.id)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch)
                with self._handling:
                    await self._handle()
                self._handled.set()
                nursery.cancel_scope.cancel("the call has been handled")
        finally:
            if not self._handled.is_set():  # cancelled from outside
                self.call._ending = self.call._ending or "drained"
            with trio.move_on_after(3 * self._timeouts.close, shield=True):
                await self._finish()

    # ---- the handler

    async def _handle(self) -> None:
        try:
            if await self._choose():
                await self._service.handle(self.call)
        except Exception as exc:  # noqa: BLE001 - a handler that raises ends its own call alone
            self._failed(exc)
        except BaseExceptionGroup as group:
            own, others = group.split(Exception)
            if own is not None:
                self._failed(own)
            assert others is not None  # else it would have been an ExceptionGroup
            raise others from None

    def _failed(self, error: Exception) -> None:
        if error is self.call._unanswered:
            self._error = error
            self._tally.listener_faults += 1
            log.error("call %s could not be answered: %s", self.call.id, type(error).__name__, exc_info=error)
        elif not self._says_only_that_they_are_gone(error):
            self._error = error
            self._tally.handler_failures += 1
            log.error("the handler of call %s failed: %s", self.call.id, type(error).__name__, exc_info=error)

    def _says_only_that_they_are_gone(self, error: Exception) -> bool:
        """The call was over, and the handler was told when it tried to go on: that is no failure of its own."""
        channel = self.call.channel
        over = self.call._abandoned or self.call._ending is not None or (channel is not None and channel._reason is not None)
        return over and all(isinstance(leaf, trio.BrokenResourceError | trio.ClosedResourceError) for leaf in _leaves(error))

    # ---- who answers

    async def _choose(self) -> bool:
        """Settle who answers; False if the call was rejected."""
        try:
            choice = await self._chosen()
        except Exception as exc:  # a ``choose`` that raises harms this call alone
            self._error = exc
            self._tally.choose_failures += 1
            log.exception("choose failed for call %s, which is rejected", self.call.id)
            return False
        if isinstance(choice, Rejection):
            await self._reject(choice.reason)
        else:
            self.call.choice = choice
        return self.call._answer is None

    async def _chosen(self) -> Choice | Rejection:
        await trio.lowlevel.checkpoint()
        chosen: Chosen = None
        if self._service.choose is not None:
            with trio.move_on_after(self._timeouts.choose) as choosing:
                answer = self._service.choose(self.call)
                chosen = await answer if inspect.isawaitable(answer) else answer
            if choosing.cancelled_caught:
                self._tally.choose_timeouts += 1
                log.warning("choose took more than %s s for call %s; the default answers", self._timeouts.choose, self.call.id)
        return as_choice(chosen, self._service.default)

    # ---- ended from outside

    async def _watch(self) -> None:
        with self.call._allowance:
            await self.call._told_to_end.wait()
        self.call._end("limit")  # unless it is told already
        if self.call.channel is not None:
            await self._end_in_order()
            with trio.move_on_after(self._timeouts.close):
                await self._handled.wait()
        self._handling.cancel(f"the call has been ended: {self.call._ending}")

    async def _end_in_order(self) -> None:
        """Let the agent fall silent, say farewell, hang up."""
        channel = self.call.channel
        assert channel is not None
        said = self.call._farewell_said = trio.Event()
        try:
            for session in self.call._sessions:
                session.close()
            with trio.move_on_after(self._timeouts.close):
                for session in self.call._sessions:
                    if session._end is not None:
                        await session.wait_closed()
            channel.interrupt()
            if self._farewell is not None:
                with channel.turn(format=self._farewell.format) as turn:
                    turn.send_nowait(self._farewell)
            await channel.hang_up()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # they are gone: there is nobody to say it to
        finally:
            said.set()

    # ---- its end

    async def _finish(self) -> None:
        """Reject it if nobody did anything about it, and account for it."""
        if self.call._answer is None:
            await self._reject("unavailable" if self._error is not None or self.call._ending is not None else "declined")
        await self._conclude()

    async def _reject(self, reason: str) -> None:
        """Refuse it, whatever the plugin does about that."""
        self.call._answer, self.call._rejection = "rejected", reason
        with trio.move_on_after(self._timeouts.close, shield=True) as telling:
            try:
                await self.call._invitation.reject(reason)
            except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, OSError):
                pass  # they are gone: there is nobody to be refused
            except Exception:  # a plugin's bug: it harms this call alone
                self._tally.listener_faults += 1
                log.exception("the listener %s could not reject call %s", self.call.listener, self.call.id)
        if telling.cancelled_caught:
            self._tally.listener_faults += 1
            log.error("the listener %s did not reject call %s in %s s", self.call.listener, self.call.id, self._timeouts.close)

    async def _conclude(self) -> None:
        """Find the reason, and leave one summary."""
        call, tally = self.call, self._tally
        call.end_reason = self._reason()
        tally.ended[call.end_reason] += 1
        self.concluded = True
        if call._rejection is not None:
            tally.rejections[call._rejection] += 1
        if call.channel is not None:
            tally.audio = added([tally.audio, call.channel.statistics()])
        summary = self._summary(call.end_reason)
        if self._service.files is not None:
            await self._write(self._service.files, summary)
        calls_log.info("%s", summary.as_json())
        self._tell(summary)

    async def _write(self, files: CallFiles, summary: CallSummary) -> None:
        recording = self.call.channel.recording if self.call.channel is not None else None
        unrecorded = self.call._unrecorded or (recording.error if recording is not None else None)
        if unrecorded is not None:
            self._tally.unwritten += 1
            log.error("call %s was not recorded to its end: %s", self.call.id, unrecorded)
        with trio.move_on_after(self._timeouts.close, shield=True) as writing:
            try:
                await files.write_summary(summary, self.call.started)
            except OSError as exc:
                self._tally.unwritten += 1
                log.error("the summary of call %s cannot be written: %s", self.call.id, exc)  # noqa: TRY400 - there is nothing to trace
        if writing.cancelled_caught:
            self._tally.unwritten += 1
            log.error("the summary of call %s was not written in %s s: the disk does not answer", self.call.id, self._timeouts.close)

    def _tell(self, summary: CallSummary) -> None:
        if self._service.on_summary is not None:
            try:
                self._service.on_summary(summary)
            except Exception:  # whoever reads summaries must not cost a call
                self._tally.handler_failures += 1
                log.exception("on_summary failed for call %s", summary.id)

    def _reason(self) -> EndReason:
        call, channel = self.call, self.call.channel
        if call.end_reason is not None:
            return call.end_reason
        if call._answer in ("rejected", "redirected"):
            return call._answer
        if channel is None:
            return "caller" if call._abandoned else "broken"
        if channel._transferred:
            return "transferred"
        kind = channel._reason.kind if channel._reason is not None else "broken"
        if kind == "hangup":
            return "caller"
        if call._ending is not None:
            return call._ending
        if kind == "closed":
            return self._our_reason()
        return "broken"

    def _our_reason(self) -> EndReason:
        if self.call._sessions:
            end = self.call._sessions[-1]._end
            if end is None or (end.kind == "model" and end.error is not None):
                return "model_failed"  # it never began, or it broke
        return "agent" if self._error is None else "broken"

    def _error_type(self) -> str | None:
        call = self.call
        errors = [self._error, call._model_error]
        errors += [call.channel._reason.error] if call.channel is not None and call.channel._reason is not None else []
        errors += [session._end.error for session in call._sessions[-1:] if session._end is not None and session._end.kind == "model"]
        return next((type(error).__name__ for error in errors if error is not None), None)

    def _summary(self, reason: EndReason) -> CallSummary:
        call = self.call
        counted = call.channel.statistics() if call.channel is not None else ChannelStatistics()
        return CallSummary(
            id=call.id,
            started=call.started.isoformat(timespec="milliseconds"),
            duration_ms=(trio.current_time() - call._came_at) * 1000,
            answered_ms=None if math.isnan(call._answered_at) else (call._answered_at - call._came_at) * 1000,
            listener=call.listener,
            direction=call.direction,
            caller=mask_number(call.caller) if call.caller is not None else None,
            called=mask_number(call.called) if call.called is not None else None,
            reason=reason,
            agent=call.choice.name,
            model=call._sessions[-1]._model.name if call._sessions else None,
            reconnects=sum(session._model.reconnects for session in call._sessions),
            rejection=call._rejection,
            turns=counted.turns,
            interruptions=counted.interruptions,
            heard_ms=counted.sent_ms - counted.flushed_ms,
            dropped_ms=counted.dropped_ms + counted.flushed_ms,
            received_ms=counted.received_ms,
            usage=dict(call.usage),
            cost=call.cost,
            error=self._error_type(),
        )


async def talk(call: Call) -> None:
    """The handler of a server that was given none: let whoever was chosen talk with the far party. Checkpoint: yes."""
    if (model := call.choice.model) is None:
        await call.reject("unavailable")
        return
    async with call.accept() as channel:
        try:
            limits, timeouts = call._limits, call._timeouts
            agent, fallback = call.choice.agent, call.choice.fallback or ()
            opening = open_session(channel, model, agent, fallback=fallback, limits=limits, timeouts=timeouts)
            async with opening as session:
                await session.wait_closed()
        except (trio.BrokenResourceError, OSError) as exc:
            if channel._reason is None:
                call.end_reason, call._model_error = "model_failed", exc
                log.error("call %s has no model: %s", call.id, exc)  # noqa: TRY400 - it is the world's, and says what happened
        await channel.hang_up()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
