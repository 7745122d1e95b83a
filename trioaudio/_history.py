"""A conversation so far, as another connection with a model is told of it: in words, as they were heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said; of what the agent said, only what was heard."""

    speaker: Literal["caller", "agent"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Called:
    """The model called a tool; ``arguments`` is JSON text, as the model wrote it. Its `Returned` follows, if there is one."""

    call_id: str
    tool: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a call, as the model was told: its result, or (``error``) why there is none."""

    call_id: str
    output: str = field(repr=False)
    error: bool = False


HistoryItem: TypeAlias = Said | Called | Returned
"""One item of a conversation, for `Model.seed`."""
