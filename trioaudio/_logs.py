"""Logging: standard ``logging`` under ``trioaudio``, which says nothing until an application or the command line configures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._bounds import check_settings


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the command line logs on standard error, and how; the section ``[log]``."""

    format: Literal["text", "json"] = "text"
    """Lines to be read, or one JSON object a line to be collected."""
    level: Literal["debug", "info", "warning", "error"] = "warning"
    """The least important that is logged."""
    transcripts: bool = False
    """Log what was said, in words, at ``info``. Audio is never logged."""

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value is not what it may be."""
        check_settings(self)
