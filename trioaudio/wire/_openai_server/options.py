"""How an emulated OpenAI Realtime server behaves: what it accepts, how fast it is, and in which ways it is worse than the live one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["ga", "beta", "xai"]
"""What it speaks: the protocol of today, that of the beta, with a flat session and its own names, or what xAI makes of it."""
Refusal: TypeAlias = Literal["openai", "azure"]
"""Whose way it refuses keys in: after the websocket has opened, with an error and a close; or with HTTP status 401."""
TranscribedAt: TypeAlias = Literal["before", "amid", "after", "fails"]
"""When the caller's words are known: before, amid or after the answer; or never, because writing them down fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIServerOptions:
    """How the server behaves.

    Args:
        keys: API keys it accepts; None accepts any.
        models: models it has; None has all.
        refuses: whose way it refuses a key in.
        speed: how many times faster than it sounds an answer is sent; below 1 it is slower than that, ``math.inf`` is at once.
        delta_ms: length of a piece of audio, in milliseconds.
        burst_ms: so much audio comes in one lump, and then nothing for as long; 0 is piece by piece.
        transcribed: when the caller's words are known.
        lasts: how long a session may last, in seconds.
        slips: a piece of audio that was under way still slips out after the caller has interrupted.
        dialect: what it speaks.
        lenient: it is as sloppy as compatible servers are: old names, missing ids and times, and half of the events left out.
        omit: events it never sends, by their names of today.
        beta_names: it uses the names of the beta, though its session has the shape of today.
        extras: it sends fields and events that no document knows.
        repeats: events it sends twice, by their names of today.
        keeps: seconds of audio of a conversation that can be retrieved; what is older is forgotten.
    """

    keys: frozenset[str] | None = None
    models: frozenset[str] | None = None
    refuses: Refusal = "openai"
    speed: float = 10.0
    delta_ms: int = 100
    burst_ms: int = 0
    transcribed: TranscribedAt = "before"
    lasts: float = 3_600.0
    slips: bool = False
    dialect: Dialect = "ga"
    lenient: bool = False
    omit: frozenset[str] = field(default_factory=frozenset)
    beta_names: bool = False
    extras: bool = False
    repeats: frozenset[str] = field(default_factory=frozenset)
    keeps: float = 30.0
