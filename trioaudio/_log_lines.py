"""How log records become lines: for people, or one JSON object each; with the id of the call, and without telephone numbers."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Literal, TextIO

from ._logs import CallFilter, LogSettings, mask_numbers, transcript_log

STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "call", "taskName"})
"""Attributes that every record has; the others are what a statement added."""
DEEPEST = 4
"""Levels of what a statement added."""


class TextLines(logging.Formatter):
    """``2026-01-01T12:00:00.000Z INFO trioaudio.channel call-1: opened``, and a traceback below it, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of one record."""
        lines = f"{_time(record)} {record.levelname} {record.name} {getattr(record, 'call', '-')}: {record.getMessage()}"
        if traceback := _traceback(self, record):
            lines += f"\n{traceback}"
        return mask_numbers(lines)


class JsonLines(logging.Formatter):
    """One JSON object on one line: time (ISO 8601, UTC), level, logger, call, message, exception if there is one, and what was added."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "call": getattr(record, "call", None),
            "message": record.getMessage(),
        }
        if traceback := _traceback(self, record):
            line["exception"] = traceback
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD and name not in line}
        return json.dumps(_plain(line), ensure_ascii=False, allow_nan=False)


def configure_logging(
    format: Literal["text", "json"] = "text",
    level: Literal["debug", "info", "warning", "error"] = "warning",
    *,
    transcripts: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send log lines to a stream: for programs whose logging nobody else configures, such as the command line.

    Everybody else's loggers are heard from ``warning`` on, since at ``debug`` some show what they send. Calling it again
    changes what was configured before.

    Args:
        format: lines to be read, or one JSON object a line.
        level: the least important of trioaudio's own that is logged.
        transcripts: log what is said, in words.
        stream: where to; standard error by default.

    Raises:
        OptionError: a format or a level is none.
    """
    settings = LogSettings(format, level, transcripts)
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    handler.addFilter(CallFilter())
    root = logging.getLogger()
    root.handlers[:] = [*(each for each in root.handlers if not isinstance(each, _Handler)), handler]
    logging.getLogger("trioaudio").setLevel(settings.level.upper())
    transcript_log.setLevel(logging.INFO if transcripts else logging.CRITICAL + 1)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that it can be found again; a stream that is gone is not complained of."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    return "\n".join([*parts, *([record.stack_info] if record.stack_info else [])])


def _plain(value: object, depth: int = 0) -> object:
    """What JSON can say: texts masked, records as objects; of what nobody meant to be read, such as bytes, the type alone."""
    if isinstance(value, str):
        return mask_numbers(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, BaseException):
        return mask_numbers(f"{type(value).__name__}: {value}")
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {str(key): _plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_plain(each, depth + 1) for each in value]
        if is_dataclass(value) and not isinstance(value, type):
            return {each.name: _plain(getattr(value, each.name), depth + 1) for each in fields(value) if each.repr}
    return f"<{type(value).__name__}>"
