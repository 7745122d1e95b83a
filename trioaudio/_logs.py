"""Logging: standard ``logging`` under ``trioaudio``, silent until an application or the command line configures it.

What is logged is told once for a call or a turn, never for a frame. Audio is never logged, and words only by the logger
``trioaudio.transcript``, which is off until its level is set.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from ._bounds import check_settings

current_call_id: ContextVar[str | None] = ContextVar("current_call_id", default=None)
"""The id of the call that the current task serves; tasks and threads that it starts inherit it, and log lines carry it."""

logging.getLogger("trioaudio").addHandler(logging.NullHandler())
transcript_log = logging.getLogger("trioaudio.transcript")
transcript_log.setLevel(logging.CRITICAL + 1)

_DIGIT = re.compile(r"\d")
_E164 = re.compile(r"(?<![\w.])(?:\+|(?<=sip:)|(?<=sips:)|(?<=tel:))\+?\d(?:[ ().-]{0,2}\d){6,14}(?![\d:])")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the command line logs on standard error, and how; the section ``[log]``."""

    format: Literal["text", "json"] = "text"
    """Lines to be read, or one JSON object a line to be collected."""
    level: Literal["debug", "info", "warning", "error"] = "warning"
    """The least important that is logged."""
    transcripts: bool = False
    """Log what was said, in words. Audio is never logged."""

    def __post_init__(self) -> None:
        """Raises `OptionError` when a value is not what it may be."""
        check_settings(self)


class CallFilter(logging.Filter):
    """Gives each record the attribute ``call``: the id of the call it belongs to, or ``-``. For handlers of your own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        if not hasattr(record, "call"):
            record.call = current_call_id.get() or "-"
        return True


def new_call_id() -> str:
    """An id for a call: milliseconds of the wall clock, then 80 random bits, in hexadecimal digits; so ids sort by time."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def mask_number(number: str) -> str:
    """A telephone number as it may be logged: all but its last two digits are ``*``; at least two are, if there are as many."""
    digits = len(_DIGIT.findall(number))
    hidden = max(digits - 2, min(digits, 2))
    return _DIGIT.sub("*", number, count=hidden) if hidden else number


def mask_numbers(text: str) -> str:
    """A text in which what looks like a telephone number (``+`` and 7 to 15 digits, also after ``sip:`` and ``tel:``) is masked."""
    return _E164.sub(lambda found: mask_number(found[0]), text)
