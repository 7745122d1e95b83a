"""What is left of a call that was served: one line of JSON, without anything that was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from .end_reason import EndReason


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What became of one call; made when it has ended, exactly once. Numbers of telephones are masked; audio is in milliseconds."""

    id: str
    """`Call.id`."""
    started: str
    """When it came in: wall clock, UTC, ISO 8601."""
    duration_ms: float
    """From then until all of it was over."""
    answered_ms: float | None
    """How long it rang; None: it was never answered."""
    listener: str
    """Where it came from."""
    direction: str
    """``inbound`` or ``outbound``."""
    caller: str | None
    """Masked to the last two digits."""
    called: str | None
    """Masked likewise."""
    reason: EndReason
    """Why it ended."""
    agent: str | None = None
    """The name of the `Choice`, if whoever chose gave one."""
    model: str | None = None
    """Name of the model that it talked with last."""
    reconnects: int = 0
    """How often its model was lost; changes before a connection expired are not counted."""
    rejection: str | None = None
    """What the far end was told, if the call was rejected."""
    turns: int = 0
    """Turns the agent began."""
    interruptions: int = 0
    """Turns of the agent that were interrupted."""
    heard_ms: float = 0.0
    """The agent's audio that the far party heard."""
    dropped_ms: float = 0.0
    """The agent's audio that was accepted and never heard."""
    received_ms: float = 0.0
    """Audio that came in from the far party."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """`Call.usage`: tokens, and what else was reported."""
    cost: float | None = None
    """What `Call.report_usage` was told; None: nothing was."""
    error: str | None = None
    """Type of the error behind the reason, if there was one; its message is in the log of errors only."""

    def as_json(self) -> str:
        """One line of JSON; keys are the names of the fields, times are rounded to a tenth of a millisecond."""
        fields = {name: round(value, 1) if name.endswith("_ms") and value is not None else value for name, value in asdict(self).items()}
        return json.dumps(fields, ensure_ascii=False)
