"""Every bound and every deadline of the library, in two places that can be seen at a glance and set from code.

Also from a file and from the environment, by `_config`. A new one goes to the end of its class, with an annotation of `_bounds`
that says unit and range, and its meaning below it: the reference, ``trioaudio config`` and the checks follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._bounds import Bytes, Count, Dollars, Fade, Seconds, Span, check_settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; audio in seconds per direction (law 5), everything else in pieces."""

    preroll: Seconds = 0.5
    """Inbound audio kept while nobody reads it yet."""
    inbound: Span = 2.0
    """Inbound audio kept for a reader that falls behind; past that the oldest goes."""
    outbound: Span = 1.0
    """Audio a turn may have waiting before ``await turn.send()`` waits too."""
    max_turn: Span = 120.0
    """Audio a turn may have waiting when it is fed by a reader that must not wait; past that the rest is refused."""
    subscription_audio: Span = 1.0
    """Audio a subscription may leave unread; past that the oldest goes, and the gap is shown."""
    control_events: Count = 256
    """Events a subscription may leave unread, and events or commands that may wait anywhere; past that something breaks, loudly."""
    tool_calls: Count = 32
    """Tools of one session that may run at once; the model is told of one more that it is refused."""
    tool_threads: Count = 40
    """Threads for tools that are no ``async def``, shared by all sessions of a Trio run that have this number."""
    fade: Fade = 0.01
    """Over how long speech that is cut short falls silent, and comes back after a pause, where the samples are ours; 0 for not at all."""
    calls: Count | None = 200
    """Calls a server has at once; the next one is rejected as ``busy``."""
    calls_per_caller: Count | None = None
    """The same for the calls of one caller, as far as callers are known."""
    call_length: Span | None = 3600.0
    """How long a served call may last once it is answered, and may ring before."""
    idle_hang_up: Span | None = None
    """How long nobody may speak in a served call before it is hung up."""
    cost_per_call: Dollars | None = None
    """What a served call may cost, as far as it is reported (`Call.report_usage`); past that it is hung up."""
    message: Bytes = 65_536
    """Bytes of a websocket message that comes in (characters, if it is text); a longer one breaks the websocket."""
    http_header: Bytes = 16_384
    """Bytes of a request's first line and headers at the front door; past that it is refused (431)."""
    http_body: Bytes = 65_536
    """Bytes of a request's body at the front door; past that it is refused (413)."""
    connections: Count = 1_000
    """Connections the front door has open at a time; past that new ones are refused (503)."""

    start_audio: Seconds = 10.0
    """Inbound audio kept while a session connects to its model, and until the model has caught up; past that the oldest goes."""
    gap_audio: Span = 10.0
    """Inbound audio kept while a session has lost its model, and of an utterance nobody has understood yet; past that the oldest goes."""
    history: Count = 128
    """Items of the conversation that another connection with the model is told of: the newest."""

    live_audio: Span = 0.4
    """Audio a live turn may have waiting, more than the model sends at a time; past that silence is dropped, then the oldest."""

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value is not what it may be."""
        check_settings(self)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines, in seconds of the Trio clock."""

    close: Seconds = 2.0
    """From the end of the block to the end of every task of the channel: write, clear and goodbye together."""
    write: Span = 5.0
    """For the far end to take one frame; after that it is broken."""
    clear: Span = 1.0
    """For the far end to take a clear; after that it is broken."""
    settle: Seconds = 0.25
    """For the far end to report what was heard, after a clear; after that the estimate stands."""
    implicit_turn: Seconds = 0.5
    """How long past its last sample a turn begun by `Channel.send_audio` waits for more before it ends."""
    hang_up: Seconds = 30.0
    """For `Channel.hang_up` and `Session.hang_up` to let all be heard."""
    start: Span = 5.0
    """For a model to say that its session exists, and for a connection to a listener to say which call it is for."""
    tool: Span = 30.0
    """For a tool to return, unless it says otherwise itself; after that the model is told that it took too long."""
    choose: Seconds = 3.0
    """For a server's ``choose`` to say who answers a call; after that the default does."""
    answer: Span = 10.0
    """For a listener's plugin to connect a call that is accepted, or to carry out a redirection; after that the call is broken."""
    drain: Seconds = 30.0
    """For the calls of a server that is going away to end by themselves; the rest hear a farewell and are hung up."""
    handshake: Span = 5.0
    """For TLS to be agreed on, and for a websocket to be accepted or rejected."""
    keepalive: Span = 20.0
    """How long a websocket may be silent before it is pinged, and how long an answer may take before it is broken."""
    http_header: Span = 5.0
    """From the first byte of a request at the front door to the end of its headers."""
    http_body: Span = 10.0
    """For the body of a request to arrive at the front door."""
    http_response: Span = 15.0
    """For a handler to answer a request; after that the front door does (503)."""
    http_idle: Span = 15.0
    """How long a connection to the front door is kept for the next request."""

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value is not what it may be."""
        check_settings(self)
