"""What a session leaves: why it ended, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session ended: ``closed`` (the app), ``channel`` (the call is over), ``model`` (it ended or its connection broke),
    ``hung_up`` (the agent or the app said goodbye), ``transferred`` (they handed the caller over) or ``failed`` (a listener or a
    plugin raised); ``error`` is the cause, if it was one."""

    kind: Literal["closed", "channel", "model", "hung_up", "transferred", "failed"]
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """Something that was said, in words."""

    speaker: Literal["caller", "agent"]
    text: str
    item_id: str | None
