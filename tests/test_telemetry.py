"""`trace_session`: spans of a call, its turns and its tools, with figures and ids and nothing that was said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import trio

from trioaudio import Agent, MissingExtraError, current_call_id, tool, trace_session
from trioaudio.testing import Script, calls, open_call, say

pytest.importorskip("opentelemetry.sdk", reason="spans need an SDK to be seen")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

pytestmark = pytest.mark.usefixtures("virtual_clock")


class Spans:
    """Where the spans of a test go."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def the(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans() -> Spans:
    return Spans()


def figures(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_call_is_a_span_with_its_id_and_figures(spans: Spans) -> None:
    current_call_id.set("call-7")
    async with open_call(Script(say(1.0, "a"), greets=True)) as (caller, session):
        with trace_session(session, tracer_provider=spans.provider):
            await caller.wait_hears("a", 8000)
            await session.channel.wait_played()
    call = figures(spans.the("trioaudio.call"))
    assert call["trioaudio.call.id"] == "call-7"
    assert (call["trioaudio.call.turns"], call["trioaudio.call.sent_ms"]) == (1, 1000)


async def test_a_turn_is_a_child_with_what_was_heard(spans: Spans) -> None:
    async with open_call(Script(say(1.0, "a"), greets=True)) as (_, session):
        with trace_session(session, tracer_provider=spans.provider):
            await session.wait_event("turn_played")
    turn = spans.the("trioaudio.turn")
    assert figures(turn) | {"trioaudio.turn.evidence": ""} == {
        "trioaudio.item.id": "a",
        "trioaudio.turn.interrupted": False,
        "trioaudio.turn.heard_ms": 1000,
        "trioaudio.turn.lost_ms": 0,
        "trioaudio.turn.evidence": "",
    }
    assert turn.parent is not None
    assert turn.parent.span_id == spans.the("trioaudio.call").context.span_id


async def test_an_interrupted_turn_says_how_much_was_lost(spans: Spans) -> None:
    async with open_call(Script(say(2.0, "a"), greets=True)) as (caller, session):
        with trace_session(session, tracer_provider=spans.provider):
            await caller.wait_hears("a", 8000)
            session.interrupt()
            await session.wait_event("turn_interrupted")
    turn = figures(spans.the("trioaudio.turn"))
    assert turn["trioaudio.turn.interrupted"] is True
    assert turn["trioaudio.turn.heard_ms"] == pytest.approx(1000, abs=50)
    assert turn["trioaudio.turn.heard_ms"] + turn["trioaudio.turn.lost_ms"] == 2000  # type: ignore[operator]  # they are numbers


@tool
def weather(city: str) -> str:
    """How the weather is."""
    if city == "nowhere":
        raise LookupError("swordfish")
    return "sunny"


@pytest.mark.parametrize(("city", "status"), [("Oslo", "ok"), ("nowhere", "failed")])
async def test_a_tool_is_a_child_with_its_name_and_status(spans: Spans, city: str, status: str) -> None:
    agent = Agent(tools=[weather])
    async with open_call(Script(calls(("weather", {"city": city}, "c1")), greets=True), agent) as (_, session):
        with trace_session(session, tracer_provider=spans.provider):
            await session.wait_event("tool.returned")
    span = spans.the("trioaudio.tool")
    assert figures(span)["gen_ai.tool.name"] == "weather"
    assert figures(span)["gen_ai.tool.call.id"] == "c1"
    assert figures(span)["trioaudio.tool.status"] == status
    assert span.status.is_ok == (status == "ok")


async def test_nothing_that_was_said_is_in_a_span(spans: Spans) -> None:
    agent = Agent("Mention swordfish.", tools=[weather])
    async with open_call(Script([say(1.0, "a", transcript="swordfish"), calls(("weather", {"city": "nowhere"}))], greets=True), agent) as (
        _,
        session,
    ):
        with trace_session(session, tracer_provider=spans.provider):
            await session.wait_event("turn_played")
    told = "".join(span.to_json() for span in spans.exporter.get_finished_spans())
    assert "swordfish" not in told
    assert "nowhere" not in told
    assert '"events": []' in told


async def test_what_is_traced_in_the_block_belongs_to_the_call(spans: Spans) -> None:
    async with open_call(Script()) as (_, session):
        with trace_session(session, tracer_provider=spans.provider), spans.provider.get_tracer("app").start_as_current_span("lookup"):
            await trio.lowlevel.checkpoint()
    lookup = spans.the("lookup")
    assert lookup.parent is not None
    assert lookup.parent.span_id == spans.the("trioaudio.call").context.span_id


async def test_what_does_not_end_in_the_block_ends_with_it_as_an_error(spans: Spans) -> None:
    async with open_call(Script(say(2.0, "a"), greets=True)) as (caller, session):
        with trace_session(session, tracer_provider=spans.provider):
            await caller.wait_hears("a", 800)
    assert figures(spans.the("trioaudio.turn"))["error.type"] == "unfinished"


async def test_an_error_of_the_block_is_named_and_not_quoted(spans: Spans) -> None:
    async with open_call(Script()) as (_, session):
        with pytest.raises(ValueError, match="swordfish"), trace_session(session, tracer_provider=spans.provider):
            raise ValueError("swordfish")
    span = spans.the("trioaudio.call")
    assert figures(span)["error.type"] == "ValueError"
    assert "swordfish" not in span.to_json()


async def test_after_the_block_nothing_is_listened_to(spans: Spans) -> None:
    async with open_call(Script(say(1.0, "a"), greets=True)) as (_, session):
        with trace_session(session, tracer_provider=spans.provider):
            pass
        await session.wait_event("turn_played")
    assert not spans.named("trioaudio.turn")


async def test_without_a_provider_it_is_the_global_one(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: spans.provider)
    async with open_call(Script()) as (_, session):
        with trace_session(session):
            pass
    assert spans.named("trioaudio.call")


async def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    async with open_call(Script()) as (_, session):
        with pytest.raises(MissingExtraError, match=r"tracing needs the extra 'telemetry'"), trace_session(session):
            pass
