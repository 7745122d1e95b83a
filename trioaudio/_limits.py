"""Every bound and every deadline of the library, in two places that can be seen at a glance and set from code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; audio in seconds per direction (law 5), everything else in pieces."""

    preroll: float = 0.5
    """Inbound audio kept while nobody reads it yet."""
    inbound: float = 2.0
    """Inbound audio kept for a reader that falls behind; past that the oldest goes."""
    outbound: float = 1.0
    """Audio a turn may have waiting before ``await turn.send()`` waits too."""
    max_turn: float = 300.0
    """Audio a turn may have waiting when it is fed by a reader that must not wait; past that the rest is refused."""
    subscription_audio: float = 1.0
    """Audio a subscription may leave unread; past that the oldest goes, and the gap is shown."""
    control_events: int = 256
    """Events a subscription may leave unread, and events or commands that may wait anywhere; past that something breaks, loudly."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines, in seconds of the Trio clock."""

    close: float = 2.0
    """From the end of the block to the end of every task of the channel: write, clear and goodbye together."""
    write: float = 5.0
    """For the far end to take one frame; after that it is broken."""
    clear: float = 1.0
    """For the far end to take a clear; after that it is broken."""
    settle: float = 0.25
    """For the far end to report what was heard, after a clear; after that the estimate stands."""
    implicit_turn: float = 0.5
    """How long past its last sample a turn begun by `Channel.send_audio` waits for more before it ends."""
    hang_up: float = 30.0
    """For `Channel.hang_up` to play out what was accepted."""
    start: float = 10.0
    """For a model to say that its session exists."""
