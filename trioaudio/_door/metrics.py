"""What a server counts, in the text format of Prometheus (0.0.4). No value of a label comes from a caller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .._serving.statistics import ServeStatistics
from .._ticker import TickerStatistics
from .statistics import FrontDoorStatistics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REJECTIONS = ("busy", "declined", "unavailable")
"""What calls are rejected with; every other word is the app's, and counts as ``other``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: a value, or one for each value of its label."""

    name: str
    help: str
    values: float | Mapping[str, float]
    label: str = ""
    kind: Literal["counter", "gauge"] = field(default="counter")

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        if isinstance(self.values, Mapping):
            yield from (f'{self.name}{{{self.label}="{value}"}} {_number(amount)}' for value, amount in self.values.items())
        else:
            yield f"{self.name} {_number(self.values)}"


def _number(value: float) -> str:
    return repr(int(value) if float(value).is_integer() else round(float(value), 3))


def exposition(metrics: Iterable[Metric]) -> str:
    """All of them, as they are scraped."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def call_metrics(counted: ServeStatistics) -> Iterator[Metric]:
    """What a server counts."""
    audio = counted.audio
    seconds = {
        "received": audio.received_ms,
        "sent": audio.sent_ms,
        "heard_never": audio.flushed_ms,
        "dropped_outbound": audio.dropped_ms,
        "dropped_inbound": audio.inbound_dropped_ms,
    }
    failures = {
        "handler": counted.handler_failures,
        "choose": counted.choose_failures,
        "choose_timeout": counted.choose_timeouts,
        "listener": counted.listener_faults,
        "unwritten": counted.unwritten,
    }
    yield Metric("trioaudio_ready", "Whether new calls are taken.", counted.ready, kind="gauge")
    yield Metric("trioaudio_calls_active", "Calls now, ringing ones too.", counted.active, kind="gauge")
    yield Metric("trioaudio_calls_total", "Calls that came in, refused ones too.", counted.total)
    yield Metric(
        "trioaudio_calls_ended_total", "Calls that ended.", {str(reason): count for reason, count in counted.ended.items()}, "reason"
    )
    yield Metric("trioaudio_calls_rejected_total", "Calls that were rejected.", _known(counted.rejections), "reason")
    yield Metric("trioaudio_failures_total", "What went wrong without harm to other calls.", failures, "what")
    yield Metric("trioaudio_listeners_total", "What listeners have counted beside calls.", dict(counted.listeners), "what")
    yield Metric("trioaudio_audio_seconds_total", "Audio of all calls.", {name: ms / 1000 for name, ms in seconds.items()}, "what")
    yield Metric("trioaudio_turns_total", "Turns that were said.", audio.turns)
    yield Metric("trioaudio_interruptions_total", "Interruptions.", audio.interruptions)


def _known(rejections: Mapping[str, int]) -> dict[str, float]:
    known: dict[str, float] = {reason: rejections.get(reason, 0) for reason in REJECTIONS}
    return {**known, "other": sum(count for reason, count in rejections.items() if reason not in REJECTIONS)}


def door_metrics(counted: FrontDoorStatistics) -> Iterator[Metric]:
    """What a front door counts."""
    requests = {str(status): count for status, count in sorted(counted.requests.items())}
    yield Metric("trioaudio_http_connections", "Connections to the front door now.", counted.connections, kind="gauge")
    yield Metric("trioaudio_http_connections_total", "Connections to the front door.", counted.connections_total)
    yield Metric("trioaudio_http_connections_refused_total", "Connections that were too many.", counted.connections_refused)
    yield Metric("trioaudio_http_requests_total", "Requests that were answered.", requests, "status")
    yield Metric("trioaudio_http_handler_failures_total", "Handlers that raised, or took too long.", counted.handler_failures)
    yield Metric("trioaudio_websockets", "Websockets open now.", counted.websockets, kind="gauge")
    yield Metric("trioaudio_websockets_total", "Websockets that were opened.", counted.websockets_total)


def run_metrics(ticker: TickerStatistics, tasks: int) -> Iterator[Metric]:
    """What the timekeeper of paced channels counts, and how many tasks Trio has."""
    yield Metric("trioaudio_tasks", "Tasks that live, those of Trio itself too.", tasks, kind="gauge")
    yield Metric("trioaudio_ticker_parked", "Channels that wait for the time of their next frame.", ticker.parked, kind="gauge")
    yield Metric("trioaudio_ticker_steps_total", "Frames that were due.", ticker.steps)
    late = {f"{bound * 1000:g}" if math.isfinite(bound) else "more": count for bound, count in ticker.late.items()}
    yield Metric("trioaudio_ticker_late_total", "Frames by how late they were, in milliseconds at most.", late, "ms")
