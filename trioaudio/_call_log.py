"""What is logged of calls and sessions: their beginning, their end, what went wrong; never a frame, a word or a key."""

from __future__ import annotations

import logging

from ._events import Fault
from ._logs import transcript_log
from ._receipts import ChannelStatistics, CloseReason
from .audio import AudioFormat

_channel = logging.getLogger("trioaudio.channel")
_session = logging.getLogger("trioaudio.session")


def log_opened(source: object, input_format: AudioFormat, output_format: AudioFormat) -> None:
    """A channel has opened."""
    _channel.info("opened: %s, hears %s, speaks %s", type(source).__name__, input_format, output_format)


def log_closed(reason: CloseReason, statistics: ChannelStatistics) -> None:
    """A channel has closed. An app's own error leaves its block with all that is to be known; here it has but a name."""
    cause = "" if reason.error is None else f" ({_named(reason.error, with_text=reason.kind == 'broken')})"
    level = logging.INFO if reason.kind in ("closed", "hangup") else logging.WARNING
    heard, spoken = statistics.received_ms / 1000, statistics.sent_ms / 1000
    account = f"{heard:.1f} s came in, {spoken:.1f} s went out, {statistics.interruptions} interruptions"
    _channel.log(level, "closed: %s%s; %s", reason.kind, cause, account, extra={"reason": reason.kind, "statistics": statistics})


def log_fault(fault: Fault, whose: str) -> None:
    """Something failed that does not end the call; ``whose`` is the last part of the logger's name, such as ``channel``."""
    logging.getLogger(f"trioaudio.{whose}").warning("%s: %s", fault.what, _named(fault.error))


def log_status(model: str, status: str, detail: str, error: BaseException | None) -> None:
    """A session's link to its model has changed: a warning if the model was lost."""
    lost = error is not None and (status == "reconnecting" or (status == "closed" and detail == "model"))
    what = f"closed: {detail}" if status == "closed" else status
    _session.log(logging.WARNING if lost else logging.INFO, "model %s %s%s", model, what, f" ({_named(error)})" if lost and error else "")


def log_said(speaker: str, text: str) -> None:
    """Somebody said something; logged only where it was asked for."""
    transcript_log.info("%s: %s", speaker, text)


def _named(error: BaseException, *, with_text: bool = True) -> str:
    return f"{type(error).__name__}: {error}" if with_text and str(error) else type(error).__name__
