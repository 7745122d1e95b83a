"""OpenTelemetry spans of a call, its turns and its tools; attached from outside, so that the core knows nothing of it.

Needs the extra ``telemetry`` for the API; where spans go is what the application's SDK says. Spans have ids, durations and figures,
never audio, words, arguments or results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from ._events import Closed, Event, ToolCalled, ToolReturned, TurnInterrupted, TurnPlayed, TurnStarted
from ._extras import require
from ._logs import current_call_id
from ._receipts import TurnReceipt
from ._sessions.session import Session

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

Attributes: TypeAlias = "Mapping[str, str | bool | int | float]"


@contextmanager
def trace_session(session: Session, *, tracer_provider: TracerProvider | None = None) -> Iterator[None]:
    """Make spans of a session for as long as the block lasts: ``with trace_session(session):`` inside ``open_session``.

    The span ``trioaudio.call`` lasts as long as the block and is current in it, so that what the application traces there
    belongs to it. Its children are ``trioaudio.turn``, one for each thing that was said, and ``trioaudio.tool``.

    Args:
        session: what is traced.
        tracer_provider: where tracers come from; OpenTelemetry's global one by default.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    require("opentelemetry.trace", "tracing", "telemetry")
    trace = _Trace(session, tracer_provider)
    with trace.current(), _listening(session, trace):
        yield


class _Trace:
    """The spans of one session."""

    def __init__(self, session: Session, provider: TracerProvider | None) -> None:
        from opentelemetry import trace

        self._api = trace
        self._tracer = trace.get_tracer("trioaudio", tracer_provider=provider)
        self._session = session
        self._call = self._tracer.start_span("trioaudio.call", attributes=_call_attributes(session))
        self._inside = trace.set_span_in_context(self._call)
        self._turns: dict[str | None, Span] = {}
        self._tools: dict[str, Span] = {}

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let the call's span be the current one, and end all spans at the end."""
        try:
            with self._api.use_span(self._call, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as exc:
            self._fail(self._call, type(exc).__name__)
            raise
        finally:
            for span in (*self._turns.values(), *self._tools.values()):
                self._fail(span, "unfinished")
                span.end()
            self._call.set_attributes(_figures(self._session))
            self._call.end()

    def turn_started(self, event: TurnStarted) -> None:
        """Begin a turn's span."""
        self._turns[event.item_id] = self._child("trioaudio.turn", _item(event.item_id))

    def turn_played(self, event: TurnPlayed) -> None:
        """End it: all was heard."""
        self._end_turn(event.receipt, interrupted=False)

    def turn_interrupted(self, event: TurnInterrupted) -> None:
        """End it: not all was heard."""
        self._end_turn(event.receipt, interrupted=True)

    def tool_called(self, event: ToolCalled) -> None:
        """Begin a tool's span."""
        self._tools[event.call_id] = self._child("trioaudio.tool", {"gen_ai.tool.name": event.tool, "gen_ai.tool.call.id": event.call_id})

    def tool_returned(self, event: ToolReturned) -> None:
        """End it."""
        if span := self._tools.pop(event.call_id, None):
            span.set_attribute("trioaudio.tool.status", "failed" if event.failed else "ok")
            if event.failed:
                self._fail(span, "tool_failed")
            span.end()

    def closed(self, event: Closed) -> None:
        """Note why the call ended."""
        self._call.set_attribute("trioaudio.call.reason", event.reason.kind)
        if event.reason.error is not None:
            self._fail(self._call, type(event.reason.error).__name__)

    def _child(self, name: str, attributes: Attributes) -> Span:
        return self._tracer.start_span(name, self._inside, attributes=attributes)

    def _end_turn(self, receipt: TurnReceipt, *, interrupted: bool) -> None:
        """Of a turn of which nothing was heard, the beginning was never told."""
        span = self._turns.pop(receipt.item_id, None) or self._child("trioaudio.turn", _item(receipt.item_id))
        span.set_attributes(
            {
                "trioaudio.turn.interrupted": interrupted,
                "trioaudio.turn.heard_ms": receipt.heard_ms,
                "trioaudio.turn.lost_ms": receipt.lost_ms,
                "trioaudio.turn.evidence": receipt.evidence,
            }
        )
        span.end()

    def _fail(self, span: Span, error: str) -> None:
        """The kind of error alone: its text may have in it what must not be seen."""
        span.set_attribute("error.type", error)
        span.set_status(self._api.Status(self._api.StatusCode.ERROR))


@contextmanager
def _listening(session: Session, trace: _Trace) -> Iterator[None]:
    channel = session.channel
    heard: list[tuple[type[Event], Callable[..., None]]] = [
        (TurnStarted, trace.turn_started),
        (TurnPlayed, trace.turn_played),
        (TurnInterrupted, trace.turn_interrupted),
        (Closed, trace.closed),
    ]
    tools: list[tuple[type[Event], Callable[..., None]]] = [(ToolCalled, trace.tool_called), (ToolReturned, trace.tool_returned)]
    for emitter, listeners in ((channel, heard), (session, tools)):
        for event, listener in listeners:
            emitter.on(event, listener)
    try:
        yield
    finally:
        for emitter, listeners in ((channel, heard), (session, tools)):
            for event, listener in listeners:
                emitter.off(event, listener)


def _call_attributes(session: Session) -> Attributes:
    call_id = current_call_id.get()
    return {"trioaudio.format.in": str(session.input_format), "trioaudio.format.out": str(session.output_format)} | (
        {"trioaudio.call.id": call_id} if call_id is not None else {}
    )


def _item(item_id: str | None) -> Attributes:
    return {} if item_id is None else {"trioaudio.item.id": item_id}


def _figures(session: Session) -> Attributes:
    statistics = session.channel.statistics()
    return {
        "trioaudio.call.received_ms": statistics.received_ms,
        "trioaudio.call.sent_ms": statistics.sent_ms,
        "trioaudio.call.turns": statistics.turns,
        "trioaudio.call.interruptions": statistics.interruptions,
    }
