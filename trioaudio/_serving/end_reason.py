"""Why a call that was served ended, in one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

EndReason: TypeAlias = Literal["caller", "agent", "transferred", "limit", "model_failed", "drained", "broken", "rejected", "redirected"]
"""Why a call ended; exactly one for each:

- ``caller``: the far party hung up, before or after it was answered;
- ``agent``: our side ended it in order: the handler, the session, or a tool;
- ``transferred``: it was handed on to somebody else;
- ``limit``: it was longer, quieter or dearer than `Limits` allows;
- ``model_failed``: the model could not be reached, or its connection broke;
- ``drained``: the server was going away;
- ``broken``: the connection with the far party failed, or the handler raised;
- ``rejected``, ``redirected``: it was never answered.
"""

END_REASONS: tuple[EndReason, ...] = get_args(EndReason)
"""All of them, in the order of their description."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What ``choose`` returns to refuse a call; ``reason`` is for the far end, as in `Call.reject`."""

    reason: str = "declined"
