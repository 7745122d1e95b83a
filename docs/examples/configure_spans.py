"""Spans of a call. An application would send them to its collector; here they are kept, and printed."""

import trio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from trioaudio import open_channel, open_session, trace_session

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))


async def main() -> None:
    async with open_channel("wavfile:caller.wav?hangup_after=3") as channel, open_session(channel, "parrot") as session:
        with trace_session(session, tracer_provider=provider):
            await session.wait_closed()


trio.run(main)
for span in exporter.get_finished_spans():
    figures = span.attributes or {}
    if span.name == "trioaudio.turn":
        print(span.name, figures["trioaudio.turn.heard_ms"], figures["trioaudio.turn.lost_ms"], figures["trioaudio.turn.interrupted"])
    else:
        print(span.name, figures["trioaudio.call.turns"], figures["trioaudio.call.interruptions"])
